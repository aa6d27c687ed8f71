"""Measure against measure (Section 5)."""

from __future__ import annotations

from matplotlib.figure import Figure

from stages.figures.style import BLUE, INK, SMALL, frame, marks, panels
from stages.inference.facts import MEASURES, Facts, capital
from stages.inference.outcomes import Record, Tables


def measures(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """A panel a pair of measures, a point a model, with r and the paper's."""
    rows = tables.get("measures", [])
    if not rows or not tables.get("models"):
        return None
    table = frame(tables["models"])
    figure, axes = panels(len(rows), width=2.8, height=2.7)
    for axis, row in zip(axes, rows, strict=True):
        a, b = row["a"], row["b"]
        marks(axis, table, a, b, BLUE, "o", 4 if len(table) <= 100 else 2.2, alpha=0.8)
        axis.set(
            xlabel=f"{capital(MEASURES[a])} alignment", ylabel=f"{capital(MEASURES[b])} alignment"
        )
        axis.text(
            0.03, 0.98, _found(row), va="top", size=SMALL, color=INK, transform=axis.transAxes
        )
        axis.margins(y=0.12)
    paper = any(row["paper"] is not None for row in rows)
    return figure, (
        "Measures of alignment against each other (after the paper's Section 5). "
        f"{facts.who} In brackets: {facts.percent} interval, models taken for independent."
        + (" Second line: the paper's value." if paper else "")
        + facts.hollow
    )


def _found(row: Record) -> str:
    if row["r"] is None:
        return "r not computed"
    text = f"r = {row['r']:.3f}"
    if row["low"] is not None:
        text += f" [{row['low']:.3f}, {row['high']:.3f}]"
    return text if row["paper"] is None else f"{text}\npaper {row['paper']:.3f}"
