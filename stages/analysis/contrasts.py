"""Paired contrasts: what changes when two models differ in one factor only."""

from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import ttest_1samp

from stages.analysis.outcomes import fill_q, outcome_name
from stages.analysis.results import Results
from stages.runtime.tables import Record
from stages.study.pairs import Pair

FAMILIES_TO_AVERAGE = 3
"""From so many families on, a factor's mean and t are over family means; else over pairs."""


def contrasts(results: Results, pairs: Iterable[Pair]) -> list[Record]:
    """Table `contrasts`: each pair's difference, a - b, in every measure and outcome shown.

    Both models of a pair have results. `what` is a measure of alignment, or an outcome in words.
    """
    quantities = {("alignment", name): results.alignment[name] for name in results.measures}
    quantities |= {("accuracy", outcome_name(o.labels)): o.values for o in results.shown}
    rows = []
    for pair, ((quantity, what), values) in product(pairs, quantities.items()):
        a, b = float(values[pair.a]), float(values[pair.b])
        found = {"value_a": a, "value_b": b, "difference": a - b}
        rows.append(vars(pair) | {"quantity": quantity, "what": what} | found)
    return rows


def factors(rows: Sequence[Record], confidence: float) -> list[Record]:
    """Table `factors`: the mean paired difference of each factor and quantity, and its t test.

    Pairs of one family are not independent: they share a recipe, and in a chain of three models the
    middle one is in two pairs. Where pairs come from at least `FAMILIES_TO_AVERAGE` families, the
    mean, its interval and test are of family means, each family counting once; else of pairs, as if
    they were independent. `over` says which.

    rows : of `contrasts`. `positive` counts pairs with a difference above 0; p is of the two-sided
    paired t test; q, Benjamini & Hochberg's (1995), is over the whole table. Without an interval or
    p (None), `undefined` says why.
    """
    found: list[Record] = []
    keys = ["factor", "quantity", "what"]
    table = pd.DataFrame(rows, columns=[*keys, "family", "difference"])
    for key, part in table.groupby(keys, sort=False):
        pairs = part["difference"]
        families = pairs.groupby(part["family"], sort=False).mean()
        over = "families" if len(families) >= FAMILIES_TO_AVERAGE else "pairs"
        row = dict(zip(keys, key, strict=True)) | {"over": over, "pairs": len(pairs)}
        row |= {"families": len(families), "positive": int((pairs > 0).sum())}
        d = families if over == "families" else pairs
        found.append(row | _t_of_mean(d.to_numpy(float), confidence))
    fill_q(found, "p")
    return found


def _t_of_mean(d: np.ndarray, confidence: float) -> Record:
    """Mean of differences [P], its t interval, and p of mean 0 (one-sample t test); no q yet."""
    row: Record = {"mean": float(d.mean()), "low": None, "high": None, "p": None, "q": None}
    if len(d) < 2:
        return row | {"undefined": "one pair"}
    if np.ptp(d) <= 1e-12 * np.abs(d).max():
        return row | {"undefined": "all differences are equal"}
    test = ttest_1samp(d, 0.0)
    low, high = map(float, test.confidence_interval(confidence))
    return row | {"low": low, "high": high, "p": float(test.pvalue), "undefined": ""}
