"""Findings that the paper reports beside its figures, and its values beside what is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import pearsonr

from stages.inference.correlations import SAME, Families
from stages.inference.partial import constant, z, z_squared
from stages.inference.records import scatter
from stages.inference.results import Record, Results
from stages.study.values import Key, Values


def correlation(x: np.ndarray, y: np.ndarray, confidence: float) -> Record:
    """Pearson's r of [M] with [M], its interval by Fisher's z, and the p-value of r = 0.

    None, and why in `undefined`, where all values of one are the same. No interval with fewer than
    4 models.
    """
    found: Record = {"r": None, "low": None, "high": None, "p": None, "models": len(x)}
    if constant(x) or constant(y):
        return found | {"undefined": SAME}
    test = pearsonr(x, y)
    found |= {"r": float(test.statistic), "p": float(test.pvalue), "undefined": ""}
    if len(x) < 4:
        return found | {"undefined": "an interval needs 4 models"}
    low, high = test.confidence_interval(confidence)
    return found | {"low": float(low), "high": float(high)}


def measures(results: Results, families: Families) -> list[Record]:
    """Table `measures`: how the measures of alignment correlate over models (Section 5)."""
    return [
        {"a": a, "b": b, **both(results, results.alignment[a], results.alignment[b], families)}
        for a, b in combinations(results.measures, 2)
    ]


def appendix_c(results: Results, families: Families) -> list[Record]:
    """Table `appendix_c`: how the covariate correlates with each outcome shown, none given."""
    return [
        {**outcome.labels, **both(results, results.covariate, outcome.values, families)}
        for outcome in results.shown
    ]


def both(
    results: Results, x: pd.Series, y: pd.Series, families: Families, square: bool = False
) -> Record:
    """Plain correlation of x, or of z²(x), with y: its naive interval, and that by family."""
    values = x.to_numpy()
    scores = values if constant(values) else (z_squared if square else z)(values)
    naive = correlation(scores, y.to_numpy(), families.confidence)
    return naive | families.plain(results, values, y.to_numpy(), square)


def gain(results: Results, published: Mapping[str, str | None]) -> pd.Series | None:
    """By how much top-1 is higher on ImageNet's relabelled images, ReaL, than on ImageNet.

    Parameters
    ----------
    published : by benchmark, its published table, or None (`published` of the study's benchmarks).

    Returns
    -------
    One value a model; None unless a benchmark has the published table imagenet_real, another
    imagenet, and both are published for every model: measured and published are not subtracted.
    """
    tops = []
    for wanted in ("imagenet_real", "imagenet"):
        name = next((name for name, table in published.items() if table == wanted), None)
        own = results.robustness[results.robustness["benchmark"] == name]
        if set(own["classifier"]) != {"published"}:
            return None
        tops.append(results.top(str(name), 1))
    return tops[0] - tops[1]


def relabelled(
    results: Results, measure: str, gained: pd.Series | None, confidence: float
) -> list[Record]:
    """Table `relabelled` (Appendix D): each model's alignment and gain, and the parabola there."""
    if gained is None:
        return []
    kept = ("model", "group", "alignment", "gain", "fit", "fit_low", "fit_high")
    rows = scatter(results, measure, gained, confidence, name="gain")
    return [{key: row[key] for key in kept} for row in rows]


def relabelled_tests(
    results: Results, gained: pd.Series | None, families: Families
) -> list[Record]:
    """Table `relabelled_tests`: r of z² alignment, and of alignment itself, with the gain.

    A negative r of z² is what an inverted U gives, and so may a bent line. No covariate is given.
    """
    if gained is None:
        return []
    return [
        {
            "measure": measure,
            "term": term,
            **both(results, results.alignment[measure], gained, families, term == "z²"),
        }
        for measure in results.measures
        for term in ("z²", "linear")
    ]


def beside(
    tables: Mapping[str, Sequence[Record]], values: Values | None
) -> dict[str, list[Record]]:
    """The tables, with what the paper published in columns `paper` and `difference`.

    Parameters
    ----------
    tables : any; table1, table2, measures and appendix_c get the columns (table2 `paper_p` too).
    values : of the study's `paper.values`; None for a study that is not the paper's.

    Returns
    -------
    The same tables. `difference` is found - published; None where either is not there.
    """
    known: Values = {} if values is None else values
    return {name: [_with(name, row, known) for row in rows] for name, rows in tables.items()}


def _with(name: str, row: Record, values: Values) -> Record:
    if name not in FOUND:
        return dict(row)
    column, keys = FOUND[name]
    key = next((key for key in keys(row) if key in values), None)
    paper = None if key is None else values[key]
    more: Record = {"paper": paper}
    if name == "table2":
        more["paper_p"] = None if key is None else values.get(key._replace(statistic="p"))
    there = paper is not None and row[column] is not None
    return {**row, **more, "difference": row[column] - paper if there else None}


def _table1(row: Record) -> list[Key]:
    return [
        Key("table1", row["benchmark"], 0, row["top"], row["measure"], row["group"], "accuracy")
    ]


def _table2(row: Record) -> list[Key]:
    return [Key("table2", row["benchmark"], 0, row["top"], row["measure"], "", "r")]


def _measures(row: Record) -> list[Key]:
    pair = (row["a"], row["b"])
    return [Key("measures", b, 0, 0, a, "", "r") for a, b in (pair, pair[::-1])]


def _appendix_c(row: Record) -> list[Key]:
    return [Key("appendix_c", row["outcome"], row["n"], row["top"], "", "", "r")]


FOUND: dict[str, tuple[str, Callable[[Record], list[Key]]]] = {
    "table1": ("accuracy", _table1),
    "table2": ("r", _table2),
    "measures": ("r", _measures),
    "appendix_c": ("r", _appendix_c),
}
"""Tables that have published values: the column they stand beside, and their keys."""
