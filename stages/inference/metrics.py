"""Metrics: few, small, and named so that `dvc metrics show` and `dvc exp show` read well."""

from __future__ import annotations

from typing import Any

from stages.inference.results import Results


def _short(value: float) -> float:
    """Four significant digits, so that a small p-value does not read as 0."""
    return float(f"{value:.4g}")


def alignment_metrics(results: Results, ceilings: dict[str, float]) -> dict[str, Any]:
    """Number of models, spread of each measure, noise ceiling of each set that has one."""
    spread = {
        measure: {key: _short(value) for key, value in row.items()}
        for measure, row in results.spread().items()
    }
    rounded = {name: _short(value) for name, value in ceilings.items()}
    counts = {
        "models": len(results.models),
        "left_out": len(results.left_out),
        "untrained_models": len(results.untrained),
    }
    return {**counts, "alignment": spread, "noise_ceiling": rounded}


def fewshot_metrics(results: Results, measure: str) -> dict[str, Any]:
    """For each task: accuracy over models at the smallest n, and what goes with alignment there.

    `r_z2` is the paper's statistic, `r_linear` the same with alignment itself; both given the
    covariate, for the first head.
    """
    head, n = results.head, results.shots[0]
    tasks = dict.fromkeys(task for task, _, _ in results.cells())
    return {
        "untrained_models": len(results.untrained),
        "fewshot": {
            task: _row(results, measure, results.accuracy(task, head, n)) for task in tasks
        },
    }


def robustness_metrics(results: Results, measure: str) -> dict[str, Any]:
    """For each benchmark: top-1 over models, and what goes with alignment."""
    return {
        "untrained_models": len(results.untrained),
        "covariate": {"mean": _short(float(results.covariate.mean()))},
        "robustness": {b: _row(results, measure, results.top(b, 1)) for b in results.benchmarks},
    }


def _row(results: Results, measure: str, outcome: Any) -> dict[str, float]:
    square = results.correlate(measure, outcome, "an outcome")
    line = results.correlate_linear(measure, outcome, "an outcome")
    values = {
        "accuracy": float(outcome.mean()),
        "r_z2": square.r,
        "p_z2": square.p,
        "r_linear": line.r,
    }
    return {key: _short(value) for key, value in values.items()}
