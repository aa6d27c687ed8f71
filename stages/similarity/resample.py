"""Bootstrap over stimuli: how much a model's alignment would vary with other stimuli of the kind.

A resample draws n of n stimuli with replacement; w holds how often each was drawn. Two copies of
one stimulus are no pair (their similarity is known beforehand, and would make any two matrices
agree), so that a pair has weight w_i w_j, a triplet w_i w_j w_k, and none where it names a stimulus
twice, as in Schütt et al. (2023, doi:10.7554/eLife.82566). Every function returns, for each
resample, what the function of its name in `measures` returns for the resampled matrices without
such pairs; NaN where that is undefined.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from stages.similarity.matrices import pairs

LARGEST = 400
"""Up to so many stimuli matrices are resampled: time grows with the cube of their number."""
UNDEFINED = 0.05
"""With a larger share of undefined resamples there is no standard error."""
_AT_ONCE = 32  # resamples whose pairs are in memory at once; more run out of a core's cache
_CANCELLED = 1e-3  # below this share of its mean square, a variance is computed pair by pair


def multiplicities(n: int, bootstraps: int, rng: np.random.Generator) -> np.ndarray:
    """[B, n] how often each of n stimuli is drawn in each of B resamples; rows sum to n."""
    return rng.multinomial(n, np.full(n, 1 / n), bootstraps)


def standard_error(values: np.ndarray) -> float | None:
    """Standard deviation of a statistic over resamples [B], those left out where it is undefined.

    None where more than `UNDEFINED` of them are: what is left would be a choice of resamples.
    """
    defined = values[np.isfinite(values)]
    if len(values) - len(defined) > UNDEFINED * len(values) or len(defined) < 2:
        return None
    return float(defined.std(ddof=1))


def pearson(model: np.ndarray, human: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Pearson correlation over the pairs of each resample.

    Moments are quadratic forms: the weighted sum of a matrix M's values is w'Mw / 2 (M with a zero
    diagonal), so that all resamples take one matrix product a moment.

    Parameters
    ----------
    model, human : [n, n] similarity matrices. w : [B, n] multiplicities.

    Returns
    -------
    [B] correlations; NaN where all similarities of one matrix are equal in the resample.
    """
    if np.ptp(pairs(model)) == 0 or np.ptp(pairs(human)) == 0:
        return np.full(len(w), np.nan)
    x, y = _standard(model), _standard(human)
    v = w.astype(np.float64)
    total = v.sum(1) ** 2 - (v**2).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x, mean_y, xx, yy, xy = (
            ((v @ m) * v).sum(1) / total for m in (x, y, x * x, y * y, x * y)
        )
        var_x, var_y = xx - mean_x**2, yy - mean_y**2
        r = (xy - mean_x * mean_y) / np.sqrt(var_x * var_y)
    # Where a variance is what little is left of a difference, digits are lost: also where it is 0.
    for b in np.flatnonzero(~((var_x > _CANCELLED * xx) & (var_y > _CANCELLED * yy))):
        r[b] = _pearson_by_pairs(model, human, w[b])
    return np.clip(r, -1, 1)


def _standard(matrix: np.ndarray) -> np.ndarray:
    """A matrix whose values off the diagonal have mean 0 and deviation 1; zero on the diagonal."""
    values = pairs(matrix)
    scaled = (matrix - values.mean()) / values.std()
    np.fill_diagonal(scaled, 0)
    return scaled


def _pearson_by_pairs(model: np.ndarray, human: np.ndarray, w: np.ndarray) -> float:
    """One resample's correlation with centred values; NaN where it is undefined."""
    drawn = np.flatnonzero(w)
    x, y = (pairs(matrix[np.ix_(drawn, drawn)]) for matrix in (model, human))
    if len(x) == 0 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    weight = pairs(np.multiply.outer(w[drawn], w[drawn])).astype(np.float64)
    x, y = (values - np.average(values, weights=weight) for values in (x, y))
    return float(weight @ (x * y) / np.sqrt((weight @ x**2) * (weight @ y**2)))


def spearman(model: np.ndarray, human: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Spearman correlation over the pairs of each resample, ranked anew in each; ties share ranks.

    The order of values is that of all pairs, so that a resample's ranks are cumulative weights.
    Up to `LARGEST` stimuli these are whole numbers below 2^24, exact in single precision; their
    products are summed in double precision, also exactly.

    Parameters, returns and undefined values : as `pearson`.
    """
    x, y = (np.unique(pairs(m), return_inverse=True)[1] for m in (model, human))
    order = np.argsort(y, kind="stable")
    i, j = (index[order] for index in np.triu_indices(len(human), 1))
    x, y = x[order], y[order]
    to_model = np.argsort(x, kind="stable")
    last_x, last_y = (np.cumsum(np.bincount(codes)) - 1 for codes in (x, y))
    r = np.empty(len(w))
    for start in range(0, len(w), _AT_ONCE):
        v = np.ascontiguousarray(w[start : start + _AT_ONCE].T, np.float32)
        weight = v[i] * v[j]  # [P, b] of all pairs, by rising human similarity
        rank_y, var_y = _ranks(weight, last_y)
        rank_x, var_x = _ranks(weight[to_model], last_x)
        covariance = _sum(weight, rank_x[x], rank_y[y])
        with np.errstate(invalid="ignore"):
            r[start : start + _AT_ONCE] = covariance / np.sqrt(var_x) / np.sqrt(var_y)
    return np.clip(r, -1, 1)


def _ranks(weight: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Twice the midranks less their mean, of weighted values in order, and their sum of squares.

    Parameters
    ----------
    weight : [P, b] how often each value is there. last : [G] the last place of each tie.

    Returns
    -------
    [G, b] of each tie; [b], (N³ - sum of cubed sizes of ties) / 3 for N values: 0 if all are tied.
    """
    up_to = np.cumsum(weight, axis=0)[last]
    before = np.concatenate([np.zeros_like(up_to[:1]), up_to[:-1]])
    total, size = up_to[-1], up_to - before
    return before + up_to - total, (total.astype(np.float64) ** 3 - _sum(size, size, size)) / 3


def _sum(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """[b] sums of products over the first axis, in double precision."""
    return np.asarray(np.einsum("pb,pb,pb->b", a, b, c, dtype=np.float64))


def triplet(model: np.ndarray, human: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Triplet agreement in each resample: by anchors i, the sum of w_i (w' C_i w), C_i of signs.

    Parameters
    ----------
    model, human : [n, n] similarity matrices. w : [B, n] multiplicities.

    Returns
    -------
    [B] agreements; NaN where every triplet of the resample is tied in the human data.
    """
    agreed, decided = np.zeros((2, len(w)))
    v = w.astype(np.float32)  # sums of one anchor are whole numbers below 2^24, hence exact
    for i in range(len(human)):
        rows = np.flatnonzero(w[:, i])
        others = v[rows]
        others[:, i] = 0
        sign_h, sign_m = _signs(human[i]), _signs(model[i])
        weight = w[rows, i]
        agreed[rows] += weight * ((others @ (sign_h * sign_m)) * others).sum(1)
        decided[rows] += weight * _untied(human[i], others)
    with np.errstate(invalid="ignore"):
        return 0.5 + 0.5 * agreed / decided


def _signs(row: np.ndarray) -> np.ndarray:
    return np.sign(row[:, None] - row[None, :]).astype(np.float32)


def _untied(row: np.ndarray, v: np.ndarray) -> np.ndarray:
    """[B] the weight of ordered pairs of different values in a row: of all, less those of ties."""
    tie, count = np.unique(row, return_inverse=True, return_counts=True)[1:]
    single = count[tie] == 1
    sizes = v[:, ~single] @ (tie[~single, None] == np.flatnonzero(count > 1)).astype(np.float32)
    squares = (v[:, single] ** 2).sum(1) + (sizes**2).sum(1)
    untied: np.ndarray = v.sum(1) ** 2 - squares
    return untied


def triplet_votes(
    model: np.ndarray, triplets: np.ndarray, votes: np.ndarray, w: np.ndarray
) -> np.ndarray:
    """Agreement with the judged triplets in each resample, a triplet as often as its stimuli allow.

    Parameters
    ----------
    model, triplets, votes : as `measures.triplet_votes` takes them. w : [B, n] multiplicities.

    Returns
    -------
    [B] agreements; NaN where a resample holds no triplet that is not tied.
    """
    anchor, near, far = triplets[votes[:, 0] != votes[:, 1]].T
    score = 0.5 + 0.5 * np.sign(model[anchor, near] - model[anchor, far])
    pair, row = np.unique(np.stack([anchor, near], 1), axis=0, return_inverse=True)
    shape = (len(pair), len(model))
    scores, ones = (csr_array((x, (row, far)), shape=shape) for x in (score, score**0))
    agreement = np.empty(len(w))
    for start in range(0, len(w), _AT_ONCE):
        v = np.ascontiguousarray(w[start : start + _AT_ONCE].T, np.float64)
        weight = v[pair[:, 0]] * v[pair[:, 1]]
        agreed, decided = ((weight * (of_far @ v)).sum(0) for of_far in (scores, ones))
        with np.errstate(invalid="ignore"):
            agreement[start : start + _AT_ONCE] = agreed / decided
    return agreement
