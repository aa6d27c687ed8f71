"""Alignment of a model with people: agreement of similarities over pairs and over triplets."""

from __future__ import annotations

import numpy as np
from scipy.stats import kendalltau, rankdata

from stages.similarity.matrices import pairs

MEASURES = ("pearson", "spearman", "triplet")
_BY_PAIRS = 400  # up to so many stimuli, triplets are compared one by one


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

    Parameters
    ----------
    model, human : [n, n] similarity matrices.

    Raises
    ------
    ValueError
        Shapes differ, fewer than three stimuli, or every human triplet is tied.
    """
    n = len(human)
    if model.shape != (n, n) or human.shape != (n, n) or n < 3:
        raise ValueError(f"similarity matrices of shapes {model.shape} and {human.shape}")
    count = _by_pairs if n <= _BY_PAIRS else _by_ranks
    agreement = decided = 0
    for i in range(n):
        others = np.delete(np.arange(n), i)
        agreed, untied = count(human[i, others], model[i, others])
        agreement += agreed
        decided += untied
    if decided == 0:
        raise ValueError("every triplet is tied in the human data")
    return 0.5 + 0.5 * agreement / decided


def _by_pairs(human: np.ndarray, model: np.ndarray) -> tuple[int, int]:
    """Of one anchor's m similarities: concordant less discordant pairs; pairs not tied in `human`.

    Each unordered pair is counted twice, in both alike. In time and memory of order m².
    """
    sign_h, sign_m = _signs(human), _signs(model)
    agreed = int(np.einsum("jk,jk->", sign_h, sign_m, dtype=np.int64))
    return agreed, int(np.count_nonzero(sign_h))


def _by_ranks(human: np.ndarray, model: np.ndarray) -> tuple[int, int]:
    """The counts of `_by_pairs`, exactly, in time of order m log m.

    Kendall's tau-b is (concordant - discordant) / sqrt(untied in human · untied in model), so that
    the integer above the line comes back from it, with an error far below one half.
    """
    untied_h, untied_m = _untied(human), _untied(model)
    if untied_h == 0 or untied_m == 0:
        return 0, 2 * untied_h
    tau = kendalltau(human, model, method="asymptotic").statistic
    return 2 * round(tau * np.sqrt(untied_h) * np.sqrt(untied_m)), 2 * untied_h


def _untied(row: np.ndarray) -> int:
    """Unordered pairs of different values."""
    counts = np.unique(row, return_counts=True)[1].astype(np.int64)
    return int(len(row) * (len(row) - 1) - (counts * (counts - 1)).sum()) // 2


def _signs(row: np.ndarray) -> np.ndarray:
    return np.sign(row[:, None] - row[None, :]).astype(np.int8)


def triplet_votes(model: np.ndarray, triplets: np.ndarray, votes: np.ndarray) -> float:
    """Agreement with judged triplets "anchor is closer to near than to far".

    Parameters
    ----------
    model : [n, n] similarity matrix.
    triplets : [T, 3] anchor, near, far; votes : [T, 2] for and against, near having the majority.

    Equal votes carry no bit and are left out; a tie in the model counts one half.
    """
    kept = triplets[votes[:, 0] != votes[:, 1]]
    if len(kept) == 0:
        raise ValueError("every judged triplet is tied")
    anchor, near, far = kept.T
    difference = model[anchor, near] - model[anchor, far]
    return float(np.mean(0.5 + 0.5 * np.sign(difference)))
