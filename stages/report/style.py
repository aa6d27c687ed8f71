"""One look for all figures: colour-blind safe, no decoration, the same bytes each time."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

if TYPE_CHECKING:  # only what draws imports matplotlib
    import matplotlib.axes
    import matplotlib.figure

Axes: TypeAlias = "matplotlib.axes.Axes"
Figure: TypeAlias = "matplotlib.figure.Figure"
Look = dict[str, Any]
"""Keywords of matplotlib."""
Parts = list[tuple[Axes, pd.DataFrame]]
"""Panels, with the rows that each shows."""

# Okabe & Ito (2008): distinguishable with any colour vision.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999"]
BLUE, ORANGE, GREY = COLOURS[0], COLOURS[1], COLOURS[7]
INK, PALE = "#444444", "#CCCCCC"
GROUP = {"high": (BLUE, "o"), "mid": ("#777777", "^"), "low": (ORANGE, "s")}
"""Colour and marker of each group of models."""
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]
OTHER = "other"

SMALL = 8
STYLE = Path(__file__).parent / "templates" / "figures.mplstyle"


def panels(
    columns: int, rows: int = 1, width: float = 3.2, height: float = 3.0, **shared: Any
) -> tuple[Figure, list[Axes]]:
    """A figure of equal panels of so many inches, row by row; of one column, not too narrow."""
    import matplotlib.figure

    width = max(width, 4.8 / columns)
    figure = matplotlib.figure.Figure(
        figsize=(width * columns, height * rows), layout="constrained"
    )
    axes = figure.subplots(rows, columns, squeeze=False, **shared)
    return figure, list(axes.ravel())


def grid(table: pd.DataFrame, row: str, column: str, **size: Any) -> tuple[Figure, Parts]:
    """A row and a column of panels for each value of two columns of a table, which name them."""
    rows, columns = table[row].unique(), table[column].unique()
    figure, axes = panels(len(columns), len(rows), **size)
    parts = []
    for axis, (down, across) in zip(axes, product(rows, columns), strict=True):
        if down == rows[0]:
            axis.set_title(across)
        if across == columns[0]:
            axis.set_ylabel(down)
        parts.append((axis, table[(table[row] == down) & (table[column] == across)]))
    return figure, parts


def grid_by_n(table: pd.DataFrame, row: str, column: str, **size: Any) -> tuple[Figure, Parts]:
    """The same over a logarithmic axis whose ticks are the shots n of the table."""
    figure, parts = grid(table, row, column, width=3.2, sharex=True, **size)
    shots = sorted(int(n) for n in table["n"].unique())
    for axis, _ in parts:
        axis.set_xscale("log")
        axis.set_xticks(shots, [str(n) for n in shots])
        axis.minorticks_off()
        axis.set_xlim(shots[0] / 1.4, shots[-1] * 1.4)
    for axis, _ in parts[-table[column].nunique() :]:
        axis.set_xlabel("n, examples a class")
    return figure, parts


def legend(figure: Figure, axis: Axes, least: int = 2) -> None:
    """What a panel shows, if at least so much, above all panels; "other" is last."""
    by_name = dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    if len(by_name) < least:
        return
    names = sorted(by_name, key=lambda name: name == OTHER)
    width = sum(0.3 + 0.085 * len(name) for name in names) / figure.get_figwidth()
    columns = -(-len(names) // int(np.ceil(width)))
    handles = [by_name[name] for name in names]
    figure.legend(handles, names, loc="outside upper center", ncols=columns)


def save(figure: Figure, folder: Path, name: str, caption: str) -> None:
    """Write a figure as SVG and as PNG with its caption beneath; no dates or versions in them."""
    import matplotlib as mpl
    from matplotlib.transforms import Bbox

    layout = figure.get_layout_engine()
    if layout is not None:  # the panels are laid out once for both files
        layout.execute(figure)
    figure.set_layout_engine(None)  # "none" would be one too, and have each file drawn twice
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(
            folder / f"{name}.svg", metadata={"Date": None, "Creator": None, "Description": caption}
        )
    width, height = figure.get_size_inches()
    unbroken = re.sub(
        r"(?<=Figure) |(?<=Section) |(?<=Appendix) |(?<=[<±]) | (?=%)", "\u00a0", caption
    )
    text = textwrap.fill(unbroken, int(17 * width), break_on_hyphens=False)
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


def marks(axis: Axes, models: pd.DataFrame, x: str, y: str, marker: str, **look: Any) -> None:
    """A mark a model at two of its columns; hollow where it is untrained."""
    untrained, colour = models["weights"] == "untrained", look.pop("color")
    for rows, inside in ((models[~untrained], colour), (models[untrained], "white")):
        if len(rows):
            axis.plot(rows[x], rows[y], marker, mfc=inside, mec=colour, mew=0.8, **look)
            look.pop("label", None)  # of the first alone


def list_rows(axis: Axes, names: Sequence[str], margin: float = 0.5) -> None:
    """Named rows from the top to the bottom of a panel."""
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 1 + margin, -margin)
    axis.tick_params(axis="y", length=0)
