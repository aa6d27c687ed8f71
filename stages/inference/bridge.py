"""From the theory to the study: each model on the theory's curve, and whether its rank is right.

A model's ε̂ = 1 − its triplet alignment is the share of the triplets that it answers unlike people:
D_R of Definition 3.5. The theory predicts its few-shot accuracy from it, at the n of the study.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm, rankdata, spearmanr

from stages.inference.correlations import UNSTABLE, Families
from stages.inference.families import MIN_FAMILIES
from stages.inference.noise import alignment_errors
from stages.inference.outcomes import Record
from stages.inference.partial import constant
from stages.inference.results import Outcome, Results
from stages.inference.ushape import FEW, SAME
from stages.similarity.channel import capacity

MEASURE = "triplet"


def bridge(results: Results, curve: Sequence[Record], confidence: float) -> list[Record]:
    """Table `bridge`: every model and shown few-shot outcome, predicted beside measured.

    Parameters
    ----------
    curve : rows with epsilon, n and accuracy, as the theory stage simulated them.

    Returns
    -------
    Rows with ε̂ and its interval (normal, error by bootstrap over stimuli; blank where there is
    none), its capacity, `predicted` accuracy (between two simulated ε the line through them; blank
    beyond all), measured `accuracy`, and the ranks of both among models, 1 the best; ties share
    ranks. Capacity gives the predicted rank: the simulated curve follows it but for noise.
    """
    if MEASURE not in results.measures:
        return []
    errors = alignment_errors(results.judged)
    half = float(norm.ppf((1 + confidence) / 2))
    epsilon = 1 - results.alignment[MEASURE].to_numpy()
    bits = capacity(epsilon)
    rows = []
    for outcome in _shown(results):
        measured = outcome.values.to_numpy(float)
        ranks = rankdata(-bits), rankdata(-measured)
        for i, model in enumerate(results.models):
            se = errors[str(model)][f"{MEASURE}_se"]
            rows.append(
                {
                    "outcome": outcome.outcome,
                    "n": outcome.n,
                    **results.about(str(model)),
                    "epsilon": float(epsilon[i]),
                    "epsilon_low": None if se is None else max(0.0, float(epsilon[i]) - half * se),
                    "epsilon_high": None if se is None else min(1.0, float(epsilon[i]) + half * se),
                    "capacity": float(bits[i]),
                    "predicted": predicted(float(epsilon[i]), outcome.n, curve),
                    "predicted_rank": float(ranks[0][i]),
                    "accuracy": float(measured[i]),
                    "measured_rank": float(ranks[1][i]),
                }
            )
    return rows


def predicted(epsilon: float, n: int, curve: Sequence[Record]) -> float | None:
    """n-shot accuracy on the simulated curve; None beyond its ends, or without that n."""
    points = sorted((row["epsilon"], row["accuracy"]) for row in curve if row["n"] == n)
    if not points or not points[0][0] <= epsilon <= points[-1][0]:
        return None
    return float(np.interp(epsilon, *np.transpose(points)))


def bridge_tests(results: Results, families: Families) -> list[Record]:
    """Table `bridge_tests`: rank correlation of predicted with measured accuracy, by outcome.

    Returns
    -------
    A row a few-shot task and n, with the first head: Spearman's rho of capacity with accuracy, its
    p for independent models, interval and p by family (of the ranks, no covariate given), and how
    many models are `misaligned`, beyond ε = 0.5: where none is, the theory's order is that of
    alignment itself, and its left arm is not tested.
    """
    if MEASURE not in results.measures:
        return []
    epsilon = 1 - results.alignment[MEASURE].to_numpy()
    bits = capacity(epsilon)
    rows = []
    for outcome in results.outcomes:
        if outcome.kind != "few-shot" or outcome.head != results.head:
            continue
        y = outcome.values.to_numpy(float)
        row: Record = {
            "outcome": outcome.outcome,
            "n": outcome.n,
            "models": len(y),
            "misaligned": int((epsilon > 0.5).sum()),
            **dict.fromkeys(("rho", "p", "family_low", "family_high", "family_p")),
            "undefined": SAME if constant(y) else "",
        }
        if not constant(y):
            found = spearmanr(bits, y)
            row |= {"rho": float(found.statistic), "p": float(found.pvalue)}
            row |= families.plain(results, rankdata(bits), rankdata(y), square=False)
            if row["family_low"] is None:
                few = len(set(results.families)) < MIN_FAMILIES
                row["undefined"] = f"by family: {FEW if few else UNSTABLE}"
        rows.append(row)
    return rows


def _shown(results: Results) -> list[Outcome]:
    return [outcome for outcome in results.shown if outcome.kind == "few-shot"]
