"""How the U depends on the specification: every outcome by every test."""

from typing import Any

import pandas as pd

from stages.analysis.facts import Facts
from stages.analysis.families import MIN_FAMILIES
from stages.analysis.outcomes import Record, is_shown, outcome_name, records
from stages.report.figure import Drawn, Frames, missing, panels
from stages.report.style import BLUE, GREY, INK, ORANGE, PALE, SMALL, Axes
from stages.report.words import decimal

DARKEST = 0.5
"""The estimate that has the darkest colour, the same in all studies."""
TESTS = ("z²", "capacity", "two lines")
SPECIFICATION = ["test", "linear", "family_effects"]
"""What makes a column: the test, whether with a linear term, whether with family effects."""


def shape(frames: Frames, facts: Facts) -> Drawn:
    """A row an outcome, a column a specification; estimates as colours and numbers."""
    table = frames["u_tests"]
    table = table[[is_shown_test(row, facts) for row in records(table)]]
    table = table.assign(outcome=[outcome_name(row) for row in records(table)])
    slopes = table[["slope_low", "slope_high"]].notna().all(axis=1)
    order = table.assign(test=table["test"].map(TESTS.index))[SPECIFICATION].drop_duplicates()
    order = order.sort_values(SPECIFICATION).reset_index(drop=True)
    order["x"] = order.index + 0.35 * order["test"].rank(method="dense").sub(1)  # gaps
    places = {(TESTS[test], *rest): x for test, *rest, x in order.to_numpy(object)}
    table = table.assign(
        known=slopes.where(table["test"] == "two lines", table["estimate"].notna()),
        x=[places[key] for key in zip(*(table[c] for c in SPECIFICATION), strict=True)],
        y=pd.factorize(table["outcome"])[0],
        small=table["q"].astype(float) < 1 - facts.confidence,
        share=(table["estimate"] / DARKEST).clip(-1, 1),
    )
    outcomes = list(table["outcome"].unique())
    width, height = 2.0 + 0.62 * (max(places.values()) + 1), 1.5 + 0.36 * len(outcomes)
    drawn, (axis,) = panels(1, width=width, height=height)
    for row in records(table):
        _cell(axis, row, 1 - facts.confidence)
    _frame(axis, outcomes, places)
    return drawn, missing(table, table["known"]) | {"few": facts.families < MIN_FAMILIES}


def is_shown_test(row: Record, facts: Facts) -> bool:
    """Whether a test is of the first head and smallest n, or top-1; by the measure shown, or of
    capacity, which has its own."""
    of_measure = row["test"] == "capacity" or row["measure"] == facts.measure
    return of_measure and is_shown(row, facts.head, facts.n)


def _cell(axis: Axes, row: Record, alpha: float) -> None:
    """One test: its colour and number, or the signs of two slopes; a frame where q is small."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    x, y, two, small = row["x"], row["y"], row["test"] == "two lines", row["small"]
    share = 0.0
    if row["known"]:  # of two lines, blue is a U and orange none
        share = float(row["u"] is True) / 2 if two else row["share"]
    colours = LinearSegmentedColormap.from_list("shape", [ORANGE, "#F7F7F7", BLUE])
    look: dict[str, Any] = {"ec": "black", "zorder": 2 + small, "linewidth": 1.4 * small}
    axis.add_patch(
        Rectangle((x - 0.46, y - 0.43), 0.92, 0.86, fc=colours(0.5 + 0.4 * share), **look)
    )
    look = {"ha": "center", "va": "center", "size": SMALL - 1, "zorder": 4}
    if not row["known"]:
        axis.text(x, y, "n.c.", color=GREY, **look)
    elif two:
        for end, at in (("low", x - 0.15), ("high", x + 0.15)):
            arrow = "↗" if row[f"slope_{end}"] > 0 else "↘"
            colour = INK if row[f"p_{end}"] < alpha else "#AAAAAA"
            axis.text(at, y, arrow, color=colour, **look | {"size": SMALL + 4})
    else:
        weight = "bold" if small else "normal"
        axis.text(x, y, decimal(row["estimate"], signed=True), weight=weight, **look)


def _frame(axis: Axes, outcomes: list[str], places: dict[tuple[Any, ...], float]) -> None:
    """Names of outcomes and tests; beneath, dots say what each specification includes."""
    last = len(outcomes)
    for test in dict.fromkeys(test for test, *_ in places):
        own = [x for (name, *_), x in places.items() if name == test]
        axis.text(sum(own) / len(own), -0.7, test, ha="center", weight="bold", va="bottom")
    for (_, *includes), x in places.items():
        for k, included in enumerate(includes):
            colour = INK if included else PALE
            axis.plot(x, last - 0.1 + 0.6 * k, "o", ms=4.5, color=colour)
    names = [*outcomes, "linear term", "family effects"]
    axis.set_yticks([*range(last), last - 0.1, last + 0.5], names)
    axis.set(xlim=(-0.55, max(places.values()) + 0.55), ylim=(last + 0.85, -0.75), xticks=[])
    axis.tick_params(axis="y", length=0)
    axis.spines[["left", "bottom"]].set_visible(False)
