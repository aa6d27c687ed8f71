"""Arrays in the files that people keep them in: CSV, NPY, MATLAB. No pickle."""

from __future__ import annotations

import csv
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.runtime.errors import DataError
from stages.sources.guards import check_npy, readable
from stages.sources.matlab import read_matlab, variables


@dataclass(frozen=True)
class Table:
    """Finite float64 `values`, with the names of rows and columns where the file has them."""

    values: np.ndarray
    rows: list[str] | None = None
    columns: list[str] | None = None


def read_array(path: Path, dimensions: int, key: str | None = None) -> Table:
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
    suffix = path.suffix.lower()
    table = read_csv(path) if suffix == ".csv" else Table(_read_binary(path, dimensions, key))
    values = table.values
    if values.ndim != dimensions or values.dtype.kind not in "fiu" or values.size == 0:
        raise DataError(
            f"{path}: holds {values.dtype} {values.shape}; numbers of {dimensions} dimensions "
            "are needed"
        )
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise DataError(f"{path}: holds {values[bad]} at {bad} (from 0); finite is allowed")
    return Table(values, table.rows, table.columns)


def _read_binary(path: Path, dimensions: int, key: str | None) -> np.ndarray:
    if path.suffix.lower() == ".mat":
        there = variables(path)
        key = key or _only(path, there, dimensions)
        if key not in there:
            raise DataError(f"{path}: key '{key}' is missing; it holds {list(there)}")
        return read_matlab(path, key)[0]
    with readable(path, "NPY"), path.open("rb") as stream:
        if stream.read(4) == b"PK\x03\x04":
            raise DataError(f"{path}: is an NPZ; one array in NPY format is needed")
        stream.seek(0)
        check_npy(stream, path.stat().st_size, str(path))
        stream.seek(0)
        array: np.ndarray = np.load(stream, allow_pickle=False)
    return array


def _only(path: Path, there: dict[str, tuple[int, ...]], dimensions: int) -> str:
    """The variable that can be meant: of so many dimensions, the last two alike."""
    fit = [k for k, s in there.items() if len(s) == dimensions and s[-1] == s[-2] > 1]
    if len(fit) != 1:
        raise DataError(f"{path}: {len(fit)} square variables among {there}; 'key' must name one")
    return fit[0]


def read_csv(path: Path) -> Table:
    """Numbers separated by commas.

    A first line that is not all numbers is a header. A first column holds the rows' names where its
    header is empty, or where it does not begin with a number. Empty lines are passed over.

    Raises
    ------
    DataError
        Names the first line and column that is not a finite number, or the line of another length.
    """
    rows: list[np.ndarray] = []
    names: list[str] | None = None
    with readable(path, "CSV"), path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        lines = ((f"{path}: line {reader.line_num}", row) for row in reader if row)
        top = list(itertools.islice(lines, 1))
        first = top[0][1] if top else []
        header = not all(map(_is_number, first))
        for where, row in lines if header else itertools.chain(top, lines):
            if len(row) != len(first):
                raise DataError(f"{where}: {len(row)} cells, the first line has {len(first)}")
            if not rows and ((header and not first[0].strip()) or not _is_number(row[0])):
                names = []
            if names is not None:
                names.append(row[0].strip())
            rows.append(_numbers(where, row, 0 if names is None else 1))
    if not rows:
        raise DataError(f"{path}: holds no numbers")
    skip = 0 if names is None else 1
    return Table(np.stack(rows), names, [c.strip() for c in first[skip:]] if header else None)


def _numbers(where: str, row: list[str], start: int) -> np.ndarray:
    """The cells of a line as float64, from column `start`."""
    try:
        values = np.array([float(cell) for cell in row[start:]])
    except ValueError:
        values = np.array([np.nan])
    if len(values) and np.isfinite(values).all():
        return values
    for column, cell in enumerate(row[start:], start + 1):
        if not _is_number(cell) or not np.isfinite(float(cell)):
            raise DataError(f"{where}, column {column}: '{cell}' is no finite number")
    raise DataError(f"{where}: holds no numbers")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
