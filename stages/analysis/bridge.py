"""From the theory to the study: each model on the theory's curve, and whether its rank is right.

A model's ε̂ = 1 − its triplet alignment is the share of the triplets that it answers unlike people:
D_R of Definition 3.5. The theory predicts its few-shot accuracy from it, at the n of the study.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, rankdata, spearmanr

from stages.analysis.families import BY_FAMILY, Resampling, without_interval
from stages.analysis.outcomes import records
from stages.analysis.partial import SAME, constant
from stages.analysis.results import Results
from stages.runtime.tables import Record
from stages.similarity.measures import capacity

MEASURE = "triplet"


def bridge(results: Results, curve: Sequence[Record], confidence: float) -> list[Record]:
    """Table `bridge`: every model and shown few-shot outcome, predicted and measured.

    `curve` has epsilon, n and accuracy, as the theory stage simulated them. Returns ε̂ and its
    interval (normal, error by bootstrap over stimuli), its capacity, `predicted` accuracy (between
    two simulated ε the line through them; blank beyond all), measured `accuracy`, and the ranks of
    both among models, 1 the best; ties share ranks. Capacity gives the predicted rank: the
    simulated curve follows it but for noise.
    """
    if MEASURE not in results.measures:
        return []
    half = norm.ppf((1 + confidence) / 2) * results.errors[MEASURE]
    epsilon = 1 - results.alignment[MEASURE]
    bits = capacity(epsilon.to_numpy())
    rows: list[Record] = []
    for outcome in (outcome for outcome in results.shown if outcome.kind == "few-shot"):
        table = results.about.assign(
            epsilon=epsilon,
            epsilon_low=(epsilon - half).clip(lower=0),
            epsilon_high=(epsilon + half).clip(upper=1),
            capacity=bits,
            predicted=predicted(epsilon, outcome.n, curve),
            predicted_rank=rankdata(-bits),
            accuracy=outcome.values,
            measured_rank=rankdata(-outcome.values),
        )
        rows += [{"outcome": outcome.outcome, "n": outcome.n, **row} for row in records(table)]
    return rows


def predicted(epsilon: ArrayLike, n: int, curve: Sequence[Record]) -> np.ndarray:
    """n-shot accuracy on the simulated curve; NaN beyond its ends, or without that n."""
    points = sorted((row["epsilon"], row["accuracy"]) for row in curve if row["n"] == n)
    x, y = np.transpose(points or [(np.inf, np.nan)])
    return np.interp(np.asarray(epsilon, float), x, y, left=np.nan, right=np.nan)


def bridge_tests(results: Results, resampling: Resampling) -> list[Record]:
    """Table `bridge_tests`: rank correlation of predicted with measured accuracy, by outcome.

    A row a few-shot task and n, with the first head: Spearman's rho of capacity with accuracy, its
    p for independent models, interval and p by family (of the ranks, without covariate), and how
    many models are `misaligned`, beyond ε = 0.5: where none is, the theory's order is that of
    alignment itself, and its left arm is not tested.
    """
    if MEASURE not in results.measures:
        return []
    epsilon = 1 - results.alignment[MEASURE].to_numpy()
    bits = capacity(epsilon)
    counts = {"models": len(epsilon), "misaligned": int((epsilon > 0.5).sum())}
    outcomes = [outcome for outcome in results.few_shot if outcome.head == results.head]
    ranks = np.column_stack([rankdata(outcome.values) for outcome in outcomes])
    by_family = resampling.intervals(rankdata(bits), ranks, None, results.family)
    rows = []
    for outcome, interval in zip(outcomes, records(by_family[BY_FAMILY]), strict=True):
        rho, p, undefined = None, None, SAME
        if not constant(outcome.values.to_numpy(float)):
            rho, p = map(float, spearmanr(bits, outcome.values))
            absent = interval["family_low"] is None
            undefined = without_interval(results.family) if absent else ""
        found = {"rho": rho, "p": p, **interval, "undefined": undefined}
        rows.append({"outcome": outcome.outcome, "n": outcome.n, **counts, **found})
    return rows
