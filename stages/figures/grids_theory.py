"""The report's tables of the theory: how it ranks the models, and what a place costs in bits."""

from __future__ import annotations

from collections.abc import Sequence

from stages.figures.cells import (
    Cell,
    Grid,
    count,
    decimal,
    interval,
    missing,
    number,
    probability,
    word,
)
from stages.figures.grids import LONG, distinct, why
from stages.inference.facts import HEADS, Facts
from stages.inference.outcomes import Record, Tables

STRATEGIES = ("adaptive", "random")


def bridge(tables: Tables, facts: Facts) -> Grid:
    """Rank correlation of predicted with measured accuracy, by task and n."""
    rows = tables.get("bridge_tests", [])
    return Grid(
        "bridge",
        "Does the theory rank the models rightly?",
        "Spearman’s ρ of the capacity at ε̂ = 1 − triplet alignment with measured n-shot accuracy "
        f"({HEADS[facts.head]}); no covariate is given. By family: bootstrap of "
        f"{facts.each_family}, of the ranks. Beyond ½: models that disagree with {facts.judges} "
        "more often than not; where there are none, the theory’s order is that of alignment "
        "itself, and nothing is learned of its other arm.",
        ["task", "n", "ρ", "p", "interval by family", "p by family", "models", "beyond ½"],
        [
            [
                word(row["outcome"]),
                count(row["n"]),
                number(row["rho"], signed=True, reason=why(row, facts)),
                probability(row["p"], why(row, facts)),
                interval(row["family_low"], row["family_high"], reason=why(row, facts)),
                probability(row["family_p"], why(row, facts)),
                count(row["models"]),
                count(row["misaligned"]),
            ]
            for row in rows
        ],
        len(rows) > LONG,
        "No stimulus set of this study has triplets.",
    )


def queries(tables: Tables, facts: Facts) -> Grid:
    """What it takes to place an object, in bits of capacity, by size of the game."""
    rows = tables.get("theory_queries", [])
    sizes = distinct(rows, "objects", "dimensions")
    of = {size: [r for r in rows if (r["objects"], r["dimensions"]) == size] for size in sizes}
    return Grid(
        "theory-queries",
        "What does a place cost?",
        "Bits: of the place itself (entropy; no code spends fewer), d log₂ n, and log₂ of the most "
        "places that there can be. Spent: C × queries until Bob is sure, lowest to highest over ε "
        "(C is the capacity of the channel; ε = 0.5 is left out, where no number of queries "
        "suffices). In theory it does not depend on ε, and grows as d log n. That random queries "
        "spend more, and more so the more of them are possible, is no contradiction: Proposition "
        "3.8 bounds what the best queries need. "
        "Alone: positions with a place to themselves; where these are many, there are more places "
        "than were drawn.",
        [
            "objects n",
            "dimensions d",
            "entropy",
            "d log₂ n",
            "log₂ places",
            *(f"spent, {strategy}" for strategy in STRATEGIES),
            "possible queries",
            "alone",
        ],
        [
            [
                count(n),
                count(d),
                number(of[n, d][0]["entropy"], 1),
                number(_bits(of[n, d], "bound"), 1),
                number(_bits(of[n, d], "by_places"), 1),
                *(_spent([r for r in of[n, d] if r["strategy"] == s]) for s in STRATEGIES),
                count(n * (n - 1) // 2),
                number(of[n, d][0]["alone"]),
            ]
            for n, d in sizes
        ],
        len(sizes) > LONG,
    )


def _bits(rows: Sequence[Record], column: str) -> float | None:
    """A bound, in bits: it stands in the table divided by C."""
    known = (row[column] * row["capacity"] for row in rows if row[column] is not None)
    return next(known, None)


def _spent(rows: Sequence[Record]) -> Cell:
    """Lowest and highest C × queries over ε."""
    bits = [row["queries"] * row["capacity"] for row in rows if row["queries"] and row["capacity"]]
    if not bits:
        return missing("games hit the limit of queries")
    low, high = (decimal(value, 1) for value in (min(bits), max(bits)))
    return Cell(low if low == high else f"{low} to {high}")
