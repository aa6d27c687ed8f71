"""Parsers of the files that others publish: CIFAR's binary version, IDX. No pickle."""

from __future__ import annotations

import gzip
import io
import math
import tarfile
from pathlib import Path

import numpy as np

from stages.runtime.errors import DataError
from stages.sources.guards import ROOM, readable

_CIFAR_RECORD = 2 + 3 * 32 * 32
_TAR = 2**28  # bytes; CIFAR-100 has 184 million


def read_cifar100(path: Path, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CIFAR-100's binary archive (Krizhevsky 2009).

    Parameters
    ----------
    split : ``train`` (50 000 images) or ``test`` (10 000).

    Returns
    -------
    images [N, 32, 32, 3] uint8, fine labels [N] int64 in 0..99, coarse labels [N] int64 in 0..19.
    """
    records = np.frombuffer(_member(path, f"cifar-100-binary/{split}.bin"), np.uint8)
    if records.size == 0 or records.size % _CIFAR_RECORD:
        raise DataError(f"{path}: {split}.bin has {records.size} bytes, not a multiple of 3074")
    records = records.reshape(-1, _CIFAR_RECORD)
    coarse, fine = records[:, 0].astype(np.int64), records[:, 1].astype(np.int64)
    if coarse.max() > 19 or fine.max() > 99:
        raise DataError(f"{path}: {split}.bin has labels beyond 20 superclasses and 100 classes")
    images = records[:, 2:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), fine, coarse


def cifar100_names(path: Path) -> list[str]:
    """The 100 fine label names, in the order of the labels."""
    with readable(path, "names of classes"):
        return _member(path, "cifar-100-binary/fine_label_names.txt").decode().split()


def _member(path: Path, name: str) -> bytes:
    """One file of a gzipped tar archive, read in memory; nothing is written, no link followed."""
    with readable(path, "a tar archive"), gzip.GzipFile(path) as stream:
        content = stream.read(_TAR + 1)
        if len(content) > _TAR:
            raise ValueError(f"more than {_TAR} bytes unpacked")
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            found = [item for item in archive if item.name == name]
            if len(found) != 1:
                raise DataError(f"{path}: {len(found)} files '{name}'; exactly one is needed")
            file = archive.extractfile(found[0]) if found[0].isreg() else None
            if file is None:
                raise DataError(f"{path}: '{name}' is not a file")
            return file.read()


def read_idx(path: Path) -> np.ndarray:
    """A gzipped IDX file of unsigned bytes (MNIST's format): [N] labels or [N, H, W] images.

    No more is unpacked than the header says, and that is at most `ROOM` bytes.
    """
    with readable(path, "gzip"), gzip.open(path) as stream:
        magic = stream.read(4)
        if len(magic) < 4 or magic[:3] != b"\x00\x00\x08" or magic[3] not in (1, 2, 3):
            raise DataError(f"{path}: magic bytes {magic.hex()}, an IDX file of bytes has 000008nn")
        sizes = stream.read(4 * magic[3])
        shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
        count = math.prod(shape)
        if count > ROOM:
            raise DataError(f"{path}: {count} bytes for shape {shape}; at most {ROOM} are allowed")
        data = stream.read(count + 1)
    if len(shape) != magic[3] or len(data) != count:
        more = "more than " if len(data) > count else ""
        raise DataError(f"{path}: {more}{min(len(data), count)} bytes of data for shape {shape}")
    return np.frombuffer(data, np.uint8).reshape(shape)


def grey_to_rgb(images: np.ndarray) -> np.ndarray:
    """[N, H, W] to [N, H, W, 3], the same value in each channel."""
    return np.repeat(images[..., None], 3, axis=-1)
