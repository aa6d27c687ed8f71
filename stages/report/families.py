"""Families and factors: clusters of alignment and accuracy, every model, and paired contrasts."""

from itertools import product

import numpy as np
import pandas as pd

from stages.analysis.facts import MEASURE_WORDS, Facts, capital, measure_name
from stages.report.figure import Drawn, Frames, legend, list_rows, marks, missing, panels
from stages.report.style import BLUE, COLOURS, GREY, INK, MARKERS, SMALL, ZERO, Axes, Figure, Look

AROUND = [(1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)]
LEADER = {"arrowstyle": "-", "lw": 0.5, "color": GREY, "shrinkA": 0, "shrinkB": 0}
COLUMNS = 5
"""Panels beside each other, at most."""


def families(frames: Frames, facts: Facts) -> Drawn:
    """Mean alignment against mean accuracy of each family, with ranges over its models."""
    table = frames["families"].sort_values("models", ascending=False, kind="stable")
    task, n = table["task"].iloc[0], int(table["n"].iloc[0])
    what = f"{n}-shot accuracy on {task}" if n else f"top-1 on {task}"
    drawn, (axis,) = panels(1, width=6.6, height=4.6)
    x, y = table["alignment"], table["accuracy"]
    look: Look = {"color": "#E6E6E6" if len(table) > 12 else "#BBBBBB", "lw": 0.7, "zorder": 1}
    axis.hlines(y, table["alignment_low"], table["alignment_high"], **look)
    axis.vlines(x, table["accuracy_low"], table["accuracy_high"], **look)
    diameter = 4 + 1.1 * np.sqrt(table["models"].to_numpy(float))
    axis.scatter(x, y, s=diameter**2, color=BLUE, alpha=0.75, lw=0.6, ec="white")
    axis.set(xlabel=facts.alignment, ylabel=what)
    axis.margins(0.06)
    named = name_points(drawn, axis, table, diameter)
    found = {"what": what, "named": named, "families": len(table)}
    return drawn, found | {"fewest": table["models"].min(), "most": table["models"].max()}


def name_points(figure: Figure, axis: Axes, table: pd.DataFrame, sizes: np.ndarray) -> int:
    """Name as many groups as fit without overlap, the first ones first; returns how many did.

    table : group alignment accuracy, in the limits of the axis as they are.
    sizes : [F] diameters of the points, in points.
    """
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    figure.draw_without_rendering()
    half, points = sizes[:, None] / 2 * figure.dpi / 72, table[["alignment", "accuracy"]].to_numpy()
    at, inside, count = axis.transData.transform(points), axis.get_window_extent(), 0
    taken = [Bbox([low, high]) for low, high in zip(at - half, at + half, strict=True)]
    for i, name in enumerate(table["group"]):
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
    errors = table[f"{value}_se"]
    order = table.groupby("group", sort=False)[value].mean().sort_values(ascending=False)
    few = table["architecture"].nunique() <= len(MARKERS)
    height = max(2.6, 0.9 + (0.3 if few else 0.2) * len(order))
    drawn, (axis,) = panels(1, width=7, height=height)
    axis.axvline(0, **ZERO)
    axis.hlines(range(len(order)), table[value].min(), table[value].max(), color="#F0F0F0", lw=0.6)
    rank = table["group"].map({group: float(i) for i, group in enumerate(order.index)})
    table = table.assign(rank=rank, low=table[value] - errors, high=table[value] + errors)
    look: Look = {"ms": 4.7, "alpha": 1.0} if few else {"ms": 3.2, "alpha": 0.7}
    parts = table.assign(kind=table["architecture"] if few else "").groupby("kind", sort=False)
    for i, (kind, own) in enumerate(parts):
        own = own.assign(at=own["rank"] + 0.14 * (i - (len(parts) - 1) / 2))
        colour, alpha = COLOURS[i], 0.45 if few else 0.2
        axis.hlines(own["at"], own["low"], own["high"], color=colour, lw=1.2, alpha=alpha)
        marks(axis, own, value, "at", MARKERS[i], color=colour, label=kind, **look)
    list_rows(axis, list(order.index), margin=0.6)
    axis.set_xlabel(f"{facts.alignment}, mean over the stimulus sets")
    legend(drawn, axis)
    return drawn, {"known": errors.notna().any(), "without": errors.isna().sum()}


def contrasts(frames: Frames, facts: Facts) -> Drawn:
    """Mean paired difference of alignment and of every outcome: a panel each, a row a factor."""
    table, pairs = frames["factors"], frames["contrasts"]
    table = table[(table["quantity"] == "accuracy") | (table["what"] == facts.measure)]
    factors, whats = list(table["factor"].unique()), table["what"].unique()
    down = -(-len(whats) // COLUMNS)
    across = -(-len(whats) // down)
    drawn, axes = panels(across, down, width=1.9, height=1.0 + 0.36 * len(factors), sharey=True)
    for axis, what in zip(axes, whats, strict=False):
        axis.axvline(0, **ZERO)
        own = pairs[(pairs["what"] == what) & pairs["factor"].isin(factors)]
        at = own["factor"].map(factors.index).to_numpy() + 0.2
        axis.plot(own["difference"], at, "o", color=GREY, alpha=0.35, ms=2.5, mew=0)
        own = table[table["what"] == what].dropna(subset="mean")
        at = own["factor"].map(factors.index).to_numpy() - 0.1
        axis.hlines(at, own["low"], own["high"], color=BLUE, lw=1.3)
        sure = (own["q"] < 1 - facts.confidence).to_numpy()
        for which, inside in ((sure, BLUE), (~sure, "white")):
            axis.plot(own["mean"][which], at[which], "o", mfc=inside, mec=BLUE, ms=5)
        axis.tick_params(axis="y", length=0, labelcolor=INK)
        axis.tick_params(axis="x", labelsize=SMALL - 1)
        axis.locator_params(axis="x", nbins=4)
        title = capital(measure_name(what)) if what in MEASURE_WORDS else what
        axis.set_title("\n".join(title.rsplit(" ", 1)), size=SMALL + 0.5)
    for axis in axes[len(whats) :]:
        axis.set_axis_off()
    counts = table.groupby("factor")["pairs"].max()
    list_rows(axes[0], [f"{f}\n{counts[f]} pair{'s' * bool(counts[f] != 1)}" for f in factors])
    drawn.supxlabel("mean difference between the models of a pair", size=9)
    return drawn, missing(table, table["low"].notna()) | {"over": sorted(set(table["over"]))}
