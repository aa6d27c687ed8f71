"""Tables of the report: how a column shows its values, why one is missing, and their HTML."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from stages.analysis.facts import HEAD_WORDS, MEASURE_WORDS
from stages.analysis.outcomes import Record
from stages.report.words import decimal

DASH = "–"


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
Reason = str | Callable[[Record], str]


def missing(reason: str) -> Cell:
    """A dash, with the reason on hover."""
    return Cell(DASH, reason or "undefined")


def text(column: str, words: Callable[[Any], str] = str) -> Show:
    return lambda row: Cell(words(row[column]), style="t")


def shown(form: Callable[..., str], *columns: str, reason: Reason = "") -> Show:
    """Shows the values of some columns, or a dash with the reason why one of them is missing."""

    def show(row: Record) -> Cell:
        values = [row[column] for column in columns]
        if None not in values:
            return Cell(form(*values))
        return missing(reason(row) if callable(reason) else reason or row.get("why", ""))

    return show


def number(
    column: str, digits: int = 2, signed: bool = False, scale: float = 1, reason: Reason = ""
) -> Show:
    return shown(lambda value: decimal(scale * value, digits, signed), column, reason=reason)


def probability(p: float) -> str:
    """Text of p or q; never 0."""
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def extent(low: str, high: str, digits: int = 2, scale: float = 1) -> Show:
    """Lowest to highest of several values; one number where these are the same."""

    def form(*ends: float) -> str:
        return " to ".join(dict.fromkeys(decimal(scale * end, digits) for end in ends))

    return shown(form, low, high)


def interval(low: str, high: str, digits: int = 2) -> Show:
    """[low, high], bold where it excludes 0."""
    show = shown(lambda a, b: f"[{decimal(a, digits)}, {decimal(b, digits)}]", low, high)

    def marked(row: Record) -> Cell:
        cell = show(row)
        clear = cell.text != DASH and (row[low] > 0 or row[high] < 0)
        return cell._replace(style="n clear") if clear else cell

    return marked


def pivot(
    rows: Iterable[Record], index: Sequence[str], columns: Sequence[str], show: Show, reason: str
) -> tuple[list[Record], dict[tuple[Any, ...], Show]]:
    """A row for each combination of `index`; and how it shows its cells, by values of `columns`."""
    found: dict[tuple[Any, ...], dict[Any, Any]] = {}
    for row in rows:
        names = {name: row[name] for name in index}
        one = found.setdefault(tuple(names.values()), names)
        one[tuple(row[name] for name in columns)] = show(row)

    def cell(key: tuple[Any, ...], row: dict[Any, Any]) -> Cell:
        return row.get(key, missing(reason))

    keys = dict.fromkeys(key for row in found.values() for key in row if isinstance(key, tuple))
    return list(found.values()), {key: partial(cell, key) for key in keys}


NO_PAPER = "the paper has no such value"
COLUMNS: dict[str, Show] = {
    **{c: text(c) for c in ("benchmark", "term", "set", "form", "task", "factor", "weights")},
    **{c: shown(str, c) for c in ("models", "n", "judges", "stimuli", "pairs", "positive")},
    **{c: number(c) for c in ("alignment", "slope", "alone", "mean", "lowest", "highest")},
    "": text("top", "top-{}".format),
    "measure": text("measure", MEASURE_WORDS.__getitem__),
    "head": text("head", HEAD_WORDS.__getitem__),
    "outcome": text("name"),
    "family": text("group"),
    "model": text("model"),
    "best model": text("best_model"),
    "covariate": number("covariate", 1, scale=100),
    "r": number("r", 3),
    **{c: shown(probability, c) for c in ("p", "q")},
    "naive interval": interval("low", "high"),
    "interval by family": interval("family_low", "family_high"),
    "p by family": shown(probability, "family_p"),
    "its interval": interval("slope_low", "slope_high"),
    "its p": shown(probability, "slope_p"),
    "paper": number("paper", 3, reason=NO_PAPER),
    "paper’s p": shown(probability, "paper_p", reason=NO_PAPER),
    "difference": number("difference", 3, signed=True, reason=NO_PAPER),
}
"""How columns show their values that are the same wherever they stand."""
PAPER = ("paper", "paper’s p", "difference")
Head = str | tuple[str, Show]
"""Head of a column, alone or with how the column shows its values."""


@dataclass(frozen=True)
class ReportTable:
    """Rows, and heads of the columns; `about` is what its words say of it.

    Columns of the paper's values are left out where no row has one.
    """

    rows: Sequence[Record]
    heads: Sequence[Head]
    about: dict[str, str] = field(default_factory=dict)

    @cached_property
    def columns(self) -> list[tuple[str, Show]]:
        """Head of each column, and how it shows its values."""
        absent = () if has_paper(self.rows) else PAPER
        heads = (head for head in self.heads if head not in absent)
        return [(head, COLUMNS[head]) if isinstance(head, str) else head for head in heads]

    @cached_property
    def cells(self) -> list[list[Cell]]:
        return [[show(row) for _, show in self.columns] for row in self.rows]

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


def has_paper(rows: Sequence[Record]) -> bool:
    """Whether any row has a value of the paper beside what is found."""
    return any(row.get("paper") is not None for row in rows)
