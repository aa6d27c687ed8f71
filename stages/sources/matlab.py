"""MATLAB files, read by scipy after a check: its compiled reader crashes over damaged ones.

A file of level 5 (versions 5 to 7) is a header and *elements*, each a tag (type, bytes) and data;
a variable is an element of elements. The check unpacks variables, within a limit, and leaves those
that hold real numbers, if their parts are what scipy expects.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy  # scipy.io is imported when used, which few studies do

from stages.sources.guards import readable, room

_HEADER, _VARIABLE, _PACKED = 128, 14, 15
_NUMBERS = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13}  # types of elements; scipy crashes over others
_NUMERIC, _LOGICAL, _COMPLEX = range(6, 16), 0x200, 0x800  # classes of variables, and flags


def read_matlab(path: Path) -> dict[str, np.ndarray]:
    """The real numeric variables of a MATLAB file by name; others are ignored.

    Raises
    ------
    DataError
        Not such a file, damaged, or larger unpacked than `room`.
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


def read_pinned(path: Path, *names: str) -> list[np.ndarray]:
    """Variables of a file whose digest is pinned, of any class."""
    with readable(path, "MATLAB"):
        found = scipy.io.loadmat(path, variable_names=list(names))
        return [found[name] for name in names]


def _unpacked(content: bytes, order: str) -> Iterator[tuple[int, memoryview]]:
    """The elements of a file, unpacked."""
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
