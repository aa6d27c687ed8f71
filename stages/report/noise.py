"""Noise: how well anything could agree with the judgments, and how well the models do."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.analysis.facts import MEASURE_WORDS, Facts, capital
from stages.report.figure import Drawn, Frames
from stages.report.style import BLUE, GREY, INK, ORANGE, PALE, Axes, Look, legend, list_rows, panels


def noise(frames: Frames, facts: Facts) -> Drawn:
    """A row a stimulus set: its noise ceiling, the best model, participants; by the shown measure.

    Sets that only have triplets, which the shown measure is not for, have a panel of their own.
    """
    table = frames["ceilings"]
    shown = table[table["measure"] == facts.measure]
    rest = table[~table["set"].isin(shown["set"]) & (table["measure"] == "triplet")]
    parts = [part for part in (shown, rest) if len(part)]
    if not parts:
        return None
    found = pd.concat(parts)
    judged = frames.get("participants", pd.DataFrame({"measure": [], "set": []}))
    height, ratios = (0.8 + 0.55 * len(found)) / len(parts) + 0.3, [len(p) + 0.2 for p in parts]
    drawn, axes = panels(1, len(parts), width=7.2, height=height, height_ratios=ratios)
    for axis, part in zip(axes, parts, strict=True):
        measure = str(part["measure"].iloc[0])
        axis.axvline(0.5 if measure == "triplet" else 0, color=PALE, lw=0.8, zorder=0)
        _ceilings(axis, part)
        for i, name in enumerate(part["set"]):
            own = judged[(judged["measure"] == measure) & (judged["set"] == name)]
            if len(own):
                _participants(axis, i, own.sort_values("mean"))
        axis.set_xlabel(f"{capital(MEASURE_WORDS[measure])} agreement with {facts.judges}")
    legend(drawn, axes[0])
    return drawn, {"forms": set(found["form"]), "without": int(found["upper"].isna().sum())}


def _ceilings(axis: Axes, table: pd.DataFrame) -> None:
    """A row a set; nothing where a value is missing."""
    at = np.arange(len(table))
    low, high, half, best = (
        table[column].to_numpy(float)
        for column in ("leave_one_out", "upper", "split_half", "best_value")
    )
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


def _participants(axis: Axes, row: int, judged: pd.DataFrame) -> None:
    """Alignment with each participant of a set, mean and range over models, from low to high."""
    at = row + (np.linspace(-0.32, 0.32, len(judged)) if len(judged) > 1 else np.zeros(1))
    axis.hlines(at, judged["lowest"], judged["highest"], color=BLUE, lw=0.6, alpha=0.45)
    name = "each participant, mean over models"
    axis.plot(judged["mean"], at, "o", color=BLUE, ms=2.5, mew=0, label=name)
