"""Published accuracy, joined to a study's models by the names that they had then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd


def published_rows(
    names: Mapping[str, str | None], tables: Mapping[str, tuple[pd.DataFrame, int]]
) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """Rows of robustness.csv from published tables, and the models that have none.

    Parameters
    ----------
    names : each model's name in the tables; None where it is not known to be in any.
    tables : by benchmark: index name, columns top1 and top5 in [0, 1]; and how many images it has.

    Returns
    -------
    One row a model and benchmark; and for each model without a row the benchmarks it lacks.
    """
    rows: list[dict[str, Any]] = []
    absent: dict[str, list[str]] = {}
    for benchmark, (table, images) in tables.items():
        for model, name in names.items():
            if name not in table.index:
                absent.setdefault(model, []).append(benchmark)
                continue
            top1, top5 = table.loc[str(name)].to_numpy(float)
            rows.append(
                {
                    "model": model,
                    "benchmark": benchmark,
                    "classifier": "published",
                    "weights": "published",
                    "images": images,
                    "top1": float(top1),
                    "top5": float(top5),
                }
            )
    return rows, absent
