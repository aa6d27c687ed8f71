"""Tables of the report: how a column shows its values, why one is missing, and their HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from stages.analysis.facts import HEAD_WORDS, MEASURE_WORDS, Facts
from stages.analysis.families import MIN_FAMILIES
from stages.analysis.outcomes import Record, Tables, outcome_name
from stages.report.words import decimal, fill, words

DASH = "–"
LONG = 24
"""Readers have to open a table with more rows, where its words say fold: long."""


class Cell(NamedTuple):
    """One cell: `title` shows on hover, `below` in small print.

    style : classes of the page's style: n for a number, which stands right; t for text.
    """

    text: str
    title: str = ""
    below: str = ""
    style: str = "n"

    @property
    def html(self) -> Markup:
        title = Markup(' title="{}"').format(self.title) if self.title else ""
        below = Markup("<small>{}</small>").format(self.below) if self.below else ""
        return Markup('<span class="{}"{}>{}{}</span>').format(self.style, title, self.text, below)


Show = Callable[[Record], Cell]
"""How a column shows its value of a row."""
Columns = list[tuple[str, Show]]
"""Head of each column, and how it shows its values."""
Reason = str | Callable[[Record], str]


def missing(reason: str) -> Cell:
    """A dash, with the reason on hover."""
    return Cell(DASH, reason or "undefined")


def probability(p: float) -> str:
    """Text of p or q; never 0."""
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def text(column: str, words: Callable[[Any], str] = str) -> Show:
    return lambda row: Cell(words(row[column]), style="t")


def shown(columns: Sequence[str], form: Callable[..., str], reason: Reason = "") -> Show:
    """Shows the values of some columns, or a dash with the reason why one of them is missing."""

    def show(row: Record) -> Cell:
        values = [row.get(column) for column in columns]
        if None not in values:
            return Cell(form(*values))
        return missing(reason(row) if callable(reason) else reason or row.get("why", ""))

    return show


def integer(column: str) -> Show:
    return shown([column], str)


def number(
    column: str, digits: int = 2, signed: bool = False, scale: float = 1, reason: Reason = ""
) -> Show:
    return shown([column], lambda value: decimal(scale * value, digits, signed), reason)


def percent(column: str) -> Show:
    """A share, in per cent without the sign."""
    return number(column, 1, scale=100)


def p_value(column: str, reason: Reason = "") -> Show:
    return shown([column], probability, reason)


def extent(low: str, high: str, digits: int = 2, scale: float = 1) -> Show:
    """Lowest to highest of several values; one number where these are the same."""
    return shown(
        [low, high],
        lambda *ends: " to ".join(dict.fromkeys(decimal(scale * end, digits) for end in ends)),
    )


def interval(low: str, high: str, digits: int = 2) -> Show:
    """[low, high], bold where it excludes 0."""
    show = shown([low, high], lambda a, b: f"[{decimal(a, digits)}, {decimal(b, digits)}]")

    def marked(row: Record) -> Cell:
        cell = show(row)
        clear = cell.text != DASH and (row[low] > 0 or row[high] < 0)
        return cell._replace(style="n clear" if clear else "n")

    return marked


COLUMNS: dict[str, Show] = {
    **{c: text(c) for c in ("benchmark", "term", "set", "form", "task", "factor", "weights")},
    **{c: integer(c) for c in ("models", "n", "judges", "stimuli", "pairs", "positive")},
    **{c: number(c) for c in ("alignment", "slope", "alone", "mean", "lowest", "highest")},
    "": text("top", "top-{}".format),
    "measure": text("measure", MEASURE_WORDS.__getitem__),
    "head": text("head", HEAD_WORDS.__getitem__),
    "outcome": text("name"),
    "family": text("group"),
    "best model": text("best_model"),
    "covariate": percent("covariate"),
    "r": number("r", 3),
    "p": p_value("p"),
    "q": p_value("q"),
    "naive interval": interval("low", "high"),
    "interval by family": interval("family_low", "family_high"),
    "p by family": p_value("family_p"),
    "its interval": interval("slope_low", "slope_high"),
    "its p": p_value("slope_p"),
}
"""How columns show their values that are the same wherever they stand."""


def columns(*heads: str | tuple[str, Show]) -> Columns:
    """Columns by their heads alone, or each with its own way to show its values."""
    return [(head, COLUMNS[head]) if isinstance(head, str) else head for head in heads]


def rows_of(tables: Tables, name: str, facts: Facts, reason: str = "") -> list[Record]:
    """Rows of a table, with the name of their outcome and `why` they lack values."""
    few = "too few families" if facts.families < MIN_FAMILIES else ""
    return [
        {"name": outcome_name(row) if "kind" in row else ""}
        | row
        | {"why": row.get("undefined") or reason or few}
        for row in tables.get(name, [])
    ]


def wide(rows: Iterable[Record], index: Sequence[str], columns: Sequence[str]) -> list[Record]:
    """A row for each combination of `index`; `cells` holds its rows by the values of `columns`."""
    found: dict[tuple[Any, ...], Record] = {}
    for row in rows:
        key = {name: row[name] for name in index}
        one = found.setdefault(tuple(key.values()), key | {"cells": {}})
        one["cells"][tuple(row[name] for name in columns)] = row
    return list(found.values())


def within(rows: Iterable[Record], column: Show, reason: str) -> dict[tuple[Any, ...], Show]:
    """How to show each of the different cells of `wide` rows, in their order."""

    def of(key: tuple[Any, ...]) -> Show:
        return lambda row: column(row["cells"][key]) if key in row["cells"] else missing(reason)

    return {key: of(key) for key in dict.fromkeys(key for row in rows for key in row["cells"])}


@dataclass(frozen=True)
class ReportTable:
    """Rows, and the head of each column with how it shows its values; what its words say of it."""

    rows: Sequence[Record]
    columns: Columns
    about: dict[str, str] | None = None

    @cached_property
    def cells(self) -> list[list[Cell]]:
        return [[column(row) for _, column in self.columns] for row in self.rows]

    @property
    def reasons(self) -> list[str]:
        """Why cells are missing, each reason once: there is no hover on paper or on a phone."""
        found = (cell for row in self.cells for cell in row if cell.text == DASH)
        return list(dict.fromkeys(cell.title for cell in found))

    @property
    def html(self) -> Markup:
        """The table itself, every text escaped; a head stands right where its column does."""
        styles = [max(row[i].style[0] for row in self.cells) for i in range(len(self.columns))]
        heads = [Cell(c[0], style=s).html for c, s in zip(self.columns, styles, strict=True)]
        frame = pd.DataFrame([[cell.html for cell in row] for row in self.cells], columns=heads)
        return Markup(frame.to_html(index=False, escape=False, border=0))  # noqa: S704


MakeTable = Callable[[Tables, Facts], ReportTable]


def filled(name: str, table: ReportTable, facts: Facts) -> dict[str, Any]:
    """A table with its words, as the page's template wants it."""
    rows, about = len(table.rows), table.about or {}
    own: dict[str, Any] = {
        key: fill(text, facts=facts, rows=rows, **about)
        for key, text in words()["tables"][name].items()
    }
    fold = own.get("fold") == "always" or (own.get("fold") == "long" and rows > LONG)
    return own | {"table": table, "fold": fold}
