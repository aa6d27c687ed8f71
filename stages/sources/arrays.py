"""Numbers about images, in the files that people keep them in: CSV, NPY, MATLAB; never a pickle."""

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.runtime.errors import DataError
from stages.runtime.files import whole_array
from stages.runtime.guards import readable
from stages.runtime.tables import number
from stages.sources.cells import is_missing, is_number, read_cells
from stages.sources.matlab import choose, read_matlab, read_names

_ROW_NAMES = ("", "id", "index", "image", "images", "stimulus", "name", "item", "file", "filename")
"""Headers of a first column that holds the rows' names."""


@dataclass(frozen=True)
class NamedArray:
    """Float64 `values`, NaN where a file has none; names of rows and columns where it has them.

    notes : sentences on what was decided in reading it.
    """

    values: np.ndarray
    rows: Sequence[str] = ()
    columns: Sequence[str] = ()
    notes: Sequence[str] = ()


def read_matrices(path: Path, n: int, key: str | None = None, people: bool = False) -> NamedArray:
    """[P, n, n] matrices about n images from a CSV, NPY or MATLAB file, by its suffix.

    key : variable of a MATLAB file; else the only one with matrices: one, or several of `people`.
    A DataError if the file is malformed, or holds no numbers, infinite ones or other shapes.
    """
    if path.suffix.lower() == ".csv":
        array = read_csv(path, n)
    elif path.suffix.lower() == ".mat":
        found = read_matlab(path)
        stacks = {name: stacked(values, n, str(path)) for name, values in found.items()}
        fit = [k for k, (stack, _) in stacks.items() if (len(stack) > 1) == people and len(stack)]
        name = choose(path, found, key, fit, f"variables of judgments of {n} images")
        names = read_names(path, "stimuli")  # as Meadows calls them
        array = NamedArray(found[name], names, notes=[f"variable '{name}'"])
    else:
        array = NamedArray(_npy(path))
    values = _numbers(array.values, path)
    stack, note = stacked(values, n, str(path))
    if len(stack) == 0:
        raise DataError(
            f"{path}: {values.dtype} of shape {values.shape}; {n} stimuli need {(n, n)}, a matrix "
            f"a participant, or {n * (n - 1) // 2} pairs"
        )
    return NamedArray(stack, array.rows, array.columns, [*array.notes, *note])


def read_labels(path: Path, images: Sequence[str]) -> NamedArray:
    """[n, K] numbers about n images from a CSV or NPY file; errors as those of `read_matrices`."""
    n, csv = len(images), path.suffix.lower() == ".csv"
    array = read_csv(path, n, images) if csv else NamedArray(_npy(path))
    if array.values.ndim != 2 or len(array.values) != n or array.values.shape[1] < 2:
        raise DataError(f"{path}: shape {array.values.shape}, need [{n}, K], K > 1")
    return NamedArray(_numbers(array.values, path), array.rows, array.columns, array.notes)


def _numbers(values: np.ndarray, path: Path) -> np.ndarray:
    if values.dtype.kind not in "fiu" or values.size == 0:
        raise DataError(f"{path}: holds {values.dtype} {values.shape}; numbers are needed")
    if np.isinf(values).any():
        bad = tuple(np.argwhere(np.isinf(values))[0].tolist())
        raise DataError(f"{path}: holds {values[bad]} at {bad} (from 0); finite is allowed")
    return values.astype(np.float64)


def stacked(values: np.ndarray, n: int, where: str) -> tuple[np.ndarray, list[str]]:
    """[P, n, n] of [n, n], [P, n, n], [n, n, P] or vectors of pairs, and what was decided.

    A vector, or one a row, holds the pairs (1, 2), (1, 3) ... (2, 3) ..., as pdist of MATLAB and
    SciPy and Meadows' rdmutv do; nobody judged its diagonal. P is 0 for other shapes.
    """
    shape, flat = values.shape, np.squeeze(values)
    if shape == (n, n):
        return values[None], []
    if values.ndim == 3 and (n, n) in (shape[1:], shape[:2]):
        first, last = shape[1:] == (n, n), shape[:2] == (n, n)
        if first and last:  # P is n: matrices are symmetric along one pair of axes only
            first, last = (
                np.array_equal(values, values.transpose(axes), equal_nan=True)
                for axes in ((0, 2, 1), (1, 0, 2))
            )
        if first == last:
            raise DataError(f"{where}: which axis of {shape} is the participants' is not clear")
        return (values, []) if first else (values.transpose(2, 0, 1), ["read as [n, n, P]"])
    if values.ndim < 3 and 0 < flat.ndim < 3 and flat.shape[-1] == n * (n - 1) // 2:
        i, j = np.triu_indices(n, 1)
        stack = np.full((np.size(flat) // len(i), n, n), np.nan)
        stack[:, i, j] = stack[:, j, i] = flat
        return stack, ["a vector of pairs (1, 2), (1, 3) ... (2, 3) ... read as a matrix"]
    return np.empty((0, n, n)), []


def read_csv(path: Path, n: int, labelled: Sequence[str] = ()) -> NamedArray:
    """A table about n images, of any dialect of `read_cells`; a DataError names what is wrong.

    A first line is names where the table has one more than its n rows, a first column where it has
    one more than n. Where rows alone are images, those that are `labelled`, the first column is
    names if it holds no numbers or its header says so; if it may number the images, rows that have
    one sum with it or without decide. Lower triangles may lack their other half.
    """
    (lines, notes), square = read_cells(path, n), not labelled
    rows, at = list(lines.values()), list(lines)
    if not any(is_number(cell) for row in rows for cell in row):
        raise DataError(f"{path}: holds no numbers")
    if {len(row) for row in rows[1:]} == {len(rows[0]) + 1} and not all(map(is_number, rows[0])):
        rows[0] = ["", *rows[0]]  # R writes nothing above the rows' names
    lengths = [len(row) for row in rows]
    if square and lengths in ([*range(1, n + 1)], [*range(1, n)]):
        rows = [[""] * n] * (n - len(rows)) + [row + [""] * (n - len(row)) for row in rows]
        at, notes = [0] * (n - len(at)) + at, [*notes, "lower triangle"]
    for line, row in zip(at, rows, strict=True):
        if len(row) != len(rows[0]):
            raise DataError(
                f"{path}: line {line}: {len(row)} cells, the first line has {len(rows[0])}"
            )
    vector = square and sorted((len(rows), len(rows[0]))) == [1, n * (n - 1) // 2]
    header, labels = (0, 0) if vector else (len(rows) - n, square * (len(rows[0]) - n))
    words = len(rows[0]) > 1 and all(cell and not is_number(cell) for cell in rows[0][1:])
    if header not in (0, 1) or labels not in (0, 1) or header < words:
        raise DataError(
            f"{path}: {len(rows)} lines of {len(rows[0])} cells; {n} stimuli need {n} lines"
            f"{f' of {n} numbers' if square else ''}, with or without names before them"
        )
    if not square:
        labels, decided = _first_column(path, rows, bool(header), labelled)
        notes = [*notes, *decided]
    values = np.array([[number(cell) for cell in row[labels:]] for row in rows[header:]])
    for i, j in np.argwhere(~np.isfinite(values)):
        if not is_missing(cell := rows[i + header][j + labels]):
            place = f"line {at[i + header]}, column {j + labels + 1}"
            raise DataError(f"{path}: {place}: '{cell}' is not a finite number")
    what = " and ".join(["first line"] * header + ["first column"] * labels)
    notes = [*notes, f"{what} read as names"] if what and square else notes
    names = [row[0] for row in rows[header:]] if labels else []
    return NamedArray(values, names, rows[0][labels:] if header else [], notes)


def _first_column(
    path: Path, rows: list[list[str]], header: bool, images: Sequence[str]
) -> tuple[int, list[str]]:
    """Whether the first column of a table of labels (1 or 0) holds the rows' names, and why."""
    first = [row[0] for row in rows[header:]]
    if not all(map(is_number, first)) or (header and rows[0][0].casefold() in _ROW_NAMES):
        return 1, ["first column read as names"]
    numbers, known = set(map(float, first)), map(int, re.findall("[0-9]+", " ".join(images)))
    counting = [{*range(start, start + len(first))} for start in (0, 1)]
    if len(numbers) < len(first) or not (numbers in counting or numbers <= {*known}):
        return 0, []
    values = [[number(cell) for cell in row] for row in rows[header:]]
    with_it, without = (np.sum([row[k:] for row in values], 1) for k in (0, 1))
    if len(rows[0]) > 2 and np.allclose(without, without[0]):
        return 1, ["first column read as names: rows of the others have one sum"]
    if np.allclose(with_it, with_it[0]):
        return 0, ["first column read as data: rows have one sum with it"]
    raise DataError(
        f"{path}: the first column, {', '.join(first[:4])} ..., may number the images or be data; "
        "write file names there, or put another column first"
    )


def _npy(path: Path) -> np.ndarray:
    with readable(path, "NPY"), path.open("rb") as stream:
        if zipfile.is_zipfile(path):
            raise DataError(f"{path}: is an NPZ; one array in NPY format is needed")
        return whole_array(stream, str(path))
