"""What a paper published, as studies/published/sucholutsky2023.csv, to stand beside what is found.

A line is one printed value. `item` says where it stands: table1, table2, appendix_c, or measures
(Section 5: `measure` with the measure in column `outcome`). `n` is shots, 0 for a benchmark; `top`
is 1 or 5, 0 for few-shot. Accuracies are fractions. A p printed as 0.000 is below 0.0005.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from stages.runtime.errors import UsageError
from stages.study.rows import read_rows

COLUMNS = ("item", "outcome", "n", "top", "measure", "group", "statistic", "value", "note")
MEASURES = ("pearson", "spearman", "triplet")
ALLOWED = {
    "item": ("table1", "table2", "appendix_c", "measures"),
    "measure": (*MEASURES, ""),
    "group": ("high", "mid", "low", ""),
    "statistic": ("accuracy", "r", "p"),
}
RANGE = {"accuracy": (0, 1), "p": (0, 1), "r": (-1, 1)}


class Key(NamedTuple):
    """Which of a paper's values."""

    item: str
    outcome: str
    n: int
    top: int
    measure: str
    group: str
    statistic: str


Values: TypeAlias = Mapping[Key, float]


def read_values(path: Path, where: str) -> dict[Key, float]:
    """Every published value of a file.

    Raises
    ------
    UsageError
        Names the file, the line, the column, the value and what is allowed.
    """
    found: dict[Key, float] = {}
    for number, row in read_rows(path, where, COLUMNS):
        line = f"{path}: line {number}"
        for column, allowed in ALLOWED.items():
            if row[column] not in allowed:
                raise UsageError(f"{line}: {column}: '{row[column]}' is not one of {list(allowed)}")
        if not row["outcome"]:
            raise UsageError(f"{line}: outcome: '' is empty")
        for column in ("n", "top"):
            if not row[column].isdecimal():
                raise UsageError(f"{line}: {column}: '{row[column]}'; a count from 0 is needed")
        low, high = RANGE[row["statistic"]]
        value = _number(row["value"])
        if not low <= value <= high:  # NaN is not
            raise UsageError(
                f"{line}: value: '{row['value']}'; a number from {low} to {high} is needed"
            )
        key = Key(
            row["item"],
            row["outcome"],
            int(row["n"]),
            int(row["top"]),
            row["measure"],
            row["group"],
            row["statistic"],
        )
        if key in found:
            raise UsageError(f"{line}: value: '{row['value']}' is there already: {tuple(key)}")
        found[key] = value
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
