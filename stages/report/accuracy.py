"""Accuracy of groups of models, and its correlation with alignment: by n, task and benchmark."""

from typing import Any

import numpy as np
import pandas as pd

from stages.analysis.facts import HEAD_WORDS, MEASURE_WORDS, Facts, capital
from stages.analysis.families import MIN_FAMILIES
from stages.report.figure import Drawn, Frames, grid_by_n, legend, list_rows, missing, panels
from stages.report.style import BLUE, COLOURS, GREY, ORANGE, PALE, SMALL, ZERO, Axes, Figure, Look

GROUP = {"high": (COLOURS[2], "o"), "mid": ("#777777", "^"), "low": (COLOURS[3], "s")}
"""Colour and marker of each group of models, by its alignment; other colours than `TERMS`."""
TERMS = {"z²": (BLUE, "o", "z² (a U)", -0.15), "linear": (ORANGE, "s", "alignment itself", 0.15)}
"""Colour, marker, name and place in the row of each term."""


def groups_by_n(frames: Frames, facts: Facts) -> Drawn:
    """Accuracy of high, mid and low: a row a measure, a column a head (Fig. 3, left)."""
    table = first_task(frames["groups_by_n"], "accuracy")
    return _groups(table, height=2.0, sharey=True), {"task": table["task"].iloc[0]}


def groups_by_task(frames: Frames, facts: Facts) -> Drawn:
    """Accuracy of high, mid and low on every task, by the shown measure, with the first head."""
    table = first_head(frames["groups_by_n"], "n-shot accuracy", facts)
    return _groups(table, height=2.6, sharey=False), {}


def correlation_by_n(frames: Frames, facts: Facts) -> Drawn:
    """Partial r of z²: a row a measure, a column a head, for the first task (Fig. 3, right)."""
    table = first_task(_fewshot(frames), "partial r of z²")
    return _correlations(table, 2.0), bars(table, facts) | {"task": table["task"].iloc[0]}


def correlation_by_task(frames: Frames, facts: Facts) -> Drawn:
    """Partial r of the shown measure's z² on every task, with the first head (Fig. 4, right)."""
    table = first_head(_fewshot(frames), "partial r of z²", facts)
    return _correlations(table, 2.6), bars(table, facts)


def first_task(table: pd.DataFrame, label: str) -> pd.DataFrame:
    """Rows of the first task, for a grid of measures, each over a label, by heads."""
    table = table[table["task"] == table["task"].iloc[0]]
    return table.assign(
        row=[f"{capital(MEASURE_WORDS[measure])}\n{label}" for measure in table["measure"]],
        column=[capital(HEAD_WORDS[head]) for head in table["head"]],
    )


def first_head(table: pd.DataFrame, label: str, facts: Facts) -> pd.DataFrame:
    """Rows of the shown measure and the first head, for a row of panels by task."""
    table = table[(table["measure"] == facts.measure) & (table["head"] == facts.head)]
    return table.assign(row=label, column=table["task"])


def _groups(table: pd.DataFrame, height: float, sharey: bool) -> Figure:
    """Panels of a line a group."""
    drawn, parts = grid_by_n(table, height=height, sharey=sharey)
    for axis, part in parts:
        axis.set_ylim(0, 1.05 * float((table if sharey else part)["accuracy"].max()))
        for group, (colour, marker) in GROUP.items():
            own = part[part["group"] == group]
            look: Look = {"color": colour, "ms": 3.5, "lw": 1.2, "label": f"{group} alignment"}
            axis.plot(own["n"], own["accuracy"], f"{marker}-", **look)
    legend(drawn, drawn.axes[0])
    return drawn


def _fewshot(frames: Frames) -> pd.DataFrame:
    """The correlations of z² with few-shot accuracy."""
    table = frames["correlations"].query("kind == 'few-shot' and term == 'z²'")
    return table.rename(columns={"outcome": "task"})


def _correlations(table: pd.DataFrame, height: float) -> Figure:
    """Panels of estimates by n, joined."""
    drawn, parts = grid_by_n(table, height=height, sharey=True)
    for axis, part in parts:
        axis.axhline(0, **ZERO)
        axis.plot(part["n"], part["r"], color=BLUE, lw=0.8, alpha=0.6)
        estimates(axis, part["n"].to_numpy(float), part, False, "o", color=BLUE)
        axis.set_ylim(reach(table))
    return drawn


def robustness(frames: Frames, facts: Facts) -> Drawn:
    """Left, top-1 of the high, mid and low groups; right, partial r with both intervals."""

    def shown(table: pd.DataFrame, name: str) -> pd.DataFrame:
        """Of the shown measure and top-1, with the row of the benchmark, and the paper's values."""
        table = table[(table["measure"] == facts.measure) & (table["top"] == 1)]
        return table.assign(at=table[name].map(order), paper=table.get("paper"))

    table1 = frames["table1"]
    order = {name: float(i) for i, name in enumerate(table1["benchmark"].unique())}
    groups = shown(table1, "benchmark")
    found = shown(frames["correlations"].query("kind == 'robustness'"), "outcome")
    drawn, (left, right) = panels(2, width=4.6, height=0.9 + 0.44 * len(order), sharey=True)
    _groups_by_benchmark(left, groups)
    right.axvline(0, **ZERO)
    for term, (colour, marker, name, below) in TERMS.items():
        part = found[found["term"] == term]
        look = {"color": colour, "label": facts.say(name)}
        estimates(right, part["at"].to_numpy() + below, part, True, marker, **look)
    for benchmark in order.keys() - set(found["outcome"]):
        text: Look = {"ha": "right", "va": "center", "transform": right.get_yaxis_transform()}
        right.text(0.98, order[benchmark], "the covariate", color=GREY, size=SMALL, **text)
    right.set(xlabel="partial r with top-1", xlim=reach(found))
    paper = shown(frames.get("table2", table1[:0]), "benchmark").dropna(subset="paper")
    right.plot(paper["paper"], paper["at"] - 0.36, "o", mfc="white", mec=BLUE, ms=4.5)
    list_rows(left, list(order))
    for axis in (left, right):
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
        axis.tick_params(axis="y", length=0)
    return drawn, bars(found, facts) | {"paper": len(paper) + groups["paper"].notna().sum()}


def _groups_by_benchmark(axis: Axes, table: pd.DataFrame) -> None:
    """A dot a group, joined by benchmark; the paper's values as hollow marks below."""
    ends = table.groupby("at")["accuracy"].agg(["min", "max"])
    axis.hlines(ends.index, ends["min"], ends["max"], color=PALE, lw=1.5, zorder=1)
    for group, (colour, marker) in GROUP.items():
        own = table[table["group"] == group]
        axis.plot(
            own["accuracy"], own["at"], marker, color=colour, ms=6, label=f"{group} alignment"
        )
        axis.plot(own["paper"], own["at"] + 0.28, marker, mfc="white", mec=colour, ms=5)
    axis.set(xlabel="top-1 accuracy", xlim=(0, 1.05 * table["accuracy"].max()))
    axis.grid(axis="x", color="#EEEEEE", lw=0.6)


def estimates(
    axis: Axes, at: np.ndarray, rows: pd.DataFrame, horizontal: bool, marker: str, **look: Any
) -> None:
    """Draw r with a thin interval, of independent models, and a broad one, by family.

    at : positions along the other axis. horizontal : whether r is along x.
    rows : [K] r low high family_low family_high; NaN is undefined: no bar, or for r a cross at the
        edge of the axis.
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


def bars(rows: pd.DataFrame, facts: Facts) -> dict[str, Any]:
    """What a caption says of the two bars of `estimates`, and of those that are missing."""
    known, by_family = rows["r"].notna(), rows["family_low"].notna()
    return missing(rows, known) | {
        "by_family": int(by_family.sum()),
        "without": int((known & ~by_family).sum()),
        "few": facts.families < MIN_FAMILIES,
    }
