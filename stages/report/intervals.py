"""Estimates with two intervals: thin for independent models, broad for models in families."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from stages.analysis.facts import Facts
from stages.analysis.families import MIN_FAMILIES
from stages.report.style import GREY, PALE, Axes, Look

ZERO: Look = {"color": PALE, "lw": 0.8, "zorder": 0}
"""Look of the line of no effect."""


def estimates(
    axis: Axes, at: np.ndarray, rows: pd.DataFrame, horizontal: bool, marker: str, **look: Any
) -> None:
    """Draw r with both of its intervals at positions along the other axis.

    Parameters
    ----------
    rows : [K] r low high family_low family_high; NaN is undefined: no bar, or for r a cross at the
        edge of the axis. horizontal : whether r is along x.
    """
    line = axis.hlines if horizontal else axis.vlines
    for prefix, width, alpha in (("family_", 5.5, 0.3), ("", 1.1, 1.0)):
        low, high = rows[f"{prefix}low"].to_numpy(), rows[f"{prefix}high"].to_numpy()
        known = np.isfinite(low) & np.isfinite(high)
        if known.any():
            line(at[known], low[known], high[known], color=look["color"], lw=width, alpha=alpha)
    r = rows["r"].to_numpy(float)
    known, step = np.isfinite(r), 1 if horizontal else -1
    axis.plot(*(r[known], at[known])[::step], marker, ms=4, ls="none", **look)
    if not known.all():
        edge = np.full((~known).sum(), 0.03)
        transform = axis.get_yaxis_transform() if horizontal else axis.get_xaxis_transform()
        look = {"color": GREY, "ms": 4, "ls": "none", "transform": transform, "clip_on": False}
        axis.plot(*(edge, at[~known])[::step], "x", **look)


def reach(rows: pd.DataFrame) -> tuple[float, float]:
    """Limits, by tenths, that hold 0 and every estimate and interval; at most -1 to 1."""
    values = rows.filter(["r", "low", "high", "family_low", "family_high"]).to_numpy(float)
    if not np.isfinite(values).any():
        return -1.0, 1.0
    low, high = min(0.0, float(np.nanmin(values))), max(0.0, float(np.nanmax(values)))
    return max(-1.0, np.floor(10 * low - 0.2) / 10), min(1.0, np.ceil(10 * high + 0.2) / 10)


def missing(rows: pd.DataFrame, known: pd.Series) -> dict[str, Any]:
    """How many rows of how many are not known, and the reasons, for a caption."""
    reasons = sorted({str(reason) for reason in rows["undefined"][~known] if reason})
    return {"lacking": int((~known).sum()), "of": len(rows), "reasons": reasons}


def bars(rows: pd.DataFrame, facts: Facts) -> dict[str, Any]:
    """What a caption says of the two bars of `estimates`, and of those that are missing."""
    known, by_family = rows["r"].notna(), rows["family_low"].notna()
    return missing(rows, known) | {
        "by_family": int(by_family.sum()),
        "without": int((known & ~by_family).sum()),
        "few": facts.families < MIN_FAMILIES,
    }
