"""Penultimate features of images, with each model's own preprocessing, in bounded memory."""

import functools
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import timm.data
import timm.data.transforms
import torch
from PIL import Image

from stages.networks.checkpoints import penultimate
from stages.networks.images import Batch, Images, Opener
from stages.networks.load import Machine
from stages.runtime.errors import UnsuitableError

CPU_PIXELS = 16 * 224 * 224
"""Pixels of a batch on a CPU: with more, what passes between layers leaves the CPU's caches."""


class Preprocess:
    """timm's evaluation transform of a network, to the bit, in two steps.

    `pixels` resizes and crops on the CPU. `scale` then runs on the network's device, so that a
    quarter of the bytes travels there. Channels stay last, the layout in which networks run.
    """

    def __init__(self, model: torch.nn.Module, device: torch.device | str = "cpu") -> None:
        config = timm.data.resolve_model_data_config(model)
        if (channels := config["input_size"][0]) != 3:
            raise UnsuitableError(f"channels of its input: {channels}, not 3")
        # "use_prefetcher" leaves scaling to the device; the last step makes channels first.
        whole = timm.data.create_transform(**config, is_training=False, use_prefetcher=True)
        self.steps = whole.transforms[:-1]
        self.size: tuple[int, int] = tuple(config["input_size"][1:])
        self.uncropped = config["crop_pct"] == 1
        # Whether a square image is resized and no more.
        self.resizes = self.uncropped and config["crop_mode"] in ("center", "squash")
        self.filter = timm.data.transforms.str_to_pil_interp(config["interpolation"])
        self.mean, self.std = (
            torch.tensor(config[name], device=device).expand(*self.size, 3).contiguous()
            for name in ("mean", "std")
        )

    def one(self, image: np.ndarray | Opener) -> np.ndarray:
        """One image to [S, S, 3] uint8."""
        picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image()
        for step in self.steps:
            picture = step(picture)
        return np.asarray(picture)

    def pixels(self, images: Batch, pool: ThreadPoolExecutor, threads: int = 1) -> torch.Tensor:
        """Images to [B, S, S, 3] uint8, in pinned memory if there is a GPU."""
        height, width = images.shape[1:3] if isinstance(images, np.ndarray) else (0, 0)
        if self.uncropped and (height, width) == self.size:
            return torch.from_numpy(images)
        shape, pin = (len(images), *self.size, 3), self.mean.is_cuda
        out = torch.empty(shape, dtype=torch.uint8, pin_memory=pin)
        if self.resizes and height == width > 0 and self.size[0] == self.size[1]:
            resize = functools.partial(resize_stack, size=self.size[0], how=self.filter)
            count = min(threads, len(images))
            parts = pool.map(resize, np.array_split(np.asarray(images), count))
            places = np.array_split(out.numpy(), count)
        else:
            parts = pool.map(self.one, images)
            places = list(out.numpy())
        for place, part in zip(places, parts, strict=True):
            place[:] = part
        return out

    def scale(self, pixels: torch.Tensor) -> torch.Tensor:
        """[B, S, S, 3] uint8 to [B, 3, S, S] float32, channels last in memory.

        The same float32 operations in the same order as torchvision's `ToTensor` and `Normalize`.
        """
        return pixels.float().div_(255).sub_(self.mean).div_(self.std).permute(0, 3, 1, 2)


def resize_stack(images: np.ndarray, size: int, how: Image.Resampling) -> np.ndarray:
    """Resize images [B, H, W, 3] uint8 to [B, size, size, 3], as Pillow resizes each, to the bit.

    Pillow resizes along rows, rounds, and then along columns. So all images can go through the
    first half as one tall picture and through the second as one wide picture: a fraction of the
    time where images are small.
    """
    count, height, width, _ = images.shape
    tall = Image.fromarray(images.reshape(count * height, width, 3))
    rows = np.asarray(tall.resize((size, count * height), how))
    side_by_side = rows.reshape(count, height, size, 3).transpose(1, 0, 2, 3)
    wide = Image.fromarray(side_by_side.reshape(height, count * size, 3))
    columns = np.asarray(wide.resize((count * size, size), how))
    return columns.reshape(size, count, size, 3).transpose(1, 0, 2, 3)


def prepared(
    images: Images, preprocess: Preprocess, size: int, threads: int
) -> Iterator[torch.Tensor]:
    """Images batch by batch, [size, S, S, 3] uint8."""
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(images), size):
            yield preprocess.pixels(images[start : start + size], pool, threads)


def batches(
    model: torch.nn.Module,
    images: Images,
    batch: int,
    machine: Machine,
    forward: Callable[[torch.nn.Module, torch.Tensor], torch.Tensor] = penultimate,
) -> Iterator[np.ndarray]:
    """What a network makes of images, batch by batch: [B, D] float32.

    A GPU computes one batch while threads prepare the next. float32 is float32: cuDNN may not round
    to TF32. Autocast stays on from batch to batch, so that it casts the weights only once. A
    UnsuitableError where a value is not finite, or the network does not read three channels.

    Parameters
    ----------
    model : a timm network in evaluation mode. batch : images in memory at once.
    """
    automatic = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(automatic if machine.device == "auto" else machine.device)
    # A CPU's cores are shared among worker processes, each of which has one thread.
    threads = 1 if device.type == "cpu" else machine.threads
    dtype = getattr(torch, machine.precision)
    half = dtype != torch.float32
    preprocess = Preprocess(model, device)
    model = model.to(device).to(memory_format=torch.channels_last)
    size = batch_size(batch, preprocess.size, device.type)

    def launch(pixels: torch.Tensor) -> torch.Tensor:
        return forward(model, preprocess.scale(pixels.to(device, non_blocking=True))).float()

    launched: list[torch.Tensor] = []
    with (
        torch.no_grad() if half else torch.inference_mode(),  # which would keep no casts
        torch.autocast(device.type, dtype=dtype if half else None, enabled=half),
        torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
    ):
        for pixels in prepared(images, preprocess, size, threads):
            if launched:
                yield _values(launched, machine.precision)
            launched, size = _patiently(launch, pixels, size)
        if launched:
            yield _values(launched, machine.precision)


def batch_size(batch: int, size: tuple[int, int], device: str) -> int:
    """Images of H x W pixels that go through the network at once, at most `batch`."""
    if device != "cpu":
        return batch
    return max(1, min(batch, CPU_PIXELS // (size[0] * size[1])))


def _patiently(
    launch: Callable[[torch.Tensor], torch.Tensor], pixels: torch.Tensor, size: int
) -> tuple[list[torch.Tensor], int]:
    """Launch a batch in parts of `size`, halved until the device's memory holds one.

    Returns the parts, and the size that the memory held, to begin with the next time.
    """
    while True:
        try:
            return [launch(part) for part in pixels.split(size)], size
        except RuntimeError as error:
            said = ("out of memory", "can't allocate memory")
            if size == 1 or not any(text in str(error) for text in said):
                raise
        size = max(1, size // 2)
        torch.cuda.empty_cache()
        print(f"out of memory: continuing with batches of {size}", file=sys.stderr)


def _values(launched: list[torch.Tensor], precision: str) -> np.ndarray:
    """The values of a batch, once they are computed: [B, D] float32."""
    values: np.ndarray = torch.cat([part.cpu() for part in launched]).numpy()
    if not np.isfinite(values).all():
        other = "" if precision == "float32" else "; embed.precision: float32 may mend it"
        raise UnsuitableError(f"its output is not finite in {precision}{other}")
    return values


def embed_to(
    path: Path, model: torch.nn.Module, images: Images, batch: int, machine: Machine
) -> None:
    """Write penultimate features as NPY, [N, D] float32, as they come: memory does not grow."""
    with path.open("wb") as stream:
        for values in batches(model, images, batch, machine):
            if stream.tell() == 0:
                shape = (len(images), values.shape[1])
                header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)
            stream.write(np.ascontiguousarray(values, "<f4").tobytes())
