"""What DVC shows: at most 12 numbers, which fit a screen, and the rows of its plots."""

from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd

from stages.analysis.answer import direction
from stages.analysis.outcomes import Tables, is_shown, records
from stages.analysis.results import Outcome, Results
from stages.runtime.tables import Record


def metrics(
    results: Results, tables: Tables, measure: str, left_out: Collection[str], alpha: float
) -> dict[str, float | int | None]:
    """The study in 12 numbers, to four digits; None where undefined.

    The main outcome is the first task's n-shot accuracy with the first head and the smallest n.
    Counts are over the outcomes shown: one a task, and a benchmark's top-1. `one_judge_agreement`
    is the mean over sets of participants' agreement with the others, left out one by one; alignment
    is with the group, and may be above it. `theory_rank_correlation` is Spearman's, of the main
    outcome with the order that the theory predicts.
    """
    shown = outcomes(results, tables, measure)
    main = shown[0]
    rising = [direction(row["linear"], alpha) == 1 for row in shown]
    tested = [row["two_lines"]["u"] for row in shown if row["two_lines"]["u"] is not None]
    by_family = any(row["linear"]["q"] is not None for row in shown)
    judges = [
        row["leave_one_out"]
        for row in tables["ceilings"]
        if row["measure"] == measure and row["form"] == "participants"
    ]
    values = {
        "models": len(results.models),
        "untrained_models": len(results.untrained),
        "models_left_out": len(left_out),
        "mean_alignment": results.alignment[measure].mean(),
        "one_judge_agreement": _mean(judges),
        "mean_fewshot_accuracy": _mean(r["accuracy"] for r in shown if r["kind"] == "few-shot"),
        "mean_robustness_accuracy": _mean(r["accuracy"] for r in shown if r["kind"] != "few-shot"),
        "r_z2_main_outcome": main["z2"]["r"],
        "r_alignment_main_outcome": main["linear"]["r"],
        "outcomes_following_u": sum(tested) if tested else None,
        "outcomes_rising_with_alignment": sum(rising) if by_family else None,
        "theory_rank_correlation": main["theory_rho"],
    }
    return {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in values.items()}


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return float(np.mean(known)) if known else None


def outcomes(results: Results, tables: Tables, measure: str) -> list[Record]:
    """One row an outcome shown: accuracy, r of z² and of alignment itself, the two-lines test.

    `theory_rho` is Spearman's correlation of few-shot accuracy with the theory's order of models.
    """
    rows = []
    for outcome in results.shown:
        row: Record = {"kind": outcome.kind, "outcome": outcome.outcome}
        row["accuracy"] = float(outcome.values.mean())
        for key, term in (("z2", "z²"), ("linear", "linear")):
            found = _row(tables, "correlations", outcome, measure=measure, term=term)
            row[key] = {name: found[name] for name in ("r", "p", "family_low", "family_high", "q")}
        two_lines = {"test": "two lines", "family_effects": False}
        test = _row(tables, "u_tests", outcome, measure=measure, **two_lines)
        row["two_lines"] = {name: test[name] for name in ("estimate", "q", "u", "undefined")}
        row["theory_rho"] = None
        if outcome.kind == "few-shot" and tables["bridge_tests"]:
            row["theory_rho"] = _row(tables, "bridge_tests", outcome)["rho"]
        rows.append(row)
    return rows


def _row(tables: Tables, name: str, outcome: Outcome, **where: object) -> Record:
    """The only row of a table about an outcome with these values."""
    known = (outcome.labels | where).items()
    (row,) = (r for r in tables[name] if all(r.get(key, value) == value for key, value in known))
    return row


TEST = ["shape", "kind", "outcome", "n", "top", "measure", "test", "linear"]
INTERVALS = ["r", "low", "high", "p", "family_low", "family_high", "family_p"]
COLUMNS = {
    "correlation_by_n": ["task", "head", "n", *INTERVALS],
    "groups_by_n": ["measure", "task", "head", "group", "n", "accuracy"],
    "robustness": ["benchmark", "alignment", "top", *INTERVALS],
    "table1": ["benchmark", "top", "measure", "group", "accuracy", "paper"],
    "u_tests": [*TEST, "family_effects", "estimate", *INTERVALS[1:], "q"],
}
"""Columns of the plots that show only some; the others show whole tables."""


def plot_rows(
    tables: Tables, measure: str, head: str, n: int, alpha: float, counts: Record
) -> Tables:
    """Rows of each of DVC's plots, by the name of its file; few, to compare experiments quickly.

    measure, head, n : the measure of alignment, the head and the shots shown where only one is.
    alpha : level of the tests. counts : stand in every row, for the plots' tooltips.
    """
    frames = {
        name: pd.DataFrame(rows, columns=None if rows else COLUMNS.get(name))
        for name, rows in tables.items()
    }
    found, groups, tests = (frames[name] for name in ("correlations", "groups_by_n", "u_tests"))
    found = found[found["measure"] == measure]
    few, curved = found["kind"] == "few-shot", found["term"] == "z²"
    shown = np.array([is_shown(row, head, n) for row in tables["u_tests"]])
    tests = tests[shown & ((tests["test"] == "capacity") | (tests["measure"] == measure))]
    plots = {
        "correlation_by_n": found[few & curved].rename(columns={"outcome": "task"}),
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
