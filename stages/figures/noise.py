"""Noise: how well anything could agree with the judgments, and how well the models do."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    SMALL,
    frame,
    panels,
    unique,
)
from stages.inference.facts import MEASURES, Facts, capital
from stages.inference.outcomes import Tables


def noise(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """A row a stimulus set: its noise ceiling, the best model, participants; by the shown measure.

    Sets that only have triplets, which the shown measure is not for, have a panel of their own.
    """
    if not tables.get("ceilings"):
        return None
    table = frame(tables["ceilings"])
    shown = table[table["measure"] == facts.measure]
    rest = table[~table["set"].isin(shown["set"]) & (table["measure"] == "triplet")]
    parts = [part for part in (shown, rest) if len(part)]
    if not parts:
        return None
    judged = frame(tables["participants"]) if tables.get("participants") else None
    figure, axes = panels(
        1,
        len(parts),
        width=7.2,
        height=(0.8 + 0.55 * len(shown) + 0.55 * len(rest)) / len(parts) + 0.3,
        height_ratios=[len(part) + 0.2 for part in parts],
    )
    for axis, part in zip(axes, parts, strict=True):
        measure = str(part["measure"].iloc[0])
        own = None if judged is None else judged[judged["measure"] == measure]
        axis.axvline(0.5 if measure == "triplet" else 0, color=PALE, lw=0.8, zorder=0)
        _ceilings(axis, part, own)
        axis.set_xlabel(f"{capital(MEASURES[measure])} agreement with {facts.judges}")
    _key(axes[0])
    found = pd.concat(parts)
    without, votes = int(found["upper"].isna().sum()), (found["form"] == "votes").any()
    caption = (
        f"How well anything could agree with the judgments of {facts.judges}, of sets with "
        f"repeated judgments (in brackets of how many). {capital(facts.zoo)}. "
        "Grey band: noise ceiling of one judge, from leave-one-out to the upper bound. Thin "
        "vertical line: chance. Orange: the best model."
    )
    if (found["form"] == "participants").any():
        caption += (
            " Participants: black line, of half the judges with the other half; blue, alignment "
            "with each of them, mean over models, with the range of models as a thin line; the "
            "best model is so in the mean over them."
        )
    if votes:
        caption += (
            " Votes: the best model is against majorities, with which single votes agree less, so "
            "that it may exceed the band."
        )
    if without:
        caption += f" Upper bound not computed: {without}, a line in the place of the band."
    return figure, caption


def _ceilings(axis: Axes, table: pd.DataFrame, judged: pd.DataFrame | None) -> None:
    sets = unique(table["set"])
    for i, row in enumerate(table.to_dict("records")):
        low, high, half = (float(row[c]) for c in ("leave_one_out", "upper", "split_half"))
        if np.isfinite(high):
            axis.fill_between([low, high], i - 0.4, i + 0.4, color="#DDDDDD", lw=0, zorder=0)
        elif np.isfinite(low):
            axis.vlines(low, i - 0.4, i + 0.4, color=GREY, lw=2)
        if np.isfinite(half):
            axis.vlines(half, i - 0.4, i + 0.4, color=INK, lw=1, zorder=1)
        if judged is not None:
            own = judged[judged["set"] == row["set"]].sort_values("mean")
            at = i + np.linspace(-0.32, 0.32, len(own)) if len(own) > 1 else np.full(len(own), i)
            axis.hlines(at, own["lowest"], own["highest"], color=BLUE, lw=0.6, alpha=0.45)
            axis.plot(own["mean"], at, "o", color=BLUE, ms=2.5, mew=0)
        if np.isfinite(float(row["best_value"])):
            axis.plot(row["best_value"], i, "D", color=ORANGE, ms=5, mec="white", mew=0.6)
    names = [
        f"{row['set']} ({row['judges']}{' votes' if row['form'] == 'votes' else ''})"
        for row in table.to_dict("records")
    ]
    axis.set_yticks(range(len(sets)), names)
    axis.set_ylim(len(sets) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)


def _key(axis: Axes) -> None:
    """What the marks are, over the panel."""
    words = {
        "each participant, mean over models": BLUE, "best model": ORANGE, "noise ceiling": "#777777"
    }  # fmt: skip
    for (text, colour), (x, side) in zip(
        words.items(), ((0.0, "left"), (0.6, "left"), (1.0, "right")), strict=True
    ):
        axis.text(
            x, 1.02, text, color=colour, size=SMALL, ha=side, va="bottom", transform=axis.transAxes
        )
