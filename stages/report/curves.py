"""Specification curves: each claim about each outcome by every specification of it."""

from typing import Any

import numpy as np
import pandas as pd

from stages.analysis.facts import MEASURE_WORDS, Facts
from stages.analysis.outcomes import outcome_name, records
from stages.analysis.specifications import A_U, MORE
from stages.report.figure import ACROSS, Drawn, Frames, panels
from stages.report.style import BLUE, INK, ORANGE, SMALL, ZERO, Axes, Look

VERDICTS: dict[int | None, tuple[Look, str]] = {
    None: ({"marker": "o", "mfc": "white", "mec": "#AAAAAA"}, "#DDDDDD"),
    0: ({"marker": "o", "color": "#AAAAAA", "mew": 0}, "#AAAAAA"),
    1: ({"marker": "o", "color": BLUE, "mew": 0}, BLUE),
    -1: ({"marker": "s", "color": ORANGE, "mew": 0}, ORANGE),
}
"""Look of specifications by what they say, above and below; None is not tested by family."""
TICKS = (-8, -4, -2, -1, -0.5, 0, 0.5, 1, 2, 4, 8)
CHOICES = ("measure", "features", "table", "covariates", "family effects", "test")


def curve_u(frames: Frames, facts: Facts) -> Drawn:
    """Is it a U?"""
    return _curves(frames["specifications"], A_U)


def curve_more(frames: Frames, facts: Facts) -> Drawn:
    """Does accuracy rise with alignment itself?"""
    return _curves(frames["specifications"], MORE)


def _curves(table: pd.DataFrame, claim: str) -> Drawn:
    """Estimates from the smallest to the largest; beneath, which choices each is made of."""
    table = table[table["claim"] == claim].rename(columns={"family_effects": "family effects"})
    table = table.assign(name=[outcome_name(row) for row in records(table)])
    table["measure"] = [MEASURE_WORDS[m].rpartition(": ")[2] for m in table["measure"]]
    table["family effects"] = table["family effects"].map({True: "with", False: "without"})
    chosen = [(c, v) for c in CHOICES if table[c].nunique() > 1 for v in table[c].unique()]
    outcomes = list(table["name"].unique())
    down = -(-len(outcomes) // ACROSS)
    across = -(-len(outcomes) // down)
    ratios = [2.0, 0.17 * len(chosen) + 0.2] * down
    size: Look = {"width": 3.0, "height": sum(ratios) / len(ratios), "height_ratios": ratios}
    drawn, axes = panels(across, 2 * down, **size)
    grid = np.array(axes, object).reshape(down, 2, across)
    pairs = grid.swapaxes(1, 2).reshape(-1, 2)  # of each outcome, above and below
    for axis in pairs[len(outcomes) :].flat:
        axis.set_axis_off()
    for k, (name, (above, below)) in enumerate(zip(outcomes, pairs, strict=False)):
        rows = table[(table["name"] == name) & table["estimate"].notna()]
        rows = rows.sort_values("estimate", kind="stable").assign(at=np.arange(len(rows)))
        above.set_title(name)
        above.set_xticks([])
        above.axhline(0, **ZERO)
        if rows["estimate"].abs().max() > 1:  # slopes of two lines may be steep
            above.set_yscale("symlog", linthresh=0.5)
            low, high = rows["estimate"].min(), rows["estimate"].max()
            above.set_yticks([at for at in TICKS if 1.2 * low < at < 1.2 * high])
            above.yaxis.set_major_formatter("{x:g}")
        _panel(above, below, rows, chosen)
        leftmost = k % across == 0
        labels = [f"{choice}: {value}" if leftmost else "" for choice, value in chosen]
        below.set_yticks(range(len(chosen)), labels)
        if leftmost:
            above.set_ylabel("coefficient, sd")
    made = table[table["estimate"].notna()]
    about = {"specifications": int(made.groupby("name").size().max()), "u": claim == A_U}
    compressed = any(above.get_yscale() == "symlog" for above, _ in pairs)
    hollow = made["supports"].isna().any()
    return drawn, about | {"compressed": compressed, "hollow": bool(hollow)}


def _panel(above: Axes, below: Axes, rows: pd.DataFrame, chosen: list[tuple[str, Any]]) -> None:
    """One outcome's curve, and what its specifications are made of."""
    for verdict, (look, tick) in VERDICTS.items():
        own = rows[rows["supports"].isna() if verdict is None else rows["supports"] == verdict]
        above.plot(own["at"], own["estimate"], ls="none", ms=3, **look)
        for i, (column, value) in enumerate(chosen):
            at = own["at"][own[column] == value]
            below.plot(at, np.full(len(at), i), "|", color=tick, ms=6, mew=1.1)
    paper = rows[rows["paper"].astype(bool)]
    above.plot(paper["at"], paper["estimate"], "D", mfc="none", mec="black", ms=8, mew=1.3)
    below.vlines(paper["at"], -0.6, len(chosen) - 0.4, color=INK, lw=0.7, ls=":")
    below.set(ylim=(len(chosen) - 0.4, -0.6), xticks=[])
    for axis in (above, below):
        axis.set_xlim(-1, len(rows))
    below.tick_params(axis="y", length=0, labelsize=SMALL - 1)
    below.spines[["left", "bottom"]].set_visible(False)
