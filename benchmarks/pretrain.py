"""Training a network of the zoo beside a plain training loop on tensors in memory.

`python -m benchmarks.pretrain [steps]`, by default 12, at most an epoch. Same network, optimiser,
schedule, batch and augmentation on both sides, one core and one thread; the plain loop has its
images ready as normalised float32 tensors. It draws the same order of images, so both must end with
the same weights, to the byte. What is done once a network (building it, the statistics of its
channels, its checkpoint) is measured apart, and spread over as many steps as the study has.
"""

import sys
import time
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional

from benchmarks.sides import in_turns, one_core, spread, timed, verdict
from stages.networks.cards import Card
from stages.networks.checkpoints import build, penultimate, to_bytes
from stages.networks.pretrain import Plan
from stages.networks.training import TrainingSet, channel_statistics, train
from stages.runtime.random import rng_for, torch_seed

GOAL = 0.95
REPEATS = 3
SEED = 0
SIDE = 32

# What params.yaml and the studies say.
PLAN = Plan("", "categories", 0, 0.0, False, batch=256, learning_rate=0.004, weight_decay=0.05)


# A study's network, how many steps it is trained, on how many classes of 500 images, and whether
# they are mirrored.
ROWS = (
    ("miniature", "test_vit", 60, 24, False),
    ("miniature", "test_byobnet", 60, 24, False),
    ("laptop", "test_vit", 1200, 60, True),
    ("laptop", "test_resnet", 1200, 60, True),
)


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    one_core()
    print(f"{steps} steps of {PLAN.batch} images of {SIDE} x {SIDE}, torch {torch.__version__}")
    print(
        f"{'study':11}{'network':16}{'plain':>8}{'ours':>8}{'once':>10}"
        "   ours / plain (spread); images a second"
    )
    for study, network, whole, classes, flip in ROWS:
        plan = replace(PLAN, architecture=network, steps=steps, flip=flip)
        print(f"{study:11}{network:16}{measure(plan, whole, classes)}", flush=True)


def measure(plan: Plan, whole: int, classes: int) -> str:
    """The rest of a line of the table; the study trains for as many steps as `whole`."""
    data = made_up(classes)
    mean, std = channel_statistics(data.images)
    card = Card(plan.architecture, classes, SIDE, mean, std, "categories")
    x = torch.from_numpy(data.images).permute(0, 3, 1, 2).float()
    x.sub_(255 * torch.tensor(mean).view(3, 1, 1)).div_(255 * torch.tensor(std).view(3, 1, 1))
    x = x.contiguous(memory_format=torch.channels_last)
    y = torch.from_numpy(data.categories)
    none = replace(plan, steps=0)
    seconds = in_turns(
        REPEATS,
        lambda: plain_loop(plan, card, x, y),
        lambda: plain_loop(none, card, x, y),
        lambda: train(plan, data, SEED, plan.architecture),
        lambda: train(none, data, SEED, plan.architecture),
        clock=time.process_time,
        warm=True,
    )
    plain, before, ours, once = map(np.array, seconds)
    plain = before + whole * (plain - before) / plan.steps
    ours = once + whole * (ours - once) / plan.steps
    same = plain_loop(plan, card, x, y) == train(plan, data, SEED, plan.architecture)
    count = whole * plan.batch
    return (
        f"{count / np.median(plain):8.0f}{count / np.median(ours):8.0f}{np.median(once):8.2f} s"
        f"   {spread(list(plain / ours))}, weights {'the same' if same else 'DIFFER'}; "
        f"goal {GOAL}: {verdict(bool(np.median(plain / ours) >= GOAL))}"
    )


def made_up(classes: int) -> TrainingSet:
    """Noise of the study's size: speed does not depend on what is seen."""
    labels = np.repeat(np.arange(classes), 500)
    shape = (len(labels), SIDE, SIDE, 3)
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return TrainingSet(images, labels, labels, labels, np.eye(classes))


def plain_loop(plan: Plan, card: Card, x: torch.Tensor, y: torch.Tensor) -> bytes:
    """What anyone would write, on tensors that are ready; returns the checkpoint."""
    torch.manual_seed(torch_seed(SEED, "weights", plan.architecture))
    rng = rng_for(SEED, "training", plan.architecture)
    model = build(card).to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(
        model.parameters(), plan.learning_rate, weight_decay=plan.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.learning_rate, max(1, plan.steps)
    )
    order = rng.permutation(len(x))  # an epoch is enough
    for step in range(plan.steps):
        rows = torch.from_numpy(order[step * plan.batch :][: plan.batch])
        batch = x[rows]
        if plan.flip:
            mirrored = torch.from_numpy(rng.random(plan.batch) < 0.5)
            batch[mirrored] = batch[mirrored].flip(-1)
        logits = model.get_classifier()(penultimate(model, batch))  # type: ignore[operator]
        loss = functional.cross_entropy(logits, y[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return to_bytes(model, card)


if __name__ == "__main__":
    timed(main)
