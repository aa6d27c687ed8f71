"""Estimates with two intervals: thin for independent models, broad for models in families."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from stages.figures.style import GREY, PALE
from stages.inference.facts import Facts
from stages.inference.families import MIN_FAMILIES


def zero(axis: Axes, horizontal: bool) -> None:
    """The line of no effect."""
    (axis.axvline if horizontal else axis.axhline)(0, color=PALE, lw=0.8, zorder=0)


def estimates(
    axis: Axes, at: np.ndarray, rows: pd.DataFrame, colour: str, marker: str, horizontal: bool
) -> None:
    """Draw r with both of its intervals at positions along the other axis.

    Parameters
    ----------
    rows : [K] r low high family_low family_high; NaN is undefined: no bar, or for r a cross at the
        edge of the axis. horizontal : whether r is along x.
    """
    line = axis.hlines if horizontal else axis.vlines
    for low, high, width, alpha in (
        ("family_low", "family_high", 5.5, 0.3),
        ("low", "high", 1.1, 1.0),
    ):
        known = rows[[low, high]].notna().all(axis=1).to_numpy()
        part = rows[known]
        if len(part):
            line(at[known], part[low], part[high], color=colour, lw=width, alpha=alpha)
    known = rows["r"].notna().to_numpy()
    values = rows["r"].to_numpy(float)[known]
    xy = (values, at[known]) if horizontal else (at[known], values)
    axis.plot(*xy, marker, color=colour, ms=4, ls="none")
    edge = np.full(int((~known).sum()), 0.03)
    if len(edge):
        xy = (edge, at[~known]) if horizontal else (at[~known], edge)
        transform = axis.get_yaxis_transform() if horizontal else axis.get_xaxis_transform()
        axis.plot(*xy, "x", color=GREY, ms=4, ls="none", transform=transform, clip_on=False)


def reach(rows: pd.DataFrame) -> tuple[float, float]:
    """Limits, by tenths, that hold 0 and every estimate and interval; at most -1 to 1."""
    columns = [c for c in ("r", "low", "high", "family_low", "family_high") if c in rows]
    values = rows[columns].to_numpy(float)
    if not np.isfinite(values).any():
        return -1.0, 1.0
    low, high = min(0.0, float(np.nanmin(values))), max(0.0, float(np.nanmax(values)))
    return max(-1.0, np.floor(10 * low - 0.2) / 10), min(1.0, np.ceil(10 * high + 0.2) / 10)


def bars(rows: pd.DataFrame, facts: Facts) -> str:
    """What the two bars are, in words, and where there are none."""
    known = rows["family_low"].notna()
    text = (
        f"Bars: {facts.percent} intervals. Thin: models taken for independent draws, as in the "
        "paper"
    )
    if not known.any():
        few = facts.families < MIN_FAMILIES
        why = f": {facts.families} families are too few" if few else ""
        if len(rows) and (few or rows["r"].notna().any()):
            text += f". Intervals by family are not computed{why}"
        return f"{text}.{undefined(rows)}"
    some = "" if (known | rows["r"].isna()).all() else "; where there is none: not computed"
    broad = f"broad: bootstrap of whole families ({facts.each_family}{some})"
    return f"{text}; {broad}.{undefined(rows)}"


def undefined(rows: pd.DataFrame) -> str:
    """How many estimates there are not, and why; empty where there are all."""
    lacking = rows[rows["r"].isna()]
    if not len(lacking):
        return ""
    reasons = " or ".join(sorted({str(reason) for reason in lacking["undefined"] if reason}))
    why = f" ({reasons})" if reasons else ""
    return f" Crosses at the edge: not computed, {len(lacking)} of {len(rows)}{why}."
