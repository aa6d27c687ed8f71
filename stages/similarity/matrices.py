"""Similarity matrices: of embeddings, and of people's distributions over categories."""

import numpy as np
import scipy  # its parts are imported when used


def raw(embedding: np.ndarray) -> np.ndarray:
    """Features [n, D] as they are, as in the paper."""
    return embedding


def centred(embedding: np.ndarray) -> np.ndarray:
    """Features [n, D] without their mean over the n stimuli.

    Mean-pattern subtraction (Walther et al. 2016, doi:10.1016/j.neuroimage.2015.12.012).
    """
    x = np.asarray(embedding, np.float64)
    return np.asarray(x - x.mean(0))


def zscored(embedding: np.ndarray) -> np.ndarray:
    """Features [n, D], each with mean 0 and standard deviation 1 over the n stimuli.

    So that no few dimensions rule the cosine (Timkey & van Schijndel 2021,
    doi:10.18653/v1/2021.emnlp-main.372). A dimension that is the same for all stimuli is 0.
    """
    x = centred(embedding)
    scale = x.std(0)
    return np.divide(x, scale, out=np.zeros_like(x), where=scale > 1e-12 * np.abs(x).max())


FEATURES = {"raw": raw, "centred": centred, "zscored": zscored}
"""What may be done to features, over the stimuli of a set, before they are compared."""


def similarity_matrix(embedding: np.ndarray, kind: str = "cosine") -> np.ndarray:
    """Pairwise similarities of stimuli.

    embedding : [n, D]; ValueError where it has another shape or values that are not finite.
    kind : cosine; dot; pearson (correlation over dimensions); euclidean (negative distance);
    ValueError for others. A row of zeros has cosine and Pearson similarity 0 to all others.

    Returns [n, n] float64, exactly symmetric, rounded to 12 digits of its largest value:
    differences that are only rounding count as ties.
    """
    x = np.ascontiguousarray(embedding, np.float64)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise ValueError(f"an embedding must be finite and [n, D]; got shape {x.shape}")
    if kind == "euclidean":
        similarity = scipy.spatial.distance.squareform(scipy.spatial.distance.pdist(x))
        np.negative(similarity, out=similarity)
    elif kind in ("cosine", "dot", "pearson"):
        if kind == "pearson":
            x = x - x.mean(1, keepdims=True)
        if kind != "dot":
            norm = np.linalg.norm(x, axis=1, keepdims=True)
            x = np.divide(x, norm, out=np.zeros_like(x), where=norm > 0)
        similarity = x @ x.T  # NumPy computes one triangle of it and copies it to the other
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
    return np.concatenate([matrix[..., i, i + 1 :] for i in range(matrix.shape[-1])], axis=-1)


def label_similarity(labels: np.ndarray, measure: str) -> np.ndarray:
    """Pairwise similarity of people's distributions over categories (soft labels).

    labels : [n, K] rows that are distributions.
    measure : hellinger (the Hellinger affinity or Bhattacharyya coefficient, the sum over
    categories of sqrt(p_i p_j)); cosine; jensen_shannon (1 - the Jensen-Shannon divergence in bits;
    Lin 1991, doi:10.1109/18.61115); ValueError for others.

    Returns [n, n] float64 in [0, 1], symmetric and rounded as by `similarity_matrix`.
    """
    p = np.asarray(labels, np.float64)
    if measure == "hellinger":
        return similarity_matrix(np.sqrt(p), "dot")
    if measure == "cosine":
        return similarity_matrix(p, "cosine")
    if measure != "jensen_shannon":
        raise ValueError(f"{measure!r}; allowed: hellinger, cosine, jensen_shannon")
    entr = scipy.special.entr
    similarity, own = np.empty((len(p), len(p))), entr(p).sum(1)
    for i in range(len(p)):  # JSD = H((p_i + p_j) / 2) - H(p_i) / 2 - H(p_j) / 2
        nats = entr((p[i] + p[i:]) / 2).sum(1) - (own[i] + own[i:]) / 2
        similarity[i, i:] = similarity[i:, i] = 1 - np.clip(nats / np.log(2), 0, 1)
    return np.round(similarity, 12, out=similarity)
