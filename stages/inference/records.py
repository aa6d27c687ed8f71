"""What the plots and figures show, as records: one row a mark."""

from __future__ import annotations

from dataclasses import asdict

from stages.inference.partial import quadratic_curve
from stages.inference.results import Record, Results


def scatter(results: Results, measure: str, head: str, n: int) -> list[Record]:
    """Alignment against n-shot accuracy, one row a model and task, with a fitted parabola."""
    x = results.alignment[measure].to_numpy()
    rows: list[Record] = []
    for task in dict.fromkeys(task for task, _, _ in results.cells()):
        y = results.accuracy(task, head, n).to_numpy()
        fit, low, high = quadratic_curve(x, y, x, results.confidence)
        for i, model in enumerate(results.models):
            about = results.index[str(model)]
            rows.append(
                {
                    "model": model,
                    "architecture": about["architecture"],
                    "group": about["group"],
                    "weights": about["weights"],
                    "task": task,
                    "alignment": x[i],
                    "accuracy": y[i],
                    "fit": fit[i],
                    "fit_low": low[i],
                    "fit_high": high[i],
                }
            )
    return rows


def by_n(results: Results, measure: str) -> list[Record]:
    """Partial correlation of z² with n-shot accuracy, by task, head and n."""
    return [
        {"task": task, "head": head, "n": n}
        | asdict(
            results.correlate(measure, results.accuracy(task, head, n), f"{task}, {head}, n={n}")
        )
        for task, head, n in results.cells()
    ]


def group_curves(results: Results, measure: str, head: str) -> list[Record]:
    """Mean n-shot accuracy of the high, mid and low models."""
    return [
        {
            "task": task,
            "group": group,
            "n": n,
            "accuracy": float(results.accuracy(task, head, n)[names].mean()),
        }
        for task, h, n in results.cells()
        if h == head
        for group, names in results.groups[measure].items()
    ]


def table1(results: Results) -> list[Record]:
    """Mean accuracy on each benchmark of the high, mid and low models, for each measure."""
    return [
        {
            "benchmark": benchmark,
            "top": k,
            "measure": measure,
            "group": group,
            "accuracy": float(results.top(benchmark, k)[names].mean()),
        }
        for benchmark in [results.given[0], *results.benchmarks]
        for k in (1, 5)
        for measure in results.measures
        for group, names in results.groups[measure].items()
    ]


def robustness_correlations(results: Results, measure: str) -> list[Record]:
    """Partial correlation of z² and of plain alignment with accuracy on each benchmark."""
    return [
        {"benchmark": benchmark, "top": k, "alignment": kind} | asdict(value)
        for benchmark in results.benchmarks
        for k in (1, 5)
        for kind, value in (
            ("z²", results.correlate(measure, results.top(benchmark, k), benchmark)),
            ("linear", results.correlate_linear(measure, results.top(benchmark, k), benchmark)),
        )
    ]


def all_records(results: Results, measure: str) -> dict[str, list[Record]]:
    """What is plotted, by the name of its file."""
    head, n = results.head, results.shots[0]
    return {
        "alignment_fewshot": [row | {"n": n} for row in scatter(results, measure, head, n)],
        "correlation_by_n": by_n(results, measure),
        "groups_by_n": group_curves(results, measure, head),
        "robustness": robustness_correlations(results, measure),
        "table1": table1(results),
    }
