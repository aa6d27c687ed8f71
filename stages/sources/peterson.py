"""Similarity sets in the form of Peterson, Abbott & Griffiths (2018, doi:10.1111/cogs.12670).

A set is 120 images, whose sorted file names give the order, and a MATLAB file: one 120 x 120 matrix
of mean ratings from 0 to 10 under a key that contains "sim", or a table of ratings, [R, 3] of i, j
(from 1) and rating. Animals is published; the other five are given by their authors on request.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stages.runtime.errors import DataError, UsageError
from stages.sources.folders import SUFFIXES
from stages.sources.matlab import read_matlab

N = 120
SCALE = 10
CITATION = "Peterson, Abbott & Griffiths 2018, doi:10.1111/cogs.12670"


def requested_files(spec: Mapping[str, Any], prefix: str = "") -> tuple[list[Path], list[Path]]:
    """The MATLAB file of a requested set (a list of one), and its images in order.

    Raises
    ------
    UsageError
        Something is missing; says what, where it goes, whom to ask, and how to go on without.
    DataError
        A file that is neither, or more than one MATLAB file.
    """
    folder = Path(spec["folder"] or f"studies/files/requested/{spec['category']}")
    found = sorted(p for p in folder.iterdir() if p.name[0] != ".") if folder.is_dir() else []
    matrices = [path for path in found if path.suffix.lower() == ".mat"]
    images = [path for path in found if path.suffix.lower() in SUFFIXES]
    missing = [] if matrices else ["a MATLAB file (.mat)"]
    if len(images) < N:
        missing.append(f"{N - len(images)} of {N} images")
    if missing:
        raise UsageError(
            f"{prefix}requested '{spec['category']}': {folder} lacks {' and '.join(missing)}: "
            f"ask the authors of {CITATION}, for the 120 x 120 matrix of mean ratings 0 to 10 (a "
            "key that contains 'sim') and the images (sorted names give the order); "
            "stimuli.exclude in params.yaml goes on without"
        )
    others = [path.name for path in found if path not in matrices + images]
    if others or len(matrices) > 1 or len(images) > N:
        raise DataError(
            f"{folder}: one .mat and {N} images are allowed; holds {len(matrices)} .mat, "
            f"{len(images)} images{f', and {others[0]}' if others else ''}"
        )
    return matrices, images


def read_ratings(path: Path, key: str | None = None) -> np.ndarray:
    """[120, 120] mean ratings from a set's MATLAB file; a DataError if they are not 0 to 10.

    Without a `key`, the variable `simMatrix`, else the only square one whose name contains "sim",
    else the only table [R, 3].
    """
    found = read_matlab(path)
    shapes = {name: array.shape for name, array in found.items()}
    square = [k for k, s in shapes.items() if s == (N, N) and "sim" in k.lower()]
    exact = [k for k in square if k.lower() == "simmatrix"]
    tables = [k for k, s in shapes.items() if len(s) == 2 and s[1] == 3]
    fit = [key] if key else exact or square or tables
    if len(fit) != 1 or fit[0] not in found:
        raise DataError(
            f"{path}: holds {shapes}; needed is {f'{key!r}' if key else 'one'}: {N} x {N}, with "
            f"'sim' in its name, or a table [R, 3]{'' if key else '; key may name it'}"
        )
    values = found[fit[0]].astype(np.float64)
    where = f"{path}: {fit[0]}"
    if values.shape != (N, N):
        values = from_table(values, N, where)
    bad = ~((values >= 0) & (values <= SCALE))  # NaN is bad as well
    if bad.any():
        i, j = np.argwhere(bad)[0].tolist()
        raise DataError(f"{where}: {values[i, j]} at ({i}, {j}); 0 to {SCALE} is allowed")
    return values


def from_table(table: np.ndarray, n: int, where: str) -> np.ndarray:
    """[n, n] mean ratings from a table of ratings; a DataError if a pair has none.

    A stimulus that is not rated with itself has the top of the scale there, which no measure reads.

    Parameters
    ----------
    table : [R, 3] i and j from 1, and a rating; either order of a pair, repeats are averaged.
    """
    if table.ndim != 2 or table.shape[1] != 3 or len(table) == 0:
        raise DataError(f"{where}: shape {table.shape}; [R, 3] of i, j, rating is needed")
    wrong = ~np.isin(table[:, :2], np.arange(1, n + 1)).all(1)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{where}: row {row + 1} is {table[row].tolist()}; i, j in 1..{n} allowed")
    low, high = np.sort(table[:, :2].astype(np.int64) - 1).T
    total, count = np.zeros((n, n)), np.zeros((n, n))
    np.add.at(total, (low, high), table[:, 2])
    np.add.at(count, (low, high), 1)
    absent = np.argwhere(np.triu(count == 0, 1)) + 1
    if len(absent):
        a, b = absent[0]
        raise DataError(f"{where}: {len(absent)} pairs have no rating, the first is ({a}, {b})")
    mean = np.divide(total, count, out=SCALE * np.eye(n), where=count > 0)
    symmetric: np.ndarray = np.triu(mean) + np.triu(mean, 1).T
    return symmetric
