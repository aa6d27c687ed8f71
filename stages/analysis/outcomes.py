"""Rows of tables about outcomes: what an outcome is called, which are shown, false discoveries."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import scipy  # scipy.stats is imported when used: stage robustness only reads tables

from stages.runtime.tables import Record as Record

Tables = dict[str, list[Record]]
"""Tables of records, by name; None is missing or undefined."""


def outcome_name(row: Mapping[str, Any]) -> str:
    """An outcome in words, without the head."""
    few = row["kind"] == "few-shot"
    return f"{row['outcome']} {row['n']}-shot" if few else f"{row['outcome']} top-{row['top']}"


def is_shown(row: Mapping[str, Any], head: str, n: int) -> bool:
    """Whether a row is of the head and shots that are shown, or of top-1."""
    few = row["kind"] == "few-shot"
    return (row["head"] == head and row["n"] == n) if few else row["top"] == 1


def records(table: pd.DataFrame) -> list[Record]:
    """The rows of a data frame; NaN becomes None."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def fill_q(rows: Sequence[Record], p: str, kind: str = "") -> None:
    """Fill in q, Benjamini & Hochberg's (1995), of the rows that have a value in column p.

    Each value of column `kind` is controlled by itself: false discoveries are a share of all, so
    that many true ones of one kind would make room for false ones of another.
    """
    for value in {row.get(kind) for row in rows}:
        tested = [row for row in rows if row.get(kind) == value and row[p] is not None]
        q = scipy.stats.false_discovery_control([row[p] for row in tested], method="bh")
        for row, controlled in zip(tested, q, strict=True):
            row["q"] = float(controlled)
