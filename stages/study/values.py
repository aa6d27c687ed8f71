"""What a paper published, as studies/published/sucholutsky2023.csv, to compare with what is found.

A line is one printed value. `item` says where it stands: table1, table2, appendix_c, or measures
(Section 5: `measure` with the measure in column `outcome`). `n` is shots, 0 for a benchmark; `top`
is 1 or 5, 0 for few-shot. Accuracies are fractions. A p printed as 0.000 is below 0.0005.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from stages.runtime.errors import UsageError
from stages.runtime.tables import Column, read_table


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
COLUMNS = {
    "item": Column(allowed=("table1", "table2", "appendix_c", "measures")),
    "outcome": Column(),
    "n": Column(int, low=0),
    "top": Column(int, low=0),
    "measure": Column(allowed=("pearson", "spearman", "triplet", "")),
    "group": Column(allowed=("high", "mid", "low", "")),
    "statistic": Column(allowed=("accuracy", "r", "p")),
    "value": Column(float, low=-1, high=1),
    "note": Column(blank=True),
}


def read_values(path: Path, where: str) -> dict[Key, float]:
    """Every published value of a file; `where` is the key that names it, for messages.

    Raises UsageError, which names the file, the line, the column, the value and what is allowed.
    """
    table = read_table(path, COLUMNS, unique=Key._fields, error=UsageError, where=where)
    wrong = table["value"][(table["value"] < 0) & (table["statistic"] != "r")]
    for line, value in wrong.items():
        raise UsageError(f"{path}: line {line}: value: {value}; a number from 0 to 1 is needed")
    keys = table[list(Key._fields)].itertuples(index=False)
    return dict(zip(map(Key._make, keys), table["value"].tolist(), strict=True))
