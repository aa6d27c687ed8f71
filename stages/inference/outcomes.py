"""Rows about an outcome: what it is called, and which ones are shown where there is one each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Record = dict[str, Any]
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
