"""Alignment against an outcome: a point a model, the least-squares parabola and its band."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.polynomial import Polynomial

from stages.figures.labels import OTHER, legible
from stages.figures.style import (
    COLOURS,
    MARKERS,
    PALE,
    frame,
    marks,
    panels,
    unique,
)
from stages.figures.words import minus
from stages.inference.facts import MEASURES, Facts
from stages.inference.outcomes import Tables


def alignment_fewshot(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """Alignment against accuracy at the smallest n, a panel a task (Fig. 4, left)."""
    if not tables.get("alignment_fewshot"):
        return None
    table = coloured(frame(tables["alignment_fewshot"]))
    tasks = unique(table["task"])
    figure, axes = panels(len(tasks), width=3.3 if len(tasks) > 1 else 5.0, height=3.4)
    for axis, task in zip(axes, tasks, strict=True):
        part = table[table["task"] == task]
        points(axis, part, "accuracy")
        axis.set(title=task, xlabel=facts.alignment)
    axes[0].set_ylabel(f"{facts.n}-shot accuracy")
    legend(figure, axes[0])
    return figure, (
        f"Alignment against {facts.n}-shot accuracy (after the paper's Figure 4, left). "
        f"{facts.who} {facts.outcome}. {parabola(facts)}{facts.hollow}"
    )


def covariate(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """Alignment against the accuracy that partial correlations are given (Fig. 5)."""
    if not tables.get("covariate_alignment"):
        return None
    table = coloured(frame(tables["covariate_alignment"]))
    figure, (axis,) = panels(1, width=5.2, height=3.7)
    points(axis, table, "accuracy")
    axis.set(xlabel=facts.alignment, ylabel="accuracy")
    legend(figure, axis)
    return figure, (
        f"Alignment against the covariate, {facts.given} (after the paper's Figure 5). {facts.who} "
        f"{parabola(facts)}{facts.hollow}"
    )


def relabelled(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """Alignment against the gain from relabelled images (Appendix D), where the study has it."""
    if not tables.get("relabelled"):
        return None
    table = coloured(frame(tables["relabelled"]).assign(weights=""))
    figure, (axis,) = panels(1, width=5.2, height=3.7)
    points(axis, table, "gain")
    axis.set(xlabel=facts.alignment, ylabel="gain in top-1")
    legend(figure, axis)
    tests = [t for t in tables.get("relabelled_tests", []) if t["measure"] == facts.measure]
    found = "; ".join(
        f"r of the gain with {test['term']} {MEASURES[facts.measure]} alignment: "
        + minus("{r:.2f}".format(**test))
        + minus(" [{low:.2f}, {high:.2f}]".format(**test))
        for test in tests
        if test["r"] is not None
    )
    return figure, (
        "Alignment against the gain from relabelled images, ReaL top-1 less ImageNet top-1 (after "
        f"the paper's Appendix D). {facts.who} {parabola(facts)}"
        + (f" {found} ({facts.percent} interval, models taken for independent)." if found else "")
    )


def coloured(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with a colour, a marker and a name in the legend, by recipe or family."""
    shown, groups = legible(table["group"])
    place = {group: i for i, group in enumerate(groups)}
    rank = shown.map(place)
    other = shown == OTHER
    return table.assign(
        shown=shown,
        rank=rank.where(~other, -1),  # behind the others
        colour=[PALE if o else COLOURS[i] for i, o in zip(rank, other, strict=True)],
        marker=["o" if o else MARKERS[i] for i, o in zip(rank, other, strict=True)],
    )


def points(axis: Axes, table: pd.DataFrame, outcome: str) -> None:
    """A point a model over the curve; hollow where the model is untrained."""
    x, fit, low, high = curve(table)
    axis.fill_between(x, low, high, color="black", alpha=0.1, lw=0)
    by_family(axis, table, "alignment", outcome)
    axis.plot(x, fit, color="black", lw=1.2, zorder=3)
    axis.margins(y=0.06)


def by_family(axis: Axes, table: pd.DataFrame, x: str, y: str) -> None:
    """A mark a model at two columns of a `coloured` table."""
    size = 4.8 if len(table) <= 100 else 3
    for _, own in table.groupby("rank"):
        colour, marker, name = (str(own[c].iloc[0]) for c in ("colour", "marker", "shown"))
        marks(axis, own, x, y, colour, marker, size, label=name)


def curve(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The parabola and its band on a fine grid, from their values at the models.

    The fit is a polynomial of degree 2 and the square of the band's half width one of degree 4, so
    that five models with different alignment hold all of both; with fewer, straight lines.
    """
    rows = table.drop_duplicates("alignment").sort_values("alignment")
    x, fit, high = (rows[c].to_numpy(float) for c in ("alignment", "fit", "fit_high"))
    if len(x) < 5:
        return x, fit, rows["fit_low"].to_numpy(float), high
    grid = np.linspace(x[0], x[-1], 101)
    middle = Polynomial.fit(x, fit, 2)(grid)
    half = np.sqrt(np.maximum(Polynomial.fit(x, (high - fit) ** 2, 4)(grid), 0))
    return grid, middle, middle - half, middle + half


def parabola(facts: Facts) -> str:
    return (
        "Curve: least-squares parabola, no covariate; "
        f"band: {facts.percent} interval of its mean, models taken for independent."
    )


def legend(figure: Figure, axis: Axes) -> None:
    """The groups above the panels, in as many columns as fit, "other" last."""
    handles, names = axis.get_legend_handles_labels()
    order = sorted(range(len(names)), key=lambda i: names[i] == OTHER)
    if len(names) < 2:
        return
    width = sum(0.3 + 0.085 * len(name) for name in names) / figure.get_figwidth()
    figure.legend(
        [handles[i] for i in order],
        [names[i] for i in order],
        loc="outside upper center",
        ncols=-(-len(names) // int(np.ceil(width))),
    )
