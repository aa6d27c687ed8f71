"""Few-shot accuracy by n: groups, correlations, and how far the results repeat."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.analysis.facts import HEAD_WORDS, MEASURE_WORDS, Facts, capital
from stages.report.figure import Drawn, Frames
from stages.report.intervals import ZERO, bars, estimates, reach
from stages.report.style import BLUE, COLOURS, GREY, GROUP, MARKERS, Figure, Look, grid_by_n, legend


def groups_by_n(frames: Frames, facts: Facts) -> Drawn:
    """Accuracy of high, mid and low: a row a measure, a column a head (Fig. 3, left)."""
    table = frames["groups_by_n"]
    task = table["task"].iloc[0]
    table = _named(table[table["task"] == task], "accuracy")
    return _groups(table, "by measure", "by head", height=2.0, sharey=True), {"task": task}


def groups_by_task(frames: Frames, facts: Facts) -> Drawn:
    """Accuracy of high, mid and low on every task, by the shown measure, with the first head."""
    table = _shown(frames["groups_by_n"], facts).assign(label="n-shot accuracy")
    return _groups(table, "label", "task", height=2.6, sharey=False), {}


def _groups(table: pd.DataFrame, row: str, column: str, height: float, sharey: bool) -> Figure:
    """Panels of a line a group."""
    drawn, parts = grid_by_n(table, row, column, height=height, sharey=sharey)
    for axis, part in parts:
        axis.set_ylim(0, 1.05 * float((table if sharey else part)["accuracy"].max()))
        for group, (colour, marker) in GROUP.items():
            own = part[part["group"] == group].sort_values("n")
            look: Look = {"color": colour, "ms": 3.5, "lw": 1.2, "label": group}
            axis.plot(own["n"], own["accuracy"], f"{marker}-", **look)
    legend(drawn, drawn.axes[0])
    return drawn


def correlation_by_n(frames: Frames, facts: Facts) -> Drawn:
    """Partial r of z²: a row a measure, a column a head, for the first task (Fig. 3, right)."""
    table = _fewshot(frames)
    if not len(table):
        return None
    task = table["outcome"].iloc[0]
    table = _named(table[table["outcome"] == task], "partial r of z²")
    found = bars(table, facts) | {"task": task}
    return _correlations(table, "by measure", "by head", height=2.0), found


def correlation_by_task(frames: Frames, facts: Facts) -> Drawn:
    """Partial r of the shown measure's z² on every task, with the first head (Fig. 4, right)."""
    table = _shown(_fewshot(frames), facts).assign(label="partial r of z²")
    if not len(table):
        return None
    return _correlations(table, "label", "outcome", height=2.6), bars(table, facts)


def _correlations(table: pd.DataFrame, row: str, column: str, height: float) -> Figure:
    """Panels of estimates by n, joined."""
    drawn, parts = grid_by_n(table, row, column, height=height, sharey=True)
    for axis, part in parts:
        part = part.sort_values("n")
        axis.axhline(0, **ZERO)
        axis.plot(part["n"], part["r"], color=BLUE, lw=0.8, alpha=0.6)
        estimates(axis, part["n"].to_numpy(float), part, False, "o", color=BLUE)
        axis.set_ylim(reach(table))
    return drawn


def reliability(frames: Frames, facts: Facts) -> Drawn:
    """How far n-shot results repeat with other examples: a column a task, a line a head."""
    shown = {"rank_stability": "rank stability", "reliability": "reliability of the mean"}
    table = frames["reliability"].rename(columns=shown).dropna(axis="columns", how="all")
    lines = [name for name in shown.values() if name in table]
    if not lines:
        return None
    long = table.melt(["task", "head", "n"], lines, "what")
    drawn, parts = grid_by_n(long, "what", "task", height=2.1, sharey="row")
    heads = [str(head) for head in table["head"].unique()]
    for axis, part in parts:
        least = long["value"][long["what"] == part["what"].iloc[0]].min()
        axis.set_ylim(min(0.8, np.floor(10 * least - 0.2) / 10), 1.01)
        for head, colour, marker in zip(heads, COLOURS, MARKERS, strict=False):
            own = part[part["head"] == head].sort_values("n")
            look: Look = {"color": colour, "ms": 3.5, "lw": 1, "label": HEAD_WORDS[head]}
            axis.plot(own["n"], own["value"], f"{marker}-", **look)
        if part["value"].isna().all():
            at: Look = {"ha": "center", "transform": axis.transAxes}
            axis.text(0.5, 0.5, "not computed", color=GREY, **at)
    legend(drawn, drawn.axes[0], least=1)
    return drawn, {"lacking": int(table[lines].isna().any(axis=1).sum()), "of": len(table)}


def _fewshot(frames: Frames) -> pd.DataFrame:
    """The correlations of z² with few-shot accuracy."""
    table = frames["correlations"]
    return table[(table["kind"] == "few-shot") & (table["term"] == "z²")]


def _shown(table: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """Rows of the shown measure and the first head."""
    return table[(table["measure"] == facts.measure) & (table["head"] == facts.head)]


def _named(table: pd.DataFrame, label: str) -> pd.DataFrame:
    """The rows with their measure, over a label, and their head in words."""
    measures = table["measure"].map(lambda measure: f"{capital(MEASURE_WORDS[measure])}\n{label}")
    heads = table["head"].map(lambda head: capital(HEAD_WORDS[head]))
    return table.assign(**{"by measure": measures, "by head": heads})
