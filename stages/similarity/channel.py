"""The triplet channel: what one answer is worth when a known share of the answers is flipped."""

from __future__ import annotations

import numpy as np
from scipy.special import entr


def capacity(epsilon: np.ndarray | float) -> np.ndarray:
    """C_ε = 1 + ε log2 ε + (1 − ε) log2(1 − ε), in bits an answer (Proposition 3.8).

    epsilon : probability, of any shape, that an answer is flipped; ValueError outside [0, 1]. C is
    symmetric about 0.5, where it is 0, so that triplet agreement 1 − ε has the same capacity.
    """
    flipped = np.asarray(epsilon, float)
    if not ((flipped >= 0) & (flipped <= 1)).all():
        raise ValueError(f"a share of triplets is not between 0 and 1: {epsilon}")
    bits: np.ndarray = 1 - (entr(flipped) + entr(1 - flipped)) / np.log(2)
    return np.maximum(bits, 0)


def places(objects: int, dimensions: int) -> int:
    """Most places that n objects in general position divide a space of d dimensions into.

    A place is a set of points with the same n(n−1)/2 answers, which is the same order of distances
    to the objects. Q(n, d) = Q(n − 1, d) + (n − 1) Q(n − 1, d − 1), with Q(1, d) = Q(n, 0) = 1
    (Jamieson & Nowak 2011, arXiv:1109.3701, after Coombs). Its logarithm is of order d log n.
    """
    row = [1] * (dimensions + 1)
    for n in range(2, objects + 1):
        row = [1] + [row[d] + (n - 1) * row[d - 1] for d in range(1, dimensions + 1)]
    return row[dimensions]
