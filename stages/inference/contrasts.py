"""Paired contrasts: what changes when two models differ in one factor only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, ttest_1samp

from stages.inference.results import Record, Results
from stages.study.pairs import Pair

MIN_FAMILIES = 3
"""From so many families on, a factor's mean and t are over family means; else over pairs."""


def contrasts(results: Results, pairs: Iterable[Pair]) -> list[Record]:
    """Table `contrasts`: each pair's difference, a - b, in every measure and outcome shown.

    Parameters
    ----------
    pairs : of models that all have results.

    Returns
    -------
    A row a pair and quantity: `what` is a measure of alignment, or an outcome in words.
    """
    whats: list[tuple[str, str, pd.Series]] = [
        ("alignment", measure, results.alignment[measure]) for measure in results.measures
    ]
    whats += [("accuracy", outcome.name, outcome.values) for outcome in results.shown]
    return [
        {
            "factor": pair.factor,
            "a": pair.a,
            "b": pair.b,
            "family": pair.family,
            "quantity": quantity,
            "what": what,
            "value_a": float(values[pair.a]),
            "value_b": float(values[pair.b]),
            "difference": float(values[pair.a] - values[pair.b]),
        }
        for pair in pairs
        for quantity, what, values in whats
    ]


def factors(rows: Sequence[Record], confidence: float) -> list[Record]:
    """Table `factors`: the mean paired difference of each factor and quantity, and its t test.

    Pairs of one family are no independent draws: they share a recipe, and in a chain of three
    models the middle one is in two pairs. Where pairs come from at least `MIN_FAMILIES` families,
    the mean, its interval and test are of family means, each family counting once; else of pairs,
    as if they were independent. `over` says which.

    Parameters
    ----------
    rows : of `contrasts`. confidence : level of the t intervals.

    Returns
    -------
    A row a factor and quantity: `positive` counts pairs with a difference above 0; p is of the
    two-sided paired t test; q, Benjamini & Hochberg's (1995), is over the whole table. Without an
    interval or p (None), `undefined` says why.
    """
    if not rows:
        return []
    found: list[Record] = []
    keys = ["factor", "quantity", "what"]
    for key, part in pd.DataFrame(rows).groupby(keys, sort=False):
        families = part.groupby("family", sort=False)["difference"].mean()
        over = "families" if len(families) >= MIN_FAMILIES else "pairs"
        d = (families if over == "families" else part["difference"]).to_numpy(float)
        found.append(
            {
                **dict(zip(keys, key, strict=True)),
                "over": over,
                "pairs": len(part),
                "families": len(families),
                "positive": int((part["difference"] > 0).sum()),
                **t_of_mean(d, confidence),
            }
        )
    tested = [row for row in found if row["p"] is not None]
    if tested:
        q = false_discovery_control([row["p"] for row in tested])
        for row, value in zip(tested, q, strict=True):
            row["q"] = float(value)
    return found


def t_of_mean(d: np.ndarray, confidence: float) -> Record:
    """Mean of differences [P], its t interval, and p of mean 0 (one-sample t test); no q yet."""
    empty: Record = {"mean": float(d.mean()), "low": None, "high": None, "p": None, "q": None}
    if len(d) < 2:
        return empty | {"undefined": "one pair"}
    if np.ptp(d) <= 1e-12 * np.abs(d).max():
        return empty | {"undefined": "all differences are equal"}
    test = ttest_1samp(d, 0.0)
    low, high = test.confidence_interval(confidence)
    p = float(test.pvalue)
    return empty | {"low": float(low), "high": float(high), "p": p, "undefined": ""}
