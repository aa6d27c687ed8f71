"""The theory beside its simulation, by ε: n-shot accuracy, queries, Appendix A; and the models."""

import math
from typing import Any

import numpy as np
import pandas as pd

from stages.analysis.facts import Facts
from stages.report.figure import Drawn, Frames, legend, panels
from stages.report.scatter import by_family, coloured
from stages.report.style import BLUE, COLOURS, GREY, INK, MARKERS, ORANGE, PALE, SMALL, Axes, Look
from stages.report.words import decimal
from stages.similarity.measures import capacity

EPSILON = "ε, share of answers flipped"
STRATEGY = {"adaptive": BLUE, "random": ORANGE}


def theory_fewshot(frames: Frames, facts: Facts) -> Drawn:
    """n-shot accuracy of Bob by ε, a line an n; ticks where the models of the study are."""
    from matplotlib import colormaps

    table = frames["theory_fewshot"]
    top = 1.1 * float(table["high"].max())
    drawn, (axis,) = panels(1, width=6.4, height=3.6)
    axis.set(xlim=(-0.02, 1.02), ylim=(0, top), xlabel=EPSILON, ylabel="n-shot accuracy of Bob")
    shades = colormaps["Blues"](np.linspace(0.35, 1, table["n"].nunique()))
    for (n, rows), colour in zip(table.groupby("n"), shades, strict=True):
        by_epsilon(axis, rows, "accuracy", "o-", color=colour, ms=3, lw=1.2, label=f"n = {n}")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), reverse=True)
    models = frames.get("bridge", pd.DataFrame({"epsilon": []}))["epsilon"].unique()
    axis.vlines(models, 0.95 * top, top, color=ORANGE, lw=0.7, alpha=0.8)
    least, most = (min(models), max(models)) if len(models) else (None, None)
    found = {"worlds": int(table["worlds"].iloc[0]), "least": least, "most": most}
    return drawn, found | _reached(axis, frames["theory_reach"], frames["theory_reached"])


def _reached(axis: Axes, reach: pd.DataFrame, reached: pd.DataFrame) -> dict[str, Any]:
    """Shade the ε of smooth representations; mark those of lookups, with how many they know."""
    smooth, lookup = (reach[reach["representation"] == name] for name in ("smooth", "lookup"))
    most = smooth["epsilon"].max()
    axis.axvspan(-0.02, most, color=PALE, alpha=0.35, lw=0, zorder=0)
    axis.plot(reached["epsilon"], reached["accuracy"], "D", color=INK, mfc="white", ms=4, zorder=3)
    for epsilon, stimuli in zip(lookup["epsilon"], lookup["stimuli"], strict=True):
        look: Look = {"ha": "center", "size": SMALL, "color": INK}
        axis.text(epsilon, 0.01 * axis.get_ylim()[1], f"{stimuli}", **look)
    return {"smooth": most, "lookup": lookup["epsilon"].max()}


def by_epsilon(axis: Axes, rows: pd.DataFrame, column: str, marker: str, **look: Any) -> None:
    """A column and its interval, from low to high, by ε; a line has a gap where it is undefined."""
    rows = rows.sort_values("epsilon")
    error = np.stack([rows[column] - rows["low"], rows["high"] - rows[column]])
    axis.errorbar(rows["epsilon"], rows[column], np.maximum(error, 0), fmt=marker, **look)


def bridge(frames: Frames, facts: Facts) -> Drawn:
    """The models on the curve of the smallest n; then, a panel a task, ranks against ranks."""
    models, n = coloured(frames["bridge"]), int(frames["bridge"]["n"].iloc[0])
    tests = frames["bridge_tests"].query("n == @n").set_index("outcome")["rho"].dropna()
    tasks = models["outcome"].unique()
    drawn, axes = panels(1 + len(tasks), width=3.1 if len(tasks) > 1 else 4.0, height=3.4)
    points = frames["theory_fewshot"].query("n == @n").sort_values("epsilon")
    axes[0].plot(points["epsilon"], points["accuracy"], color=GREY, lw=1, zorder=0)
    band: Look = {"color": PALE, "alpha": 0.5, "lw": 0, "zorder": 0}
    axes[0].fill_between(points["epsilon"], points["low"], points["high"], **band)
    first = models[models["outcome"] == tasks[0]]
    known = first.dropna(subset=["epsilon_low", "predicted"])
    low, high = known["epsilon_low"], known["epsilon_high"]
    axes[0].hlines(known["predicted"], low, high, color=BLUE, lw=0.8, alpha=0.25)
    by_family(axes[0], first.dropna(subset=["predicted"]), "epsilon", "predicted")
    left, right = min(first["epsilon"].min(), low.min()), max(first["epsilon"].max(), high.max())
    axes[0].set_xlim(left - 0.02, max(right, 0.52) + 0.02)
    if len(known):
        axes[0].set_ylim(0, 1.25 * float(first["predicted"].max()))
    axes[0].set(title="On the theory’s curve", ylabel=f"predicted {n}-shot accuracy")
    axes[0].set_xlabel(f"ε̂, share of triplets unlike {facts.judges}")
    last, step = models["model"].nunique(), math.ceil(models["model"].nunique() / 4)
    ticks = [1, *range(step, last + 1, step)]
    for axis, task in zip(axes[1:], tasks, strict=True):
        axis.plot([1, last], [1, last], color=PALE, lw=0.8, zorder=0)  # the theory is right
        by_family(axis, models[models["outcome"] == task], "predicted_rank", "measured_rank")
        axis.set(xlim=(last + 1, 0), ylim=(last + 1, 0), xticks=ticks, yticks=ticks)
        rho = decimal(tests[task], signed=True) if task in tests else "undefined"
        axis.set(title=f"{task}: ρ = {rho}", xlabel="predicted rank")
    axes[1].set_ylabel(f"measured rank, {n}-shot accuracy")
    legend(drawn, axes[1])
    return drawn, {"n": n, "misaligned": models["model"][models["epsilon"] > 0.5].nunique()}


def theory_queries(frames: Frames, facts: Facts) -> Drawn:
    """Queries until Bob is sure, by ε, for both strategies; and all of them against the bound.

    A line for each number of objects, with the bound dashed.
    """
    table = frames["theory_queries"]
    sizes = sorted(table["dimensions"].unique())
    d, first = sizes[len(sizes) // 2], table.iloc[0]
    drawn, axes = panels(3, width=3.3, height=3.1)
    fine = np.linspace(0, 1, 401)
    with np.errstate(divide="ignore"):  # no number of queries suffices at ε = 0.5
        bits = d / capacity(fine)
    for axis, strategy in zip(axes, STRATEGY, strict=False):
        axis.set(title=f"{strategy.capitalize()} queries, d = {d}", xlabel=EPSILON)
        axis.set(yscale="log", ylim=(0.7, 2 * table["queries"].max()), xlim=(-0.03, 1.03))
        axis.yaxis.set_major_formatter("{x:,.0f}")
        own = table.query("strategy == @strategy and dimensions == @d").groupby("objects")
        for (n, rows), colour, marker in zip(own, COLOURS, MARKERS, strict=False):
            axis.plot(fine, np.log2(float(str(n))) * bits, "--", color=colour, lw=0.8, alpha=0.7)
            look = {"color": colour, "ms": 3.5, "lw": 1, "label": f"n = {n}"}
            by_epsilon(axis, rows, "queries", f"{marker}-", **look)
            axis.plot(rows["epsilon"], rows["queries_right"], "x", color=colour, ms=3.5, mew=0.8)
        axis.legend(loc="lower center", ncols=3)
    axes[0].set_ylabel("queries until Bob is sure")
    _against_bound(axes[2], table)
    return drawn, {
        "sure": f"{100 * first['confidence']:g} %",
        "worlds": int(first["worlds"]),
        "games": int(first["games"] // first["worlds"]),
        "lost": int(((table["placed"] < 1) & (table["epsilon"] != 0.5)).sum()),
    }


def _against_bound(axis: Axes, table: pd.DataFrame) -> None:
    """Queries of every setting against d log2 n / C, on logarithmic axes."""
    known = table.dropna(subset=["queries", "bound"])
    for (d, rows), marker in zip(known.groupby("dimensions"), MARKERS, strict=False):
        for strategy, colour in STRATEGY.items():
            own = rows[rows["strategy"] == strategy]
            axis.plot(own["bound"], own["queries"], marker, color=colour, ms=3.5, alpha=0.7, mew=0)
        axis.plot([], [], marker, color=INK, ms=3.5, label=f"d = {d}")
    ends = [known["bound"].min(), known["bound"].max()]
    axis.plot(ends, ends, color=GREY, lw=0.8)
    axis.set(xscale="log", yscale="log", title="Every setting", xlabel="d log₂ n / C")
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.yaxis.set_major_formatter("{x:,.0f}")
    for strategy, colour in STRATEGY.items():
        axis.plot([], [], color=colour, label=strategy)
    axis.legend(loc="lower right")


def theory_appendix(frames: Frames, facts: Facts) -> Drawn:
    """Sensitivity to domain shift, and disagreement on adversarial examples, by ε."""
    shift, worst = frames["theory_shift"], frames["theory_adversarial"]
    shift = shift.assign(name=shift["teacher"].map("teacher {:.2f}".format))
    worst = worst.assign(name=worst["candidates"].map("worst of {}".format))
    drawn, (left, right) = panels(2, width=4.1, height=3.6)
    left.set(title="Domain shift", ylabel="σ of the student, share of triplets")
    right.set(title="Adversarial examples", ylabel="share of triplets disagreed on")
    for axis, table, column, most, forms in (
        (left, shift, "student", 1.15 * shift["high"].max(), {"expected": "-"}),
        (right, worst, "disagreement", 1.03, {"expected": "-", "printed": ":"}),
    ):
        axis.set(xlabel=EPSILON, xlim=(-0.02, 1.02), ylim=(0, most))
        groups = table.groupby("name", sort=False)
        for (name, rows), colour, marker in zip(groups, COLOURS, MARKERS, strict=False):
            by_epsilon(axis, rows, column, marker, color=colour, ms=3.5, lw=1, label=name)
            rows = rows.sort_values("epsilon")
            for form, line in forms.items():
                axis.plot(rows["epsilon"], rows[form], line, color=colour)
        axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), reverse=True)
    return drawn, {}
