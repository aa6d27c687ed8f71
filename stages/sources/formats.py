"""Parsers of the files that others publish: CIFAR's binary version, IDX, MATLAB. No pickle."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import numpy as np
import scipy.io

from stages.runtime.errors import DataError

_CIFAR_RECORD = 2 + 3 * 32 * 32


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
    return _member(path, "cifar-100-binary/fine_label_names.txt").decode().split()


def _member(path: Path, name: str) -> bytes:
    """One file of a tar archive, read in memory; nothing is written."""
    try:
        with tarfile.open(path) as archive:
            stream = archive.extractfile(name)
            if stream is None:
                raise DataError(f"{path}: '{name}' is not a file")
            return stream.read()
    except (tarfile.TarError, KeyError, EOFError, OSError) as error:
        raise DataError(f"{path}: '{name}' cannot be read: {error}") from error


def read_idx(path: Path) -> np.ndarray:
    """A gzipped IDX file of unsigned bytes (MNIST's format): [N] labels or [N, H, W] images."""
    try:
        with gzip.open(path) as stream:
            content = stream.read()
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: not readable as gzip: {error}") from error
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise DataError(
            f"{path}: magic bytes {content[:4].hex()}, an IDX file of bytes has 000008nn"
        )
    dimensions = content[3]
    header = 4 + 4 * dimensions
    shape = tuple(int(size) for size in np.frombuffer(content[4:header], ">u4"))
    if len(shape) != dimensions or len(content) - header != np.prod(shape, dtype=np.int64):
        raise DataError(f"{path}: {len(content) - header} bytes of data for shape {shape}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def grey_to_rgb(images: np.ndarray) -> np.ndarray:
    """[N, H, W] to [N, H, W, 3], the same value in each channel."""
    return np.repeat(images[..., None], 3, axis=-1)


def read_matlab(path: Path, *keys: str) -> list[np.ndarray]:
    """Variables of a MATLAB file (version 5)."""
    try:
        content = scipy.io.loadmat(str(path))
    except (
        OSError,
        ValueError,
        TypeError,
        NotImplementedError,
        scipy.io.matlab.MatReadError,
    ) as error:
        raise DataError(f"{path}: not readable as MATLAB: {error}") from error
    for key in keys:
        if key not in content:
            names = [name for name in content if not name.startswith("__")]
            raise DataError(f"{path}: variable '{key}' is missing; it holds {names}")
    return [content[key] for key in keys]
