"""Paired contrasts: what changes when models differ in one factor only."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.analysis.facts import MEASURE_WORDS, Facts, capital
from stages.report.figure import Drawn, Frames
from stages.report.intervals import ZERO, missing
from stages.report.style import BLUE, GREY, INK, SMALL, Axes, list_rows, panels

COLUMNS = 5


def contrasts(frames: Frames, facts: Facts) -> Drawn:
    """Mean paired difference of alignment and of every outcome: a panel each, a row a factor."""
    table, pairs = frames["factors"], frames.get("contrasts")
    table = table[(table["quantity"] == "accuracy") | (table["what"] == facts.measure)]
    if not len(table):
        return None
    factors, whats = list(table["factor"].unique()), table["what"].unique()
    down = -(-len(whats) // COLUMNS)
    across = -(-len(whats) // down)
    drawn, axes = panels(across, down, width=1.9, height=1.0 + 0.36 * len(factors), sharey=True)
    for axis, what in zip(axes, whats, strict=False):
        axis.axvline(0, **ZERO)
        if pairs is not None:
            own = pairs[(pairs["what"] == what) & pairs["factor"].isin(factors)]
            at = own["factor"].map(factors.index).to_numpy() + 0.2
            axis.plot(own["difference"], at, "o", color=GREY, alpha=0.35, ms=2.5, mew=0)
        own = table[table["what"] == what].dropna(subset="mean")
        _means(axis, own, own["factor"].map(factors.index).to_numpy() - 0.1, facts)
        title = f"{capital(MEASURE_WORDS[what])} alignment" if what in MEASURE_WORDS else what
        axis.set_title("\n".join(title.rsplit(" ", 1)), size=SMALL + 0.5)
    for axis in axes[len(whats) :]:
        axis.set_axis_off()
    counts = table.groupby("factor")["pairs"].max()
    list_rows(axes[0], [f"{f}\n{counts[f]} pair{'s' * bool(counts[f] != 1)}" for f in factors])
    drawn.supxlabel("mean difference between the models of a pair", size=9)
    over = sorted(set(table["over"]))
    return drawn, missing(table, table["low"].notna()) | {"over": over}


def _means(axis: Axes, rows: pd.DataFrame, at: np.ndarray, facts: Facts) -> None:
    """Mean differences with their intervals at heights; filled where q is small."""
    axis.hlines(at, rows["low"], rows["high"], color=BLUE, lw=1.3)
    sure = (rows["q"] < 1 - facts.confidence).to_numpy()
    for which, inside in ((sure, BLUE), (~sure, "white")):
        axis.plot(rows["mean"][which], at[which], "o", mfc=inside, mec=BLUE, ms=5)
    axis.tick_params(axis="y", length=0, labelcolor=INK)
    axis.tick_params(axis="x", labelsize=SMALL - 1)
    axis.locator_params(axis="x", nbins=4)
