"""Models by family: clusters of alignment and accuracy, and every model's alignment."""

from __future__ import annotations

from itertools import product

import numpy as np

from stages.analysis.facts import Facts
from stages.report.figure import Drawn, Frames
from stages.report.style import (
    BLUE,
    COLOURS,
    GREY,
    INK,
    MARKERS,
    PALE,
    SMALL,
    Axes,
    Figure,
    Look,
    legend,
    list_rows,
    marks,
    panels,
)

AROUND = [(1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)]
LEADER = {"arrowstyle": "-", "lw": 0.5, "color": GREY, "shrinkA": 0, "shrinkB": 0}


def families(frames: Frames, facts: Facts) -> Drawn:
    """Mean alignment against mean accuracy of each family, with ranges over its models."""
    table = frames["families"].sort_values("models", ascending=False, kind="stable")
    task, n = table["task"].iloc[0], int(table["n"].iloc[0])
    drawn, (axis,) = panels(1, width=6.6, height=4.6)
    x, y = table["alignment"], table["accuracy"]
    look: Look = {"color": "#E6E6E6" if len(table) > 12 else "#BBBBBB", "lw": 0.7, "zorder": 1}
    axis.hlines(y, table["alignment_low"], table["alignment_high"], **look)
    axis.vlines(x, table["accuracy_low"], table["accuracy_high"], **look)
    diameter = 4 + 1.1 * np.sqrt(table["models"].to_numpy(float))
    axis.scatter(x, y, s=diameter**2, color=BLUE, alpha=0.75, lw=0.6, ec="white")
    axis.set(xlabel=facts.alignment, ylabel=f"{n}-shot accuracy on {task}")
    axis.margins(0.06)
    points = table[["alignment", "accuracy"]].to_numpy(float)
    named = name_points(drawn, axis, points, [str(name) for name in table["group"]], diameter)
    found = {"task": task, "n": n, "named": named, "families": len(table)}
    return drawn, found | {"fewest": table["models"].min(), "most": table["models"].max()}


def name_points(
    figure: Figure, axis: Axes, points: np.ndarray, names: list[str], sizes: np.ndarray
) -> int:
    """Name as many points as fit without overlap, the first ones first; returns how many did.

    points : [F, 2], in the limits of the axis as they are. sizes : [F] their diameters, points.
    """
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    figure.draw_without_rendering()
    half = sizes[:, None] / 2 * figure.dpi / 72
    at, inside, count = axis.transData.transform(points), axis.get_window_extent(), 0
    taken = [Bbox([low, high]) for low, high in zip(at - half, at + half, strict=True)]
    for i, name in enumerate(names):
        for far, (dx, dy) in product((0, 10), AROUND):
            reach = sizes[i] / 2 + 2 + far
            text = axis.annotate(
                name,
                points[i],
                xytext=(dx * reach, dy * reach),
                textcoords="offset points",
                ha={1: "left", 0: "center", -1: "right"}[dx],
                va={1: "bottom", 0: "center", -1: "top"}[dy],
                size=SMALL - 0.5,
                color=INK,
                arrowprops=LEADER if far else None,
            )
            text.get_window_extent()  # with its line, and puts it in its place
            box = Text.get_window_extent(text).padded(2)
            clear = not any(box.overlaps(other) for other in taken[:i] + taken[i + 1 :])
            if clear and inside.contains(*box.min) and inside.contains(*box.max):
                taken.append(box)
                count += 1
                break
            text.remove()
    return count


def spread(frames: Frames, facts: Facts) -> Drawn:
    """Every model's alignment by recipe or family; marked by architecture where these are few."""
    table, value = frames["models"], facts.measure
    errors = table.get(f"{value}_se", table[value] * np.nan)
    order = table.groupby("group", sort=False)[value].mean().sort_values(ascending=False)
    kinds = table["architecture"].unique()
    few = len(kinds) <= len(MARKERS)
    height = max(2.6, 0.9 + (0.3 if few else 0.2) * len(order))
    drawn, (axis,) = panels(1, width=7, height=height)
    axis.axvline(0, color=PALE, lw=0.8, zorder=0)
    axis.hlines(range(len(order)), table[value].min(), table[value].max(), color="#F0F0F0", lw=0.6)
    rank = table["group"].map({group: float(i) for i, group in enumerate(order.index)})
    table = table.assign(at=rank, low=table[value] - errors, high=table[value] + errors)
    look: Look = {"ms": 4.7, "alpha": 1.0} if few else {"ms": 3.2, "alpha": 0.7, "color": BLUE}
    for i, kind in enumerate(kinds if few else [""]):
        own = table
        if few:
            own = table[table["architecture"] == kind]
            own = own.assign(at=own["at"] + 0.14 * (i - (len(kinds) - 1) / 2))
            look |= {"color": COLOURS[i], "label": kind}
        alpha = 0.45 if few else 0.2
        axis.hlines(own["at"], own["low"], own["high"], color=look["color"], lw=1.2, alpha=alpha)
        marks(axis, own, value, "at", MARKERS[i], **look)
    list_rows(axis, [str(group) for group in order.index], margin=0.6)
    axis.set_xlabel(f"{facts.alignment}, mean over the stimulus sets")
    legend(drawn, axis)
    return drawn, {"known": errors.notna().any(), "without": errors.isna().sum()}
