"""A point a model: alignment against an outcome, measure against measure, parts of alignment."""

import numpy as np
import pandas as pd
from numpy.polynomial import Polynomial

from stages.analysis.facts import Facts, capital, measure_name
from stages.report.figure import Drawn, Frames, grid, legend, marks, panels, wrapped
from stages.report.style import (
    BLUE,
    COLOURS,
    INK,
    MARKERS,
    ORANGE,
    OTHER,
    PALE,
    SMALL,
    Axes,
    Figure,
)

NAMED = 8
"""So many models, at most, are called by their names."""


def alignment_fewshot(frames: Frames, facts: Facts) -> Drawn:
    """Alignment against accuracy at the smallest n, a panel a task (Fig. 4, left)."""
    table = frames["alignment_fewshot"]
    table = table.assign(row=f"{facts.n}-shot accuracy", column=table["task"])
    width = 3.3 if table["task"].nunique() > 1 else 5.0
    return _parabolas(table, "accuracy", facts, width=width, height=3.4), {}


def alignment_benchmarks(frames: Frames, facts: Facts) -> Drawn:
    """Alignment against top-1, a panel a benchmark, where the study has no few-shot accuracy."""
    table = frames["alignment_benchmarks"]
    table = table.assign(row="top-1", column=table["task"])
    return _parabolas(table, "accuracy", facts, width=3.0, height=3.2), {}


def covariate(frames: Frames, facts: Facts) -> Drawn:
    """Alignment against the accuracy that partial correlations control for (Fig. 5)."""
    table = frames["covariate_alignment"].assign(row="accuracy", column="")
    return _parabolas(table, "accuracy", facts, width=5.2, height=3.7), {}


def relabelled(frames: Frames, facts: Facts) -> Drawn:
    """Alignment against the gain from relabelled images (Appendix D), where the study has it."""
    table = frames["relabelled"].assign(row="gain in top-1", column="", weights="")
    table["architecture"] = ""
    tests = frames["relabelled_tests"].dropna(subset="r")
    tests = tests[tests["measure"] == facts.measure]
    drawn = _parabolas(table, "gain", facts, width=5.2, height=3.7)
    return drawn, {"tests": tests.to_dict("records")}


def _parabolas(table: pd.DataFrame, outcome: str, facts: Facts, **size: float) -> Figure:
    """A point a model over the curve, of a column `outcome`; panels by `row` and `column`."""
    drawn, parts = grid(coloured(table), **size)
    for axis, part in parts:
        x, fit, low, high = curve(part)
        axis.fill_between(x, low, high, color="black", alpha=0.1, lw=0)
        by_family(axis, part, "alignment", outcome)
        axis.plot(x, fit, color="black", lw=1.2, zorder=3)
        axis.margins(y=0.06)
        axis.set_xlabel(facts.alignment)
        call_by_name(axis, part, "alignment", outcome)
    legend(drawn, drawn.axes[0])
    return drawn


def call_by_name(axis: Axes, table: pd.DataFrame, x: str, y: str) -> None:
    """Names beside whole networks of which parts are measured as well, if they are few."""
    whole = (table["model"] == table["architecture"]) & table["architecture"].duplicated(keep=False)
    own = table[whole].sort_values(y, ignore_index=True)
    if whole.all() or len(own) > NAMED:
        return
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    side, at = (own[x].min() - left) / (right - left) - 0.05, -1.0
    for name, across, up in own[["model", x, y]].itertuples(index=False):
        at = max(at + 0.06, (up - bottom) / (top - bottom))  # no name over another
        axis.annotate(
            name,
            (across, up),
            (side, at),
            textcoords="axes fraction",
            arrowprops={"arrowstyle": "-", "lw": 0.5, "color": PALE},
            ha="right",
            va="center",
            size=SMALL - 1,
            color=INK,
            bbox={"fc": "white", "ec": "none", "pad": 0.5, "alpha": 0.8},
        )


def measures(frames: Frames, facts: Facts) -> Drawn:
    """A panel a pair of measures, with r and the paper's (Section 5)."""
    models, table = frames["models"], frames["measures"]
    drawn, axes = wrapped(len(table), width=2.8, height=2.7)
    for axis, row in zip(axes, table.to_dict("records"), strict=True):
        text = "r not computed" if pd.isna(row["r"]) else f"r = {row['r']:.3f}"
        text += f" [{row['low']:.3f}, {row['high']:.3f}]" if pd.notna(row["low"]) else ""
        text += f"\npaper {row['paper']:.3f}" if pd.notna(row["paper"]) else ""
        size = 4 if len(models) <= 100 else 2.2
        marks(axis, models, row["a"], row["b"], "o", color=BLUE, ms=size, alpha=0.8)
        names = (capital(measure_name(row[side])) for side in ("a", "b"))
        x, y = (name.replace(" in ", "\nin ") for name in names)
        axis.set(xlabel=x, ylabel=y)
        axis.text(0.03, 0.98, text, color=INK, size=SMALL, va="top", transform=axis.transAxes)
        axis.margins(y=0.12)
    return drawn, {"paper": table["paper"].notna().any()}


def decomposition(frames: Frames, facts: Facts) -> Drawn:
    """Every model's Pearson alignment and its two parts, by rank, over what bounds them."""
    sets = frames["decomposition"].drop(columns="set")
    table = sets.groupby("model").mean().sort_values("pearson", kind="stable")
    rank = np.arange(1, len(table) + 1)
    drawn, (axis,) = panels(1, width=6.6, height=3.8)
    axis.axhline(0, color=PALE, lw=0.8, zorder=0)
    size = 4.5 if len(table) <= 100 else 2.5
    least = "least centred part on so few stimuli"
    axis.plot(rank, table["bound"], "_", color=BLUE, ms=2 * size, mew=1.2, label=least)
    floor, known = table["floor"].iloc[0], "least r over a population"
    axis.axhline(floor, color=ORANGE, ls="--", lw=1, label=known)
    for name, marker, colour, label in (
        ("pearson", "o", INK, "r, their sum"),
        ("centred", "^", BLUE, "centred part"),
        ("typicality", "s", ORANGE, "typicality"),
    ):
        axis.plot(rank, table[name], marker, ms=size, mew=0, color=colour, label=label)
    axis.set_xlabel(f"models, by alignment with {facts.judges}")
    axis.set_ylabel("parts of Pearson alignment")
    legend(drawn, axis)
    lowest = table[["pearson", "centred", "typicality"]].min()
    eigenvalue = sets["eigenvalue"].min() if "eigenvalue" in sets else None
    return drawn, {**lowest, "floor": floor, "eigenvalue": eigenvalue}


def coloured(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with a colour, a marker and a name in the legend, by recipe or family.

    As many groups as there are colours are told apart: the largest, if there are more.
    """
    groups = list(table["group"].unique())
    if len(groups) > len(COLOURS):
        groups = list(table["group"].value_counts().index[: len(COLOURS) - 1])
    rank = table["group"].map({group: i for i, group in enumerate(groups)}).fillna(-1).astype(int)
    return table.assign(
        rank=rank,  # others lie behind
        shown=table["group"].where(rank >= 0, OTHER),
        colour=rank.map(dict(enumerate(COLOURS)) | {-1: PALE}),
        marker=rank.map(dict(enumerate(MARKERS)) | {-1: "o"}),
    )


def by_family(axis: Axes, table: pd.DataFrame, x: str, y: str) -> None:
    """A mark a model at two columns of a `coloured` table."""
    size = 4.8 if len(table) <= 100 else 3
    for _, own in table.groupby("rank"):
        first = own.iloc[0]
        look = {"color": first["colour"], "label": first["shown"], "ms": size}
        marks(axis, own, x, y, first["marker"], **look)


def curve(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The parabola and its band on a fine grid, from their values at the models.

    The fit is a polynomial of degree 2 and the square of the band's half width one of degree 4, so
    that five models with different alignment hold all of both; with fewer, straight lines.
    """
    rows = table.drop_duplicates("alignment").sort_values("alignment")
    x, fit, low, high = rows[["alignment", "fit", "fit_low", "fit_high"]].to_numpy(float).T
    if len(x) < 5:
        return x, fit, low, high
    fine = np.linspace(x[0], x[-1], 101)
    middle = Polynomial.fit(x, fit, 2)(fine)
    half = np.sqrt(np.maximum(Polynomial.fit(x, (high - fit) ** 2, 4)(fine), 0))
    return fine, middle, middle - half, middle + half
