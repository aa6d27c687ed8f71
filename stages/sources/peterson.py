"""The similarity sets of the paper, by Peterson, Abbott & Griffiths (2018, doi:10.1111/cogs.12670).

Animals is published; the other five are given by their authors on request. A set is 120 images,
whose sorted file names give the order, and a MATLAB file: one 120 x 120 matrix of mean ratings from
0 to 10 under a key that contains "sim", or a table of ratings, [R, 3] of i, j (from 1) and rating.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stages.runtime.errors import DataError, UsageError
from stages.runtime.source import file_digest
from stages.sources.folders import SUFFIXES, read_images, zipped_images
from stages.sources.guards import readable
from stages.sources.human import Judgments, read_matrix_set, stimulus_files
from stages.sources.matlab import read_matlab, variables

N = 120
SCALE = 10
CITATION = "Peterson, Abbott & Griffiths 2018, doi:10.1111/cogs.12670"


def requested_files(spec: Mapping[str, Any], prefix: str = "") -> tuple[Path, list[Path]]:
    """The MATLAB file of a requested set, and its images in order.

    Raises
    ------
    UsageError
        Something is missing; says what, where it goes, whom to ask, and how to go on without.
    DataError
        A file that is neither, or more than one MATLAB file.
    """
    folder = Path(spec["folder"] or f"studies/files/requested/{spec['category']}")
    found = [p for p in folder.iterdir() if p.name[0] != "."] if folder.is_dir() else []
    matrices = sorted(path for path in found if path.suffix.lower() == ".mat")
    images = sorted(path for path in found if path.suffix.lower() in SUFFIXES)
    missing = []
    if not matrices:
        missing.append("a MATLAB file (.mat)")
    if len(images) < N:
        missing.append(f"{N - len(images)} of {N} images")
    if missing:
        raise UsageError(
            f"{prefix}requested '{spec['category']}': {folder} lacks {' and '.join(missing)}: "
            f"ask the authors of {CITATION}, for the 120 x 120 matrix of mean ratings 0 to 10 (a "
            "key that contains 'sim') and the images (sorted names give the order); "
            "stimuli.exclude in params.yaml goes on without"
        )
    others = sorted(set(found) - set(matrices) - set(images))
    if others or len(matrices) > 1 or len(images) > N:
        raise DataError(
            f"{folder}: one .mat and {N} images are allowed; holds {len(matrices)} .mat, "
            f"{len(images)} images{f', and {others[0].name}' if others else ''}"
        )
    return matrices[0], images


def read_requested(spec: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of a requested stimulus set."""
    path, images = requested_files(spec)
    judgments = Judgments(N, similarity=read_ratings(path, spec["key"])).check(str(path))
    provenance = {
        "source": "requested",
        "simulated": False,
        "files": {path.as_posix(): f"sha256:{file_digest(path)}"},
        "images": images[0].parent.as_posix(),
        "citation": [CITATION],
        "judged by": "people, mean ratings 0 to 10",
    }
    return stimulus_files(read_images(images), judgments, provenance)


def read_ratings(path: Path, key: str | None = None) -> np.ndarray:
    """[120, 120] mean ratings from a set's MATLAB file.

    Without a `key`, the variable `simMatrix`, else the only square one whose name contains "sim",
    else the only table [R, 3].

    Raises
    ------
    DataError
        No such variable or more than one, ratings beyond 0 to 10, or pairs without a rating.
    """
    there = variables(path)
    square = [k for k, s in there.items() if s == (N, N) and "sim" in k.lower()]
    exact = [k for k in square if k.lower() == "simmatrix"]
    tables = [k for k, s in there.items() if len(s) == 2 and s[1] == 3]
    fit = [key] if key else exact or square or tables
    if len(fit) != 1 or there.get(fit[0]) is None:
        raise DataError(
            f"{path}: holds {there}; needed is {f'{key!r}' if key else 'one'}: {N} x {N}, with "
            f"'sim' in its name, or a table [R, 3]{'' if key else '; key may name it'}"
        )
    values = read_matlab(path, fit[0])[0].astype(np.float64)
    where = f"{path}: {fit[0]}"
    if values.shape != (N, N):
        values = from_table(values, N, where)
    bad = ~((values >= 0) & (values <= SCALE))  # NaN is bad as well
    if bad.any():
        i, j = (int(k) for k in np.argwhere(bad)[0])
        raise DataError(f"{where}: {values[i, j]} at ({i}, {j}); 0 to {SCALE} is allowed")
    return values


def from_table(table: np.ndarray, n: int, where: str) -> np.ndarray:
    """A matrix of mean ratings from a table of ratings.

    Parameters
    ----------
    table : [R, 3] i and j from 1, and a rating; either order of a pair, repeats are averaged.

    Returns
    -------
    [n, n] symmetric. A stimulus that is not rated with itself has the top of the scale there, which
    no measure reads.

    Raises
    ------
    DataError
        Not such a table, stimuli beyond 1..n, or a pair without a rating.
    """
    if table.ndim != 2 or table.shape[1] != 3 or len(table) == 0:
        raise DataError(f"{where}: shape {table.shape}; [R, 3] of i, j, rating is needed")
    ends = table[:, :2]
    wrong = ~((ends >= 1) & (ends <= n) & (ends == np.round(ends))).all(1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(f"{where}: row {row + 1} is {table[row].tolist()}; i, j in 1..{n} allowed")
    i, j = ends.astype(np.int64).T - 1
    low, high = np.minimum(i, j), np.maximum(i, j)
    total, count = np.zeros((n, n)), np.zeros((n, n), np.int64)
    np.add.at(total, (low, high), table[:, 2])
    np.add.at(count, (low, high), 1)
    absent = np.argwhere(np.triu(count == 0, 1))
    if len(absent):
        a, b = absent[0] + 1
        raise DataError(f"{where}: {len(absent)} pairs have no rating, the first is ({a}, {b})")
    mean = np.divide(total, count, out=np.zeros((n, n)), where=count > 0)
    matrix: np.ndarray = np.triu(mean, 1) + np.triu(mean, 1).T
    own = np.where(np.diag(count) > 0, np.diag(mean), SCALE)
    np.fill_diagonal(matrix, own)
    return matrix


def read_animals(ratings: Path, archive: Path) -> tuple[dict[str, bytes], Judgments]:
    """The 120 animals: images by file name, in the matrix's order, and judgments.

    No digest of the archive is published, so that its content is checked: 120 images and nothing
    else. Sorted names give the order, except where the file names hold the numbers by which the
    matrix's file calls its images (`animals_big_idx`): then these do.

    Raises
    ------
    DataError
        The archive holds something else, or numbers that are neither the matrix's nor in order.
    """
    try:
        images = zipped_images(archive, N)
        (called,) = read_matlab(ratings, "animals_big_idx")
        with readable(ratings, "numbers of images"):
            order = called.ravel().astype(int).tolist()
        images = _numbered(images, order, archive)
    except DataError as error:
        raise DataError(f"{error}; if it is an earlier download, delete it to try again") from error
    return images, read_matrix_set(ratings)


def _numbered(images: dict[str, bytes], called: list[int], archive: Path) -> dict[str, bytes]:
    """Images in the order of the matrix's numbers, renamed to sort so, where names hold them."""
    digits = {name: re.findall(r"\d+", Path(name).stem) for name in images}
    if any(len(runs) != 1 for runs in digits.values()):
        return images
    numbers = {name: int(runs[0]) for name, runs in digits.items()}
    if sorted(numbers.values()) == sorted(called):
        by_number = {number: name for name, number in numbers.items()}
        return {
            f"{i:03d}-{by_number[number]}": images[by_number[number]]
            for i, number in enumerate(called)
        }
    if list(numbers.values()) != sorted(numbers.values()):
        raise DataError(f"{archive}: images are numbered, but not as the matrix calls them")
    return images
