"""Metrics: few, small, and named so that `dvc metrics show` and `dvc exp show` read well."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from stages.inference.outcomes import Tables
from stages.inference.results import Outcome, Record, Results


def alignment_metrics(
    results: Results, tables: Tables, measure: str, left_out: Collection[str]
) -> dict[str, Any]:
    """How many models there are, their mean alignment, and how well one judge agrees with others.

    `one_judge` is the mean over sets with participants of their agreement with the others, left out
    one by one. Alignment is with the group, and may be above it.
    """
    ceilings = [
        row["leave_one_out"]
        for row in tables["ceilings"]
        if row["measure"] == measure and row["form"] == "participants"
    ]
    return {
        "n_models": len(results.models),
        "n_left_out": len(left_out),
        "n_untrained": len(results.untrained),
        "alignment": _short(results.alignment[measure].mean()),
        "one_judge": _short(sum(ceilings) / len(ceilings)) if ceilings else None,
    }


def outcome_metrics(results: Results, tables: Tables, measure: str, kind: str) -> dict[str, Any]:
    """For each outcome of a kind its mean over models, and r of z² alignment given the covariate.

    One outcome a task (first head, smallest n) or a benchmark (top-1). `u_shapes`: on how many
    the two-lines test by family finds a U; null where there are too few families for it.
    """
    shown = [outcome for outcome in results.shown if outcome.kind == kind]
    tests = [two_lines(tables, measure, outcome)["u"] for outcome in shown]
    found = [u for u in tests if u is not None]
    return {
        "accuracy": {o.outcome: _short(o.values.mean()) for o in shown},
        "r_z2": {o.outcome: _short(correlation(tables, measure, o, "z²")["r"]) for o in shown},
        "u_shapes": {kind: sum(found) if found else None},
    }


def theory_rho(results: Results, tables: Tables) -> dict[str, Any]:
    """By task, how well the theory ranks models by accuracy at the smallest n (Spearman's rho)."""
    n = results.shots[0]
    return {row["outcome"]: _short(row["rho"]) for row in tables["bridge_tests"] if row["n"] == n}


def outcomes(results: Results, tables: Tables, measure: str) -> list[Record]:
    """One row an outcome shown: accuracy, r of z² and of alignment itself, the two-lines test."""
    rows = []
    for outcome in results.shown:
        row: Record = {"outcome": outcome.outcome, "accuracy": float(outcome.values.mean())}
        for key, term in (("z2", "z²"), ("linear", "linear")):
            found = correlation(tables, measure, outcome, term)
            row[key] = {name: found[name] for name in ("r", "p", "family_low", "family_high", "q")}
        test = two_lines(tables, measure, outcome)
        row["two_lines"] = {name: test[name] for name in ("estimate", "q", "u", "undefined")}
        rows.append(row)
    return rows


def two_lines(tables: Tables, measure: str, outcome: Outcome) -> Record:
    """The two-lines test of an outcome, without family effects."""
    where = {"measure": measure, "test": "two lines", "family_effects": False}
    return _one(tables["u_tests"], outcome.labels | where)


def correlation(tables: Tables, measure: str, outcome: Outcome, term: str) -> Record:
    """The partial correlation of a term of alignment with an outcome."""
    return _one(tables["correlations"], outcome.labels | {"measure": measure, "term": term})


def _one(rows: list[Record], where: Record) -> Record:
    """The only row with these values."""
    (row,) = (row for row in rows if all(row[key] == value for key, value in where.items()))
    return row


def _short(value: float | None) -> float | None:
    """Four significant digits."""
    return None if value is None else float(f"{value:.4g}")
