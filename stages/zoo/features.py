"""Penultimate features of images, with each model's own preprocessing, in bounded memory."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import timm.data
import torch
from PIL import Image

from stages.zoo.images import Images
from stages.zoo.networks import penultimate

Batch = np.ndarray | list[Image.Image]
Forward = Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]


class Preprocess:
    """timm's evaluation transform of a model, exactly; whole arrays at once where that is the same.

    Images that have the network's input size already need no resizing, and a batch of them is
    scaled and normalised in one go, by the same float32 operations in the same order.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self.config = timm.data.resolve_model_data_config(model)
        self.transform = timm.data.create_transform(**self.config, is_training=False)
        self.mean = torch.tensor(self.config["mean"]).view(3, 1, 1)
        self.std = torch.tensor(self.config["std"]).view(3, 1, 1)

    def __call__(self, images: Batch) -> torch.Tensor:
        """[B, H, W, 3] uint8 or B RGB pictures to [B, 3, S, S] float32."""
        if isinstance(images, np.ndarray) and self.fits(images):
            batch = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().float()
            return batch.div_(255).sub_(self.mean).div_(self.std)
        return torch.stack([self.one(image) for image in images])

    def one(self, image: np.ndarray | Image.Image) -> torch.Tensor:
        """One image [H, W, 3] uint8 or RGB picture to [3, S, S] float32."""
        picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
        tensor: torch.Tensor = self.transform(picture)
        return tensor

    def fits(self, images: Batch) -> bool:
        """Whether images have the network's input size already."""
        if not isinstance(images, np.ndarray) or self.config["crop_pct"] != 1:
            return False
        return images.shape[1:3] == tuple(self.config["input_size"][1:])


@dataclass(frozen=True)
class Machine:
    """Where and how networks run.

    Attributes
    ----------
    device : torch's name of it. threads : that prepare images beside the forward pass; 1 for none.
    precision : float32, float16 or bfloat16 (autocast) of the forward pass.
    """

    device: str = "cpu"
    threads: int = 1
    precision: str = "float32"


def find_machine(device: str, precision: str, threads: int) -> Machine:
    """The machine asked for; "auto" is a CUDA device where there is one, else the CPU.

    On the CPU the worker processes share the cores, and images are prepared in the worker itself.
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
    size = batch
    for x in _prepared(images, preprocess, batch, machine.threads):
        values, size = _patiently(model, x, size, machine, forward)
        if not np.isfinite(values).all():
            raise FloatingPointError("what the network gives is not finite")
        yield values


def _prepared(
    images: Images, preprocess: Preprocess, batch: int, threads: int
) -> Iterator[torch.Tensor]:
    """Preprocessed batches; with several threads the next two are prepared meanwhile."""
    if threads == 1:
        yield from map(preprocess, images.batches(batch))
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[list[Future[torch.Tensor]] | torch.Tensor] = deque()
        for chunk in images.batches(batch):
            fits = preprocess.fits(chunk)
            waiting.append(
                preprocess(chunk) if fits else [pool.submit(preprocess.one, i) for i in chunk]
            )
            if len(waiting) > 2:
                yield _finished(waiting.popleft())
        while waiting:
            yield _finished(waiting.popleft())


def _finished(batch: list[Future[torch.Tensor]] | torch.Tensor) -> torch.Tensor:
    if isinstance(batch, torch.Tensor):
        return batch
    return torch.stack([future.result() for future in batch])


def _patiently(
    model: torch.nn.Module, x: torch.Tensor, size: int, machine: Machine, forward: Forward
) -> tuple[np.ndarray, int]:
    """A batch's values, in parts of `size`, halved until the device's memory holds one.

    Returns
    -------
    [B, D] float32, and the size that went through, to begin with the next time.
    """
    while True:
        try:
            return np.concatenate(
                [_run(model, part, machine, forward) for part in x.split(size)]
            ), size
        except RuntimeError as error:
            if size == 1 or not _out_of_memory(error):
                raise
        size = max(1, size // 2)
        if machine.device.startswith("cuda"):
            torch.cuda.empty_cache()
        print(f"out of memory: going on with batches of {size}", file=sys.stderr)


def _out_of_memory(error: RuntimeError) -> bool:
    said = ("out of memory", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in said)


def _run(model: torch.nn.Module, x: torch.Tensor, machine: Machine, forward: Forward) -> np.ndarray:
    kind, dtype = machine.device.partition(":")[0], getattr(torch, machine.precision)
    half = machine.precision != "float32"
    with torch.inference_mode(), torch.autocast(kind, dtype=dtype if half else None, enabled=half):
        x = x.to(machine.device, non_blocking=True)
        values = forward(model, x.contiguous(memory_format=torch.channels_last))
    array: np.ndarray = values.float().cpu().numpy()
    return array


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
