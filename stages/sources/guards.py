"""Checks of a file before it is unpacked; what is wrong becomes one line that names the file."""

import contextlib
import csv
import lzma
import math
import struct
import tarfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from stages.runtime.errors import DataError

ROOM = 2**29
FAULTS = (
    *(OSError, ValueError, TypeError, LookupError, EOFError, MemoryError, ArithmeticError),
    *(RuntimeError, SyntaxError, struct.error, csv.Error, tokenize.TokenError),
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
)
"""What libraries raise over damaged files."""


@contextlib.contextmanager
def readable(path: Path | str, form: str) -> Iterator[None]:
    """What readers raise over damaged files becomes a DataError that names the file."""
    try:
        yield
    except FAULTS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: not readable as {form}: {reason}") from error


def room(packed: int) -> int:
    """Bytes that so many packed bytes may unpack to: 512 MiB, or 100 times as many where more."""
    return max(ROOM, 100 * packed)


def check_npz(path: Path) -> None:
    """Raise DataError where a file is no NPZ, has duplicate names or fails `check_npy`."""
    with readable(path, "NPZ"), zipfile.ZipFile(path) as archive:
        members = {member.filename: member.file_size for member in archive.infolist()}
        size, allowed = sum(members.values()), room(path.stat().st_size)
        if size > allowed:
            raise DataError(f"{path}: {size} bytes unpacked; at most {allowed} are allowed")
        if len(members) < len(archive.infolist()):
            raise DataError(f"{path}: duplicate names among {archive.namelist()}")
        for name, bytes_ in members.items():
            with archive.open(name) as stream:
                check_npy(stream, bytes_, f"{path}: '{name}'")


def check_npy(stream: IO[bytes], size: int, where: str) -> None:
    """Raise DataError where an NPY of so many bytes is not what its header says, or a pickle."""
    shape, _, kind = npy_header(stream)
    data = size - stream.tell()
    if kind.hasobject:
        raise DataError(f"{where}: holds objects; a pickle is never loaded")
    if data != math.prod(shape) * kind.itemsize:
        raise DataError(f"{where}: {data} bytes of data for {kind} {shape}")


def npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, Fortran order or not, and type of an NPY stream, left at its first byte of data."""
    one = np.lib.format.read_magic(stream) == (1, 0)
    read = np.lib.format.read_array_header_1_0 if one else np.lib.format.read_array_header_2_0
    shape, fortran, kind = read(stream)
    return shape, fortran, kind
