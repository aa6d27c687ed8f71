"""What is wrong with a file from elsewhere becomes one line that names it; limits on its size."""

import contextlib
import csv
import lzma
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


def npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, Fortran order or not, and type of an NPY stream, left at its first byte of data."""
    one = np.lib.format.read_magic(stream) == (1, 0)
    read = np.lib.format.read_array_header_1_0 if one else np.lib.format.read_array_header_2_0
    shape, fortran, kind = read(stream)
    return shape, fortran, kind
