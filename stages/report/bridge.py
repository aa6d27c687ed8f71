"""The study's models on the theory's curve, and whether it ranks them rightly."""

from __future__ import annotations

import math

import pandas as pd

from stages.analysis.facts import Facts
from stages.report.figure import Drawn, Frames
from stages.report.scatter import by_family, coloured
from stages.report.style import BLUE, GREY, PALE, Axes, Look, legend, panels
from stages.report.words import decimal


def bridge(frames: Frames, facts: Facts) -> Drawn:
    """The models on the curve of the smallest n; then, a panel a task, ranks against ranks."""
    table, n = coloured(frames["bridge"]), int(frames["bridge"]["n"].iloc[0])
    tests = frames.get("bridge_tests", pd.DataFrame({"outcome": [], "n": [], "rho": []}))
    rho = tests[tests["n"] == n].set_index("outcome")["rho"].dropna()
    tasks = table["outcome"].unique()
    drawn, axes = panels(1 + len(tasks), width=3.1 if len(tasks) > 1 else 4.0, height=3.4)
    if "theory_fewshot" in frames:
        points = frames["theory_fewshot"].query("n == @n").sort_values("epsilon")
        axes[0].plot(points["epsilon"], points["accuracy"], color=GREY, lw=1, zorder=0)
        band: Look = {"color": PALE, "alpha": 0.5, "lw": 0, "zorder": 0}
        axes[0].fill_between(points["epsilon"], points["low"], points["high"], **band)
    _on_curve(axes[0], table[table["outcome"] == tasks[0]])
    axes[0].set(title="On the theory’s curve", ylabel=f"predicted {n}-shot accuracy")
    axes[0].set_xlabel(f"ε̂, share of triplets unlike {facts.judges}")
    for axis, task in zip(axes[1:], tasks, strict=True):
        _ranks(axis, table[table["outcome"] == task])
        known = decimal(rho[task], signed=True) if task in rho else "undefined"
        axis.set_title(f"{task}: ρ = {known}")
    axes[1].set_ylabel(f"measured rank, {n}-shot accuracy")
    legend(drawn, axes[1])
    return drawn, {"n": n, "misaligned": table["model"][table["epsilon"] > 0.5].nunique()}


def _on_curve(axis: Axes, models: pd.DataFrame) -> None:
    """The models at their ε̂ with its interval, on the curve."""
    known = models.dropna(subset=["epsilon_low", "predicted"])
    low, high = known["epsilon_low"], known["epsilon_high"]
    axis.hlines(known["predicted"], low, high, color=BLUE, lw=0.8, alpha=0.25)
    by_family(axis, models.dropna(subset=["predicted"]), "epsilon", "predicted")
    left, right = min(models["epsilon"].min(), low.min()), max(models["epsilon"].max(), high.max())
    axis.set_xlim(left - 0.02, max(right, 0.52) + 0.02)
    if len(known):
        axis.set_ylim(0, 1.25 * float(models["predicted"].max()))


def _ranks(axis: Axes, models: pd.DataFrame) -> None:
    """Predicted against measured rank; on the diagonal the theory is right."""
    last = len(models)
    axis.plot([1, last], [1, last], color=PALE, lw=0.8, zorder=0)
    by_family(axis, models, "predicted_rank", "measured_rank")
    ticks = [1, *range(math.ceil(last / 4), last + 1, math.ceil(last / 4))]
    axis.set(xlim=(last + 1, 0), ylim=(last + 1, 0), xticks=ticks, yticks=ticks)
    axis.set_xlabel("predicted rank")
