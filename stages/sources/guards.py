"""What is asked of a file before it is unpacked, and its faults in one line that names it."""

from __future__ import annotations

import contextlib
import csv
import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from stages.runtime.errors import DataError

ROOM, RATIO = 2**29, 100
FAULTS = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    MemoryError,
    OverflowError,
    RuntimeError,  # encrypted, an unknown method, too deeply nested
    SyntaxError,
    struct.error,
    csv.Error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What libraries raise over damaged files."""


@contextlib.contextmanager
def readable(path: Path | str, form: str) -> Iterator[None]:
    """What readers raise over damaged files, as a DataError that names the file."""
    try:
        yield
    except FAULTS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: not readable as {form}: {reason}") from error


def room(packed: int) -> int:
    """Bytes that so many packed bytes may unpack to: 512 MiB, or 100 times as many where more."""
    return max(ROOM, RATIO * packed)


def check_room(path: Path, unpacked: int) -> None:
    """Raise DataError where a file would unpack to more than `room`."""
    allowed = room(path.stat().st_size)
    if unpacked > allowed:
        raise DataError(f"{path}: {unpacked} bytes unpacked; at most {allowed} are allowed")


def check_npz(path: Path) -> None:
    """Raise DataError where a file is no NPZ whose arrays are as large as their headers say.

    Names the array: it is there twice, holds objects (a pickle), or its header lies.
    """
    with readable(path, "NPZ"), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        check_room(path, sum(member.file_size for member in members))
        for name, member in zip(names, members, strict=True):
            if names.count(name) > 1:
                raise DataError(f"{path}: '{name}' is there twice")
            with archive.open(member) as stream:
                check_npy(stream, member.file_size, f"{path}: '{name}'")


def check_npy(stream: IO[bytes], size: int, where: str) -> None:
    """Raise DataError where an NPY of so many bytes is not what its header says, or a pickle."""
    shape, _, kind = npy_header(stream)
    data = size - stream.tell()
    if kind.hasobject:
        raise DataError(f"{where}: holds objects; a pickle is never loaded")
    if data != math.prod(shape) * kind.itemsize:
        raise DataError(f"{where}: {data} bytes of data for {kind} {shape}")


def npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type of an NPY stream, which is left at its first byte of data.

    The order is whether the first index changes fastest.
    """
    first = np.lib.format.read_magic(stream) == (1, 0)
    read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
    shape, fortran, kind = read(stream)
    return shape, fortran, kind
