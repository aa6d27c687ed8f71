"""The theory's tables, as the theory stage wrote them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from stages.inference.outcomes import Record
from stages.runtime.errors import DataError

COLUMNS = {
    "queries": {
        "epsilon",
        "objects",
        "dimensions",
        "strategy",
        "capacity",
        "entropy",
        "alone",
        "placed",
        "confidence",
        "queries",
        "queries_right",
        "bound",
        "by_places",
    },
    "fewshot": {"epsilon", "n", "accuracy", "low", "high"},
    "shift": {"epsilon", "shift", "teacher", "student", "expected"},
    "adversarial": {"epsilon", "candidates", "disagreement", "expected", "printed"},
}
"""Columns that are read of each table."""


def read_theory(folder: Path) -> dict[str, list[Record]]:
    """Tables theory_queries, theory_fewshot, theory_shift and theory_adversarial; blank is None.

    Raises
    ------
    DataError
        Names a file that cannot be read or lacks a column, and the line of what is no number.
    """
    tables = {}
    for name, columns in COLUMNS.items():
        path = folder / f"{name}.csv"
        try:
            table = pd.read_csv(path, float_precision="round_trip")
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: not readable as a table: {error}") from error
        lacking = sorted(columns - set(table.columns))
        if lacking or table.empty:
            raise DataError(f"{path}: {f'columns {lacking} are missing' if lacking else 'no rows'}")
        for column in sorted(columns - {"strategy"}):
            wrong = table[column].notna() & pd.to_numeric(table[column], errors="coerce").isna()
            if wrong.any():
                row = int(wrong.argmax())
                raise DataError(
                    f"{path}: line {row + 2}: {column}: '{table[column].iloc[row]}'; a number is "
                    "needed"
                )
        rows = table.astype(object).where(table.notna(), None).to_dict("records")
        tables[f"theory_{name}"] = [{str(k): v for k, v in row.items()} for row in rows]
    return tables
