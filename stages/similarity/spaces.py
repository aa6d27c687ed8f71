"""Triplet-based representation spaces and how far two of them disagree, by their definitions.

The definitions of Sucholutsky & Griffiths (2023), Section 3, taken literally; what the stages
compute is tested against them. `measures.triplet` is the same quantity for people's judgments,
where ties are common and carry no bit, and is quicker.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def representation_space(similarity: np.ndarray) -> np.ndarray:
    """S(x) of Definition 3.2 as the binary vector of Remark 3.3.

    Parameters
    ----------
    similarity : [n, n], larger is closer; only comparisons within a row count.

    Returns
    -------
    [n(n−1)(n−2)/2] booleans: for each anchor i and each pair j < k of others, in that order,
    whether i is closer to j than to k. A tie is False.

    Raises
    ------
    ValueError
        Not a square matrix of at least three objects.
    """
    n = len(similarity)
    if similarity.shape != (n, n) or n < 3:
        raise ValueError(f"a similarity matrix [n, n] with n >= 3, not {similarity.shape}")
    j, k = np.triu_indices(n - 1, 1)
    rows = (np.delete(similarity[i], i) for i in range(n))
    return np.concatenate([row[j] > row[k] for row in rows])


def misalignment(a: np.ndarray, b: np.ndarray) -> float:
    """D_R of Definition 3.5: the share of the triplets that two agents answer differently.

    Parameters
    ----------
    a, b : [n, n] similarity matrices of the two agents. 1 − D_R is their alignment.
    """
    return float(np.mean(representation_space(a) != representation_space(b)))


@dataclass(frozen=True)
class Estimate:
    """An estimate and its standard error."""

    value: float
    se: float


def stochastic_misalignment(
    a: np.ndarray, b: np.ndarray, triplets: int, rng: np.random.Generator
) -> Estimate:
    """D_P of Definition 3.6, estimated from triplets drawn uniformly.

    The paper prints P(equal), which is the alignment; by its Lemma A.4, and by all that follows,
    D_P is the probability that the two answers differ.

    Parameters
    ----------
    a, b : [n, n] similarity matrices of n >= 3 objects. triplets : how many are drawn, with
        replacement; the standard error is that of a share of so many. Either of j and k comes first
        here, so that with ties, which are "no" both ways, D_P need not be D_R.
    """
    n = len(a)
    if a.shape != (n, n) or b.shape != (n, n) or n < 3:
        raise ValueError(f"similarity matrices of shapes {a.shape} and {b.shape}")
    i = rng.integers(n, size=triplets)
    j = (i + rng.integers(1, n, size=triplets)) % n
    k = (i + rng.integers(1, n - 1, size=triplets)) % n
    k = np.where((k - i) % n >= (j - i) % n, (k + 1) % n, k)  # any but i and j
    p = float(np.mean((a[i, j] > a[i, k]) != (b[i, j] > b[i, k])))
    return Estimate(p, float(np.sqrt(p * (1 - p) / triplets)))
