"""The figures themselves, one function each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from stages.figures.style import COLOURS, GROUP, MARKERS, axis_of_n, panels, save

Record = dict[str, Any]


def scatter(rows: list[Record], path: Path, measure: str, n: int, caption: str) -> None:
    """Alignment against n-shot accuracy: models by recipe or family, a parabola with its band."""
    table = pd.DataFrame(rows)
    tasks = list(table["task"].unique())
    shown, groups = legible(table["group"])
    table["group"] = shown
    figure, axes = panels(len(tasks), width=3.6, height=3.6)
    for axis, task in zip(axes, tasks, strict=True):
        part = table[table["task"] == task].sort_values("alignment")
        axis.fill_between(
            part["alignment"], part["fit_low"], part["fit_high"], color="#000000", alpha=0.08, lw=0
        )
        axis.plot(part["alignment"], part["fit"], color="#000000", lw=1.2)
        for i, group in enumerate(groups):
            own = part[part["group"] == group]
            marker, colour = MARKERS[i % len(MARKERS)], COLOURS[i % len(COLOURS)]
            axis.scatter(
                own["alignment"], own["accuracy"], s=26, color=colour, marker=marker, label=group
            )
        axis.set(title=task, xlabel=f"{measure} alignment", ylabel=f"{n}-shot accuracy")
        axis.set_ylim(0, 1.1 * part["accuracy"].max())
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=8)
    save(figure, path, caption)


def correlation_by_n(rows: list[Record], path: Path, caption: str) -> None:
    """Partial correlation of z² alignment with n-shot accuracy by n, a line a head."""
    table = pd.DataFrame(rows)
    tasks, heads = list(table["task"].unique()), list(table["head"].unique())
    shots = sorted(table["n"].unique())
    figure, axes = panels(len(tasks))
    for axis, task in zip(axes, tasks, strict=True):
        axis.axhline(0, color="#999999", lw=0.8)
        for i, head in enumerate(heads):
            part = table[(table["task"] == task) & (table["head"] == head)]
            x = part["n"] * (1 + 0.07 * (i - (len(heads) - 1) / 2))
            error = [part["r"] - part["low"], part["high"] - part["r"]]
            axis.errorbar(
                x, part["r"], error, fmt=f"{MARKERS[i]}-", c=COLOURS[i], ms=4, lw=1, label=head
            )
        axis_of_n(axis, shots)
        axis.set(title=task, ylim=(-1, 1), ylabel="partial r of z² alignment")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    save(figure, path, caption)


def groups_by_n(rows: list[Record], path: Path, caption: str) -> None:
    """Mean n-shot accuracy of the high, mid and low groups, labelled at the right end."""
    table = pd.DataFrame(rows)
    tasks, shots = list(table["task"].unique()), sorted(table["n"].unique())
    figure, axes = panels(len(tasks))
    for axis, task in zip(axes, tasks, strict=True):
        for group, colour in GROUP.items():
            part = table[(table["task"] == task) & (table["group"] == group)]
            axis.plot(part["n"], part["accuracy"], "o-", color=colour, ms=4, label=group)
        axis_of_n(axis, shots)
        axis.set(title=task, ylabel="n-shot accuracy")
        axis.set_ylim(0)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    save(figure, path, caption)


def robustness(
    table1: list[Record], correlations: list[Record], path: Path, measure: str, caption: str
) -> None:
    """Left, top-1 of the high, mid and low groups; right, correlations with their intervals."""
    figure, (left, right) = panels(2, width=4.8, height=3.8)
    table = pd.DataFrame(table1)
    table = table[(table["measure"] == measure) & (table["top"] == 1)]
    benchmarks = list(table["benchmark"].unique())
    for i, (group, colour) in enumerate(GROUP.items()):
        part = table[table["group"] == group].set_index("benchmark").loc[benchmarks]
        height = [k + 0.25 * (i - 1) for k in range(len(benchmarks))]
        left.barh(height, part["accuracy"], 0.22, color=colour, label=group)
    left.set_yticks(range(len(benchmarks)), benchmarks)
    left.set(xlabel="top-1 accuracy", title=f"by {measure} alignment: high, mid, low")
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, fontsize=8)
    rows = pd.DataFrame(correlations)
    rows = rows[rows["top"] == 1]
    right.axvline(0, color="#999999", lw=0.8)
    for i, kind in enumerate(rows["alignment"].unique()):
        part = rows[rows["alignment"] == kind].set_index("benchmark")
        height = [benchmarks.index(b) + 0.2 * (i - 0.5) for b in part.index]
        error = [part["r"] - part["low"], part["high"] - part["r"]]
        right.errorbar(
            part["r"], height, xerr=error, fmt=MARKERS[i], color=COLOURS[i], ms=4, lw=1, label=kind
        )
    right.set_yticks(range(len(benchmarks)), benchmarks)
    right.set(
        xlim=(-1, 1),
        xlabel="partial r with top-1",
        title="partial correlation with alignment",
    )
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize=8)
    for axis in (left, right):
        axis.set_ylim(-0.6, len(benchmarks) - 0.4)
        axis.invert_yaxis()
    save(figure, path, caption)


def spread(
    alignment: pd.Series,
    groups: dict[str, str],
    architectures: dict[str, str],
    path: Path,
    measure: str,
    caption: str,
) -> None:
    """Every model's alignment, by recipe or family; marked by architecture where there are few."""
    models = [str(model) for model in alignment.index]
    rows = list(dict.fromkeys(groups[model] for model in models))
    kinds = list(dict.fromkeys(architectures[model] for model in models))
    if len(kinds) > len(MARKERS):
        architectures, kinds = dict.fromkeys(models, "model"), ["model"]
    figure, (axis,) = panels(1, width=7, height=max(3.4, 0.22 * len(rows)))
    axis.axvline(0, color="#999999", lw=0.8)
    for i, kind in enumerate(kinds):
        own = [(groups[m], alignment[m]) for m in models if architectures[m] == kind]
        axis.scatter(
            [v for _, v in own],
            [rows.index(r) + 0.12 * (i - (len(kinds) - 1) / 2) for r, _ in own],
            s=26,
            color=COLOURS[i % len(COLOURS)],
            marker=MARKERS[i % len(MARKERS)],
            label=kind,
        )
    axis.set_yticks(range(len(rows)), rows)
    axis.invert_yaxis()
    axis.set(xlabel=f"{measure} alignment, mean over the stimulus sets")
    if len(kinds) > 1:
        figure.legend(
            *axis.get_legend_handles_labels(), loc="outside upper center", ncols=5, fontsize=8
        )
    save(figure, path, caption)


def legible(groups: pd.Series) -> tuple[pd.Series, list[str]]:
    """Groups as a legend can tell them apart: the largest by name, the rest as "other"."""
    names = list(dict.fromkeys(groups))
    if len(names) > len(COLOURS):
        largest = list(groups.value_counts().index[: len(COLOURS) - 1])
        return groups.where(groups.isin(largest), "other"), [*largest, "other"]
    return groups, names
