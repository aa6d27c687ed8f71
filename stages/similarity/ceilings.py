"""Noise ceilings: how well anything could agree with judgments that differ from person to person.

Of sets whose judgments were repeated: by several participants, or as several votes on a triplet.
`leave_one_out` is the lower and `upper` the upper bound of what the best model could reach with
participants one by one (Nili et al. 2014, doi:10.1371/journal.pcbi.1003553); `split_half` and
`spearman_brown` are the reliability of the group's mean. `participants` are P >= 2 people's
similarity matrices [P, n, n]; `measure` is one of `MEASURES`.
"""

import math
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from stages.runtime.random import rng_for
from stages.runtime.tables import Record
from stages.similarity.matrices import pairs
from stages.similarity.measures import MEASURES
from stages.similarity.resample import LARGEST
from stages.sources.human import read_judgments

SPLITS = 1000
"""All splits of the participants into halves where there are no more, else so many random ones."""
TRIPLET_SPLITS = 100  # the same for triplet agreement, which takes longer


def noise_ceilings(stimuli: Path, name: str, seed: int) -> Record | None:
    """Noise ceilings of a stimulus set; None where it was judged once. stimuli : its folder.

    Also None where a participant judged no two pairs with an image in common that others judged.

    Returns form ("participants" or "votes"), judges (participants; of votes the most that a triplet
    has), stimuli (how many) and ceilings, a row a measure; None in a row is undefined.
    """
    human = read_judgments(stimuli)
    people, votes = human.participants, human.votes
    if people is not None and _overlap(people):
        rows = participants_ceilings(people, rng_for(seed, "ceilings", name))
        return {"form": "participants", "judges": len(people), "stimuli": human.n, "ceilings": rows}
    measured_by_votes = human.similarity is None and human.soft_labels is None
    if measured_by_votes and votes is not None and (rows := votes_ceilings(votes)):
        judges = int(votes.sum(1).max())
        return {"form": "votes", "judges": judges, "stimuli": human.n, "ceilings": rows}
    return None


def _overlap(participants: np.ndarray) -> bool:
    """Whether others judged, of each participant, at least two pairs with an image in common."""
    judged = ~np.isnan(participants) & ~np.eye(participants.shape[-1], dtype=bool)
    shared = judged & (judged.sum(0) > 1)
    return bool((shared.sum(1).max(1) > 1).all())


def participants_ceilings(participants: np.ndarray, rng: np.random.Generator) -> list[Record]:
    """Noise ceilings by each measure; rng : of random splits.

    Spearman-Brown steps the mean over splits up to all participants: 2 r / (1 + r). The mean comes
    first, so that the correction, which is not linear, sees little noise. It is about correlations:
    None for triplet agreement; also None where the halves do not correlate above 0. Of more than
    `LARGEST` stimuli, triplets have no `upper` and no `split_half`. ValueError where a participant,
    the mean of the others or a half judges all pairs alike.
    """
    rows: list[Record] = []
    for measure in MEASURES:
        upper = half = corrected = None
        if measure != "triplet" or participants.shape[-1] <= LARGEST:
            upper = upper_bound(participants, measure)
            half = split_half(participants, measure, rng)
            if measure != "triplet" and half > 0:
                corrected = 2 * half / (1 + half)
        lower = leave_one_out(participants, measure)
        row = {"measure": measure, "leave_one_out": lower, "upper": upper}
        rows.append(row | {"split_half": half, "spearman_brown": corrected})
    return rows


def leave_one_out(participants: np.ndarray, measure: str) -> float:
    """Mean agreement of each participant with the mean of the others, which acts as the model.

    A triplet that the participant ties is left out, one that the mean ties counts one half.
    """
    others = (np.delete(participants, p, 0) for p in range(len(participants)))
    agreed = map(MEASURES[measure], map(_mean, others), participants)
    return float(np.mean(list(agreed)))


def upper_bound(participants: np.ndarray, measure: str) -> float | None:
    """What no model's mean agreement with the participants can exceed, having seen them all.

    Correlations: that of each participant with the mean of all, each scaled to unit variance (for
    Spearman their ranks), which is the norm of the mean of P unit vectors. Triplets: that of the
    best answer to each triplet, chosen by itself, so that no matrix need reach it. None for
    correlations where somebody judged not all pairs: there is no such closed form.
    """
    if measure == "triplet":
        return _best_answers(participants)
    values = pairs(participants)
    if np.isnan(values).any():
        return None
    if (np.ptp(values, axis=1) == 0).any():
        raise ValueError("similarities are all equal: their correlation is undefined")
    if measure == "spearman":
        values = rankdata(values, axis=1)
    centred = values - values.mean(1, keepdims=True)
    return float(np.linalg.norm((centred / np.linalg.norm(centred, axis=1, keepdims=True)).mean(0)))


def _best_answers(participants: np.ndarray) -> float:
    """Upper bound of the mean over participants of 1/2 + 1/2 sum(sign · answer) / untied."""
    # [P, n, n] whole numbers in the order of each participant's values, as float32.
    codes = np.stack([np.unique(p, return_inverse=True)[1].reshape(p.shape) for p in participants])
    gaps = np.isnan(participants)
    codes = np.where(gaps, np.nan, codes).astype(np.float32)

    def signs(i: int) -> np.ndarray:
        """[P, n-1, n-1] which of two others is closer to anchor i; 0 where not both were judged."""
        row = np.delete(codes[:, i], i, axis=1)
        closer = np.clip(row[:, :, None] - row[:, None, :], -1, 1)
        return np.nan_to_num(closer, copy=False) if gaps.any() else closer

    anchors = range(codes.shape[1])
    untied = sum(np.count_nonzero(signs(i), axis=(1, 2)) for i in anchors)
    if np.min(untied) == 0:
        raise ValueError("every triplet is tied for a participant")
    share = (1 / untied / len(codes)).astype(np.float64)
    best = [np.abs(np.tensordot(share, signs(i), 1)).sum() for i in anchors]
    return float(0.5 + 0.5 * np.sum(best))


def split_half(participants: np.ndarray, measure: str, rng: np.random.Generator) -> float:
    """Mean agreement of the means of two halves of the participants, over splits.

    Where P is odd, one half has one participant more. Triplets tied in one half are left out, those
    tied in the other count one half; the mean of both ways round.
    """
    agree, found = MEASURES[measure], []
    most = TRIPLET_SPLITS if measure == "triplet" else SPLITS
    for half in splits(len(participants), most, rng):
        a, b = (_mean(participants[side]) for side in (half, ~half))
        found.append(agree(a, b) if measure != "triplet" else (agree(a, b) + agree(b, a)) / 2)
    return float(np.mean(found))


def splits(count: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """[S, count] bool, one half of each split: all that there are, or `most` random ones."""
    size = count // 2
    every = math.comb(count, size) // (2 if count % 2 == 0 else 1)
    if every > most:
        return rng.permuted(np.tile(np.arange(count) < size, (most, 1)), axis=1)
    chosen = list(combinations(range(count), size))[:every]  # of an even count, those with 0
    return np.array([np.isin(np.arange(count), half) for half in chosen])


def _mean(people: np.ndarray) -> np.ndarray:
    """[n, n] the mean of matrices by those who judged a pair, times a constant; else NaN.

    Without last digits, in which sums of the same ratings differ by rounding.
    """
    judged = ~np.isnan(people)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(judged, people, 0).sum(0) * (len(people) / judged.sum(0))
    return np.asarray(np.round(mean / (np.nanmax(np.abs(mean), initial=0) or 1.0), 12))


def votes_ceilings(votes: np.ndarray) -> list[Record]:
    """Noise ceiling of triplets judged several times, one row; none where none was judged twice.

    Over all judgments of such triplets, `leave_one_out` is the share that the majority of the
    others agrees with, one half where the others are tied; `upper` the share of the majority, the
    most that any one answer to each triplet agrees with. Votes do not say whose they are: there are
    no halves of people, and no Spearman-Brown.

    votes : [T, 2] for and against.
    """
    mine = votes[votes.sum(1) > 1].astype(np.int64)
    if len(mine) == 0:
        return []
    with_others = 0.5 + 0.5 * np.sign(mine - 1 - mine[:, ::-1])
    lower, upper = np.average(with_others, weights=mine), mine.max(1).sum() / mine.sum()
    row = {"measure": "triplet", "leave_one_out": float(lower), "upper": float(upper)}
    return [row | {"split_half": None, "spearman_brown": None}]
