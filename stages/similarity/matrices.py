"""Similarity matrices of embeddings."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist, squareform


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
        similarity = -squareform(pdist(x))
    elif kind in ("cosine", "dot", "pearson"):
        if kind == "pearson":
            x = x - x.mean(1, keepdims=True)
        if kind != "dot":
            norm = np.linalg.norm(x, axis=1, keepdims=True)
            x = np.divide(x, norm, out=np.zeros_like(x), where=norm > 0)
        similarity = x @ x.T
        similarity = (similarity + similarity.T) / 2
    else:
        raise ValueError(f"similarity {kind!r}; allowed: cosine, dot, pearson, euclidean")
    scale = np.abs(similarity).max() or 1.0
    rounded: np.ndarray = np.round(similarity / scale, 12) * scale
    return rounded


def pairs(matrix: np.ndarray) -> np.ndarray:
    """The n(n-1)/2 values above the diagonal of a matrix [n, n], or [..., n, n]."""
    i, j = np.triu_indices(matrix.shape[-1], 1)
    return matrix[..., i, j]
