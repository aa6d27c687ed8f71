"""The theory beside its simulation: queries, n-shot accuracy and Appendix A, by ε."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from stages.figures.labels import end_labels
from stages.figures.style import (
    BLUE,
    COLOURS,
    GREY,
    INK,
    MARKERS,
    ORANGE,
    frame,
    panels,
    power,
)
from stages.inference.facts import Facts
from stages.inference.outcomes import Tables
from stages.similarity.channel import capacity

EPSILON = "ε, share of answers flipped"
STRATEGY = {"adaptive": BLUE, "random": ORANGE}


def theory_queries(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """Queries until Bob is sure, by ε, for both strategies; and all of them against the bound."""
    if not tables.get("theory_queries"):
        return None
    table = frame(tables["theory_queries"])
    sizes = sorted(table["dimensions"].unique())
    d = sizes[len(sizes) // 2]
    figure, axes = panels(3, width=3.3, height=3.1)
    top = float(table["queries"].max())
    for axis, (strategy, rows) in zip(axes, table.groupby("strategy", sort=False), strict=False):
        own = rows[rows["dimensions"] == d]
        _by_objects(axis, own, (0.7, 2 * top))
        axis.set(title=f"{str(strategy).capitalize()} queries, d = {d}", xlabel=EPSILON)
    axes[0].set_ylabel("queries until Bob is sure")
    _against_bound(axes[2], table)
    lost = table[(table["placed"] < 1) & (table["epsilon"] != 0.5)]
    return figure, (
        "How many triplet queries place a new object among n shared ones in d dimensions, when "
        "each answer is flipped with probability ε (simulated; Proposition 3.8). Points: means "
        f"until Bob is {100 * table['confidence'].iloc[0]:g} % sure of a place, "
        f"over {int(table['worlds'].iloc[0])} worlds of "
        f"{int(table['games'].iloc[0] // table['worlds'].iloc[0])} games, with 95 % intervals. "
        f"Crosses: until he is right in {100 * table['confidence'].iloc[0]:g} % of all games. "
        "Random queries come in bundles that grow by a twentieth. Dashed: d log₂ n / C, with C the "
        "capacity of the channel. At ε = 0.5 no number of queries suffices. Right: every ε, n and "
        "d against that bound, which leaves out a constant; grey: equal."
        + (f" Not shown: {len(lost)} settings with games that hit the limit." if len(lost) else "")
    )


def _by_objects(axis: Axes, table: pd.DataFrame, limits: tuple[float, float]) -> None:
    """A line for each number of objects, with the bound dashed."""
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(power)
    axis.set(ylim=limits, xlim=(-0.03, 1.03))
    ends = {}
    for i, (n, rows) in enumerate(table.groupby("objects")):
        rows = rows.sort_values("epsilon")
        fine = np.linspace(0, 1, 401)
        with np.errstate(divide="ignore"):
            bound = int(rows["dimensions"].iloc[0]) * np.log2(float(str(n))) / capacity(fine)
        axis.plot(fine, bound, "--", color=COLOURS[i], lw=0.8, alpha=0.7)
        _halves(axis, rows, "queries", COLOURS[i], MARKERS[i])
        axis.plot(rows["epsilon"], rows["queries_right"], "x", color=COLOURS[i], ms=3.5, mew=0.8)
        ends[f"n = {n}"] = (1.0, float(rows["queries"].iloc[-1]), COLOURS[i])
    end_labels(axis, ends)


def _halves(axis: Axes, rows: pd.DataFrame, column: str, colour: str, marker: str) -> None:
    """Points with their intervals, joined on either side of 0.5, where there is none."""
    for half in (rows[rows["epsilon"] < 0.5], rows[rows["epsilon"] > 0.5]):
        known = half.dropna(subset=[column])
        error = np.stack([known[column] - known["low"], known["high"] - known[column]])
        axis.errorbar(
            known["epsilon"],
            known[column],
            np.maximum(error, 0),
            fmt=f"{marker}-",
            color=colour,
            ms=3.5,
            lw=1,
            elinewidth=1,
        )


def _against_bound(axis: Axes, table: pd.DataFrame) -> None:
    """Queries of every setting against d log2 n / C, on logarithmic axes."""
    known = table.dropna(subset=["queries", "bound"])
    for i, (d, rows) in enumerate(known.groupby("dimensions")):
        for strategy, own in rows.groupby("strategy", sort=False):
            axis.plot(
                own["bound"],
                own["queries"],
                MARKERS[i],
                color=STRATEGY[str(strategy)],
                ms=3.5,
                alpha=0.7,
                mew=0,
            )
        axis.plot([], [], MARKERS[i], color=INK, ms=3.5, label=f"d = {d}")
    ends = np.array([known["bound"].min(), known["bound"].max()])
    axis.plot(ends, ends, color=GREY, lw=0.8)
    axis.set(xscale="log", yscale="log", title="Every setting", xlabel="d log₂ n / C")
    axis.xaxis.set_major_formatter(power)
    axis.yaxis.set_major_formatter(power)
    for k, (strategy, colour) in enumerate(STRATEGY.items()):
        axis.text(0.03, 0.95 - 0.08 * k, strategy, color=colour, transform=axis.transAxes, size=8)
    axis.legend(loc="lower right", handletextpad=0.1)


def theory_fewshot(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """n-shot accuracy of Bob by ε, a line an n; ticks where the models of the study are."""
    if not tables.get("theory_fewshot"):
        return None
    table = frame(tables["theory_fewshot"])
    figure, (axis,) = panels(1, width=6.4, height=3.6)
    shots = sorted(table["n"].unique())
    colours = shades(len(shots))
    axis.set(xlim=(-0.02, 1.02), ylim=(0, 1.1 * float(table["high"].max())), xlabel=EPSILON)
    axis.set_ylabel("n-shot accuracy of Bob")
    ends = {}
    for n, colour in zip(shots, colours, strict=True):
        rows = table[table["n"] == n].sort_values("epsilon")
        error = np.stack([rows["accuracy"] - rows["low"], rows["high"] - rows["accuracy"]])
        axis.errorbar(
            rows["epsilon"], rows["accuracy"], error, fmt="o-", color=colour, ms=3, lw=1.2
        )
        ends[f"n = {n}"] = (1.0, float(rows["accuracy"].iloc[-1]), colour)
    end_labels(axis, ends)
    there = _where_models_are(axis, tables, facts)
    return figure, (
        "What the theory predicts of few-shot learning, in accuracy: classes are places of "
        "centroids, learned from n examples a class whose answers are flipped with probability ε "
        f"(simulated; Theorem 3.9). Means over {int(table['worlds'].iloc[0])} worlds with 95 % "
        f"intervals; where ε is 0.5 accuracy is chance.{there}"
    )


def shades(count: int) -> list[str]:
    """So many blues, from pale to dark."""
    start, end = np.array([0.55, 0.75, 0.87]), np.array([0.03, 0.19, 0.42])
    return [to_hex(start + (end - start) * k / max(1, count - 1)) for k in range(count)]


def _where_models_are(axis: Axes, tables: Tables, facts: Facts) -> str:
    """Ticks at the models' ε̂, and what the caption says of them."""
    rows = tables.get("bridge", [])
    if not rows:
        return ""
    epsilon = sorted({row["model"]: row["epsilon"] for row in rows}.values())
    top = axis.get_ylim()[1]
    axis.vlines(epsilon, 0.95 * top, top, color=ORANGE, lw=0.7, alpha=0.8)
    axis.text(
        epsilon[-1] + 0.015, 0.975 * top, "models of this study", color=ORANGE, size=8, va="center"
    )
    return (
        f" Ticks: ε̂ = 1 − triplet alignment with {facts.judges} of {facts.zoo}; "
        f"{epsilon[0]:.2f} to {epsilon[-1]:.2f}."
    )


def theory_appendix(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """Sensitivity to domain shift, and disagreement on adversarial examples, by ε."""
    if not tables.get("theory_shift") or not tables.get("theory_adversarial"):
        return None
    shift, worst = frame(tables["theory_shift"]), frame(tables["theory_adversarial"])
    figure, (left, right) = panels(2, width=4.1, height=3.3)
    for axis, title, label in (
        (left, "Domain shift", "σ of the student, share of triplets"),
        (right, "Adversarial examples", "share of triplets disagreed on"),
    ):
        axis.set(title=title, ylabel=label, xlabel=EPSILON, xlim=(-0.02, 1.02), ylim=(0, 1.03))
    left.set_ylim(0, 1.15 * float(shift["high"].max()))
    sigma = [(f"teacher {rows['teacher'].iloc[0]:.2f}", rows) for _, rows in shift.groupby("shift")]
    _with_closed_form(left, sigma, "student", ["expected"])
    most = [(f"worst of {k}", rows) for k, rows in worst.groupby("candidates")]
    _with_closed_form(right, most, "disagreement", ["expected", "printed"])
    return figure, (
        "Appendix A, simulated (points, means with 95 % intervals) and in closed form (lines). "
        "Left: share of a student’s triplets that change when class centroids move (Definition "
        "A.1), its flips drawn anew: σ (1 − 2ε)² + 2ε(1 − ε) with σ the teacher’s. Least at both "
        "ends where the teacher is robust, so robustness is a U; Corollary A.2 prints its "
        "inequality the other way round. Right: disagreement on the object, of so many, on which "
        "teacher and student disagree most (Theorem A.5); it only rises with ε. Solid: the "
        "expected maximum, Σ 1 − F^k; dotted: Σ (1 − F)^k, as the paper prints it, the expected "
        "minimum."
    )


def _with_closed_form(
    axis: Axes, lines: Sequence[tuple[str, pd.DataFrame]], found: str, closed: list[str]
) -> None:
    """Simulated points with intervals; closed forms as lines, solid the first, dotted others."""
    ends = {}
    for i, (name, rows) in enumerate(lines):
        rows = rows.sort_values("epsilon")
        error = np.stack([rows[found] - rows["low"], rows["high"] - rows[found]])
        axis.errorbar(
            rows["epsilon"], rows[found], error, fmt=MARKERS[i], color=COLOURS[i], ms=3.5, lw=1
        )
        for column, style in zip(closed, ("-", ":"), strict=False):
            axis.plot(rows["epsilon"], rows[column], style, color=COLOURS[i], lw=1)
        ends[name] = (1.0, float(rows[found].iloc[-1]), COLOURS[i])
    end_labels(axis, ends)
