"""Labels beside what they name, apart from each other; and legends where that cannot be."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from scipy.optimize import isotonic_regression

from stages.figures.style import COLOURS, GREY, INK, SMALL

OTHER = "other"
DISTANCES = (0, 10)
LEADER = {"arrowstyle": "-", "lw": 0.5, "color": GREY, "shrinkA": 0, "shrinkB": 0}
AROUND = [(1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)]


def apart(values: np.ndarray, gap: float) -> np.ndarray:
    """Positions at least `gap` apart, in the order of the values and nearest to them in squares."""
    order = np.argsort(values, kind="stable")
    steps = gap * np.arange(len(values))
    placed = np.empty(len(values))
    placed[order] = isotonic_regression(values[order] - steps).x + steps
    return placed


def end_labels(axis: Axes, ends: dict[str, tuple[float, float, str]]) -> None:
    """Name lines right of their last points: text -> x, y, colour. Limits must be set before."""
    names = [name for name, (_, y, _) in ends.items() if np.isfinite(y)]
    if not names:
        return
    scale = axis.yaxis.get_transform()
    low, high = scale.transform(np.array(axis.get_ylim()))
    points = axis.get_window_extent().height * 72 / axis.figure.dpi
    gap = 1.2 * SMALL / (0.85 * points) * (high - low)
    heights = apart(scale.transform(np.array([ends[name][1] for name in names])), gap)
    heights -= max(0.0, float(heights.max()) - high)
    for name, height in zip(names, scale.inverted().transform(heights), strict=True):
        x, _, colour = ends[name]
        axis.annotate(
            name,
            (x, float(height)),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            size=SMALL,
            color=colour,
            annotation_clip=False,
        )


def point_labels(
    figure: Figure, axis: Axes, x: np.ndarray, y: np.ndarray, names: list[str], sizes: np.ndarray
) -> int:
    """Name as many points as fit without overlap, the first ones first; returns how many did.

    Parameters
    ----------
    x, y : [F] points, in the limits of the axis as they are. sizes : [F] their diameters, points.
    """
    figure.draw_without_rendering()
    scale = figure.dpi / 72
    at = axis.transData.transform(np.column_stack([x, y]))
    taken = [
        Bbox.from_extents(*(xy - size * scale / 2), *(xy + size * scale / 2))
        for xy, size in zip(at, sizes, strict=True)
    ]
    inside, count = axis.get_window_extent(), 0
    for i, name in enumerate(names):
        for far, (dx, dy) in product(DISTANCES, AROUND):
            reach = sizes[i] / 2 + 2 + far
            text = axis.annotate(
                name,
                (x[i], y[i]),
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


def legible(groups: pd.Series) -> tuple[pd.Series, list[str]]:
    """Groups as a legend can tell them apart: the largest by name, the rest as "other"."""
    names = list(dict.fromkeys(groups))
    if len(names) > len(COLOURS):
        largest = list(groups.value_counts().index[: len(COLOURS) - 1])
        return groups.where(groups.isin(largest), OTHER), [*largest, OTHER]
    return groups, names
