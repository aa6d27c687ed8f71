"""Paired contrasts: what changes when models differ in one factor only."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.figures.intervals import zero
from stages.figures.style import (
    BLUE,
    GREY,
    INK,
    SMALL,
    frame,
    panels,
    unique,
)
from stages.inference.facts import MEASURES, Facts, capital
from stages.inference.outcomes import Tables

COLUMNS = 5


def contrasts(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """Mean paired difference of alignment and of every outcome: a panel each, a row a factor."""
    rows = [
        row
        for row in tables.get("factors", [])
        if row["quantity"] == "accuracy" or row["what"] == facts.measure
    ]
    if not rows:
        return None
    table = frame(rows)
    pairs = frame(tables["contrasts"]) if tables.get("contrasts") else None
    factors, whats = unique(table["factor"]), unique(table["what"])
    down = -(-len(whats) // COLUMNS)
    across = -(-len(whats) // down)
    figure, axes = panels(across, down, width=1.9, height=1.0 + 0.36 * len(factors), sharey=True)
    for axis, what in zip(axes, whats, strict=False):
        own = table[table["what"] == what]
        _forest(axis, own, None if pairs is None else pairs[pairs["what"] == what], factors, facts)
        is_alignment = own["quantity"].iloc[0] == "alignment"
        title = f"{capital(MEASURES[what])} alignment" if is_alignment else what
        axis.set_title("\n".join(title.rsplit(" ", 1)), size=SMALL + 0.5)
    for axis in axes[len(whats) :]:
        axis.set_axis_off()
    counts = table.groupby("factor")["pairs"].max()
    labels = [
        f"{factor}\n{counts[factor]} {'pair' if counts[factor] == 1 else 'pairs'}"
        for factor in factors
    ]
    axes[0].set_yticks(range(len(factors)), labels)
    axes[0].set_ylim(len(factors) - 0.5, -0.5)
    figure.supxlabel("mean difference between the models of a pair", size=9)
    lacking = table[table["low"].isna()]
    reasons = "; ".join(sorted({str(r) for r in lacking["undefined"] if r}))
    return figure, (
        "Paired contrasts of models that differ in one factor only. "
        f"{facts.who} Few-shot: {facts.outcome.lower()}. Dots: pairs; marks: their mean; bars: "
        f"{facts.percent} t intervals over {_over(table)}; filled: q < {facts.alpha}."
        + (f" No interval: {len(lacking)} of {len(table)} ({reasons})." if len(lacking) else "")
    )


def _over(table: pd.DataFrame) -> str:
    """What the t intervals take for independent draws."""
    kinds = set(table["over"])
    means = "the means of architectures, or of published models' timm families"
    if kinds == {"families"}:
        return f"{means}, each counting once"
    if kinds == {"pairs"}:
        return "pairs, as if these were independent"
    return f"{means}, where pairs come from three or more, else over pairs"


def _forest(
    axis: Axes, table: pd.DataFrame, pairs: pd.DataFrame | None, factors: list[str], facts: Facts
) -> None:
    """A row a factor: every pair's difference, and their mean with its interval."""
    zero(axis, horizontal=True)
    if pairs is not None:
        pairs = pairs[pairs["factor"].isin(factors)]
        below = np.array([factors.index(str(factor)) for factor in pairs["factor"]]) + 0.2
        axis.plot(pairs["difference"], below, "o", color=GREY, alpha=0.35, ms=2.5, mew=0)
    for row in table.to_dict("records"):
        if pd.isna(row["mean"]):
            continue
        at, sure = factors.index(row["factor"]) - 0.1, row["q"] < 1 - facts.confidence
        if pd.notna(row["low"]):
            axis.hlines(at, row["low"], row["high"], color=BLUE, lw=1.3)
        axis.plot(row["mean"], at, "o", mfc=BLUE if sure else "white", mec=BLUE, ms=5)
    axis.tick_params(axis="y", length=0, labelcolor=INK)
    axis.tick_params(axis="x", labelsize=SMALL - 1)
    axis.locator_params(axis="x", nbins=4)
