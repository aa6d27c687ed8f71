"""Findings that the paper reports beside its figures, and its values beside what is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product

import numpy as np
import pandas as pd

from stages.analysis.families import Resampling
from stages.analysis.outcomes import Tables, records
from stages.analysis.partial import TERMS, constant, plain_correlation
from stages.analysis.plot_rows import scatter
from stages.analysis.results import Results
from stages.runtime.tables import Record
from stages.study.values import Key, Values


def measures(results: Results, resampling: Resampling) -> list[Record]:
    """Table `measures`: how the measures of alignment correlate over models (Section 5)."""
    alignment = results.alignment
    return [
        {"a": a, "b": b, **plain(results, alignment[a], [alignment[b]], resampling)[0]}
        for a, b in combinations(results.measures, 2)
    ]


def appendix_c(results: Results, resampling: Resampling) -> list[Record]:
    """Table `appendix_c`: plain correlation of the covariate with each outcome shown."""
    values = [outcome.values for outcome in results.shown]
    rows = plain(results, results.covariate, values, resampling)
    return [outcome.labels | row for outcome, row in zip(results.shown, rows, strict=True)]


def plain(
    results: Results,
    x: pd.Series,
    outcomes: Sequence[pd.Series],
    resampling: Resampling,
    term: str = "linear",
) -> list[Record]:
    """Plain correlation of x, or of z²(x), with each outcome: naive interval, and by family."""
    values, Y = x.to_numpy(), np.column_stack(outcomes)
    scores = values if constant(values) else TERMS[term](values)
    by_family = resampling.intervals(values, Y, None, results.family, term == "z²").rows()
    naive = (plain_correlation(scores, y, resampling.confidence) for y in Y.T)
    return [one | interval for one, interval in zip(naive, by_family, strict=True)]


def gain(results: Results, published: Mapping[str, str | None]) -> pd.Series | None:
    """By how much each model's top-1 is higher on ImageNet's relabelled images, ReaL, than on it.

    published : by benchmark, its published table, or None. None unless a benchmark has the table
    imagenet_real, another imagenet, and both are published for every model: measured and published
    are not subtracted.
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
    results: Results, measure: str, gained: pd.Series, confidence: float
) -> list[Record]:
    """Table `relabelled` (Appendix D): each model's alignment and gain, and the parabola there."""
    table = scatter(results, measure, gained, confidence).rename(columns={"accuracy": "gain"})
    return records(table[["model", "group", "alignment", "gain", "fit", "fit_low", "fit_high"]])


def relabelled_tests(results: Results, gained: pd.Series, resampling: Resampling) -> list[Record]:
    """Table `relabelled_tests`: r of z² alignment, and of alignment itself, with the gain.

    Plain correlations. A negative r of z² is what an inverted U gives; so may a bent line.
    """
    alignment = results.alignment
    return [
        {"measure": measure, "term": term}
        | plain(results, alignment[measure], [gained], resampling, term)[0]
        for measure, term in product(results.measures, TERMS)
    ]


COLUMN = {"table1": "accuracy", "table2": "r", "measures": "r", "appendix_c": "r"}
"""Tables that have published values, and the column that these are compared with."""


def with_published(tables: Mapping[str, Sequence[Record]], values: Values) -> Tables:
    """The tables; table1, table2, measures and appendix_c also with what the paper published.

    New columns are `paper`, `difference` (found - published) and, in table2, `paper_p`: None where
    `values`, of the study's `paper.values`, has none.
    """
    return {
        name: [_compared(name, row, values) for row in rows] if name in COLUMN else list(rows)
        for name, rows in tables.items()
    }


def _compared(name: str, row: Record, values: Values) -> Record:
    found, keys = row[COLUMN[name]], _keys(name, row)
    paper = next((values[key] for key in keys if key in values), None)
    new: Record = {"paper": paper}
    if name == "table2":
        new["paper_p"] = values.get(keys[0]._replace(statistic="p"))
    difference = None if paper is None or found is None else found - paper
    return row | new | {"difference": difference}


def _keys(name: str, row: Record) -> list[Key]:
    """Keys under which the paper's value of a row may stand: pairs of measures have two orders."""
    if name == "measures":
        pair = (row["a"], row["b"])
        return [Key(name, b, 0, 0, a, "", "r") for a, b in (pair, pair[::-1])]
    outcome = row["outcome" if name == "appendix_c" else "benchmark"]
    labels = (row.get("n", 0), row["top"], row.get("measure", ""), row.get("group", ""))
    return [Key(name, outcome, *labels, COLUMN[name])]
