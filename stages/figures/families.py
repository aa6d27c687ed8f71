"""Models by family: clusters of alignment and accuracy, and every model's alignment."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from stages.figures.labels import point_labels
from stages.figures.style import (
    BLUE,
    COLOURS,
    MARKERS,
    PALE,
    frame,
    marks,
    panels,
    unique,
)
from stages.inference.facts import Facts
from stages.inference.outcomes import Tables


def families(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """Mean alignment against mean accuracy of each family, with ranges over its models."""
    if not tables.get("families"):
        return None
    table = frame(tables["families"]).sort_values("models", ascending=False, kind="stable")
    task, n = table["task"].iloc[0], int(table["n"].iloc[0])
    figure, (axis,) = panels(1, width=6.6, height=4.6)
    x, y = table["alignment"], table["accuracy"]
    many = len(table) > 12
    colour = "#E6E6E6" if many else "#BBBBBB"
    axis.hlines(y, table["alignment_low"], table["alignment_high"], color=colour, lw=0.7, zorder=1)
    axis.vlines(x, table["accuracy_low"], table["accuracy_high"], color=colour, lw=0.7, zorder=1)
    diameter = 4 + 1.1 * np.sqrt(table["models"].to_numpy(float))
    axis.scatter(x, y, s=diameter**2, color=BLUE, alpha=0.75, lw=0.6, ec="white")
    axis.set(xlabel=facts.alignment, ylabel=f"{n}-shot accuracy on {task}")
    axis.margins(0.06)
    names = [str(group) for group in table["group"]]
    count = point_labels(figure, axis, x.to_numpy(float), y.to_numpy(float), names, diameter)
    fewest, most = int(table["models"].min()), int(table["models"].max())
    size = f", {most} each" if fewest == most else f"; area: how many, {fewest} to {most}"
    without = (
        "" if count == len(names) else f" Named: {count} of {len(names)}, as many as there is room."
    )
    return figure, (
        f"Families of models ({facts.each_family}): mean alignment against mean {n}-shot accuracy "
        f"on {task}. {facts.who} {facts.outcome}. Lines: range over a family's models{size}."
        f"{without}"
    )


def spread(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """Every model's alignment by recipe or family; marked by architecture where these are few."""
    if not tables.get("models"):
        return None
    table = frame(tables["models"])
    value, error = facts.measure, f"{facts.measure}_se"
    order = table.groupby("group", sort=False)[value].mean().sort_values(ascending=False)
    rows = [str(group) for group in order.index]
    kinds = unique(table["architecture"])
    few = len(kinds) <= len(MARKERS)
    known = error in table and bool(table[error].notna().any())
    figure, (axis,) = panels(1, width=7, height=max(2.6, 0.9 + (0.3 if few else 0.2) * len(rows)))
    axis.axvline(0, color=PALE, lw=0.8, zorder=0)
    axis.hlines(range(len(rows)), *_ends(table[value].to_numpy(float)), color="#F0F0F0", lw=0.6)
    for i, kind in enumerate(kinds if few else [""]):
        own = table[table["architecture"] == kind] if few else table
        at = np.array([rows.index(str(group)) for group in own["group"]], float)
        at += 0.14 * (i - (len(kinds) - 1) / 2) if few else 0
        colour = COLOURS[i] if few else BLUE
        if known:
            low, high = own[value] - own[error], own[value] + own[error]
            axis.hlines(at, low, high, color=colour, lw=1.2, alpha=0.45 if few else 0.2)
        own = own.assign(at=at)
        size, alpha = (4.7, 1.0) if few else (3.2, 0.7)
        marks(axis, own, value, "at", colour, MARKERS[i], size, label=kind, alpha=alpha)
    axis.set_yticks(range(len(rows)), rows)
    axis.set(xlabel=f"{facts.alignment}, mean over the stimulus sets", ylim=(len(rows) - 0.4, -0.6))
    axis.tick_params(axis="y", length=0)
    if few and len(kinds) > 1:
        figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=5)
    bars = (
        "Bars: ± 1 standard error, by bootstrap over stimuli."
        if known
        else "Standard errors are not computed."
    )
    counted = f" Without: {int(table[error].isna().sum())} models." if known else ""
    counted = counted if known and table[error].isna().any() else ""
    return figure, (
        f"Every model's alignment, by {facts.family}, in the order of the means. {facts.who} "
        f"{bars}{counted}{facts.hollow}"
    )


def _ends(values: np.ndarray) -> tuple[float, float]:
    return float(np.nanmin(values)), float(np.nanmax(values))
