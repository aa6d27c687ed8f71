"""One look for all figures: colour-blind safe, no decoration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from stages.report.words import TEMPLATES

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

Axes: TypeAlias = "matplotlib.axes.Axes"
Figure: TypeAlias = "matplotlib.figure.Figure"
Look = dict[str, Any]
"""Keywords of matplotlib."""

# Okabe & Ito (2008): distinguishable with any colour vision.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999"]
BLUE, ORANGE, GREY = COLOURS[0], COLOURS[1], COLOURS[7]
INK, PALE = "#444444", "#CCCCCC"
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]
ZERO: Look = {"color": PALE, "lw": 0.8, "zorder": 0}
"""Look of the line of no effect, or of chance."""
OTHER = "other"
SMALL = 8
STYLE = TEMPLATES / "figures.mplstyle"
