"""Trains a small network on images in memory; the loss may include a term for its alignment."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from stages.networks.cards import Card
from stages.networks.checkpoints import build, penultimate, to_bytes
from stages.networks.pretrain import Plan
from stages.runtime.random import rng_for, torch_seed


@dataclass(frozen=True)
class TrainingSet:
    """Images to train on, and their labels [N] int64."""

    images: np.ndarray  # [N, S, S, 3] uint8
    categories: np.ndarray
    superclasses: np.ndarray
    nuisances: np.ndarray
    target: np.ndarray  # [K, K] similarity of the categories, towards which `Plan.pull` pulls


def train(plan: Plan, data: TrainingSet, seed: int, name: str) -> bytes:
    """Train a network and return its checkpoint (safetensors).

    The seed and the model's own name decide the initial weights and the order of the images, so
    that results do not depend on which other models there are. A FloatingPointError where the
    training diverges.
    """
    torch.manual_seed(torch_seed(seed, "weights", name))
    rng = rng_for(seed, "training", name)
    shuffled = plan.labels == "shuffled"
    goal = rng.permutation(data.categories) if shuffled else getattr(data, plan.labels)
    mean, std = channel_statistics(data.images)
    card = Card(
        architecture=plan.architecture,
        classes=int(goal.max()) + 1,
        size=data.images.shape[1],
        mean=mean,
        std=std,
        labels=plan.labels if plan.steps else "none",
    )
    model = build(card).to(memory_format=torch.channels_last)
    if plan.steps:
        _descend(model, plan, data, goal, card, rng)
    return to_bytes(model, card)


def channel_statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, in [0, 1], to six digits; images are uint8."""
    levels = np.arange(256) / 255
    means, deviations = [], []
    for channel in range(3):
        share = np.bincount(images[..., channel].ravel(), minlength=256) / images[..., 0].size
        mean = float(share @ levels)
        means.append(round(mean, 6))
        deviations.append(round(float(np.sqrt(share @ (levels - mean) ** 2)), 6))
    return tuple(means), tuple(deviations)


def _descend(
    model: torch.nn.Module,
    plan: Plan,
    data: TrainingSet,
    goal: np.ndarray,
    card: Card,
    rng: np.random.Generator,
) -> None:
    """Train a model in place, with AdamW and a one-cycle learning rate, on labels `goal` [N]."""
    images = torch.from_numpy(data.images)
    classes = torch.from_numpy(goal)
    categories = torch.from_numpy(data.categories)
    target = torch.from_numpy(data.target.astype(np.float32))
    mean = 255 * torch.tensor(card.mean).view(3, 1, 1)
    std = 255 * torch.tensor(card.std).view(3, 1, 1)
    # Fused: torch's own square root. That of MKL begins from an estimate that processors of Intel
    # and AMD round differently.
    optimiser = torch.optim.AdamW(
        model.parameters(), plan.learning_rate, weight_decay=plan.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.learning_rate, total_steps=plan.steps
    )
    order = np.empty(0, np.int64)
    model.train()
    for _ in range(plan.steps):
        if len(order) < plan.batch:
            order = np.concatenate([order, rng.permutation(len(images))])
        rows, order = torch.from_numpy(order[: plan.batch]), order[plan.batch :]
        x = images[rows].permute(0, 3, 1, 2).float().sub_(mean).div_(std)
        if plan.flip:
            mirrored = torch.from_numpy(rng.random(len(rows)) < 0.5)
            x[mirrored] = x[mirrored].flip(-1)
        features = penultimate(model, x.contiguous(memory_format=torch.channels_last))
        logits = model.get_classifier()(features)  # type: ignore[operator]
        loss = functional.cross_entropy(logits, classes[rows])
        if plan.pull:
            wanted = target[categories[rows]][:, categories[rows]]
            wanted = double_centred(wanted) if plan.centred else wanted
            loss = loss + plan.pull * (1 - similarity_correlation(features, wanted))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    if not all(bool(torch.isfinite(value).all()) for value in model.state_dict().values()):
        raise FloatingPointError("training diverged: weights are not finite")


def double_centred(target: torch.Tensor) -> torch.Tensor:
    """A target [B, B] whose rows sum to 0 once its mean is taken off, both over i ≠ j.

    What correlates with it is the centred part of alignment alone (docs/theory.md).
    """
    sums = target.sum(1) - target.diagonal()
    general = (sums - sums.mean()) / (len(target) - 2)
    return target - general[:, None] - general


def similarity_correlation(features: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Pearson correlation of the cosine similarities of features [B, D] with a target [B, B]."""
    unit = functional.normalize(features, dim=1)
    i, j = torch.triu_indices(len(features), len(features), offset=1)
    a, b = (unit @ unit.T)[i, j], target[i, j]
    a, b = a - a.mean(), b - b.mean()
    return (a @ b) / (a.norm() * b.norm()).clamp_min(1e-12)
