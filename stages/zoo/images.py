"""Images in batches, from wherever they lie, so that memory never holds a whole set."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from stages.runtime.errors import DataError
from stages.sources.folders import picture, read
from stages.sources.guards import npy_header, readable

Opener = Callable[[], Image.Image]
"""Opens and decodes one RGB picture of any size; in whichever thread calls it."""

Batch = np.ndarray | Sequence[Opener]
"""Images: an array [B, H, W, 3] uint8, or what opens each of them."""


class Images(Protocol):
    """N images, which come in batches."""

    def __len__(self) -> int: ...

    def batches(self, size: int) -> Iterator[Batch]: ...


@dataclass(frozen=True)
class ArrayImages:
    """Images [N, H, W, 3] uint8 in memory."""

    array: np.ndarray

    def __len__(self) -> int:
        return len(self.array)

    def batches(self, size: int) -> Iterator[np.ndarray]:
        for start in range(0, len(self.array), size):
            yield self.array[start : start + size]


@dataclass(frozen=True)
class PictureFiles:
    """Image files; grey, palette and transparent ones are turned to RGB."""

    paths: Sequence[Path]

    def __len__(self) -> int:
        return len(self.paths)

    def batches(self, size: int) -> Iterator[list[Opener]]:
        for start in range(0, len(self.paths), size):
            yield [partial(_open, path) for path in self.paths[start : start + size]]


class NpzImages:
    """The array `images` [N, H, W, 3] uint8 of an NPZ, read from the file piece by piece."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._stream() as stream:
            self.shape = _shape(stream, path)

    def __len__(self) -> int:
        return self.shape[0]

    def batches(self, size: int) -> Iterator[np.ndarray]:
        with self._stream() as stream:
            _shape(stream, self.path)
            for start in range(0, len(self), size):
                shape = (min(size, len(self) - start), *self.shape[1:])
                yield np.frombuffer(self._read(stream, int(np.prod(shape))), np.uint8).reshape(
                    shape
                )

    def _stream(self) -> Any:
        with readable(self.path, "NPZ with 'images'"):
            return zipfile.ZipFile(self.path).open("images.npy")

    def _read(self, stream: Any, count: int) -> bytearray:
        """Exactly so many bytes; a writable copy, as torch wants it."""
        with readable(self.path, "NPZ"):
            content = bytearray(stream.read(count))
        if len(content) != count:
            raise DataError(f"{self.path}: ends before its last image")
        return content


def _shape(stream: Any, path: Path) -> tuple[int, ...]:
    """Shape of an NPY stream, which is left at its first byte of data."""
    with readable(path, "NPZ"):
        shape, fortran, kind = npy_header(stream)
    if len(shape) != 4 or shape[-1] != 3 or kind != np.uint8 or fortran:
        raise DataError(f"{path}: images are {kind} {shape}, need uint8 [N, H, W, 3]")
    return tuple(shape)


def _open(path: Path) -> Image.Image:
    with picture(read(path), path) as image:
        return image.convert("RGB")


def image_set(path: Path) -> Images:
    """The images of a stimulus set (a folder with `images/`) or of a task (an NPZ).

    A task whose images differ in size has a folder of them beside its NPZ.
    """
    folder = path / "images" if path.is_dir() else path.with_suffix("")
    if not folder.is_dir():
        return NpzImages(path)
    return PictureFiles(sorted(folder.iterdir()))
