"""Alignment of a model with people: agreement of similarities over pairs and over triplets."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from stages.similarity.concordance import concordance
from stages.similarity.matrices import pairs

_AT_ONCE = 2**16  # values of anchors' rows in memory at once; more run out of a core's cache


def pearson(model: np.ndarray, human: np.ndarray) -> float:
    """Pearson correlation of two similarity matrices [n, n] over their n(n-1)/2 pairs."""
    return _correlation(pairs(model), pairs(human))


def spearman(model: np.ndarray, human: np.ndarray) -> float:
    """Spearman correlation of two similarity matrices [n, n] over their pairs; ties share ranks."""
    return _correlation(rankdata(pairs(model)), rankdata(pairs(human)))


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise ValueError("similarities are all equal: their correlation is undefined")
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)), -1, 1))


def triplet(model: np.ndarray, human: np.ndarray) -> float:
    """Triplet agreement: 1 - D_R of Sucholutsky & Griffiths (2023), Definitions 3.2 and 3.5.

    Over the n(n-1)(n-2)/2 triplets (i, {j, k}) of Remark 3.3, the share on which model and human
    agree which of j and k is closer to i. Triplets tied in the human data carry no bit and are left
    out; a tie in the model counts one half, so a constant embedding scores exactly 0.5.

    model, human : [n, n] similarity matrices. ValueError where shapes differ, there are fewer than
    three stimuli, or every human triplet is tied.
    """
    n = len(human)
    if model.shape != (n, n) or human.shape != (n, n) or n < 3:
        raise ValueError(f"similarity matrices of shapes {model.shape} and {human.shape}")
    agreement = decided = 0
    at_once = max(1, _AT_ONCE // n)
    for start in range(0, n, at_once):
        anchors = slice(start, start + at_once)
        others = np.arange(n) != np.arange(n)[anchors, None]
        rows = (matrix[anchors][others].reshape(-1, n - 1) for matrix in (model, human))
        agreed, untied = concordance(*rows)
        agreement += agreed
        decided += untied
    if decided == 0:
        raise ValueError("every triplet is tied in the human data")
    return 0.5 + 0.5 * agreement / decided


MEASURES = {"pearson": pearson, "spearman": spearman, "triplet": triplet}
"""Agreement of two similarity matrices, by the measure's name."""


def triplet_votes(model: np.ndarray, triplets: np.ndarray, votes: np.ndarray) -> float:
    """Agreement with judged triplets "anchor is closer to near than to far".

    Equal votes carry no bit and are left out; a tie in the model counts one half.

    model : [n, n] similarity matrix. triplets : [T, 3] anchor, near, far.
    votes : [T, 2] for and against, near having the majority.
    """
    kept = triplets[votes[:, 0] != votes[:, 1]]
    if len(kept) == 0:
        raise ValueError("every judged triplet is tied")
    anchor, near, far = kept.T
    difference = model[anchor, near] - model[anchor, far]
    return float(np.mean(0.5 + 0.5 * np.sign(difference)))
