"""The report's tables of the paper's results: Tables 1 and 2, Section 5, Appendices C and D."""

from __future__ import annotations

from typing import Any

from stages.figures.cells import (
    Cell,
    Grid,
    count,
    decimal,
    interval,
    missing,
    number,
    percent,
    probability,
    word,
)
from stages.inference.facts import MEASURES, Facts, capital
from stages.inference.families import MIN_FAMILIES
from stages.inference.outcomes import Record, Tables, outcome_name

LONG = 24
"""A table with more rows is shown when asked for."""


def why(row: Record, facts: Facts) -> str:
    """Why a value of a row is missing."""
    few = "too few families" if facts.families < MIN_FAMILIES else ""
    return str(row.get("undefined") or few)


def has(rows: list[Record], column: str) -> bool:
    """Whether any row has a value there."""
    return any(row.get(column) is not None for row in rows)


def distinct(rows: list[Record], *columns: str) -> list[tuple[Any, ...]]:
    """Different values of some columns, in the order of the rows."""
    return list(dict.fromkeys(tuple(row[column] for column in columns) for row in rows))


def table1(tables: Tables, facts: Facts) -> Grid:
    """Mean accuracy of high, mid and low on every benchmark, for each measure."""
    rows = tables.get("table1", [])
    columns = distinct(rows, "measure", "group")
    at = {(r["benchmark"], r["top"], r["measure"], r["group"]): r for r in rows}
    compared = has(rows, "paper")
    return Grid(
        "table-1",
        "Table 1: accuracy on benchmarks of robustness of the most, middling and least aligned",
        f"Mean accuracy in per cent of the {facts.group_size} models with the highest alignment "
        "(high), nearest its mean (mid) and with the lowest (low), by each measure."
        + (" Small: the paper's value, and the difference from it." if compared else ""),
        ["benchmark", "", *(f"{capital(MEASURES[m])} {group}" for m, group in columns)],
        [
            [word(b), word(f"top-{k}"), *(_beside(at.get((b, k, m, g))) for m, g in columns)]
            for b, k in distinct(rows, "benchmark", "top")
        ],
        none="This study has no benchmark of robustness.",
    )


def _beside(row: Record | None) -> Cell:
    """Accuracy, beneath it the paper's."""
    if row is None:
        return missing("no such group")
    own = percent(row["accuracy"])
    if row.get("paper") is None or row["accuracy"] is None:
        return own
    difference = decimal(100 * (row["accuracy"] - row["paper"]), 1, signed=True)
    return Cell(own.text, below=f"{decimal(100 * row['paper'], 1)} ({difference})")


def paper_columns(rows: list[Record], p: bool = False) -> list[str]:
    """Heads of the paper's value and the difference, where any row has one."""
    if not has(rows, "paper"):
        return []
    return ["paper", *(["paper’s p"] if p else []), "difference"]


def paper_cells(rows: list[Record], row: Record, p: bool = False) -> list[Cell]:
    """The paper's value and the difference from it, where any row has one."""
    if not has(rows, "paper"):
        return []
    reason = "the paper has no such value"
    return [
        number(row.get("paper"), 3, reason=reason),
        *([probability(row.get("paper_p"), reason)] if p else []),
        number(row.get("difference"), 3, signed=True, reason=reason),
    ]


def table2(tables: Tables, facts: Facts) -> Grid:
    """Partial correlation of z² with accuracy on every benchmark."""
    rows = tables.get("table2", [])
    heads = ["r", "p", "naive interval", "interval by family", *paper_columns(rows, p=True)]
    return Grid(
        "table-2",
        "Table 2: does z² go with robustness?",
        f"Partial Pearson correlation of z² with accuracy, given {facts.given}; p and the naive "
        f"{facts.percent} interval take models for independent draws, as the paper does. Bold: the "
        "interval leaves out 0.",
        ["benchmark", "", "measure", *heads],
        [
            [
                word(row["benchmark"]),
                word(f"top-{row['top']}"),
                word(MEASURES[row["measure"]]),
                number(row["r"], 3, reason=why(row, facts)),
                probability(row["p"], why(row, facts)),
                interval(row["low"], row["high"], reason=why(row, facts)),
                interval(row["family_low"], row["family_high"], reason=why(row, facts)),
                *paper_cells(rows, row, p=True),
            ]
            for row in rows
        ],
        none="This study has no benchmark of robustness.",
    )


BOTH = ("naive interval", "interval by family")


def intervals(row: Record, facts: Facts, digits: int = 2) -> list[Cell]:
    """The interval that takes models for independent, and that by family."""
    reason = why(row, facts)
    return [
        interval(row["low"], row["high"], digits, reason),
        interval(row["family_low"], row["family_high"], digits, reason),
    ]


def measures(tables: Tables, facts: Facts) -> Grid:
    """Do the three measures of alignment agree?"""
    rows = tables.get("measures", [])
    return Grid(
        "section-5",
        "Section 5: do the measures of alignment agree?",
        f"Pearson correlation over models between two measures; {facts.percent} intervals.",
        ["measure", "measure", "models", "r", *BOTH, *paper_columns(rows)],
        [
            [
                word(MEASURES[row["a"]]),
                word(MEASURES[row["b"]]),
                count(row["models"]),
                number(row["r"], 3, reason=why(row, facts)),
                *intervals(row, facts, 3),
                *paper_cells(rows, row),
            ]
            for row in rows
        ],
        none="This study has only one measure of alignment.",
    )


def appendix_c(tables: Tables, facts: Facts) -> Grid:
    """What the covariate alone goes with."""
    rows = tables.get("appendix_c", [])
    return Grid(
        "appendix-c",
        "Appendix C: how much does the covariate alone go with?",
        f"Pearson correlation of {facts.given} with every outcome; {facts.percent} intervals.",
        ["outcome", "models", "r", *BOTH, *paper_columns(rows)],
        [
            [
                word(outcome_name(row)),
                count(row["models"]),
                number(row["r"], 3, reason=why(row, facts)),
                *intervals(row, facts),
                *paper_cells(rows, row),
            ]
            for row in rows
        ],
        fold=len(rows) > LONG,
        none="No correlation of the covariate with an outcome was computed.",
    )


def appendix_d(tables: Tables, facts: Facts) -> Grid:
    """Does what relabelling gains go with alignment?"""
    rows = tables.get("relabelled_tests", [])
    return Grid(
        "appendix-d",
        "Appendix D: what do better labels gain, and does that go with alignment?",
        "Correlation of alignment with the gain in accuracy from the corrected labels: z² negative "
        f"is an inverted U, or a line that bends; {facts.percent} intervals.",
        ["measure", "term", "models", "r", *BOTH, "p"],
        [
            [
                word(MEASURES[row["measure"]]),
                word(row["term"]),
                count(row["models"]),
                number(row["r"], 3, reason=why(row, facts)),
                *intervals(row, facts),
                probability(row["p"], why(row, facts)),
            ]
            for row in rows
        ],
        none="This study has no relabelled benchmark whose results, and ImageNet's, are published.",
    )
