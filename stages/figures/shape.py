"""How the U depends on the specification: every outcome by every test."""

from __future__ import annotations

from itertools import product
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from stages.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    SMALL,
    frame,
    panels,
)
from stages.figures.words import minus
from stages.inference.facts import MEASURES, Facts
from stages.inference.families import MIN_FAMILIES
from stages.inference.outcomes import Record, Tables, is_shown, outcome_name

TESTS = ("z²", "capacity", "two lines")
DIVERGING = LinearSegmentedColormap.from_list("shape", [ORANGE, "#F7F7F7", BLUE])


def shape(tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """A row an outcome, a column a specification; estimates as colours and numbers."""
    rows = [row for row in tables.get("u_tests", []) if _shown(row, facts)]
    if not rows:
        return None
    table = frame(rows)
    names = [outcome_name(row) for row in rows]
    outcomes = list(dict.fromkeys(names))
    places = _places(rows)
    width = max(places.values()) + 1
    figure, (axis,) = panels(1, width=2.0 + 0.62 * width, height=1.5 + 0.36 * len(outcomes))
    largest = table["estimate"].abs().groupby(table["test"]).max()
    for name, row in zip(names, rows, strict=True):
        at = (places[row["test"], row["linear"], row["family_effects"]], outcomes.index(name))
        _cell(axis, at, row, float(largest[row["test"]]), 1 - facts.confidence)
    _frame(axis, outcomes, places)
    lacking = [row for row in rows if not _known(row)]
    reasons = "; ".join(sorted({str(row["undefined"]) for row in lacking}))
    return figure, (
        "Conclusions by specification: is the relation of alignment with each outcome a U? "
        f"{facts.who} Few-shot: {facts.outcome.lower()}. All tests are given {facts.given}. "
        f"z² and two lines: {MEASURES[facts.measure]} alignment; capacity: of the channel whose "
        "error is the share of triplets judged otherwise. Numbers and colours: the term's "
        "estimate, blue as a U has it, orange as an inverted U. Two lines: signs of the slopes "
        f"below and above the break, dark where p < {facts.alpha}, blue where both make a U. "
        f"Framed: q < {facts.alpha} (Benjamini-Hochberg over all tests of a kind); p and q are "
        + (
            "of models taken for independent: families are too few. "
            if facts.families < MIN_FAMILIES
            else "by family, p of models taken for independent where there is none. "
        )
        + "The paper's specification is z² with neither a linear term nor family effects."
        + (f" n.c.: not computed, {len(lacking)} ({reasons})." if len(lacking) else "")
    )


def _shown(row: Record, facts: Facts) -> bool:
    """Of the first head and smallest n, or top-1; the measure shown, or capacity."""
    outcome = is_shown(row, facts.head, facts.n)
    return outcome and (row["test"] == "capacity" or row["measure"] == facts.measure)


def _known(row: Record) -> bool:
    """Whether the test has a result to show."""
    shown = ("slope_low", "slope_high") if row["test"] == "two lines" else ("estimate",)
    return all(row[column] is not None for column in shown)


def _places(rows: list[Record]) -> dict[tuple[str, bool, bool], float]:
    """Column of each specification that there is, with a gap between tests."""
    there = {(str(r["test"]), bool(r["linear"]), bool(r["family_effects"])) for r in rows}
    places: dict[tuple[str, bool, bool], float] = {}
    at = 0.0
    for test in TESTS:
        own = [key for key in product((test,), (False, True), (False, True)) if key in there]
        for key in own:
            places[key] = at
            at += 1
        at += 0.35 if own else 0
    return places


def _cell(axis: Axes, at: tuple[float, int], row: Record, largest: float, alpha: float) -> None:
    """One test: its colour and number, or the two lines; a frame where q is small."""
    x, y = at
    two = row["test"] == "two lines"
    small = row["q"] is not None and row["q"] < alpha
    known = _known(row)
    colour: Any = "#F7F7F7"
    if known and two and row["u"]:
        colour = "#D6E6F2"
    elif known and not two:
        colour = DIVERGING(0.5 + 0.4 * row["estimate"] / (largest or 1))
    box = Rectangle((x - 0.46, y - 0.43), 0.92, 0.86, fc=colour, ec="black", zorder=2 + small)
    box.set_linewidth(1.4 if small else 0)
    axis.add_patch(box)
    if known and two:
        _two_lines(axis, x, y, row, alpha)
        return
    axis.text(
        x,
        y,
        minus(f"{row['estimate']:+.2f}") if known else "n.c.",
        ha="center",
        va="center",
        size=SMALL - 1,
        color="black" if known else GREY,
        weight="bold" if small else "normal",
        zorder=4,
    )


def _two_lines(axis: Axes, x: float, y: float, row: Record, alpha: float) -> None:
    """Signs of the slopes below and above the break, as two lines that meet there."""
    rises = [0.2 if end > 0 else -0.2 for end in (-row["slope_low"], row["slope_high"])]
    middle = y + (max(0, *rises) + min(0, *rises)) / 2
    for way, rise, p in zip((-1, 1), rises, (row["p_low"], row["p_high"]), strict=True):
        colour = INK if p is not None and p < alpha else "#BBBBBB"
        axis.plot([x, x + 0.32 * way], [middle, middle - rise], c=colour, lw=1.6, zorder=4)


def _frame(axis: Axes, outcomes: list[str], places: dict[tuple[str, bool, bool], float]) -> None:
    """Names of outcomes and tests; beneath, dots say what each specification includes."""
    last = len(outcomes)
    for test in TESTS:
        own = [x for (name, _, _), x in places.items() if name == test]
        if own:
            axis.text(sum(own) / len(own), -0.7, test, ha="center", weight="bold", va="bottom")
    for k in (1, 2):
        for key, x in places.items():
            on = bool(key[k])
            axis.plot(x, last - 0.1 + 0.6 * (k - 1), "o", ms=4.5, color=INK if on else PALE)
    axis.set_yticks(
        [*range(last), last - 0.1, last + 0.5], [*outcomes, "linear term", "family effects"]
    )
    axis.set(xlim=(-0.55, max(places.values()) + 0.55), ylim=(last + 0.85, -0.75), xticks=[])
    axis.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        axis.spines[side].set_visible(False)
