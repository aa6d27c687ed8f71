"""Peak memory of embedding many photographs, in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import timm
import torch

from stages.zoo.features import embed_to
from stages.zoo.images import PictureFiles


def peak_mib(photos: Sequence[Path], count: int) -> int:
    """Peak memory, MiB, of embedding `count` photographs with a small network on the CPU."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_peak, list(photos), count).result()


def _peak(photos: list[Path], count: int) -> int:
    torch.set_num_threads(1)
    model = timm.create_model("mobilenetv3_small_100").eval()
    images = PictureFiles([photos[i % len(photos)] for i in range(count)])
    with TemporaryDirectory() as folder:
        embed_to(Path(folder) / "features.npy", model, images, 256)
    # Not getrusage: its peak counts what the parent had before exec.
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM"))
