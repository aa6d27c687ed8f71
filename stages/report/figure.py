"""How a figure is drawn and written: panels, marks, legends, its caption; the same bytes each time.

Nothing here imports matplotlib until a figure is drawn, nor does any module with figures.
"""

import base64
import io
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from stages.analysis.facts import Facts
from stages.analysis.outcomes import Record, Tables
from stages.report.style import INK, OTHER, SMALL, Axes, Figure, Look
from stages.report.words import fill

Frames = Mapping[str, pd.DataFrame]
"""Tables that have rows, by name."""
Drawn: TypeAlias = "tuple[Figure, dict[str, Any]] | None"
"""A figure and what its caption says of it by name; None where there is nothing to draw."""
DrawFigure = Callable[[Frames, Facts], Drawn]


@dataclass(frozen=True)
class Drawing:
    """A figure: tables that it needs and those that it may do without; caption as a template.

    few_shot : whether it depends on which few-shot accuracy is shown.
    """

    draw: DrawFigure
    heading: str
    caption: str
    needs: Sequence[str]
    optional: Sequence[str] = ()
    few_shot: bool = True

    def inputs(self, tables: Tables) -> Tables:
        """Those tables that it shows; none if one that it needs has no rows."""
        if not all(tables.get(name) for name in self.needs):
            return {}
        return {n: tables[n] for n in (*self.needs, *self.optional) if tables.get(n)}


def draw(
    function: DrawFigure, caption: str, style: Path, tables: Tables, facts: Facts
) -> dict[str, str] | None:
    """A figure's `caption`, its `svg`, and its `png` in base 64; None for nothing to draw.

    caption : a template. style : a style sheet of matplotlib.
    """
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": function.__name__}, fname=style):
        drawn = function({name: frame(rows) for name, rows in tables.items()}, facts)
        if drawn is None:
            return None
        figure, found = drawn
        text = fill(caption, facts=facts, **found)
        svg, png = images(figure, text)
    return {"caption": text, "svg": svg.decode(), "png": base64.b64encode(png).decode()}


def frame(rows: list[Record]) -> pd.DataFrame:
    """Records as a data frame; None in a column of numbers is NaN, also where all are None."""
    table = pd.DataFrame(rows)
    return table.astype({c: float for c in table.columns if table[c].isna().all()})


def images(figure: Figure, caption: str) -> tuple[bytes, bytes]:
    """A figure as SVG, and as PNG with its caption beneath; no dates or versions in them."""
    from matplotlib.transforms import Bbox

    layout = figure.get_layout_engine()
    if layout is not None:  # the panels are laid out once for both
        layout.execute(figure)
    figure.set_layout_engine(None)  # "none" would be one too, and have each image drawn twice
    svg, png = io.BytesIO(), io.BytesIO()
    about = {"Date": None, "Creator": None, "Description": caption}
    figure.savefig(svg, format="svg", metadata=about)
    width, height = figure.get_size_inches()
    unbroken = re.sub(
        r"(?<=Figure) |(?<=Section) |(?<=Appendix) |(?<=[<±]) | (?=%)", "\u00a0", caption
    )
    text = textwrap.fill(unbroken, int(17 * width), break_on_hyphens=False)
    look: Look = {"size": SMALL, "color": INK, "va": "top", "linespacing": 1.2}
    figure.text(0.08 / width, -0.06 / height, text, **look)
    box = Bbox([[0, -0.15 - 0.14 * (text.count("\n") + 1)], [width, height]])
    about = {"Software": None, "Description": caption}
    figure.savefig(png, format="png", dpi=160, bbox_inches=box, metadata=about)
    return svg.getvalue(), png.getvalue()


ACROSS = 3
"""Panels beside each other where they need not stand in one row."""


def panels(
    columns: int, rows: int = 1, width: float = 3.2, height: float = 3.0, **shared: Any
) -> tuple[Figure, list[Axes]]:
    """A figure of equal panels of so many inches, row by row; of one column, not too narrow."""
    from matplotlib.figure import Figure

    size = max(width * columns, 4.8), height * rows
    figure = Figure(figsize=size, layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, **shared).ravel())


def wrapped(count: int, **size: Any) -> tuple[Figure, list[Axes]]:
    """A figure of so many equal panels, `ACROSS` beside each other at most."""
    columns = min(count, ACROSS)
    figure, axes = panels(columns, -(-count // columns), **size)
    for axis in axes[count:]:
        axis.set_axis_off()
    return figure, axes[:count]


def grid(table: pd.DataFrame, **size: Any) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A panel for each value of the columns `row` and `column`, which name them; and its rows.

    A single row is wrapped.
    """
    rows, columns = table["row"].unique(), table["column"].unique()
    one = len(rows) == 1
    figure, axes = wrapped(len(columns), **size) if one else panels(len(columns), len(rows), **size)
    parts = []
    for i, (axis, (row, column)) in enumerate(zip(axes, product(rows, columns), strict=True)):
        if row == rows[0]:
            axis.set_title(column)
        if i % (ACROSS if one else len(columns)) == 0:
            axis.set_ylabel(row)
        parts.append((axis, table[(table["row"] == row) & (table["column"] == column)]))
    return figure, parts


def grid_by_n(table: pd.DataFrame, **size: Any) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """The same over a logarithmic axis whose ticks are the shots n; the rows by n."""
    figure, parts = grid(table.sort_values("n", kind="stable"), width=3.2, sharex=True, **size)
    shots = sorted(int(n) for n in table["n"].unique())
    for axis, _ in parts:
        axis.set_xscale("log")
        axis.set_xticks(shots, [str(n) for n in shots])
        axis.minorticks_off()
        axis.set_xlim(shots[0] / 1.4, shots[-1] * 1.4)
    for axis, _ in parts[-table["column"].nunique() :]:
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


def missing(rows: pd.DataFrame, known: pd.Series) -> dict[str, Any]:
    """How many rows of how many are not known, and the reasons, for a caption."""
    reasons = sorted({str(reason) for reason in rows["undefined"][~known] if reason})
    return {"lacking": int((~known).sum()), "of": len(rows), "reasons": reasons}
