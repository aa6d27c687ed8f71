"""Noise: how well anything could agree with the judgments, and how far few-shot results repeat."""

import numpy as np
import pandas as pd

from stages.analysis.facts import HEAD_WORDS, MEASURE_WORDS, Facts, capital
from stages.report.figure import Drawn, Frames, grid_by_n, legend, list_rows, panels
from stages.report.style import BLUE, COLOURS, GREY, INK, MARKERS, ORANGE, ZERO, Axes, Look


def noise(frames: Frames, facts: Facts) -> Drawn:
    """A row a stimulus set: its noise ceiling, the best model, participants; by the shown measure.

    Sets that only have triplets, which the shown measure is not for, have a panel of their own.
    """
    table = frames["ceilings"]
    shown = table[table["measure"] == facts.measure]
    rest = table[~table["set"].isin(shown["set"]) & (table["measure"] == "triplet")]
    parts = [part for part in (shown, rest) if len(part)]
    found = pd.concat(parts)
    judged = frames.get("participants", pd.DataFrame({"measure": [], "set": []}))
    height, ratios = (0.8 + 0.55 * len(found)) / len(parts) + 0.3, [len(p) + 0.2 for p in parts]
    drawn, axes = panels(1, len(parts), width=7.2, height=height, height_ratios=ratios)
    for axis, part in zip(axes, parts, strict=True):
        measure = str(part["measure"].iloc[0])
        axis.axvline(0.5 if measure == "triplet" else 0, **ZERO)
        _ceilings(axis, part)
        for i, name in enumerate(part["set"]):
            own = judged[(judged["measure"] == measure) & (judged["set"] == name)]
            if len(own):
                own, at = own.sort_values("mean"), i + np.linspace(-0.32, 0.32, len(own))
                axis.hlines(at, own["lowest"], own["highest"], color=BLUE, lw=0.6, alpha=0.45)
                look: Look = {"ms": 2.5, "mew": 0, "label": "each participant, mean over models"}
                axis.plot(own["mean"], at, "o", color=BLUE, **look)
        axis.set_xlabel(f"{capital(MEASURE_WORDS[measure])} agreement with {facts.judges}")
    legend(drawn, axes[0])
    return drawn, {"forms": set(found["form"]), "without": int(found["upper"].isna().sum())}


def _ceilings(axis: Axes, table: pd.DataFrame) -> None:
    """A row a set; nothing where a value is missing."""
    at = np.arange(len(table))
    columns = ["leave_one_out", "upper", "split_half", "best_value"]
    low, high, half, best = table[columns].to_numpy(float).T
    axis.barh(at, high - low, 0.8, low, color="#DDDDDD", zorder=0, label="noise ceiling")
    axis.use_sticky_edges = False  # a bar at the edge of the axis has a margin
    alone = np.where(np.isnan(high), low, np.nan)
    axis.vlines(alone, at - 0.4, at + 0.4, color=GREY, lw=2)
    axis.vlines(half, at - 0.4, at + 0.4, color=INK, lw=1, zorder=1)
    look: Look = {"color": ORANGE, "ms": 5, "mec": "white", "mew": 0.6, "zorder": 3}
    axis.plot(best, at, "D", label="best model", **look)
    rows = zip(table["set"], table["judges"], table["form"], strict=True)
    votes = {"votes": " votes"}
    list_rows(axis, [f"{name} ({judges}{votes.get(form, '')})" for name, judges, form in rows])


def reliability(frames: Frames, facts: Facts) -> Drawn:
    """How far n-shot results repeat with other examples: a column a task, a line a head."""
    shown = {"rank_stability": "rank stability", "reliability": "reliability of the mean"}
    table = frames["reliability"].rename(columns=shown | {"task": "column"})
    table = table.dropna(axis="columns", how="all")
    lines = [name for name in shown.values() if name in table]
    if not lines:
        return None
    long = table.melt(["column", "head", "n"], lines, "row")
    drawn, parts = grid_by_n(long, height=2.1, sharey="row")
    heads = [str(head) for head in table["head"].unique()]
    for axis, part in parts:
        least = long["value"][long["row"] == part["row"].iloc[0]].min()
        axis.set_ylim(min(0.8, np.floor(10 * least - 0.2) / 10), 1.01)
        for head, colour, marker in zip(heads, COLOURS, MARKERS, strict=False):
            own = part[part["head"] == head]
            look: Look = {"color": colour, "ms": 3.5, "lw": 1, "label": HEAD_WORDS[head]}
            axis.plot(own["n"], own["value"], f"{marker}-", **look)
        if part["value"].isna().all():
            at: Look = {"ha": "center", "transform": axis.transAxes}
            axis.text(0.5, 0.5, "not computed", color=GREY, **at)
    legend(drawn, drawn.axes[0], least=1)
    return drawn, {"lacking": int(table[lines].isna().any(axis=1).sum()), "of": len(table)}
