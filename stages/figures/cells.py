"""Cells of the report's tables: numbers as a reader wants them, and why one is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stages.figures.words import minus

DASH, UNTOLD = "–", "undefined"


@dataclass(frozen=True)
class Cell:
    """One cell. `title` is shown on hover; `below` is small print; `mark` a class of the style."""

    text: str
    title: str = ""
    below: str = ""
    mark: str = ""
    number: bool = True


@dataclass(frozen=True)
class Grid:
    """A table of the report.

    Parameters
    ----------
    key : its id. heading : what it shows. note : how to read it. columns : heads of the columns.
    rows : cells by row. fold : shown when asked for. none : what is said in place of no rows.
    """

    key: str
    heading: str
    note: str
    columns: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    fold: bool = False
    none: str = "Nothing to show."

    @property
    def numeric(self) -> list[bool]:
        """Whether a column is of numbers, whose head stands right too."""
        return [all(row[i].number for row in self.rows) for i in range(len(self.columns))]

    @property
    def reasons(self) -> list[str]:
        """Why cells are missing, each reason once: there is no hover on paper or on a phone."""
        cells = (cell for row in self.rows for cell in row if cell.text == DASH)
        return list(dict.fromkeys(cell.title for cell in cells))


def word(value: Any) -> Cell:
    """Text, set left."""
    return Cell(str(value), number=False)


def count(value: Any) -> Cell:
    """An integer."""
    return missing("") if value is None else Cell(str(value))


def missing(reason: Any) -> Cell:
    """A dash, with the reason on hover."""
    return Cell(DASH, str(reason or UNTOLD))


def number(value: Any, digits: int = 2, signed: bool = False, reason: Any = "") -> Cell:
    """A number with a true minus."""
    if value is None:
        return missing(reason)
    return Cell(decimal(value, digits, signed))


def decimal(value: float, digits: int = 2, signed: bool = False) -> str:
    """Text of a number; zero has no sign."""
    return minus(f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}")


def percent(value: Any, reason: Any = "") -> Cell:
    """A share, in per cent without the sign, which the column's head has."""
    return missing(reason) if value is None else Cell(decimal(100 * value, 1))


def probability(value: Any, reason: Any = "") -> Cell:
    """p or q; never 0."""
    if value is None:
        return missing(reason)
    return Cell("< .001" if value < 0.001 else f"{value:.3f}".removeprefix("0"))


def interval(low: Any, high: Any, digits: int = 2, reason: Any = "") -> Cell:
    """[low, high]; marked where it leaves out 0."""
    if low is None or high is None:
        return missing(reason)
    mark = "clear" if low > 0 or high < 0 else ""
    return Cell(f"[{decimal(low, digits)}, {decimal(high, digits)}]", mark=mark)
