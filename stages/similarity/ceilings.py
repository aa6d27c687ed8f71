"""Noise ceilings: how well anything could agree with judgments that differ from person to person.

Of sets whose judgments were repeated: by several participants, or as several votes on a triplet.
`leave_one_out` is the lower and `upper` the upper bound of what the best model could reach with
participants one by one (Nili et al. 2014, doi:10.1371/journal.pcbi.1003553); `split_half` and
`spearman_brown` are the reliability of the group's mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import rankdata

from stages.similarity.matrices import pairs
from stages.similarity.measures import MEASURES, pearson, spearman, triplet
from stages.similarity.resample import LARGEST

SPLITS = 1000
"""All splits of the participants into halves where there are no more, else so many random ones."""
TRIPLET_SPLITS = 100
"""The same for triplet agreement, which takes longer."""


@dataclass(frozen=True)
class Ceiling:
    """The noise ceiling of one set and measure; None is undefined, see where it is made."""

    measure: str
    leave_one_out: float
    upper: float | None
    split_half: float | None
    spearman_brown: float | None


def participants_ceilings(participants: np.ndarray, rng: np.random.Generator) -> list[Ceiling]:
    """Noise ceilings by each measure of a set that several participants judged.

    Spearman-Brown steps the mean over splits up to all participants: 2 r / (1 + r). The mean comes
    first, so that the correction, which is not linear, sees little noise. It is about correlations:
    None for triplet agreement; also None where the halves do not correlate above 0.

    Parameters
    ----------
    participants : [P, n, n] similarity matrices, P at least 2. rng : of random splits.

    Raises
    ------
    ValueError
        A participant, the mean of the others or a half judges all pairs alike.
    """
    found = []
    for measure in MEASURES:
        half = split_half(participants, measure, rng)
        corrected = None
        if measure != "triplet" and half is not None and half > 0:
            corrected = 2 * half / (1 + half)
        lower, upper = noise_ceiling(participants, measure), upper_bound(participants, measure)
        found.append(Ceiling(measure, lower, upper, half, corrected))
    return found


def noise_ceiling(participants: np.ndarray, measure: str = "pearson") -> float:
    """Mean agreement of each participant with the mean of the others.

    The mean of the others has the place of the model: a triplet that the participant ties is left
    out, one that the mean ties counts one half.

    Parameters
    ----------
    participants : [P, n, n] similarity matrices, P at least 2. measure : of `MEASURES`.
    """
    agree = {"pearson": pearson, "spearman": spearman, "triplet": triplet}[measure]
    total = participants.sum(0)
    others = (_settled(total - one) for one in participants)  # times P - 1: no measure changes
    return float(np.mean([agree(o, one) for o, one in zip(others, participants, strict=True)]))


def upper_bound(participants: np.ndarray, measure: str) -> float | None:
    """What no model's mean agreement with the participants can exceed, having seen them all.

    Correlations: that of each participant with the mean of all, each scaled to unit variance (for
    Spearman their ranks), which is the norm of the mean of P unit vectors. Triplets: that of the
    best answer to each triplet, chosen by itself, so that no matrix need reach it; None beyond
    `LARGEST` stimuli.

    Parameters
    ----------
    participants : [P, n, n] similarity matrices. measure : of `MEASURES`.
    """
    if measure == "triplet":
        return _best_answers(participants) if participants.shape[-1] <= LARGEST else None
    values = pairs(participants)
    if measure == "spearman":
        values = rankdata(values, axis=1)
    return float(np.linalg.norm(_unit(values).mean(0)))


def _best_answers(participants: np.ndarray) -> float:
    """Upper bound of the mean over participants of 1/2 + 1/2 sum(sign · answer) / untied."""
    codes = np.stack([_codes(one) for one in participants])
    untied = sum((_signs(codes, i) != 0).sum((1, 2)) for i in range(codes.shape[1]))
    if np.min(untied) == 0:
        raise ValueError("every triplet is tied for a participant")
    share = (1 / untied / len(codes)).astype(np.float64)
    best = [np.abs(np.tensordot(share, _signs(codes, i), 1)).sum() for i in range(codes.shape[1])]
    return float(0.5 + 0.5 * np.sum(best))


def split_half(participants: np.ndarray, measure: str, rng: np.random.Generator) -> float | None:
    """Mean agreement of the means of two halves of the participants, over splits.

    Where P is odd, one half has one participant more. Triplets tied in one half are left out, those
    tied in the other count one half; the mean of both ways round; None beyond `LARGEST` stimuli.

    Parameters
    ----------
    participants : [P, n, n] similarity matrices, P at least 2. measure : of `MEASURES`.
    rng : of random splits, where there are more than `SPLITS` (`TRIPLET_SPLITS`).
    """
    count = len(participants)
    if measure == "triplet":
        if participants.shape[-1] > LARGEST:
            return None
        halves = splits(count, TRIPLET_SPLITS, rng)
        sums = ([_settled(participants[own].sum(0)) for own in (h, ~h)] for h in halves)
        return float(np.mean([_both_ways(_codes(a), _codes(b)) for a, b in sums]))
    values = pairs(participants)
    found = []
    for half in splits(count, SPLITS, rng):
        both = np.stack([_settled(values[half].sum(0)), _settled(values[~half].sum(0))])
        if measure == "spearman":
            both = rankdata(both, axis=1)
        a, b = _unit(both)
        found.append(a @ b)
    return float(np.mean(found))


def splits(count: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """[S, count] bool, one half of each split: all that there are, or `most` random ones."""
    size = count // 2
    every = math.comb(count, size) // (2 if count % 2 == 0 else 1)
    if every > most:
        first = np.arange(count) < size
        return rng.permuted(np.tile(first, (most, 1)), axis=1)
    chosen = list(combinations(range(count), size))[:every]  # of an even count, those with 0
    halves = np.zeros((every, count), bool)
    np.put_along_axis(halves, np.array(chosen), True, axis=1)
    return halves


def _unit(values: np.ndarray) -> np.ndarray:
    """Rows with mean 0 and norm 1."""
    if (np.ptp(values, axis=1) == 0).any():
        raise ValueError("similarities are all equal: their correlation is undefined")
    centred = values - values.mean(1, keepdims=True)
    unit: np.ndarray = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    return unit


def _both_ways(a: np.ndarray, b: np.ndarray) -> float:
    """Triplet agreement of a with b and of b with a, the mean of both; whole numbers [n, n]."""
    agreed = untied_a = untied_b = 0.0
    for i in range(len(a)):
        sign_a, sign_b = _signs(a[None], i)[0], _signs(b[None], i)[0]
        agreed += float((sign_a * sign_b).sum())
        untied_a += np.count_nonzero(sign_a)
        untied_b += np.count_nonzero(sign_b)
    if min(untied_a, untied_b) == 0:
        raise ValueError("every triplet is tied in one half of the participants")
    return 0.5 + 0.25 * (agreed / untied_a + agreed / untied_b)


def _settled(sums: np.ndarray) -> np.ndarray:
    """Sums without their last digits, in which sums of the same ratings differ by rounding."""
    settled: np.ndarray = np.round(sums / (np.abs(sums).max() or 1.0), 12)
    return settled


def _codes(matrix: np.ndarray) -> np.ndarray:
    """[n, n] whole numbers in the order of the values above the diagonal, as float32."""
    codes = np.unique(matrix, return_inverse=True)[1]
    return codes.reshape(matrix.shape).astype(np.float32)


def _signs(codes: np.ndarray, i: int) -> np.ndarray:
    """[P, n-1, n-1] which of two others is closer to anchor i, for each matrix of [P, n, n]."""
    row = np.delete(codes[:, i], i, axis=1)
    return np.clip(row[:, :, None] - row[:, None, :], -1, 1)


def votes_ceiling(votes: np.ndarray) -> Ceiling | None:
    """Noise ceiling of triplets judged several times; None where none was judged twice.

    Over all judgments of such triplets, `leave_one_out` is the share that the majority of the
    others agrees with, one half where the others are tied; `upper` the share of the majority, the
    most that any one answer to each triplet agrees with. Votes do not say whose they are: there are
    no halves of people, and no Spearman-Brown.

    Parameters
    ----------
    votes : [T, 2] for and against, the larger first.
    """
    repeated = votes[votes.sum(1) > 1].astype(np.int64)
    if len(repeated) == 0:
        return None
    agreed = 0.0
    for mine, other in (repeated.T, repeated.T[::-1]):
        agreed += float((mine * (0.5 + 0.5 * np.sign(mine - 1 - other))).sum())
    total = int(repeated.sum())
    return Ceiling("triplet", agreed / total, int(repeated.max(1).sum()) / total, None, None)
