"""The study's models on the theory's curve, and whether it ranks them rightly."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.figures.scatter import by_family, coloured, legend
from stages.figures.style import BLUE, GREY, PALE, frame, panels, unique
from stages.figures.words import minus
from stages.inference.facts import Facts
from stages.inference.outcomes import Tables


def bridge(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """The models on the curve of the smallest n; then, a panel a task, ranks against ranks."""
    if not tables.get("bridge"):
        return None
    table = coloured(frame(tables["bridge"]))
    tests = {(row["outcome"], row["n"]): row for row in tables.get("bridge_tests", [])}
    tasks = unique(table["outcome"])
    width = 3.1 if len(tasks) > 1 else 4.0
    figure, axes = panels(1 + len(tasks), width=width, height=3.4)
    n = int(table["n"].iloc[0])
    _on_curve(axes[0], table[table["outcome"] == tasks[0]], tables, n, facts.judges)
    for axis, task in zip(axes[1:], tasks, strict=True):
        _ranks(axis, table[table["outcome"] == task])
        row = tests.get((task, n))
        rho = "undefined" if row is None or row["rho"] is None else minus(f"{row['rho']:+.2f}")
        axis.set_title(f"{task}: ρ = {rho}")
    axes[1].set_ylabel(f"measured rank, {n}-shot accuracy")
    legend(figure, axes[1])
    misaligned = int((table.drop_duplicates("model")["epsilon"] > 0.5).sum())
    side = (
        f"{misaligned} of the models lie{'s' if misaligned == 1 else ''} beyond 0.5"
        if misaligned
        else "no model lies beyond 0.5, so that the predicted order is that of alignment itself"
    )
    return figure, (
        f"From the theory to the models. {facts.who} Left: where each model’s share of triplets "
        f"that it answers unlike {facts.judges}, ε̂ = 1 − triplet alignment, puts it on the "
        f"theory’s simulated curve of {n}-shot accuracy; bars: {facts.percent} intervals of ε̂ by "
        f"bootstrap over stimuli. Then, task by task, the rank that the capacity at ε̂ predicts "
        f"against that of measured {n}-shot accuracy ({facts.outcome[:1].lower()}"
        f"{facts.outcome[1:]}); 1 is the best, and ρ is Spearman’s. Here {side}.{facts.hollow}"
    )


def _on_curve(axis: Axes, models: pd.DataFrame, tables: Tables, n: int, judges: str) -> None:
    """The curve near the models, and the models on it."""
    curve = frame(tables["theory_fewshot"]) if tables.get("theory_fewshot") else None
    if curve is not None:
        points = curve[curve["n"] == n].sort_values("epsilon")
        axis.plot(points["epsilon"], points["accuracy"], color=GREY, lw=1, zorder=0)
        axis.fill_between(
            points["epsilon"], points["low"], points["high"], color=PALE, alpha=0.5, lw=0, zorder=0
        )
    known = models.dropna(subset=["epsilon_low", "predicted"])
    axis.hlines(
        known["predicted"],
        known["epsilon_low"],
        known["epsilon_high"],
        color=BLUE,
        lw=0.8,
        alpha=0.25,
    )
    by_family(axis, models.dropna(subset=["predicted"]), "epsilon", "predicted")
    low = min(models["epsilon"].min(), known["epsilon_low"].min())
    high = max(models["epsilon"].max(), known["epsilon_high"].max(), 0.52)
    axis.set_xlim(low - 0.02, high + 0.02)
    if len(known):
        axis.set_ylim(0, 1.25 * float(models["predicted"].max()))
    axis.set(
        xlabel=f"ε̂, share of triplets unlike {judges}",
        ylabel=f"predicted {n}-shot accuracy",
        title="On the theory’s curve",
    )


def _ranks(axis: Axes, models: pd.DataFrame) -> None:
    """Predicted against measured rank; on the diagonal the theory is right."""
    last = len(models)
    axis.plot([1, last], [1, last], color=PALE, lw=0.8, zorder=0)
    by_family(axis, models, "predicted_rank", "measured_rank")
    ticks = [1, *range(math.ceil(last / 4), last + 1, math.ceil(last / 4))]
    axis.set(xlim=(last + 1, 0), ylim=(last + 1, 0), xlabel="predicted rank")
    axis.set_xticks(ticks)
    axis.set_yticks(ticks)
