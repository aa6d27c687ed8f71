"""Arrays in the files that people keep them in: CSV, NPY, MATLAB. No pickle."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stages.runtime.errors import DataError
from stages.sources.guards import check_npy, readable
from stages.sources.matlab import read_matlab


@dataclass(frozen=True)
class NamedArray:
    """Finite float64 `values`, with the names of rows and columns where the file has them."""

    values: np.ndarray
    rows: list[str] | None = None
    columns: list[str] | None = None


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
    suffix = path.suffix.lower()
    if suffix == ".csv":
        array = read_csv(path)
    else:
        array = NamedArray(_matlab(path, dimensions, key) if suffix == ".mat" else _npy(path))
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


def _matlab(path: Path, dimensions: int, key: str | None) -> np.ndarray:
    """A variable by its key, or the only one of so many dimensions whose last two are equal."""
    found = read_matlab(path)
    fit = [k for k, v in found.items() if v.ndim == dimensions and v.shape[-1] == v.shape[-2] > 1]
    if key is None and len(fit) != 1:
        shapes = {name: array.shape for name, array in found.items()}
        raise DataError(f"{path}: {len(fit)} square variables in {shapes}; 'key' must name one")
    if key is not None and key not in found:
        raise DataError(f"{path}: key '{key}' is missing; it holds {list(found)}")
    return found[key or fit[0]]


def _npy(path: Path) -> np.ndarray:
    with readable(path, "NPY"), path.open("rb") as stream:
        if stream.read(4) == b"PK\x03\x04":
            raise DataError(f"{path}: is an NPZ; one array in NPY format is needed")
        stream.seek(0)
        check_npy(stream, path.stat().st_size, str(path))
        stream.seek(0)
        array: np.ndarray = np.load(stream, allow_pickle=False)
    return array


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
    names = [row[0] for _, row in body] if named else None
    return NamedArray(values, names, first[named:] if header else None)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
