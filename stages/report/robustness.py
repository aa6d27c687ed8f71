"""Robustness: accuracy of the groups, and correlations with alignment (Tables 1 and 2)."""

from __future__ import annotations

import pandas as pd

from stages.analysis.facts import Facts
from stages.report.figure import Drawn, Frames
from stages.report.intervals import ZERO, bars, estimates, reach
from stages.report.style import (
    BLUE,
    GREY,
    GROUP,
    ORANGE,
    PALE,
    SMALL,
    Axes,
    Look,
    list_rows,
    panels,
)

TERMS = {"z²": (BLUE, "o", "z² (a U)", -0.15), "linear": (ORANGE, "s", "alignment itself", 0.15)}
"""Colour, marker, name and place in the row of each term."""


def robustness(frames: Frames, facts: Facts) -> Drawn:
    """Left, top-1 of the high, mid and low groups; right, partial r with both intervals."""

    def shown(table: pd.DataFrame, name: str) -> pd.DataFrame:
        """Of the shown measure and top-1, with the row of the benchmark, and the paper's values."""
        table = table[(table["measure"] == facts.measure) & (table["top"] == 1)]
        return table.assign(at=table[name].map(order), paper=table.get("paper"))

    table1 = frames["table1"]
    order = {name: float(i) for i, name in enumerate(table1["benchmark"].unique())}
    groups, found = shown(table1, "benchmark"), frames["correlations"].query("kind == 'robustness'")
    found = shown(found, "outcome")
    height = 0.9 + 0.44 * len(order)
    drawn, (left, right) = panels(2, width=4.6, height=height, sharey=True)
    _groups(left, groups)
    right.axvline(0, **ZERO)
    for term, (colour, marker, name, below) in TERMS.items():
        part = found[found["term"] == term]
        look = {"color": colour, "label": name}
        estimates(right, part["at"].to_numpy() + below, part, True, marker, **look)
    for benchmark in order.keys() - set(found["outcome"]):
        text: Look = {"ha": "right", "va": "center", "transform": right.get_yaxis_transform()}
        right.text(0.98, order[benchmark], "the covariate", color=GREY, size=SMALL, **text)
    right.set(xlabel="partial r with top-1", xlim=reach(found))
    paper = shown(frames.get("table2", table1[:0]), "benchmark").dropna(subset="paper")
    right.plot(paper["paper"], paper["at"] - 0.36, "o", mfc="white", mec=BLUE, ms=4.5)
    list_rows(left, list(order))
    for axis in (left, right):
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
        axis.tick_params(axis="y", length=0)
    return drawn, bars(found, facts) | {"paper": len(paper) + groups["paper"].notna().sum()}


def _groups(axis: Axes, table: pd.DataFrame) -> None:
    """A dot a group, joined by benchmark; the paper's values as hollow marks below."""
    ends = table.groupby("at")["accuracy"].agg(["min", "max"])
    axis.hlines(ends.index, ends["min"], ends["max"], color=PALE, lw=1.5, zorder=1)
    for group, (colour, marker) in GROUP.items():
        own = table[table["group"] == group]
        axis.plot(own["accuracy"], own["at"], marker, color=colour, ms=6, label=group)
        axis.plot(own["paper"], own["at"] + 0.28, marker, mfc="white", mec=colour, ms=5)
    axis.set(xlabel="top-1 accuracy", xlim=(0, 1.05 * table["accuracy"].max()))
    axis.grid(axis="x", color="#EEEEEE", lw=0.6)
