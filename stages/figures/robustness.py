"""Robustness: accuracy of the groups, and correlations with alignment (Tables 1 and 2)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.figures.intervals import bars, estimates, reach, zero
from stages.figures.style import (
    BLUE,
    GREY,
    GROUP,
    ORANGE,
    PALE,
    SMALL,
    frame,
    panels,
    unique,
)
from stages.inference.facts import MEASURES, Facts
from stages.inference.outcomes import Record, Tables

TERMS = {"z²": (BLUE, "o", "z² (a U)"), "linear": (ORANGE, "s", "alignment itself (a line)")}


def robustness(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """Left, top-1 of the high, mid and low groups; right, partial r with both intervals."""
    if not tables.get("table1") or not tables.get("correlations"):
        return None
    groups, found = (frame(tables[name]) for name in ("table1", "correlations"))
    groups = groups[(groups["measure"] == facts.measure) & (groups["top"] == 1)]
    found = found[
        (found["kind"] == "robustness") & (found["top"] == 1) & (found["measure"] == facts.measure)
    ]
    benchmarks = unique(groups["benchmark"])
    figure, (left, right) = panels(
        2, width=4.6, height=0.9 + 0.44 * len(benchmarks), sharey=True, width_ratios=[1, 1]
    )
    _groups(left, groups, benchmarks)
    _correlations(right, found, benchmarks)
    left.set_yticks(range(len(benchmarks)), benchmarks)
    left.set_ylim(len(benchmarks) - 0.5, -0.5)
    paper = _paper(left, right, groups, tables.get("table2", []), benchmarks, facts.measure)
    return figure, (
        f"Robustness (after the paper's Tables 1 and 2, top-1). {facts.who} Left: means of the "
        f"{facts.group_size} models with the highest, nearest-to-mean and lowest "
        f"{MEASURES[facts.measure]} alignment. Right: partial correlation with top-1, given "
        f"{facts.given}. {bars(found, facts)}{paper}"
    )


def _groups(axis: Axes, table: pd.DataFrame, benchmarks: list[str]) -> None:
    """A dot a group, joined by benchmark; the groups named over the first."""
    for i, benchmark in enumerate(benchmarks):
        part = table[table["benchmark"] == benchmark].set_index("group")["accuracy"]
        axis.plot([part.min(), part.max()], [i, i], color=PALE, lw=1.5, zorder=1)
        for (group, colour), marker in zip(GROUP.items(), "o^s", strict=True):
            axis.plot(part[group], i, marker, color=colour, ms=6)
    for (group, colour), x, marker in zip(GROUP.items(), (0.75, 0.5, 0.25), "o^s", strict=True):
        axis.plot(
            x - 0.03, 1.04, marker, color=colour, ms=5, transform=axis.transAxes, clip_on=False
        )
        axis.text(x, 1.04, group, color=colour, va="center", size=SMALL, transform=axis.transAxes)
    axis.set(xlabel="top-1 accuracy", xlim=(0, 1.05 * table["accuracy"].max()))
    axis.grid(axis="x", color="#EEEEEE", lw=0.6)
    axis.tick_params(axis="y", length=0)


def _correlations(axis: Axes, table: pd.DataFrame, benchmarks: list[str]) -> None:
    """Estimates of both terms, a pair a benchmark; the terms named over the first."""
    zero(axis, horizontal=True)
    for i, (term, (colour, marker, name)) in enumerate(TERMS.items()):
        part = table[table["term"] == term]
        at = np.array([benchmarks.index(b) for b in part["outcome"]], float) + 0.3 * (i - 0.5)
        estimates(axis, at, part, colour, marker, horizontal=True)
        axis.text(
            (0.0, 0.35)[i], 1.04, name, color=colour, va="center", size=SMALL,
            transform=axis.transAxes,
        )  # fmt: skip
    for i, benchmark in enumerate(benchmarks):
        if benchmark not in set(table["outcome"]):
            axis.text(
                0.98, i, "the covariate", color=GREY, ha="right", va="center", size=SMALL,
                transform=axis.get_yaxis_transform(),
            )  # fmt: skip
    axis.set(xlabel="partial r with top-1", xlim=reach(table))
    axis.tick_params(axis="y", length=0)


def _paper(
    left: Axes,
    right: Axes,
    groups: pd.DataFrame,
    table2: list[Record],
    benchmarks: list[str],
    measure: str,
) -> str:
    """The paper's values as hollow marks, where the study is the paper's; what they are."""
    known = groups.dropna(subset="paper") if "paper" in groups else groups[:0]
    for (group, colour), marker in zip(GROUP.items(), "o^s", strict=True):
        own = known[known["group"] == group]
        at = [benchmarks.index(str(benchmark)) + 0.28 for benchmark in own["benchmark"]]
        left.plot(own["paper"], at, marker, mfc="white", mec=colour, ms=5)
    shown = [
        row
        for row in table2
        if row["measure"] == measure and row["top"] == 1 and row["paper"] is not None
    ]
    for row in shown:
        above = benchmarks.index(row["benchmark"]) - 0.36
        right.plot(row["paper"], above, "o", mfc="white", mec=BLUE, ms=4.5)
    return " Hollow: the paper's values." if len(known) or shown else ""
