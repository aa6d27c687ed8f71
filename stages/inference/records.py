"""What the plots and figures show, as records: one row a mark."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.inference.partial import quadratic_curve
from stages.inference.results import Outcome, Record, Results


def alignment_fewshot(results: Results, measure: str, confidence: float) -> list[Record]:
    """Alignment against few-shot accuracy (first head, smallest n), a row a model and task.

    Each task has its least-squares parabola, without covariate, and the interval of its mean.
    """
    head, n = results.head, results.shots[0]
    return [
        {**row, "task": task, "n": n}
        for task in results.tasks
        for row in scatter(results, measure, results.accuracy(task, head, n), confidence)
    ]


def scatter(
    results: Results, measure: str, outcome: pd.Series, confidence: float, name: str = "accuracy"
) -> list[Record]:
    """One row a model: its alignment, its outcome called `name`, and the parabola there."""
    x, y = results.alignment[measure].to_numpy(), outcome.to_numpy()
    fit, low, high = quadratic_curve(x, y, x, confidence)
    return [
        {
            **results.about(str(model)),
            "alignment": x[i],
            name: y[i],
            "fit": fit[i],
            "fit_low": low[i],
            "fit_high": high[i],
        }
        for i, model in enumerate(results.models)
    ]


def groups_by_n(results: Results) -> list[Record]:
    """Mean n-shot accuracy of the high, mid and low models of each measure."""
    return [
        {
            "measure": measure,
            "task": outcome.outcome,
            "head": outcome.head,
            "group": group,
            "n": outcome.n,
            "accuracy": float(outcome.values[names].mean()),
        }
        for measure in results.measures
        for outcome in results.outcomes
        if outcome.kind == "few-shot"
        for group, names in results.groups[measure].items()
    ]


def table1(results: Results) -> list[Record]:
    """Mean accuracy on each benchmark of the high, mid and low models of each measure."""
    return [
        {
            "benchmark": benchmark,
            "top": k,
            "measure": measure,
            "group": group,
            "models": len(names),
            "accuracy": float(results.top(benchmark, k)[names].mean()),
        }
        for benchmark in [results.given[0], *results.benchmarks]
        for k in (1, 5)
        for measure in results.measures
        for group, names in results.groups[measure].items()
    ]


def families(results: Results, measure: str, outcome: Outcome) -> list[Record]:
    """Mean and range over each family's models of alignment and of one outcome."""
    table = pd.DataFrame(
        {
            "group": results.families,
            "alignment": results.alignment[measure].to_numpy(),
            "accuracy": outcome.values.to_numpy(),
            "covariate": results.covariate.to_numpy(),
        }
    )
    return [
        {
            "group": group,
            "models": len(rows),
            **{
                f"{column}{suffix}": float(function(rows[column]))
                for column in ("alignment", "accuracy")
                for suffix, function in (("", np.mean), ("_low", np.min), ("_high", np.max))
            },
            "covariate": float(rows["covariate"].mean()),
            "task": outcome.outcome,
            "n": outcome.n,
        }
        for group, rows in table.groupby("group", sort=False)
    ]
