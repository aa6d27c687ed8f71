"""Judgments put in the order of the images that they are about, and made symmetric.

What was decided or is missing is told in sentences, for provenance and the report.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stages.runtime.errors import DataError
from stages.sources.arrays import NamedArray
from stages.sources.names import Order, in_order, match, one_each

if TYPE_CHECKING:
    import pandas as pd

Placed = tuple[np.ndarray, list[str]]
"""A matrix [n, n] in the images' order, and sentences on how it was read."""


def symmetric(where: str, placed: Placed, dissimilarity: bool) -> Placed:
    """Similarities in the images' order, exactly symmetric, NaN where nobody judged.

    Of two directions that differ the mean is taken, of one alone that one; where all of one
    triangle is 0 or missing, the other is taken. Dissimilarities d become 1 - d, as for the 92
    objects; no measure depends on the constant.
    """
    matrix, notes = placed
    below, off = np.tri(len(matrix), k=-1, dtype=bool), ~np.eye(len(matrix), dtype=bool)
    for one, other in ((below, below.T), (below.T, below)):
        if (matrix[one] == 0).all() and (np.nan_to_num(matrix[other]) != 0).any():
            matrix, notes = np.where(one, np.nan, matrix), [*notes, "a triangle of 0 alone: empty"]
    matrix = np.where(np.isnan(matrix), matrix.T, matrix)
    apart = np.abs(matrix - matrix.T)[below] > 1e-9 * np.nanmax(np.abs(matrix), initial=0)
    if apart.any():
        notes = [*notes, f"{apart.sum()} of {apart.size} pairs differ by direction: their mean"]
    matrix = (matrix + matrix.T) / 2
    judged = off & ~np.isnan(matrix)
    highest, lowest = (np.where(judged, matrix, end) for end in (-np.inf, np.inf))
    if not (highest.max(1) > lowest.min(1)).any():  # for any image
        same = judged.any() and highest.max() == lowest.min()
        every = f"every pair has {highest.max()}" if same else "no image is in two judged pairs"
        raise DataError(f"{where}: {every}, so that nothing agrees with it")
    return 1 - matrix if dissimilarity else matrix, notes


def missing(matrix: np.ndarray) -> list[str]:
    """A sentence on the pairs that nobody judged, if there are any."""
    judged = ~np.isnan(matrix) & ~np.eye(len(matrix), dtype=bool)
    each = judged.sum(1)  # image's pairs
    pairs, triplets = each.sum() // 2, (each * (each - 1) // 2).sum()
    every = math.comb(len(each), 2)
    told = f"{every - pairs} of {every} pairs were judged by nobody; measures are over the other "
    return [f"{told}{pairs} and their {triplets} triplets"] if pairs < every else []


def ordered(array: NamedArray, path: Path, images: list[str], order: Order) -> dict[str, Placed]:
    """The matrices [P, n, n] of a file, rows and columns in the images' order; and how matched."""
    rows, columns = array.rows or array.columns, array.columns or array.rows
    (down, how), (across, too) = (
        places_of(names, images, order, str(path), what)
        for names, what in ((rows, "row"), (columns, "column"))
    )
    notes = [*array.notes, how if how == too else f"rows: {how}; columns: {too}"]
    at = np.ix_(np.argsort(down), np.argsort(across))
    if len(array.values) == 1:
        return {str(path): (array.values[0][at], notes)}
    return {f"{path}: participant {i}": (m[at], notes) for i, m in enumerate(array.values, 1)}


def places_of(
    names: Sequence[str], images: list[str], order: Order, where: str, what: str
) -> tuple[np.ndarray, str]:
    """The image of each row or column, each image once."""
    if not names:
        return in_order(images, order, where)
    found, how = match(names, images, lambda i: f"{where}: {what} {i} (from 0)", order)
    return one_each(found, images, f"{where}: {what}s"), how


def looked_up(
    path: Path, cells: pd.DataFrame, images: Sequence[str], order: Order
) -> tuple[np.ndarray, str]:
    """Cells as indices of images."""

    def at(i: int) -> str:
        row, column = divmod(i, cells.shape[1])
        return f"{path}: line {cells.index[row]}: {cells.columns[column]}"

    places, how = match(cells.map(str.strip).to_numpy().ravel().tolist(), images, at, order)
    return places.reshape(cells.shape), how
