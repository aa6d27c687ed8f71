"""The embed stage's path, end to end, beside the bare forward pass on tensors in memory.

`python -m benchmarks.embed [device] [precision] [images]`, say `cuda float16 2000`; by default
the CPU, float32 and 16 images for a large network. Weights are random: speed does not depend on
them. On a CPU both sides have one core and one thread, as each worker of the stage has, and the
allocator that keeps its memory. The bare side takes the batch size and the memory format that are
fastest, tried before. Preparing images takes the same core, so that the ratio cannot exceed
`bound`; on a GPU all cores prepare images beside it.
"""

import sys
import tempfile
import time
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
import timm
import torch
from PIL import Image

from benchmarks.sides import in_turns, one_core, peak_gb, spread, timed, verdict
from stages.networks.cards import Card
from stages.networks.checkpoints import build, penultimate
from stages.networks.features import Preprocess, batch_size, embed_to, prepared
from stages.networks.images import Images, NpzImages, picture_files
from stages.networks.load import Machine
from stages.runtime.files import npz_bytes
from stages.runtime.machine import cores, keep_memory

DEFAULTS = ("cpu", "float32", "16")
BATCH = 256
BARE = (4, 16, 64, 256)  # batches of the bare side, on a CPU
GOAL = 0.9
REPEATS = 3
DISTINCT = 64
PHOTO = (500, 375)  # width and height of most images of ImageNet
GPU_TIMES = 16  # a GPU is slowed by launches where networks are small


# A network, its input, the side of its images (None: JPEG files), and how many times more.
ROWS = (
    ("test_vit", 32, 32, 256),
    ("test_resnet", 32, 32, 256),
    ("test_resnet", 32, 28, 256),
    ("mobilenetv3_small_100", 224, None, 16),
    ("mobilenetv3_small_100", 224, 32, 16),
    ("tf_efficientnet_lite0", 224, None, 4),
    ("resnet50", 224, None, 1),
    ("resnet50", 224, 32, 1),
)


def main() -> None:
    device, precision, count = (*sys.argv[1:], *DEFAULTS[len(sys.argv) - 1 :])
    machine = Machine(device, 1 if device == "cpu" else cores(), precision)
    if device == "cpu":
        one_core()
        keep_memory()
    print(f"{machine}, torch {torch.__version__}; ms an image")
    print(
        f"{'network':22}{'input':>6}{'from':>6}{'forward':>9}{'prepare':>9}{'ours':>8}{'bound':>7}"
        "   forward / ours (spread)"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = write_photos(folder, DISTINCT)
        for network, size, side, times in ROWS:
            n = int(count) * (times if device == "cpu" else min(times, GPU_TIMES))
            images = repeated(photos, n) if side is None else random_images(folder, n, side)
            found = measure(network, size, images, machine, folder / "features.npy")
            print(f"{network:22}{size:6}{side or 'JPEG':>6}{found}", flush=True)
        if device == "cpu":
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


def embed_photos(photos: list[Path], count: int) -> None:
    """Embed `count` photographs with a small network on the CPU."""
    model = timm.create_model("mobilenetv3_small_100").eval()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "features.npy"
        embed_to(out, model, repeated(photos, count), BATCH, Machine())


def repeated(photos: list[Path], count: int) -> Images:
    """So many photographs, in turn."""
    return picture_files([photos[i % len(photos)] for i in range(count)])


def random_images(folder: Path, count: int, side: int) -> Images:
    """An array in an NPZ, as the stage reads it."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3)).astype(np.uint8)
    (folder / "images.npz").write_bytes(npz_bytes(images=pixels))
    return NpzImages(folder / "images.npz")


def measure(network: str, side: int, images: Images, machine: Machine, out: Path) -> str:
    """The rest of a line of the table: both sides in turn, and preparing alone."""
    torch.manual_seed(0)
    if side == 32:  # as networks that are trained here; else timm's own
        model = build(Card(network, 1000, 32, (0.5,) * 3, (0.5,) * 3, "none")).eval()
    else:
        model = timm.create_model(network).eval()
    count, preprocess = len(images), Preprocess(model)
    size = batch_size(BATCH, preprocess.size, machine.device)
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    first = images[: min(count, BATCH)]
    pictures = [Image.fromarray(i) if isinstance(i, np.ndarray) else i() for i in first]
    x = torch.stack(list(map(transform, pictures))).to(machine.device)
    clock = time.process_time if machine.device == "cpu" else time.perf_counter
    form, bare_size = torch.channels_last, size
    if machine.device == "cpu":
        ways = list(product((torch.channels_last, torch.contiguous_format), BARE))
        tried = [partial(forward, model, x, f, s, min(count, s), machine) for f, s in ways]
        taken = in_turns(1, *tried, clock=clock, warm=True)
        each = [t[0] / min(count, s) for t, (_, s) in zip(taken, ways, strict=True)]
        form, bare_size = ways[int(np.argmin(each))]
    bare, ours, alone = in_turns(
        REPEATS,
        lambda: forward(model, x, form, bare_size, count, machine),
        lambda: embed_to(out, model, images, BATCH, machine),
        lambda: list(map(len, prepared(images, preprocess, size, machine.threads))),
        clock=clock,
        warm=True,
    )
    ratios = [b / o for b, o in zip(bare, ours, strict=True)]
    f, o, p = (1e3 * median(side) / count for side in (bare, ours, alone))
    bound = f / (f + p) if machine.device == "cpu" else min(1, f / p)
    found = np.load(out)[: len(x)]
    expected = forward(model, x, torch.channels_last, size, len(x), machine)
    off = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    limit = ", the limit set by preparing" if bound < GOAL else ""
    return (
        f"{f:9.3f}{p:9.3f}{o:8.3f}{bound:7.2f}   {spread(ratios)}, features off by {off:.0e}; "
        f"goal {GOAL}: {verdict(median(ratios) >= GOAL)}{limit}; bare in batches of {bare_size}, "
        f"{str(form).removeprefix('torch.')}"
    )


def forward(
    model: torch.nn.Module,
    x: torch.Tensor,
    form: torch.memory_format,
    size: int,
    count: int,
    machine: Machine,
) -> np.ndarray:
    """The forward pass alone, over tensors that are there already, in turn up to `count`."""
    kind, half = torch.device(machine.device).type, machine.precision != "float32"
    model, x = model.to(machine.device).to(memory_format=form), x.contiguous(memory_format=form)
    dtype = getattr(torch, machine.precision) if half else None
    parts = x.split(size)
    with (
        torch.inference_mode(),
        torch.autocast(kind, dtype=dtype, enabled=half),
        torch.backends.cudnn.flags(enabled=True, allow_tf32=False),  # as ours
    ):
        values: list[torch.Tensor] = []
        while sum(map(len, values)) < count:
            values.append(penultimate(model, parts[len(values) % len(parts)]))
        found: np.ndarray = torch.cat(values).float().cpu().numpy()
    return found


if __name__ == "__main__":
    timed(main)
