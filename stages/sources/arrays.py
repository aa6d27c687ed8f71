"""Arrays in the files that people keep them in: CSV, NPY, MATLAB. No pickle is loaded.

scipy's compiled reader of MATLAB files crashes over damaged ones, so they are checked first. A file
of level 5 (versions 5 to 7) is a header and *elements*, each a tag (type, bytes) and data; a
variable is an element of elements. The check unpacks variables, within a limit, and leaves those
that hold real numbers, if their parts are what scipy expects.
"""

import csv
import io
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy  # scipy.io is imported when used, which few studies do

from stages.runtime.errors import DataError
from stages.sources.guards import check_npy, readable, room

_HEADER, _VARIABLE, _PACKED = 128, 14, 15
_NUMBERS = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13}  # types of elements; scipy crashes over others
_NUMERIC, _LOGICAL, _COMPLEX = range(6, 16), 0x200, 0x800  # classes of variables, and flags


@dataclass(frozen=True)
class NamedArray:
    """Finite float64 `values`, and the names of rows and columns where the file has them."""

    values: np.ndarray
    rows: Sequence[str] = ()
    columns: Sequence[str] = ()


def read_array(path: Path, dimensions: int, key: str | None = None) -> NamedArray:
    """An array of numbers from a CSV, NPY or MATLAB file, by its suffix.

    Parameters
    ----------
    dimensions : of the array. A CSV has 2.
    key : variable of a MATLAB file; without it, the only one [n, n] or [P, n, n].

    Raises
    ------
    DataError
        Malformed, of other dimensions, not numbers, or not finite; names the place.
    """
    if path.suffix.lower() == ".csv":
        array = read_csv(path)
    elif path.suffix.lower() == ".mat":
        found = read_matlab(path)
        shapes = {name: values.shape for name, values in found.items()}
        fit = [k for k, s in shapes.items() if len(s) == dimensions and s[-1] == s[-2] > 1]
        array = NamedArray(found[choose(path, found, key, fit, "square variables")])
    else:
        array = NamedArray(_npy(path))
    values = array.values
    if values.ndim != dimensions or values.dtype.kind not in "fiu" or values.size == 0:
        raise DataError(
            f"{path}: holds {values.dtype} {values.shape}; numbers of {dimensions} dimensions "
            "are needed"
        )
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        bad = tuple(np.argwhere(~np.isfinite(values))[0].tolist())
        raise DataError(f"{path}: holds {values[bad]} at {bad} (from 0); finite is allowed")
    return replace(array, values=values)


def read_csv(path: Path) -> NamedArray:
    """Numbers separated by commas; a DataError names the line and column that is wrong.

    A first line that is not all numbers is a header. A first column holds the rows' names where its
    header is empty, or where it does not begin with a number. Empty lines are skipped.
    """
    with readable(path, "CSV"), path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    first = lines[0][1] if lines else []
    for line, row in lines:
        if len(row) != len(first):
            raise DataError(
                f"{path}: line {line}: {len(row)} cells, the first line has {len(first)}"
            )
    header = any(_number(cell) is None for cell in first)
    body = lines[header:]
    named = bool(body) and ((header and not first[0]) or _number(body[0][1][0]) is None)
    values = np.array([[_number(cell) for cell in row[named:]] for _, row in body], np.float64)
    if values.size == 0:
        raise DataError(f"{path}: holds no numbers")
    for i, j in np.argwhere(~np.isfinite(values)):
        line, row = body[i]
        place = f"line {line}, column {j + named + 1}"
        raise DataError(f"{path}: {place}: '{row[j + named]}' is not a finite number")
    rows = [row[0] for _, row in body] if named else []
    return NamedArray(values, rows, first[named:] if header else [])


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _npy(path: Path) -> np.ndarray:
    with readable(path, "NPY"), path.open("rb") as stream:
        if stream.read(4) == b"PK\x03\x04":
            raise DataError(f"{path}: is an NPZ; one array in NPY format is needed")
        stream.seek(0)
        check_npy(stream, path.stat().st_size, str(path))
        stream.seek(0)
        array: np.ndarray = np.load(stream, allow_pickle=False)
    return array


def choose(
    path: Path, found: Mapping[str, np.ndarray], key: str | None, fit: list[str], needed: str
) -> str:
    """The variable of a MATLAB file that a key names or, without one, the only one that fits."""
    shapes = {name: values.shape for name, values in found.items()}
    if key is not None and key not in found:
        raise DataError(f"{path}: key '{key}' is missing; it holds {shapes}")
    if key is None and len(fit) != 1:
        raise DataError(f"{path}: {len(fit)} {needed} in {shapes}; 'key' must name one")
    return fit[0] if key is None else key


def read_matlab(path: Path) -> dict[str, np.ndarray]:
    """The real numeric variables of a MATLAB file by name; others are ignored.

    A DataError if it is no such file, damaged, or larger unpacked than `room`.
    """
    with readable(path, "MATLAB"):
        content = path.read_bytes()
        if content[:8] == b"\x89HDF\r\n\x1a\n" or content[124:126] in (b"\x00\x02", b"\x02\x00"):
            raise ValueError("it is of version 7.3; save it with MATLAB's option '-v7'")
        order = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}.get(content[124:128])
        if order is None:
            raise ValueError("it is not of level 5 (versions 5 to 7)")
        kept = [content[:_HEADER]]
        for kind, data in _unpacked(content, order):
            if kind != _VARIABLE:
                raise ValueError(f"an element of type {kind} where a variable should be")
            if _is_numeric(data, order):
                kept += [struct.pack(f"{order}II", _VARIABLE, len(data)), bytes(data)]
        whole = io.BytesIO(b"".join(kept))
        listed = scipy.io.whosmat(whole)  # type: ignore[arg-type]
        names = {name for name, shape, _ in listed if min(shape) >= 0}
        if len(names) < len(listed):
            raise ValueError(f"duplicate names or shapes below 0 among its variables {listed}")
        found = scipy.io.loadmat(whole, variable_names=list(names))  # type: ignore[arg-type]
        return {name: array for name, array in found.items() if name in names}


def read_pinned(path: Path, name: str) -> np.ndarray:
    """A variable of any class, from a MATLAB file whose digest is pinned."""
    with readable(path, "MATLAB"):
        variable: np.ndarray = scipy.io.loadmat(path, variable_names=[name])[name]
        return variable


def _unpacked(content: bytes, order: str) -> Iterator[tuple[int, memoryview]]:
    left = room(len(content))
    for kind, data in _elements(memoryview(content)[_HEADER:], order):
        if kind != _PACKED:
            yield kind, data
            continue
        stream = zlib.decompressobj()
        inner = stream.decompress(data, left + 1)
        if not stream.eof or len(inner) > left:
            raise ValueError(f"a variable is cut, or larger than {left} bytes unpacked")
        left -= len(inner)
        yield from _elements(memoryview(inner), order)


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and data of each element. Short ones take eight bytes, others are padded to eights."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        start = at + 8
        if kind >> 16:
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
        if start + size > len(data) or (start == at + 4 and size > 4):
            raise ValueError(f"an element of {size} bytes ends beyond the file or its variable")
        yield kind, data[start : start + size]
        at = max(start + size, at + 8)
        at += 0 if kind == _PACKED else -at % 8


def _is_numeric(data: memoryview, order: str) -> bool:
    """Whether a variable holds real numbers; ValueError if it is damaged."""
    parts = list(_elements(data, order))  # flags, shape, name, values
    if len(parts) < 3 or parts[0][0] != 6 or len(parts[0][1]) != 8:
        raise ValueError("a variable lacks its class, shape or name")
    (flags,) = struct.unpack_from(f"{order}I", parts[0][1])
    if flags & 0xFF not in _NUMERIC or flags & (_LOGICAL | _COMPLEX):
        return False
    if len(parts) != 4 or parts[3][0] not in _NUMBERS:
        raise ValueError("a variable has no values, or of a type that it cannot have")
    return True
