"""MATLAB files of level 5 (versions 5 to 7): their numbers, read without trust.

scipy's compiled reader crashes over damaged ones, so they are checked first. Such a file is a
header and *elements*, each a tag (type, bytes) and data; a variable is an element of elements. The
check unpacks variables, within a limit, and leaves those that hold real numbers, if their parts are
what scipy expects; the fields of struct arrays that do become variables.
"""

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import scipy  # scipy.io is imported when used, which few studies do

from stages.runtime.errors import DataError
from stages.sources.guards import readable, room

_HEADER, _VARIABLE, _PACKED = 128, 14, 15
_NUMBERS = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13}  # types of elements; scipy crashes over others
_NUMERIC, _LOGICAL, _COMPLEX = range(6, 16), 0x200, 0x800  # classes of variables, and flags
_CELL, _STRUCT, _CHARACTERS = 1, 2, 4  # other classes of variables


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

    A field of a struct array is `<variable>.<field>`, its values stacked, if all have one shape. A
    DataError if it is no such file, damaged, or larger unpacked than `room`.
    """
    with readable(path, "MATLAB"):
        header, order, variables = _opened(path)
        kept, fields = [header], dict[str, list[str]]()
        for data in variables:
            if _is_numeric(data, order):
                kept.append(_variable(data, order))
            for field, values in _fields(data, order):
                fields[field] = [f"field{len(fields)}_{i}" for i in range(len(values))]
                for value, name in zip(values, fields[field], strict=True):
                    kept.append(_variable(value, order, name))
        whole = io.BytesIO(b"".join(kept))
        listed = scipy.io.whosmat(whole)  # type: ignore[arg-type]
        names = {name for name, shape, _ in listed if min(shape) >= 0}
        if len(names) < len(listed):
            raise ValueError(f"duplicate names or shapes below 0 among its variables {listed}")
        found = scipy.io.loadmat(whole, variable_names=list(names))  # type: ignore[arg-type]
        arrays = {name: array for name, array in found.items() if name in names}
        for field, parts in fields.items():
            stack = [np.squeeze(arrays.pop(part)) for part in parts]
            if len({values.shape for values in stack}) == 1:
                arrays[field] = np.stack(stack) if len(stack) > 1 else stack[0]
        return arrays


def read_names(path: Path, variable: str) -> list[str]:
    """The texts of a variable, a row of characters each or a cell each; none where it has none."""
    with readable(path, "MATLAB"):
        _, order, variables = _opened(path)
        for data in variables:
            parts = list(_elements(data, order))
            if bytes(parts[2][1]) == variable.encode():
                cell_array = _class(data, order) == _CELL
                cells = [cell for _, cell in parts[3:]] if cell_array else [data]
                return [text for cell in cells for text in _texts(cell, order)]
    return []


def _texts(data: memoryview, order: str) -> list[str]:
    """The rows of a matrix of characters, without spaces around; none of another variable."""
    if not len(data) or _class(data, order) != _CHARACTERS:
        return []
    _, (_, shape), _, (kind, content) = _elements(data, order)
    rows, columns = struct.unpack(f"{order}2i", shape)
    utf16 = "utf-16-le" if order == "<" else "utf-16-be"
    text = bytes(content).decode(utf16 if kind in (4, 17) else "utf-8")
    if len(text) != rows * columns:
        raise ValueError(f"{len(text)} characters in a matrix of {rows} x {columns}")
    return [text[row::rows].strip() for row in range(rows)]


def _class(data: memoryview, order: str) -> int:
    (_, flags), *_ = _elements(data, order)
    return int(struct.unpack_from(f"{order}I", flags)[0]) & 0xFF


def read_pinned(path: Path, name: str) -> np.ndarray:
    """A variable of any class, from a MATLAB file whose digest is pinned."""
    with readable(path, "MATLAB"):
        variable: np.ndarray = scipy.io.loadmat(path, variable_names=[name])[name]
        return variable


def _opened(path: Path) -> tuple[bytes, str, Iterator[memoryview]]:
    """A file's header, the order of its bytes, and its variables."""
    content = path.read_bytes()
    if content[:8] == b"\x89HDF\r\n\x1a\n" or content[124:126] in (b"\x00\x02", b"\x02\x00"):
        raise ValueError("it is of version 7.3; save it with MATLAB's option '-v7'")
    order = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}.get(content[124:128])
    if order is None:
        raise ValueError("it is not of level 5 (versions 5 to 7)")
    return content[:_HEADER], order, _variables(content, order)


def _variables(content: bytes, order: str) -> Iterator[memoryview]:
    for kind, data in _unpacked(content, order):
        if kind != _VARIABLE:
            raise ValueError(f"an element of type {kind} where a variable should be")
        yield data


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


def _fields(data: memoryview, order: str) -> Iterator[tuple[str, list[memoryview]]]:
    """Each field of a struct array that holds real numbers only: its name, and its variables.

    Parts of a struct array: flags, shape, name, the length of a field's name, all these names, and
    the variables, which have no names; element by element, each with its fields in order.
    """
    parts = [part for _, part in _elements(data, order)]
    if _class(data, order) != _STRUCT:
        return
    (size,) = struct.unpack_from(f"{order}i", parts[3])
    names = [bytes(parts[4][i : i + size]) for i in range(0, len(parts[4]), size)]
    for k, field in enumerate(names):
        values = parts[5 + k :: len(names)]
        if values and all(len(value) and _is_numeric(value, order) for value in values):
            name = b".".join((bytes(parts[2]), field.partition(b"\0")[0]))
            yield name.decode("ascii"), values


def _variable(data: memoryview, order: str, name: str = "") -> bytes:
    """A variable as an element of a file; with a name, where it has none."""
    if name:
        parts = list(_elements(data, order))
        parts[2] = (1, memoryview(name.encode()))
        padded = [
            struct.pack(f"{order}II", kind, len(part)) + bytes(part) + bytes(-len(part) % 8)
            for kind, part in parts
        ]
        data = memoryview(b"".join(padded))
    return struct.pack(f"{order}II", _VARIABLE, len(data)) + bytes(data)
