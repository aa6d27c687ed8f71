"""MATLAB files of level 5 (versions 5 to 7): their numbers and texts, read without trust.

They are decoded here, since scipy's compiled reader crashes over damaged ones. Such a file is a
header and *elements*, each a tag (type, bytes) and data; a variable is an element of elements.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import scipy  # scipy.io is imported when used, which few studies do

from stages.runtime.errors import DataError
from stages.runtime.guards import readable, room

_HEADER, _VARIABLE, _PACKED = 128, 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
_NUMBERS |= {12: "i8", 13: "u8"}
"""NumPy's names for the types of elements that hold numbers."""
_CELL, _STRUCT, _CHARACTERS, _NUMERIC = 1, 2, 4, range(6, 16)  # classes of variables
_LOGICAL, _COMPLEX = 0x200, 0x800  # flags of variables


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
    arrays = dict[str, np.ndarray]()
    with readable(path, "MATLAB"):
        for variable in _variables(path):
            values = variable.numbers()
            found = variable.fields() if values is None else {variable.name: values}
            if twice := arrays.keys() & found.keys():
                raise ValueError(f"duplicate names among its variables: {sorted(twice)}")
            arrays |= found
    return arrays


def read_names(path: Path, variable: str) -> list[str]:
    """The texts of a variable, a row of characters each or a cell each; none where it has none."""
    with readable(path, "MATLAB"):
        return [t for found in _variables(path) if found.name == variable for t in found.texts()]


def read_pinned(path: Path, name: str) -> np.ndarray:
    """A variable of any class, from a MATLAB file whose digest is pinned."""
    with readable(path, "MATLAB"):
        variable: np.ndarray = scipy.io.loadmat(path, variable_names=[name])[name]
        return variable


def _variables(path: Path) -> Iterator["_Variable"]:
    """The variables of a file, unpacked within a limit."""
    content = path.read_bytes()
    if content[:8] == b"\x89HDF\r\n\x1a\n" or content[124:126] in (b"\x00\x02", b"\x02\x00"):
        raise ValueError("it is of version 7.3; save it with MATLAB's option '-v7'")
    order = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}.get(content[124:128])
    if order is None:
        raise ValueError("it is not of level 5 (versions 5 to 7)")
    left = room(len(content))
    for outer, packed in _elements(memoryview(content)[_HEADER:], order):
        elements = [(outer, packed)]
        if outer == _PACKED:
            stream = zlib.decompressobj()
            inner = stream.decompress(packed, left + 1)
            if not stream.eof or len(inner) > left:
                raise ValueError(f"a variable is cut, or larger than {left} bytes unpacked")
            left -= len(inner)
            elements = list(_elements(memoryview(inner), order))
        for kind, data in elements:
            if kind != _VARIABLE:
                raise ValueError(f"an element of type {kind} where a variable should be")
            yield _Variable(data, order)


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


class _Variable:
    """A variable; ValueError where it is damaged."""

    def __init__(self, data: memoryview, order: str) -> None:
        parts = list(_elements(data, order))  # flags, shape, name, and its content
        if len(parts) < 3 or parts[0][0] != 6 or len(parts[0][1]) != 8:
            raise ValueError("a variable lacks its class, shape or name")
        (_, flags), (_, self._shape), (_, name), *self.content = parts
        (self.flags,) = struct.unpack_from(f"{order}I", flags)
        self.order, self.kind, self.name = order, self.flags & 0xFF, bytes(name).decode("latin-1")

    def shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = tuple(np.frombuffer(self._shape, f"{self.order}i4").tolist())
        if min(shape, default=0) < 0:
            raise ValueError(f"shapes below 0: {shape}")
        return shape

    def numbers(self) -> np.ndarray | None:
        """Its values, where they are real numbers."""
        if self.kind not in _NUMERIC or self.flags & (_LOGICAL | _COMPLEX):
            return None
        if len(self.content) != 1 or self.content[0][0] not in _NUMBERS:
            raise ValueError("a variable has no values, or of a type that it cannot have")
        ((kind, data),) = self.content
        return np.frombuffer(data, self.order + _NUMBERS[kind]).reshape(self.shape(), order="F")

    def texts(self) -> list[str]:
        """The rows of a matrix of characters, or those of each cell, without spaces around."""
        if self.kind == _CELL:
            cells = [_Variable(data, self.order) for _, data in self.content if len(data)]
            return [text for cell in cells for text in cell.texts()]
        if self.kind != _CHARACTERS:
            return []
        ((kind, content),), (rows, columns) = self.content, self.shape()
        utf16 = "utf-16-le" if self.order == "<" else "utf-16-be"
        text = bytes(content).decode(utf16 if kind in (4, 17) else "utf-8")
        if len(text) != rows * columns:
            raise ValueError(f"{len(text)} characters in a matrix of {rows} x {columns}")
        return [text[row::rows].strip() for row in range(rows)]

    def fields(self) -> dict[str, np.ndarray]:
        """The fields of a struct array that hold real numbers only, each stacked.

        Its content: the length of a field's name, all these names, and the variables, which have no
        names; element by element, each with its fields in order.
        """
        if self.kind != _STRUCT:
            return {}
        (_, length), (_, names), *values = self.content
        (size,) = struct.unpack_from(f"{self.order}i", length)
        count, found = len(names) // size, dict[str, np.ndarray]()
        for k in range(count):
            name = bytes(names[k * size : (k + 1) * size]).partition(b"\0")[0].decode("latin-1")
            own = [_Variable(data, self.order).numbers() for _, data in values[k::count] if data]
            stack = [np.squeeze(one) for one in own if one is not None]
            if len(stack) == len(values[k::count]) and len({one.shape for one in stack}) == 1:
                found[f"{self.name}.{name}"] = np.stack(stack) if len(stack) > 1 else stack[0]
        return found
