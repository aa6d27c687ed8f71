"""The report's tables of families, and of models that differ in one factor only."""

from __future__ import annotations

from stages.figures.cells import (
    Cell,
    Grid,
    count,
    decimal,
    interval,
    number,
    percent,
    probability,
    word,
)
from stages.figures.grids import LONG, distinct
from stages.inference.facts import MEASURES, Facts
from stages.inference.outcomes import Record, Tables


def families(tables: Tables, facts: Facts) -> Grid:
    """Mean and range of every family."""
    rows = tables.get("families", [])
    what = f"{rows[0]['task']} {rows[0]['n']}-shot" if rows else ""
    return Grid(
        "families-table",
        "Families of models",
        f"{facts.each_family}. Mean over the family’s models and range; accuracies in per cent.",
        ["family", "models", "alignment", "range", f"{what} accuracy", "range", "covariate"],
        [
            [
                word(row["group"]),
                count(row["models"]),
                number(row["alignment"]),
                Cell(f"{decimal(row['alignment_low'])} to {decimal(row['alignment_high'])}"),
                percent(row["accuracy"]),
                Cell(
                    f"{decimal(100 * row['accuracy_low'], 1)} to "
                    f"{decimal(100 * row['accuracy_high'], 1)}"
                ),
                percent(row["covariate"]),
            ]
            for row in rows
        ],
        len(rows) > LONG,
    )


def factors(tables: Tables, facts: Facts) -> Grid:
    """Mean paired difference of every factor and outcome."""
    rows = tables.get("factors", [])
    return Grid(
        "factors",
        "Models that differ in one factor only",
        "Mean difference between the two models of a pair (first minus second), in how many pairs "
        f"it is positive, and its {facts.percent} t interval: over means of architectures, or "
        "of published models' timm families, where pairs come from three or more; else over pairs "
        "as if they were independent. q: "
        "Benjamini-Hochberg over this table.",
        ["factor", "what", "pairs", "positive", "mean", "interval", "p", "q"],
        [
            [
                word(row["factor"]),
                word(_what(row)),
                count(row["pairs"]),
                count(row["positive"]),
                number(row["mean"], 3, signed=True, reason=row["undefined"]),
                interval(row["low"], row["high"], 3, row["undefined"]),
                probability(row["p"], row["undefined"]),
                probability(row["q"], row["undefined"]),
            ]
            for row in rows
        ],
        len(rows) > LONG,
        "This study has no models that differ in one factor only.",
    )


def contrasts(tables: Tables, facts: Facts) -> Grid:
    """Every pair, its difference in alignment and in each outcome."""
    rows = tables.get("contrasts", [])
    whats = distinct(rows, "quantity", "what")
    pairs = distinct(rows, "factor", "a", "b")
    at = {(r["factor"], r["a"], r["b"], r["quantity"], r["what"]): r["difference"] for r in rows}
    return Grid(
        "pairs",
        f"All {len(pairs)} pairs" if pairs else "Pairs",
        "Difference of the first model from the second.",
        ["factor", "first", "second", *(_what({"quantity": q, "what": w}) for q, w in whats)],
        [
            [
                *map(word, pair),
                *(
                    number(at.get((*pair, *what)), 3, signed=True, reason="not measured")
                    for what in whats
                ),
            ]
            for pair in pairs
        ],
        True,
        "This study has no models that differ in one factor only.",
    )


def _what(row: Record) -> str:
    """A quantity of a contrast, in words."""
    return f"{MEASURES[row['what']]} alignment" if row["quantity"] == "alignment" else row["what"]
