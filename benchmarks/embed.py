"""The embed stage's path, end to end, beside the bare forward pass on tensors in memory.

`python -m benchmarks.embed [device] [precision] [images]`, say `cuda float16 2000`; by default
the CPU, float32 and 16 images for a large network. Weights are random: speed does not depend on
them. On a CPU both sides have one core and one thread, as each worker of the stage has; the bare
side runs channels last, in batches of the size that is fastest there. Preparing images takes the
same core, so that the ratio cannot exceed `bound`; on a GPU all cores prepare images beside it.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import timm
import torch
from PIL import Image

from benchmarks.sides import in_turns, one_core, peak_gb, spread, timed, verdict
from stages.networks.checkpoints import penultimate
from stages.networks.features import Preprocess, batch_size, embed_to, prepared
from stages.networks.images import Images, NpzImages, picture_files
from stages.networks.load import Machine
from stages.runtime.files import npz_bytes
from stages.runtime.machine import cores

DEFAULTS = ("cpu", "float32", "16")
BATCH = 256
GOAL = 0.95
REPEATS = 3
DISTINCT = 64
PHOTO = (500, 375)  # width and height of most images of ImageNet
GPU_TIMES = 16  # a GPU is slowed by launches where networks are small


class Row(NamedTuple):
    """A network, its input, the side of its images (None: JPEG files), and how many more."""

    network: str
    input: int
    side: int | None
    times: int


ROWS = (
    Row("test_vit", 32, 32, 256),
    Row("test_resnet", 32, 32, 256),
    Row("test_resnet", 32, 28, 256),
    Row("mobilenetv3_small_100", 224, None, 16),
    Row("mobilenetv3_small_100", 224, 32, 16),
    Row("resnet50", 224, None, 1),
    Row("resnet50", 224, 32, 1),
)


def main() -> None:
    device, precision, count = (*sys.argv[1:], *DEFAULTS[len(sys.argv) - 1 :])
    machine = Machine(device, cores(), precision).found()
    if machine.device == "cpu":
        one_core()
    print(f"{machine}, torch {torch.__version__}; ms an image")
    print(
        f"{'network':22}{'input':>6}{'from':>6}{'forward':>9}{'prepare':>9}{'ours':>8}{'bound':>7}"
        "   forward / ours (spread)"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = write_photos(folder, DISTINCT)
        for row in ROWS:
            times = row.times if machine.device == "cpu" else min(row.times, GPU_TIMES)
            measure(row, machine, int(count) * times, folder, photos)
        if machine.device == "cpu":
            few, many = (peak_gb(embed_photos, photos, n) for n in (128, 512))
            print(f"peak memory: {few:.2f} GB for 128 photographs, {many:.2f} GB for 512")


def write_photos(folder: Path, count: int) -> list[Path]:
    """JPEG files of a photograph's size: smooth colours with a little noise, about 70 kB each."""
    rng = np.random.default_rng(0)
    paths = []
    for i in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3)).astype(np.uint8))
        smooth = np.asarray(coarse.resize(PHOTO, Image.Resampling.BICUBIC))
        noisy = (smooth + rng.normal(0, 8, smooth.shape)).clip(0, 255).astype(np.uint8)
        paths.append(folder / f"{i:03}.jpg")
        Image.fromarray(noisy).save(paths[-1], quality=90)
    return paths


def embed_photos(photos: Sequence[Path], count: int) -> None:
    """Embed `count` photographs with a small network on the CPU."""
    model = timm.create_model("mobilenetv3_small_100").eval()
    images = picture_files([photos[i % len(photos)] for i in range(count)])
    with tempfile.TemporaryDirectory() as folder:
        embed_to(Path(folder) / "features.npy", model, images, BATCH)


def measure(row: Row, machine: Machine, count: int, folder: Path, photos: list[Path]) -> None:
    """One line of the table: both sides in turn, and preparing alone."""
    torch.manual_seed(0)
    arguments: dict[str, Any] = {"img_size": row.input} if row.network == "test_vit" else {}
    if row.input == 32:  # as networks that are trained here; else timm's own
        own = {"crop_pct": 1.0, "interpolation": "bicubic", "input_size": (3, 32, 32)}
        arguments["pretrained_cfg_overlay"] = own
    model = timm.create_model(row.network, **arguments).eval()
    images = source(row, count, folder, photos)
    preprocess = Preprocess(model)
    size = batch_size(BATCH, preprocess.size, machine.device)
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    first = images[: min(count, BATCH)]
    pictures = [Image.fromarray(i) if isinstance(i, np.ndarray) else i() for i in first]
    x = torch.stack([transform(picture) for picture in pictures]).to(machine.device)
    x = x.contiguous(memory_format=torch.channels_last)
    out = folder / "features.npy"
    bare, ours, alone = in_turns(
        REPEATS,
        lambda: forward(model, x, size, count, machine),
        lambda: embed_to(out, model, images, BATCH, machine),
        lambda: list(map(len, prepared(images, preprocess, size, machine.threads))),
        clock=time.process_time if machine.device == "cpu" else time.perf_counter,
        warm=True,
    )
    ratios = [b / o for b, o in zip(bare, ours, strict=True)]
    f, o, p = (1e3 * median(side) / count for side in (bare, ours, alone))
    bound = f / (f + p) if machine.device == "cpu" else min(1, f / p)
    found = np.load(out)[: len(x)]
    expected = forward(model, x, size, len(x), machine)
    off = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    print(
        f"{row.network:22}{row.input:6}{row.side or 'JPEG':>6}{f:9.3f}{p:9.3f}{o:8.3f}{bound:7.2f}"
        f"   {spread(ratios)}, features off by {off:.0e}; "
        f"goal {GOAL}: {verdict(median(ratios) >= GOAL)}"
        + (", the limit set by preparing" if bound < GOAL else ""),
        flush=True,
    )


def source(row: Row, count: int, folder: Path, photos: list[Path]) -> Images:
    """As the stage reads them: files of a folder, or an array in an NPZ."""
    if row.side is None:
        return picture_files([photos[i % len(photos)] for i in range(count)])
    shape = (count, row.side, row.side, 3)
    path = folder / "images.npz"
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    path.write_bytes(npz_bytes(images=images))
    return NpzImages(path)


def forward(
    model: torch.nn.Module, x: torch.Tensor, size: int, count: int, machine: Machine
) -> np.ndarray:
    """The forward pass alone, over tensors that are there already, in turn up to `count`."""
    kind, half = machine.device.partition(":")[0], machine.precision != "float32"
    model = model.to(machine.device).to(memory_format=torch.channels_last)
    dtype = getattr(torch, machine.precision) if half else None
    parts = x.split(size)
    with (
        torch.inference_mode(),
        torch.autocast(kind, dtype=dtype, enabled=half),
        torch.backends.cudnn.flags(enabled=True, allow_tf32=False),  # as ours
    ):
        done = 0
        values: list[torch.Tensor] = []
        while done < count:
            values.append(penultimate(model, parts[len(values) % len(parts)]))
            done += len(values[-1])
        found: np.ndarray = torch.cat(values).float().cpu().numpy()
    return found


if __name__ == "__main__":
    timed(main)
