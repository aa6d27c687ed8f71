"""What plots and figures show: one row a mark, few enough to compare experiments quickly."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from stages.analysis.outcomes import Tables, is_shown, records
from stages.analysis.partial import quadratic_curve
from stages.analysis.results import Results
from stages.runtime.tables import Record


def alignment_fewshot(results: Results, measure: str, confidence: float) -> list[Record]:
    """Alignment against few-shot accuracy (first head, smallest n), a row a model and task.

    Each task has its least-squares parabola, without covariate, and the interval of its mean.
    """
    n = results.shots[0]
    return [
        {**row, "task": task, "n": n}
        for task in results.tasks
        for row in records(
            scatter(results, measure, results.accuracy(task, results.head, n), confidence)
        )
    ]


def scatter(results: Results, measure: str, outcome: pd.Series, confidence: float) -> pd.DataFrame:
    """One row a model: its alignment, its outcome as `accuracy`, and the parabola there."""
    x, y = results.alignment[measure].to_numpy(), outcome.to_numpy()
    fit, low, high = quadratic_curve(x, y, x, confidence)
    return results.about.assign(alignment=x, accuracy=y, fit=fit, fit_low=low, fit_high=high)


def groups_by_n(results: Results) -> list[Record]:
    """Mean n-shot accuracy of the high, mid and low models of each measure."""
    rows = [
        {"task": outcome.outcome, "head": outcome.head, "n": outcome.n, **row}
        for outcome in results.outcomes
        if outcome.kind == "few-shot"
        for row in _group_means(results, outcome.values)
    ]
    table = pd.DataFrame(rows).sort_values("measure", kind="stable")
    return records(table[["measure", "task", "head", "group", "n", "accuracy"]])


def table1(results: Results) -> list[Record]:
    """Mean accuracy on each benchmark of the high, mid and low models of each measure."""
    return [
        {"benchmark": benchmark, "top": k, **row}
        for benchmark, k in product([results.covariate_from[0], *results.benchmarks], (1, 5))
        for row in _group_means(results, results.top(benchmark, k))
    ]


def _group_means(results: Results, values: pd.Series) -> list[Record]:
    return [
        {
            "measure": measure,
            "group": group,
            "models": len(names),
            "accuracy": float(values[names].mean()),
        }
        for measure in results.measures
        for group, names in results.groups[measure].items()
    ]


def families(results: Results, measure: str) -> list[Record]:
    """Mean and range over each family's models of alignment and of the first outcome shown."""
    first = results.shown[0]
    values = {"alignment": results.alignment[measure], "accuracy": first.values}
    table = pd.DataFrame(values | {"group": results.families, "covariate": results.covariate})
    ends = {"": "mean", "_low": "min", "_high": "max"}
    columns = {f"{name}{end}": (name, how) for name in values for end, how in ends.items()}
    columns |= {"covariate": ("covariate", "mean")}
    found = table.groupby("group", sort=False).agg(models=("group", "size"), **columns)
    return records(found.reset_index().assign(task=first.outcome, n=first.n))


TEST = ["shape", "kind", "outcome", "n", "top", "measure", "test", "linear"]
TEST += ["family_effects", "estimate"]
INTERVALS = ["r", "low", "high", "p", "family_low", "family_high", "family_p"]
COLUMNS = {
    "correlation_by_n": ["task", "head", "n", *INTERVALS],
    "groups_by_n": ["measure", "task", "head", "group", "n", "accuracy"],
    "robustness": ["benchmark", "alignment", "top", *INTERVALS],
    "table1": ["benchmark", "top", "measure", "group", "accuracy", "paper"],
    "u_tests": [*TEST, *INTERVALS[1:], "q"],
}
"""Columns of the plots that show only some; the others show whole tables."""


def plot_rows(
    tables: Tables, measure: str, head: str, n: int, alpha: float, counts: Record
) -> Tables:
    """Rows of each of DVC's plots, by the name of its file.

    measure, head, n : the measure of alignment, the head and the shots shown where only one is.
    alpha : level of the tests. counts : stand in every row, for the plots' tooltips.
    """
    frames = {name: pd.DataFrame(rows) for name, rows in tables.items()}
    found, groups, tests = (frames[name] for name in ("correlations", "groups_by_n", "u_tests"))
    found = found[found["measure"] == measure]
    few = found["kind"] == "few-shot"
    shown = np.array([is_shown(row, head, n) for row in tables["u_tests"]])
    tests = tests[shown & ((tests["test"] == "capacity") | (tests["measure"] == measure))]
    plots = {
        "correlation_by_n": found[few & (found["term"] == "z²")].rename(
            columns={"outcome": "task"}
        ),
        "groups_by_n": groups[(groups["measure"] == measure) & (groups["head"] == head)],
        "robustness": found[~few].rename(columns={"outcome": "benchmark", "term": "alignment"}),
        "table1": frames["table1"],
        "u_tests": tests.assign(shape=[shape(row, alpha) for row in records(tests)]),
        "contrasts": frames["factors"],
    }
    for name in ("alignment_fewshot", "covariate_alignment"):
        plots[name] = frames[name]
        plots[name].insert(0, "measure", measure)
    return {
        name: [row | counts for row in records(table[COLUMNS.get(name, list(table))])]
        for name, table in plots.items()
    }


def shape(row: Record, alpha: float) -> str:
    """What a test by family says: a U, the contrary, or neither, after control at alpha.

    "inconclusive" where there is no test by family. The two-lines test looks for a U alone: that it
    finds none says nothing of an inverted one.
    """
    if row["u"] is None:
        return "inconclusive"
    if row["u"]:
        return "U"
    contrary = row["q"] < alpha and row["estimate"] < 0
    return "inverted U" if contrary and row["test"] != "two lines" else "neither"
