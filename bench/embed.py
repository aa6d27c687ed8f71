"""Images a second of the embed stage's path beside the bare forward pass, in one run.

`python -m bench.embed [device] [precision] [images]`, say `cuda float16 20000`; by default what the
machine has, float32, and 512 images. Weights are untrained: speed does not depend on them.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import timm
import torch

from stages.runtime.files import npz_bytes
from stages.runtime.machine import cores
from stages.zoo.features import Machine, Preprocess, embed_to, find_machine
from stages.zoo.images import NpzImages
from stages.zoo.networks import penultimate

NAMES = (
    "resnet50",
    "vit_small_patch16_224",
    "convnext_tiny",
    "efficientnet_b0",
    "mobilenetv3_large_100",
)
BATCH = 256


def main() -> None:
    device, precision, count = (sys.argv[1:] + ["auto", "float32", "512"][len(sys.argv) - 1 :])[:3]
    machine = find_machine(device, precision, cores())
    images = np.random.default_rng(0).integers(0, 256, (int(count), 32, 32, 3)).astype(np.uint8)
    print(f"{machine}, {count} images of 32 x 32, batches of {BATCH}")
    print(f"{'':24} {'forward':>10} {'transform':>10} {'stage':>10}   stage / forward")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npz"
        path.write_bytes(npz_bytes(images=images))
        for name in NAMES:
            model = timm.create_model(name).eval()
            bare = forward_speed(model, machine, int(count))
            prepared = transform_speed(model, images[:256])
            start = time.perf_counter()
            embed_to(Path(folder) / "out.npy", model, NpzImages(path), BATCH, machine)
            whole = int(count) / (time.perf_counter() - start)
            print(f"{name:24} {bare:10.0f} {prepared:10.0f} {whole:10.0f}   {whole / bare:.2f}")


def forward_speed(model: torch.nn.Module, machine: Machine, count: int) -> float:
    """Images a second of the forward pass alone, on one batch that is there already."""
    kind, half = machine.device.partition(":")[0], machine.precision != "float32"
    model = model.to(machine.device).to(memory_format=torch.channels_last)
    size = Preprocess(model).config["input_size"]
    x = torch.randn(BATCH, *size, device=machine.device).to(memory_format=torch.channels_last)
    dtype = getattr(torch, machine.precision)
    steps = max(1, count // BATCH)
    with torch.inference_mode(), torch.autocast(kind, dtype=dtype if half else None, enabled=half):
        penultimate(model, x[:8]).float().cpu()
        start = time.perf_counter()
        for _ in range(steps):
            penultimate(model, x).float().cpu()
    return steps * BATCH / (time.perf_counter() - start)


def transform_speed(model: torch.nn.Module, images: np.ndarray) -> float:
    """Images a second of timm's transform in one thread."""
    preprocess, start = Preprocess(model), time.perf_counter()
    for image in images:
        preprocess.one(image)
    return len(images) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
