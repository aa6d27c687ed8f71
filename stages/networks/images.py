"""Sets of images as sequences whose slices are read when asked for: memory never holds a whole set.

A slice of images is an array [B, H, W, 3] uint8, or a list of functions that each open one picture.
"""

import functools
import math
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from stages.runtime.errors import DataError
from stages.runtime.guards import npy_header, readable
from stages.sources.folders import picture, read

Opener = Callable[[], Image.Image]
Batch = np.ndarray | Sequence[Opener]
"""Images: an array [B, H, W, 3] uint8, or functions that open RGB pictures of any size."""


class NpzImages:
    """The array `images` [N, H, W, 3] uint8 of an NPZ, read piece by piece.

    A DataError where the file is damaged or has no such array.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with readable(path, "NPZ with 'images'"):
            archive = zipfile.ZipFile(path)
            self._stream: IO[bytes] = archive.open("images.npy")
            shape, fortran, kind = npy_header(self._stream)
        if len(shape) != 4 or shape[-1] != 3 or kind != np.uint8 or fortran:
            raise DataError(f"{path}: images are {kind} {shape}, need uint8 [N, H, W, 3]")
        self.shape, self._start = shape, self._stream.tell()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop, _ = rows.indices(len(self))
        shape, one = (stop - start, *self.shape[1:]), math.prod(self.shape[1:])
        with readable(self.path, "NPZ"):
            self._stream.seek(self._start + start * one)
            content = bytearray(self._stream.read(math.prod(shape)))  # torch needs it writable
        if len(content) != math.prod(shape):
            raise DataError(f"{self.path}: ends before its last image")
        return np.frombuffer(content, np.uint8).reshape(shape)


Images = Batch | NpzImages
"""A whole set: its slices are batches."""


def picture_files(paths: Iterable[Path]) -> list[Opener]:
    """Image files, opened as RGB, be they grey, with a palette or transparent."""
    return [functools.partial(_open, path) for path in paths]


def _open(path: Path) -> Image.Image:
    with picture(read(path), path) as image:
        return image.convert("RGB")


def image_set(path: Path) -> Images:
    """The images of a folder, in the order of their names, or of an NPZ with `images`."""
    return picture_files(sorted(path.iterdir())) if path.is_dir() else NpzImages(path)
