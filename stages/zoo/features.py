"""Penultimate features of images, with each model's own preprocessing, in bounded memory."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from stages.zoo.images import Images
from stages.zoo.networks import penultimate
from stages.zoo.prepare import Preprocess, prepared

Forward = Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]

Part = tuple[torch.Tensor, torch.cuda.Event | None]
"""Values [B, D] float32 on the CPU, and on a GPU what says that they are there."""

Result = list[Part]

CPU_PIXELS = 16 * 224 * 224
"""Pixels of a batch on a CPU: more, and what passes between layers leaves its caches."""


@dataclass(frozen=True)
class Machine:
    """Where and how networks run.

    Attributes
    ----------
    device : torch's name of it. threads : that prepare images beside the forward pass.
    precision : float32, float16 or bfloat16 (autocast) of the forward pass.
    """

    device: str = "cpu"
    threads: int = 1
    precision: str = "float32"


def find_machine(device: str, precision: str, threads: int) -> Machine:
    """The machine asked for; "auto" is a CUDA device where there is one, else the CPU.

    On the CPU the worker processes share the cores, and one thread of each prepares images.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return Machine(device, 1 if device == "cpu" else threads, precision)


def batches(
    model: torch.nn.Module,
    images: Images,
    batch: int,
    machine: Machine | None = None,
    forward: Forward = penultimate,
) -> Iterator[np.ndarray]:
    """What a network makes of images, batch by batch: [B, D] float32.

    Parameters
    ----------
    model : a timm network in evaluation mode. batch : images in memory at once.
    forward : penultimate features by default.

    Raises
    ------
    FloatingPointError
        When a value is not finite.
    """
    machine = machine or Machine()
    preprocess = Preprocess(model)
    model = model.to(machine.device).to(memory_format=torch.channels_last)
    size = batch_size(batch, preprocess.size, machine.device)
    cuda = machine.device.startswith("cuda")
    before: Result | None = None
    with _casts_kept():
        for pixels in prepared(images, preprocess, size, machine.threads, pin=cuda):
            launched, size = _patiently(
                pixels, size, lambda part: _launch(model, part, preprocess, machine, forward)
            )
            if before:
                yield _values(before)
            before = launched
    if before:
        yield _values(before)


@contextlib.contextmanager
def _casts_kept() -> Iterator[None]:
    """Keep weights that autocast has cast to half precision, rather than cast them each batch."""
    torch.autocast_increment_nesting()
    try:
        yield
    finally:
        if torch.autocast_decrement_nesting() == 0:
            torch.clear_autocast_cache()


def batch_size(batch: int, size: tuple[int, int], device: str) -> int:
    """Images [H, W] that go through the network at once, of the most that were asked for."""
    if device != "cpu":
        return batch
    return max(1, min(batch, CPU_PIXELS // (size[0] * size[1])))


def _patiently(
    pixels: torch.Tensor, size: int, launch: Callable[[torch.Tensor], Part]
) -> tuple[Result, int]:
    """A batch in parts of `size`, halved until the device's memory holds one.

    Returns
    -------
    The parts, and the size that went through, to begin with the next time.
    """
    while True:
        try:
            return [launch(part) for part in pixels.split(size)], size
        except RuntimeError as error:
            if size == 1 or not _out_of_memory(error):
                raise
        size = max(1, size // 2)
        if pixels.is_pinned():
            torch.cuda.empty_cache()
        print(f"out of memory: going on with batches of {size}", file=sys.stderr)


def _out_of_memory(error: RuntimeError) -> bool:
    said = ("out of memory", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in said)


def _launch(
    model: torch.nn.Module,
    pixels: torch.Tensor,
    preprocess: Preprocess,
    machine: Machine,
    forward: Forward,
) -> Part:
    """Set a forward pass going. A GPU copies the next pixels while it computes.

    float32 is float32: cuDNN would round what convolutions multiply to the ten bits of TF32.
    """
    kind, dtype = machine.device.partition(":")[0], getattr(torch, machine.precision)
    half = machine.precision != "float32"
    with (
        torch.no_grad() if half else torch.inference_mode(),  # which keeps no casts
        torch.autocast(kind, dtype=dtype if half else None, enabled=half),
        torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
    ):
        if kind != "cuda":
            return forward(model, preprocess.scale(pixels.to(machine.device))).float().cpu(), None
        copying, computing = _copy_stream(machine.device), torch.cuda.current_stream(machine.device)
        with torch.cuda.stream(copying):
            there = pixels.to(machine.device, non_blocking=True)
        computing.wait_stream(copying)
        there.record_stream(computing)
        values = forward(model, preprocess.scale(there)).float().to("cpu", non_blocking=True)
        return values, computing.record_event()


@functools.cache
def _copy_stream(device: str) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


def _values(result: Result) -> np.ndarray:
    """What came of a batch, as soon as it is there: [B, D] float32."""
    for _, ready in result:
        if ready:
            ready.synchronize()
    values: np.ndarray = torch.cat([part for part, _ in result]).numpy()
    if not np.isfinite(values).all():
        raise FloatingPointError("what the network gives is not finite")
    return values


def embed(
    model: torch.nn.Module, images: Images, batch: int, machine: Machine | None = None
) -> np.ndarray:
    """Penultimate features of images: [N, D] float32."""
    return np.concatenate(list(batches(model, images, batch, machine)))


def embed_to(
    path: Path, model: torch.nn.Module, images: Images, batch: int, machine: Machine | None = None
) -> int:
    """Write penultimate features as NPY, [N, D] float32, as they come; returns D.

    Memory does not grow with N.
    """
    width = 0
    with path.open("wb") as stream:
        for values in batches(model, images, batch, machine):
            if not width:
                width = values.shape[1]
                header = {"descr": "<f4", "fortran_order": False, "shape": (len(images), width)}
                np.lib.format.write_array_header_1_0(stream, header)
            stream.write(np.ascontiguousarray(values, "<f4").tobytes())
    return width
