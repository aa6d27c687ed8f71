"""timm's evaluation transform, exactly, in two halves: pixels in threads, scaling on the device."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import timm.data
import timm.data.transforms
import torch
from PIL import Image

from stages.zoo.images import Batch, Images

Begun = tuple[torch.Tensor, list[Future[None]]]
"""A batch's pixels, and the work that is still filling them."""

AHEAD = 2
"""Batches that are prepared beside the one in use."""

GROUP = 8, 64 * 32 * 32
"""What a thread prepares at a time: so many images, or so many pixels where those are small."""


class Preprocess:
    """What a network wants of its images, the same bits as timm's evaluation transform gives.

    Pictures become pixels (resized and cropped, uint8) on the CPU; scaling to float32 is left to
    the network's device, so that a quarter of the bytes travels there. Pixels keep their channels
    last, which is the layout that networks are run in, and nothing is ever transposed.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self.config = timm.data.resolve_model_data_config(model)
        # timm calls it the prefetcher's: the transform without scaling.
        whole = timm.data.create_transform(**self.config, is_training=False, use_prefetcher=True)
        self.steps = whole.transforms[:-1]
        self.size: tuple[int, int] = tuple(self.config["input_size"][1:])
        # Whether a square picture is resized and no more.
        self.uncropped = (
            self.size == (math.floor(self.size[1] / self.config["crop_pct"]),) * 2
            and self.config["crop_mode"] in ("center", "squash")
            and not self.config.get("crop_border_pixels")
        )
        self.mode = timm.data.transforms.str_to_pil_interp(self.config["interpolation"])
        self.mean, self.std = (
            torch.tensor(self.config[name]).expand(*self.size, 3).contiguous()
            for name in ("mean", "std")
        )

    def fits(self, images: Batch) -> bool:
        """Whether images are what the network wants already, but for scaling."""
        if not isinstance(images, np.ndarray) or self.config["crop_pct"] != 1:
            return False
        return images.shape[1:3] == self.size

    def pixels(self, images: Batch) -> np.ndarray:
        """Images [B, H, W, 3] uint8, or what opens them, to [B, S, S, 3] uint8."""
        if isinstance(images, np.ndarray):
            if self.uncropped and images.shape[1] == images.shape[2]:
                return resize_stack(images, self.size[0], self.mode)
            return np.stack([self.one(Image.fromarray(image)) for image in images])
        return np.stack([self.one(opener()) for opener in images])

    def one(self, picture: Image.Image) -> np.ndarray:
        """One RGB picture to [S, S, 3] uint8."""
        for step in self.steps:
            picture = step(picture)
        return np.asarray(picture)

    def scale(self, pixels: torch.Tensor) -> torch.Tensor:
        """[B, S, S, 3] uint8 to [B, 3, S, S] float32, channels last in memory.

        The same float32 operations in the same order as torchvision's `ToTensor` and `Normalize`.
        """
        self.mean, self.std = self.mean.to(pixels.device), self.std.to(pixels.device)
        return pixels.float().div_(255).sub_(self.mean).div_(self.std).permute(0, 3, 1, 2)


def resize_stack(images: np.ndarray, size: int, mode: Image.Resampling) -> np.ndarray:
    """Resize images [B, H, W, 3] uint8 to [B, size, size, 3], as Pillow resizes each, to the bit.

    Pillow resizes along rows, rounds, and then along columns. So all images can go through the
    first half as one tall picture and through the second as one wide picture: a fraction of the
    time where images are small.
    """
    count, height, width, _ = images.shape
    tall = Image.fromarray(images.reshape(count * height, width, 3))
    rows = np.asarray(tall.resize((size, count * height), mode))
    side_by_side = rows.reshape(count, height, size, 3).transpose(1, 0, 2, 3)
    wide = Image.fromarray(side_by_side.reshape(height, count * size, 3))
    columns = np.asarray(wide.resize((count * size, size), mode))
    return columns.reshape(size, count, size, 3).transpose(1, 0, 2, 3)


def prepared(
    images: Images, preprocess: Preprocess, batch: int, threads: int, pin: bool = False
) -> Iterator[torch.Tensor]:
    """Pixels batch by batch, [B, S, S, 3] uint8; threads prepare the next two meanwhile.

    One more thread reads, so that the caller does nothing but wait.

    Parameters
    ----------
    pin : put them where a GPU can fetch them while it computes.
    """
    chunks = images.batches(batch)
    with ThreadPoolExecutor(threads) as pool, ThreadPoolExecutor(1) as reader:

        def begin() -> Begun | None:
            chunk = next(chunks, None)
            return None if chunk is None else _begin(chunk, preprocess, pool, pin)

        waiting = deque(reader.submit(begin) for _ in range(AHEAD))
        while begun := waiting.popleft().result():
            waiting.append(reader.submit(begin))
            yield _finished(*begun)


def _begin(images: Batch, preprocess: Preprocess, pool: ThreadPoolExecutor, pin: bool) -> Begun:
    if isinstance(images, np.ndarray) and preprocess.fits(images):
        ready = torch.from_numpy(images)
        return (ready.pin_memory() if pin else ready), []
    out = torch.empty(len(images), *preprocess.size, 3, dtype=torch.uint8, pin_memory=pin)
    places, step = out.numpy(), max(GROUP[0], GROUP[1] // math.prod(preprocess.size))
    return out, [
        pool.submit(_fill, places[i : i + step], images[i : i + step], preprocess)
        for i in range(0, len(images), step)
    ]


def _fill(places: np.ndarray, images: Batch, preprocess: Preprocess) -> None:
    places[:] = preprocess.pixels(images)


def _finished(pixels: torch.Tensor, work: list[Future[None]]) -> torch.Tensor:
    for part in work:
        part.result()
    return pixels
