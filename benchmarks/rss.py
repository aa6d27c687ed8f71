"""Peak memory of a call, in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import timm

from stages.runtime.work import one_thread
from stages.zoo.features import embed_to
from stages.zoo.images import PictureFiles


def peak_mib(call: Callable[..., object], *args: Any) -> int:
    """Peak memory, MiB, of a process that calls a function of a module, in one thread."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_peak, call, args).result()


def _peak(call: Callable[..., object], args: tuple[Any, ...]) -> int:
    one_thread()
    call(*args)
    # Not getrusage: its peak counts what the parent had before exec.
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM"))


def embed_photos(photos: Sequence[Path], count: int) -> None:
    """Embed `count` photographs with a small network on the CPU."""
    model = timm.create_model("mobilenetv3_small_100").eval()
    images = PictureFiles([photos[i % len(photos)] for i in range(count)])
    with TemporaryDirectory() as folder:
        embed_to(Path(folder) / "features.npy", model, images, 256)
