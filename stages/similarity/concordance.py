"""Concordant and discordant pairs of two rows of numbers, counted exactly for many rows at once.

Knight's algorithm (1966, doi:10.1080/01621459.1966.10480879): in the order of the one row, each
discordant pair is an inversion of the other, and merge sort counts inversions in time of order
m log m. Here every row is sorted at once, and each merge is a sort of NumPy's.
"""

from __future__ import annotations

import numpy as np

_RUN = 64  # in runs of at most so many, inversions are counted by comparing all


def concordance(x: np.ndarray, y: np.ndarray) -> tuple[int, int]:
    """Concordant less discordant pairs, summed over rows, and the pairs not tied in y.

    Parameters
    ----------
    x, y : [R, m] values; pairs are of two places in the same row, each counted once.
    """
    order = np.argsort(x, axis=1)
    new_x = _starts(np.take_along_axis(x, order, 1))
    code = np.cumsum(new_x, axis=1)  # the order of x in whole numbers
    y = np.take_along_axis(y, order, 1)
    order = np.argsort(y, axis=1)
    new_y = _starts(np.take_along_axis(y, order, 1))
    # What is tied in y stands by rising x, so that it holds no inversion.
    tie = np.cumsum(new_y, axis=1) * (code.shape[1] + 1)
    code = np.sort(tie + np.take_along_axis(code, order, 1), axis=1) - tie
    rows, m = code.shape
    untied_y = rows * m * (m - 1) // 2 - _tied(new_y)
    untied = untied_y - _tied(new_x) + _tied(new_y | _starts(code))
    return untied - 2 * inversions(code), untied_y


def inversions(x: np.ndarray) -> int:
    """Pairs of places in one row, the first with the larger value; summed over rows.

    Parameters
    ----------
    x : [R, m] whole numbers below 2^30, m at least 1.
    """
    rows, m = x.shape
    merges = max(0, int(np.ceil(np.log2(m / _RUN))))
    length = -(-m // 2**merges)
    runs = np.full((rows, length << merges), x.max() + 1, np.int32)  # what is added comes last
    runs[:, :m] = x
    across = np.ascontiguousarray(runs.reshape(-1, length).T)
    count = sum(int(np.count_nonzero(across[i] > across[i + 1 :])) for i in range(length - 1))
    for _ in range(merges):
        # Two neighbours are sorted together; of equal values those of the left one come first. An
        # element of the left is as many places further back as smaller ones of the right there are.
        halves = 2 * runs.reshape(-1, 2, length)
        halves[:, 1] += 1
        merged = np.sort(halves.reshape(-1, 2 * length), axis=1)
        left = (~merged & 1).sum(0)
        count += int(left @ np.arange(2 * length)) - len(merged) * (length * (length - 1) // 2)
        runs, length = merged >> 1, 2 * length
    return count


def _starts(values: np.ndarray) -> np.ndarray:
    """[R, m] where a row's value is not the one before it; each row's first is."""
    new = np.ones(values.shape, bool)
    np.not_equal(values[:, 1:], values[:, :-1], out=new[:, 1:])
    return new


def _tied(new: np.ndarray) -> int:
    """Pairs of equal values in sorted rows, from where new values start."""
    same = np.flatnonzero(~new)  # as the value before
    last = np.flatnonzero(np.diff(same, append=-1) != 1)  # of each tie
    size = np.diff(last, prepend=-1) + 1
    return int((size * (size - 1)).sum()) // 2
