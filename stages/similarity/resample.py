"""Bootstrap over stimuli: how much a model's alignment would vary with other stimuli of the kind.

A resample draws n of n stimuli with replacement; w holds how often each was drawn. Two copies of
one stimulus are no pair (their similarity is known beforehand, and would make any two matrices
agree), so that a pair has weight w_i w_j, a triplet w_i w_j w_k, and none where it names a stimulus
twice, as in Schütt et al. (2023, doi:10.7554/eLife.82566).

A measure here has the name of the one in `measures` that it repeats on each resample without such
pairs. It takes model and human similarities [n, n] and the multiplicities w [B, n], and returns
[B] values, NaN where the measure is undefined: all similarities of the resample are equal in a
matrix, or all its triplets are tied in the human data. Pairs that nobody judged have no weight.
"""

import numpy as np

from stages.similarity.matrices import pairs

LARGEST = 400  # stimuli of a matrix to resample: time grows with the cube of their number
UNDEFINED = 0.05  # with a larger share of undefined resamples there is no standard error
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
    """
    judged = _judged(human)
    if np.ptp(model[judged]) == 0 or np.ptp(human[judged]) == 0:
        return np.full(len(w), np.nan)
    x, y = _standard(model, judged), _standard(human, judged)
    v = w.astype(np.float64)
    total = ((v @ judged.astype(np.float64)) * v).sum(1)  # of whole numbers, exact
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


def _judged(human: np.ndarray) -> np.ndarray:
    """[n, n] which pairs of different stimuli were judged."""
    return ~np.isnan(human) & ~np.eye(len(human), dtype=bool)


def _standard(matrix: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """A matrix whose values of judged pairs have mean 0 and deviation 1; 0 elsewhere."""
    values = pairs(matrix)[pairs(judged)]
    return np.where(judged, (matrix - values.mean()) / values.std(), 0)


def _pearson_by_pairs(model: np.ndarray, human: np.ndarray, w: np.ndarray) -> float:
    """One resample's correlation with centred values; NaN where it is undefined."""
    drawn = np.flatnonzero(w)
    x, y = (pairs(matrix[np.ix_(drawn, drawn)]) for matrix in (model, human))
    weight = pairs(np.multiply.outer(w[drawn], w[drawn])).astype(np.float64)
    x, y, weight = (values[~np.isnan(y)] for values in (x, y, weight))
    if len(x) == 0 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    x, y = (values - np.average(values, weights=weight) for values in (x, y))
    return float(weight @ (x * y) / np.sqrt((weight @ x**2) * (weight @ y**2)))


def spearman(model: np.ndarray, human: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Spearman correlation over the pairs of each resample, ranked anew in each; ties share ranks.

    Values are sorted once: their ranks in a resample are cumulative weights in that order. All are
    whole numbers. A pair's weight times twice its rank less the mean is at most (n (n - 1) / 4)²,
    below 2^31 up to `LARGEST` stimuli; products of these are summed in double precision, exactly.
    """
    judged = _judged(human)
    kept, weighed = pairs(judged), judged.astype(np.float64)
    (x, by_x, first_x), (y, by_y, first_y) = (_ordered(pairs(m)[kept]) for m in (model, human))
    places = np.flatnonzero(np.triu(judged))  # of pairs, in the flat matrix
    x, y, by_x, by_y = x[by_y], y[by_y], places[by_x], places[by_y]
    r = np.empty(len(w))
    for start in range(0, len(w), _AT_ONCE):
        v = w[start : start + _AT_ONCE]
        cubes = ((v**3 @ weighed) * v**3).sum(1) / 2  # of the weights of all pairs, exact
        v = v.astype(np.int32)
        weights = (v[:, :, None] * v[:, None, :]).reshape(len(v), -1)
        weight = np.take(weights, by_y, axis=1)  # [b, P] of all pairs, by rising human similarity
        rank_x, var_x = _ranks(np.take(weights, by_x, axis=1), first_x, cubes)
        rank_y, var_y = _ranks(weight, first_y, cubes)
        weight *= np.take(rank_x, x, axis=1)
        covariance = np.einsum("bp,bp->b", weight, np.take(rank_y, y, axis=1), dtype=np.float64)
        with np.errstate(invalid="ignore"):
            r[start : start + _AT_ONCE] = covariance / np.sqrt(var_x) / np.sqrt(var_y)
    return np.clip(r, -1, 1)


def _ordered(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The values of P pairs in whole numbers [P] in the order of their values; the places [P] of
    rising values; and [G] where among these each of the G different values begins.
    """
    codes, counts = np.unique(values, return_inverse=True, return_counts=True)[1:]
    return codes, np.argsort(codes, kind="stable"), np.cumsum(counts) - counts


def _ranks(weight: np.ndarray, first: np.ndarray, cubes: np.ndarray) -> tuple[np.ndarray, ...]:
    """Twice the midranks less their mean, of weighted values in order, and their sum of squares.

    weight : [b, P] how often each value is there. first : [G] the first place of each tie.
    cubes : [b] sum of cubed weights.
    Returns [b, G], of each tie, and [b], (N³ - sum of cubed sizes of ties) / 3: 0 if all N tie.
    """
    size = weight
    if len(first) < weight.shape[1]:
        size = np.add.reduceat(weight, first, axis=1)
        cubes = np.einsum("bg,bg,bg->b", size, size, size, dtype=np.float64)
    up_to = np.cumsum(size, axis=1, dtype=np.int32)
    total = up_to[:, -1:]
    return 2 * up_to - size - total, (total[:, 0].astype(np.float64) ** 3 - cubes) / 3


def triplet(model: np.ndarray, human: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Triplet agreement in each resample: over j < k, the sum of w_j w_k sum_i w_i C_ijk.

    C_ijk is 1 where model and human agree which of j and k is closer to anchor i, -1 where they do
    not and 0 where either ties. For one j all k and all resamples take one matrix product.
    """
    agreed = np.zeros(len(w))
    one, two, three = ((w**power).sum(1) for power in (1, 2, 3))
    decided = (one**3 - 3 * one * two + 2 * three) / 2  # of three stimuli, less those tied
    v = w.astype(np.float32)  # sums for one j are whole numbers below 2^24, hence exact
    for j in range(len(human) - 1):
        rows = np.flatnonzero(w[:, j])
        drawn, weight = v[rows], w[rows, j]
        of_human, of_model = (m[:, j, None] - m[:, j + 1 :] for m in (human, model))
        agree = _of_three(np.nan_to_num(np.sign(of_human)) * np.sign(of_model), j)
        agreed[rows] += weight * np.einsum("bk,bk->b", drawn @ agree, drawn[:, j + 1 :])
        tied = _of_three((of_human == 0) | np.isnan(of_human), j)
        if tied.any():
            decided[rows] -= weight * np.einsum("bk,bk->b", drawn @ tied, drawn[:, j + 1 :])
    with np.errstate(invalid="ignore"):
        return 0.5 + 0.5 * agreed / decided


def _of_three(values: np.ndarray, j: int) -> np.ndarray:
    """[n, n-j-1] of anchors i and k > j, as float32; 0 where the anchor is j or k itself."""
    kept = values.astype(np.float32)
    kept[j] = 0
    np.fill_diagonal(kept[j + 1 :], 0)
    return kept


def triplet_votes(
    model: np.ndarray, triplets: np.ndarray, votes: np.ndarray, w: np.ndarray
) -> np.ndarray:
    """Agreement with the judged triplets in each resample, a triplet as often as its stimuli allow.

    model, triplets, votes : as `measures.triplet_votes` takes them.
    """
    anchor, near, far = triplets[votes[:, 0] != votes[:, 1]].T
    score = 0.5 + 0.5 * np.sign(model[anchor, near] - model[anchor, far])
    agreement = np.empty(len(w))
    for b, v in enumerate(w.astype(np.float64)):
        weight = v[anchor] * v[near] * v[far]
        with np.errstate(invalid="ignore"):
            agreement[b] = weight @ score / weight.sum()
    return agreement
