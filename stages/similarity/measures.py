"""Alignment of a model with people: agreement of similarities over pairs and over triplets.

Triplets are counted by Knight's algorithm (1966, doi:10.1080/01621459.1966.10480879): in the order
of one row of similarities, each discordant pair is an inversion of the other row, and merge sort
counts inversions in time of order m log m. Here every row is sorted at once, and each merge is a
sort of NumPy's.
"""

import numpy as np
import scipy  # its parts are imported when used: much of what is published needs none

from stages.similarity.matrices import pairs

_AT_ONCE = 2**16  # values of anchors' rows in memory at once; more run out of a core's cache
_RUN = 64  # in runs of at most so many, inversions are counted by comparing all


def pearson(model: np.ndarray, human: np.ndarray) -> float:
    """Pearson correlation of two similarity matrices [n, n] over the pairs that both have."""
    return _correlation(*_common(model, human))


def spearman(model: np.ndarray, human: np.ndarray) -> float:
    """Spearman correlation of two similarity matrices [n, n] over the same; ties share ranks."""
    return _correlation(*map(scipy.stats.rankdata, _common(model, human)))


def _common(model: np.ndarray, human: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The similarities of the pairs that are NaN in neither matrix."""
    x, y = pairs(model), pairs(human)
    there = ~(np.isnan(x) | np.isnan(y))
    return (x, y) if there.all() else (x[there], y[there])


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    if len(x) < 2:
        raise ValueError(f"{len(x)} pairs were judged by both: a correlation is undefined")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise ValueError("similarities are all equal: their correlation is undefined")
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)), -1, 1))


def triplet(model: np.ndarray, human: np.ndarray) -> float:
    """Triplet agreement: 1 - D_R of Sucholutsky & Griffiths (2023), Definitions 3.2 and 3.5.

    Over the n(n-1)(n-2)/2 triplets (i, {j, k}) of Remark 3.3, the share on which model and human
    agree which of j and k is closer to i. Triplets tied in the human data carry no bit and are left
    out, as are those with a pair that is NaN in either; a tie in the model counts one half, so a
    constant embedding scores exactly 0.5.

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
        x, y = (matrix[anchors][others].reshape(-1, n - 1) for matrix in (model, human))
        there, rows = ~(np.isnan(x) | np.isnan(y)), [(x, y)]
        if not there.all():  # each anchor has pairs of its own
            some = [i for i in range(len(x)) if there[i].sum() > 1]
            rows = [(x[i : i + 1, there[i]], y[i : i + 1, there[i]]) for i in some]
        for row in rows:
            agreed, untied = concordance(*row)
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


def capacity(epsilon: np.ndarray | float) -> np.ndarray:
    """C_ε = 1 + ε log2 ε + (1 − ε) log2(1 − ε), bits an answer is worth (Proposition 3.8).

    epsilon : probability, of any shape, that an answer is flipped; ValueError outside [0, 1]. C is
    symmetric about 0.5, where it is 0, so that triplet agreement 1 − ε has the same capacity.
    """
    flipped = np.asarray(epsilon, float)
    if not ((flipped >= 0) & (flipped <= 1)).all():
        raise ValueError(f"a share of triplets is not between 0 and 1: {epsilon}")
    nats = scipy.special.entr(flipped) + scipy.special.entr(1 - flipped)
    bits: np.ndarray = 1 - nats / np.log(2)
    return np.maximum(bits, 0)


def concordance(x: np.ndarray, y: np.ndarray) -> tuple[int, int]:
    """Concordant less discordant pairs, summed over rows, and the pairs not tied in y.

    x, y : [R, m] values; pairs are of two places in the same row, each counted once.
    """
    order = np.argsort(x, axis=1)
    new_x = _starts(np.take_along_axis(x, order, 1))
    code = np.cumsum(new_x, axis=1)  # the order of x in whole numbers
    y = np.take_along_axis(y, order, 1)
    order = np.argsort(y, axis=1)
    new_y = _starts(np.take_along_axis(y, order, 1))
    # What is tied in y stands by rising x, so that it holds no inversion.
    tie = np.cumsum(new_y, axis=1) * (code.shape[1] + 1)
    code = np.sort(tie + np.take_along_axis(code, order, 1), axis=1) - tie
    rows, m = code.shape
    untied_y = rows * m * (m - 1) // 2 - _tied(new_y)
    untied = untied_y - _tied(new_x) + _tied(new_y | _starts(code))
    return untied - 2 * inversions(code), untied_y


def inversions(x: np.ndarray) -> int:
    """Pairs of places in one row, the first with the larger value; summed over rows.

    x : [R, m] whole numbers below 2^30, m at least 1.
    """
    rows, m = x.shape
    merges = max(0, int(np.ceil(np.log2(m / _RUN))))
    length = -(-m // 2**merges)
    runs = np.full((rows, length << merges), x.max() + 1, np.int32)  # what is added comes last
    runs[:, :m] = x
    across = np.ascontiguousarray(runs.reshape(-1, length).T)
    count = sum(int(np.count_nonzero(across[i] > across[i + 1 :])) for i in range(length - 1))
    for _ in range(merges):
        # Two neighbours are sorted together; of equal values those of the left one come first. An
        # element of the left is as many places further back as smaller ones of the right there are.
        halves = 2 * runs.reshape(-1, 2, length)
        halves[:, 1] += 1
        merged = np.sort(halves.reshape(-1, 2 * length), axis=1)
        left = (~merged & 1).sum(0)
        count += int(left @ np.arange(2 * length)) - len(merged) * (length * (length - 1) // 2)
        runs, length = merged >> 1, 2 * length
    return count


def _starts(values: np.ndarray) -> np.ndarray:
    """[R, m] where a row's value is not the one before it; each row's first is."""
    new = np.ones(values.shape, bool)
    np.not_equal(values[:, 1:], values[:, :-1], out=new[:, 1:])
    return new


def _tied(new: np.ndarray) -> int:
    """Pairs of equal values in sorted rows, from where new values start."""
    size = np.diff(np.flatnonzero(new), append=new.size)  # of each tie
    return int((size * (size - 1)).sum()) // 2
