"""Similarity of images from people's distributions over categories (soft labels)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import xlogy

from stages.similarity.matrices import similarity_matrix


def hellinger(p: np.ndarray) -> np.ndarray:
    """Hellinger affinity, the Bhattacharyya coefficient: sum over categories of sqrt(p_i p_j)."""
    return similarity_matrix(np.sqrt(p), "dot")


def cosine(p: np.ndarray) -> np.ndarray:
    """Cosine of the two distributions as vectors."""
    return similarity_matrix(p, "cosine")


def jensen_shannon(p: np.ndarray) -> np.ndarray:
    """1 - the Jensen-Shannon divergence in bits: H(p_i)/2 + H(p_j)/2 - H((p_i + p_j)/2) + 1.

    Lin (1991, doi:10.1109/18.61115).
    """
    n = len(p)
    own = _entropy(p)
    similarity = np.empty((n, n))
    for i in range(n):
        divergence = _entropy((p[i] + p[i:]) / 2) - (own[i] + own[i:]) / 2
        similarity[i, i:] = similarity[i:, i] = 1 - np.clip(divergence, 0, 1)
    np.round(similarity, 12, out=similarity)
    return similarity


def _entropy(p: np.ndarray) -> np.ndarray:
    """Entropy of each row in bits; 0 log 0 is 0."""
    bits: np.ndarray = -xlogy(p, p).sum(-1) / np.log(2)
    return bits


LABEL_MEASURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "hellinger": hellinger,
    "cosine": cosine,
    "jensen_shannon": jensen_shannon,
}


def label_similarity(labels: np.ndarray, measure: str) -> np.ndarray:
    """Pairwise similarity of distributions.

    Parameters
    ----------
    labels : [n, K] rows that are distributions. measure : a name of `LABEL_MEASURES`.

    Returns
    -------
    [n, n] float64 in [0, 1], exactly symmetric, rounded to 12 digits so that differences that are
    only rounding count as ties.
    """
    return LABEL_MEASURES[measure](np.asarray(labels, np.float64))
