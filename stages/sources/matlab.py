"""MATLAB files, looked through before scipy reads them: its reader trusts their sizes.

A file of level 5 (versions 5 to 7) is a header and *elements*, each a tag (type, bytes) and data;
a matrix is an element of elements. Those packed are unpacked here, every size is compared with the
bytes that are there, and scipy gets what was looked through: numbers, text, cells and structs.
Variables of other classes (objects, functions, sparse matrices) are left out.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy  # scipy.io is imported when used, which few studies do

from stages.runtime.errors import DataError
from stages.sources.guards import readable, room

_HEADER, _MATRIX, _PACKED = 128, 14, 15
_BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}  # numbers, by type
_TEXT = {1: 1, 2: 1, 4: 2, 16: 1, 17: 2, 18: 4}
_CELL, _STRUCT, _CHAR, _NUMBERS, _OPAQUE = 1, 2, 4, range(6, 16), 17
_COMPLEX = 0x800
_DEPTH = 16
Element = tuple[int, memoryview]


class _OtherClassError(Exception):
    """A variable is of a class that is left out, or has such a member."""


def variables(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the numeric variables of a MATLAB file, by name.

    Raises
    ------
    DataError
        Not such a file, damaged, or larger unpacked than `room`.
    """
    content, _ = _checked(path)
    with readable(path, "MATLAB"):
        found = scipy.io.whosmat(io.BytesIO(content))  # type: ignore[arg-type]
    numeric = ("double", "single", "int", "uint")
    return {str(name): tuple(s) for name, s, kind in found if kind.startswith(numeric)}


def read_matlab(path: Path, *keys: str) -> list[np.ndarray]:
    """Some variables of a MATLAB file.

    Raises
    ------
    DataError
        Not such a file, damaged, larger unpacked than `room`, or a variable is missing.
    """
    content, names = _checked(path)
    for key in keys:
        if key not in names:
            raise DataError(f"{path}: variable '{key}' is missing; it holds {names}")
    with readable(path, "MATLAB"):
        stream = io.BytesIO(content)
        found = scipy.io.loadmat(stream, variable_names=list(keys))  # type: ignore[arg-type]
        return [np.asarray(found[key]) for key in keys]


def _checked(path: Path) -> tuple[bytes, list[str]]:
    """A file's content as scipy may read it, unpacked and every size as it says; its variables."""
    with readable(path, "MATLAB"):
        content = path.read_bytes()
        if content[:8] == b"\x89HDF\r\n\x1a\n" or content[124:126] in (b"\x00\x02", b"\x02\x00"):
            raise ValueError("it is of version 7.3; save it with MATLAB's option '-v7'")
        order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
        if order is None or struct.unpack(f"{order}H", content[124:126]) != (0x0100,):
            raise ValueError("it is not of level 5 (versions 5 to 7)")
        head = content[:116] + bytes(8) + content[124:128]  # no functions' workspace
        kept, names = [head], list[str]()
        for kind, data in _unpacked(content, order):
            if kind != _MATRIX:
                raise ValueError(f"an element of type {kind} stands where a variable should")
            try:
                name = _matrix(data, order, 0)
            except _OtherClassError:
                continue
            if name in names:
                raise ValueError(f"variable '{name}' is there twice")
            names.append(name)
            kept += [struct.pack(f"{order}II", _MATRIX, len(data)), bytes(data)]
        return b"".join(kept), names


def _unpacked(content: bytes, order: str) -> Iterator[Element]:
    """The variables of a file, unpacked."""
    left = room(len(content))
    for kind, data in _elements(memoryview(content)[_HEADER:], order, padded=False):
        if kind != _PACKED:
            yield kind, data
            continue
        stream = zlib.decompressobj()
        inner = stream.decompress(data, left + 1)
        if not stream.eof or len(inner) > left:
            raise ValueError(f"a variable is cut, or larger than {left} bytes unpacked")
        left -= len(inner)
        yield from _elements(memoryview(inner), order)


def _elements(data: memoryview, order: str, padded: bool = True) -> Iterator[Element]:
    """Type and data of each element, padded to eight bytes; short ones have both in eight."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        start = at + 8
        if kind >> 16:
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
            if size > 4:
                raise ValueError(f"a short element has {size} bytes; at most 4 are allowed")
        if start + size > len(data):
            raise ValueError(f"an element of {size} bytes ends beyond the file or its matrix")
        yield kind, data[start : start + size]
        at = max(start + size, at + 8)
        if padded:
            at += -at % 8


def _matrix(data: memoryview, order: str, depth: int) -> str:
    """The name of a matrix whose sizes are as they say."""
    if depth > _DEPTH:
        raise ValueError(f"cells or structs are nested more than {_DEPTH} deep")
    parts = _elements(data, order)
    word = struct.unpack(f"{order}II", _part(next(parts, None), 6, 8))[0]
    kind = word & 0xFF
    if kind == _OPAQUE:  # text as objects, tables, dates: without a shape
        raise _OtherClassError
    shape, name = (_part(next(parts, None), want, None) for want in (5, 1))
    sizes = struct.unpack(f"{order}{len(shape) // 4}i", shape)
    if not 2 <= len(sizes) <= 32 or min(sizes) < 0:
        raise ValueError(f"a variable has shape {sizes}")
    count = math.prod(sizes)
    if kind in _NUMBERS:
        for _ in range(2 if word & _COMPLEX else 1):
            _values(next(parts, None), _BYTES, count)
    elif kind == _CHAR:
        _values(next(parts, None), _TEXT, count, exactly=False)  # UTF-8 has more bytes
    elif kind == _CELL:
        _inner(parts, order, count, depth)
    elif kind == _STRUCT:
        (width,) = struct.unpack(f"{order}i", _part(next(parts, None), 5, 4))
        fields = _part(next(parts, None), 1, None)
        if width <= 0 or len(fields) % width:
            raise ValueError(f"names of fields have {len(fields)} bytes, {width} each")
        if not fields and count > 1:
            raise ValueError(f"a struct of shape {sizes} has no fields")
        _inner(parts, order, count * (len(fields) // width), depth)
    else:
        raise _OtherClassError
    if next(parts, None) is not None:
        raise ValueError("a variable has more elements than its class")
    return bytes(name).decode("latin1")


def _part(element: Element | None, kind: int, size: int | None) -> memoryview:
    if element is None or element[0] != kind or size not in (None, len(element[1])):
        raise ValueError("a variable lacks its class, shape or name")
    return element[1]


def _values(
    element: Element | None, kinds: dict[int, int], count: int, exactly: bool = True
) -> None:
    """Numbers must be as many as the shape says, letters no fewer."""
    if element is None or element[0] not in kinds:
        raise ValueError("a variable has no values, or of a type that it cannot have")
    found, needed = len(element[1]), count * kinds[element[0]]
    if found < needed or (exactly and found > needed):
        raise ValueError(f"a variable of {count} values has {found} bytes")


def _inner(parts: Iterator[Element], order: str, count: int, depth: int) -> None:
    """Members of a cell or struct; one without content is empty."""
    for _ in range(count):
        kind, data = next(parts, (0, memoryview(b"")))
        if kind != _MATRIX:
            raise ValueError("a cell or struct lacks a member")
        if len(data):
            _matrix(data, order, depth + 1)
