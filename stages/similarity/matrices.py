"""Similarity matrices of embeddings."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist, squareform

_ROWS = 256  # rows that are made symmetric at a time


def similarity_matrix(embedding: np.ndarray, kind: str = "cosine") -> np.ndarray:
    """Pairwise similarities of stimuli.

    Parameters
    ----------
    embedding : [n, D].
    kind : ``cosine``; ``dot``; ``pearson`` (correlation over dimensions); ``euclidean`` (negative
        distance).

    Returns
    -------
    [n, n] float64, exactly symmetric, rounded to 12 digits of its largest value: differences that
    are only rounding count as ties.

    Raises
    ------
    ValueError
        Not [n, D], or values that are not finite. A row of zeros has cosine and Pearson similarity
        0 to all others.
    """
    x = np.asarray(embedding, np.float64)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise ValueError(f"an embedding must be finite and [n, D]; got shape {x.shape}")
    if kind == "euclidean":
        similarity = squareform(pdist(x))
        np.negative(similarity, out=similarity)
    elif kind in ("cosine", "dot", "pearson"):
        if kind == "pearson":
            x = x - x.mean(1, keepdims=True)
        if kind != "dot":
            norm = np.linalg.norm(x, axis=1, keepdims=True)
            x = np.divide(x, norm, out=np.zeros_like(x), where=norm > 0)
        similarity = x @ x.T
        for start in range(0, len(x), _ROWS):
            upper, lower = (
                similarity[start : start + _ROWS, start:],
                similarity[start:, start : start + _ROWS],
            )
            mean = (upper + lower.T) / 2
            upper[:], lower[:] = mean, mean.T
    else:
        raise ValueError(f"similarity {kind!r}; allowed: cosine, dot, pearson, euclidean")
    # In place, since [n, n] of 10 000 stimuli is 0.8 GB.
    scale = max(similarity.max(), -similarity.min()) or 1.0
    similarity /= scale
    np.round(similarity, 12, out=similarity)
    similarity *= scale
    return similarity


def pairs(matrix: np.ndarray) -> np.ndarray:
    """The n(n-1)/2 values above the diagonal of a matrix [n, n], or [..., n, n]."""
    n = matrix.shape[-1]
    if matrix.ndim == 2 and n > 1:  # as below, without the memory for the indices
        return np.concatenate([matrix[i, i + 1 :] for i in range(n - 1)])
    i, j = np.triu_indices(n, 1)
    return matrix[..., i, j]
