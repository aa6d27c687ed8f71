"""One look for all figures: colour-blind safe, no decoration, the same bytes each time."""

from __future__ import annotations

import math
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from stages.figures.words import together
from stages.inference.outcomes import Record

# Okabe & Ito (2008): distinguishable with any colour vision.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999"]
BLUE, ORANGE, GREEN, GREY = COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[7]
INK, PALE = "#444444", "#CCCCCC"
GROUP = {"high": BLUE, "mid": "#777777", "low": ORANGE}
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]

SMALL = 8
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica", "sans-serif"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.linewidth": 0.7,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "legend.fontsize": SMALL,
    "legend.handletextpad": 0.2,
    "legend.columnspacing": 1.2,
    "svg.fonttype": "none",
    "text.parse_math": False,  # names may have any character
}


def panels(
    columns: int, rows: int = 1, width: float = 3.2, height: float = 3.0, **shared: Any
) -> tuple[Figure, list[Axes]]:
    """A figure of equal panels of so many inches, row by row; of one column, not too narrow."""
    width = max(width, 4.8 / columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **shared)
    return figure, list(axes.ravel())


def save(figure: Figure, folder: Path, name: str, caption: str) -> None:
    """Write a figure as SVG and as PNG with its caption beneath; no dates or versions in them."""
    folder.mkdir(parents=True, exist_ok=True)
    layout = figure.get_layout_engine()
    if layout is not None:  # the panels are laid out once for both files
        layout.execute(figure)
    figure.set_layout_engine(None)  # "none" would be one too, and have each file drawn twice
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(
            folder / f"{name}.svg", metadata={"Date": None, "Creator": None, "Description": caption}
        )
    width, height = figure.get_size_inches()
    text = fill(together(caption), int(17 * width), break_on_hyphens=False)
    below = 0.15 + 0.14 * (text.count("\n") + 1)
    figure.text(
        0.08 / width, -0.06 / height, text, size=SMALL, color=INK, va="top", linespacing=1.2
    )
    figure.savefig(
        folder / f"{name}.png",
        dpi=160,
        bbox_inches=Bbox([[0, -below], [width, height]]),
        metadata={"Software": None, "Description": caption},
    )


def frame(rows: list[Record]) -> pd.DataFrame:
    """Records as a data frame; None in a column of numbers is NaN, also where all are None."""
    table = pd.DataFrame(rows)
    return table.astype({c: float for c in table.columns if table[c].isna().all()})


def marks(
    axis: Axes,
    models: pd.DataFrame,
    x: str,
    y: str,
    colour: str,
    marker: str,
    size: float,
    **kw: Any,
) -> None:
    """A mark a model at two of its columns, `size` points wide; hollow where it is untrained."""
    untrained = models["weights"] == "untrained"
    label = kw.pop("label", None)
    for rows, inside in ((models[~untrained], colour), (models[untrained], "white")):
        if len(rows):
            axis.plot(
                rows[x],
                rows[y],
                marker,
                mfc=inside,
                mec=colour,
                mew=0.8,
                ms=size,
                label=label,
                **kw,
            )
            label = None


def unique(values: pd.Series) -> list[str]:
    """The different values, in their order."""
    return [str(value) for value in values.unique()]


def power(value: float, _: float = 0) -> str:
    """A power of ten as a label of a logarithmic axis: mathtext is off, see `STYLE`."""
    return "10" + str(round(math.log10(value))).translate(
        str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    )


def axis_of_n(axis: Axes, shots: list[int], label: bool = True) -> None:
    """A logarithmic axis whose ticks are the shots themselves."""
    axis.set_xscale("log")
    axis.set_xticks(shots, [str(n) for n in shots])
    axis.minorticks_off()
    axis.set_xlim(shots[0] / 1.4, shots[-1] * 1.4)
    if label:
        axis.set_xlabel("n, examples a class")
