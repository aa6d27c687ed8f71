"""Few-shot accuracy by n: groups, correlations, and how far the results repeat."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.figures.intervals import bars, estimates, reach, zero
from stages.figures.labels import end_labels
from stages.figures.style import (
    BLUE,
    COLOURS,
    GREY,
    GROUP,
    MARKERS,
    axis_of_n,
    frame,
    panels,
)
from stages.figures.style import unique as different
from stages.inference.facts import HEADS, MEASURES, Facts, capital
from stages.inference.outcomes import Tables


def groups_by_n(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """Accuracy of high, mid and low: a row a measure, a column a head (Fig. 3, left)."""
    if not tables.get("groups_by_n"):
        return None
    table = frame(tables["groups_by_n"])
    task = different(table["task"])[0]
    table = table[table["task"] == task]
    figure, grid = _grid(table)
    for axis, part in grid:
        _groups(axis, part, float(table["accuracy"].max()))
    return figure, (
        f"n-shot accuracy on the task {task} of the {facts.group_size} models with the highest, "
        f"nearest-to-mean and lowest alignment by each measure (after the paper's Figure 3, left). "
        f"{facts.who} Points: means of {facts.group_size} models, {facts.draws}."
    )


def groups_by_task(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """Accuracy of high, mid and low on every task, by the shown measure, with the first head."""
    if not tables.get("groups_by_n"):
        return None
    table = frame(tables["groups_by_n"])
    table = table[(table["measure"] == facts.measure) & (table["head"] == facts.head)]
    tasks = different(table["task"])
    figure, axes = panels(len(tasks), width=3.2, height=2.6)
    for axis, task in zip(axes, tasks, strict=True):
        part = table[table["task"] == task]
        _groups(axis, part, float(part["accuracy"].max()))
        axis_of_n(axis, _shots(part))
        axis.set_title(task)
    axes[0].set_ylabel("n-shot accuracy")
    return figure, (
        f"n-shot accuracy of the {facts.group_size} models with the highest, nearest-to-mean and "
        f"lowest {MEASURES[facts.measure]} alignment. {facts.who} {facts.outcome}. "
        f"Points: means of {facts.group_size} models."
    )


def correlation_by_n(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """Partial r of z²: a row a measure, a column a head, for the first task (Fig. 3, right)."""
    table = _fewshot(tables)
    if table is None:
        return None
    task = different(table["outcome"])[0]
    table = table[table["outcome"] == task]
    figure, grid = _grid(table, "partial r of z²")
    for axis, part in grid:
        _correlations(axis, part)
        axis.set_ylim(reach(table))
    return figure, (
        f"Partial correlation of z² alignment with n-shot accuracy on the task {task}, given "
        f"{facts.given} (after the paper's Figure 3, right). {facts.who} "
        f"Accuracy: {facts.draws}. {bars(table, facts)}"
    )


def correlation_by_task(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """Partial r of the shown measure's z² on every task, with the first head (Fig. 4, right)."""
    table = _fewshot(tables)
    if table is None:
        return None
    table = table[(table["measure"] == facts.measure) & (table["head"] == facts.head)]
    tasks = different(table["outcome"])
    figure, axes = panels(len(tasks), width=3.2, height=2.6, sharey=True)
    for axis, task in zip(axes, tasks, strict=True):
        _correlations(axis, table[table["outcome"] == task])
        axis_of_n(axis, _shots(table))
        axis.set(title=task, ylim=reach(table))
    axes[0].set_ylabel("partial r of z²")
    return figure, (
        f"Partial correlation of z² {MEASURES[facts.measure]} alignment with n-shot accuracy, "
        f"given {facts.given} (after the paper's Figure 4, right). {facts.who} {facts.outcome}. "
        f"{bars(table, facts)}"
    )


def reliability(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """How far n-shot results repeat with other examples: a column a task, a line a head."""
    if not tables.get("reliability"):
        return None
    table = frame(tables["reliability"])
    shown = {"rank_stability": "rank stability", "reliability": "reliability of the mean"}
    shown = {column: text for column, text in shown.items() if table[column].notna().any()}
    if not shown:
        return None
    tasks = different(table["task"])
    known = different(table.dropna(subset=list(shown), how="all")["task"])
    figure, axes = panels(len(tasks), len(shown), width=3.2, height=2.1, sharey="row", sharex=True)
    for k, axis in enumerate(axes):
        column, task = list(shown)[k // len(tasks)], tasks[k % len(tasks)]
        ends = {}
        axis.set_ylim(min(0.8, np.floor(10 * float(table[column].min()) - 0.2) / 10), 1.01)
        for i, head in enumerate(different(table["head"])):
            part = table[(table["task"] == task) & (table["head"] == head)].sort_values("n")
            axis.plot(part["n"], part[column], f"{MARKERS[i]}-", color=COLOURS[i], ms=3.5, lw=1)
            last = part.dropna(subset=column)[["n", column]].to_numpy(float)
            if len(last):
                ends[HEADS[head]] = (last[-1, 0], last[-1, 1], COLOURS[i])
        axis_of_n(axis, _shots(table), label=k // len(tasks) == len(shown) - 1)
        if task == known[-1]:
            end_labels(axis, ends)
        if not ends:
            axis.text(0.5, 0.5, "not computed", ha="center", color=GREY, transform=axis.transAxes)
        if k < len(tasks):
            axis.set_title(task)
        if k % len(tasks) == 0:
            axis.set_ylabel(shown[column])
    lacking = int(table[list(shown)].isna().any(axis=1).sum())
    return figure, (
        f"How far n-shot results repeat with other examples. {capital(facts.zoo)}; "
        f"{facts.repeats} draws. Rank stability: mean Spearman correlation of the models' rankings "
        "in two draws; reliability: of the mean over draws, by Spearman-Brown."
        + (
            f" Not computed: {lacking} of {len(table)} (no two draws that differ)."
            if lacking
            else ""
        )
    )


def _fewshot(tables: Tables) -> pd.DataFrame | None:
    """The correlations of z² with few-shot accuracy, where there are any."""
    rows = [
        row
        for row in tables.get("correlations", [])
        if row["kind"] == "few-shot" and row["term"] == "z²"
    ]
    return frame(rows) if rows else None


def _grid(
    table: pd.DataFrame, label: str = "accuracy"
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """Panels of a row a measure and a column a head, each with its rows of the table."""
    measures, heads = different(table["measure"]), different(table["head"])
    figure, axes = panels(
        len(heads), len(measures), width=3.1, height=2.0, sharex=True, sharey=True
    )
    found = []
    for k, axis in enumerate(axes):
        measure, head = measures[k // len(heads)], heads[k % len(heads)]
        if k < len(heads):
            axis.set_title(capital(HEADS[head]))
        if k % len(heads) == 0:
            axis.set_ylabel(f"{capital(MEASURES[measure])}\n{label}")
        axis_of_n(axis, _shots(table), label=k // len(heads) == len(measures) - 1)
        found.append((axis, table[(table["measure"] == measure) & (table["head"] == head)]))
    return figure, found


def _groups(axis: Axes, table: pd.DataFrame, most: float) -> None:
    """A line a group, named at its end."""
    axis.set_ylim(0, 1.05 * most)
    ends = {}
    for i, (group, colour) in enumerate(GROUP.items()):
        part = table[table["group"] == group].sort_values("n")
        axis.plot(part["n"], part["accuracy"], f"{MARKERS[i]}-", color=colour, ms=3.5, lw=1.2)
        ends[group] = (float(part["n"].iloc[-1]), float(part["accuracy"].iloc[-1]), colour)
    end_labels(axis, ends)


def _correlations(axis: Axes, table: pd.DataFrame) -> None:
    """Estimates by n, joined."""
    table = table.sort_values("n")
    zero(axis, horizontal=False)
    axis.plot(table["n"], table["r"], color=BLUE, lw=0.8, alpha=0.6)
    estimates(axis, table["n"].to_numpy(float), table, BLUE, "o", horizontal=False)


def _shots(table: pd.DataFrame) -> list[int]:
    return sorted(int(n) for n in table["n"].unique())
