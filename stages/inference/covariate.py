"""How the covariate (ImageNet top-1 in the paper) goes with accuracy on each benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from stages.inference.tables import best_classifier, covariate


def covariate_metrics(
    rows: list[dict[str, Any]], benchmark: str, classifier: str, expected: Mapping[str, float]
) -> dict[str, Any]:
    """Pearson correlation of each model's covariate with its top-1 on every other benchmark.

    Parameters
    ----------
    rows : of robustness.csv. benchmark, classifier : of the covariate.
    expected : what the paper found, by benchmark (its Appendix C); stands beside, with the
        difference.

    Returns
    -------
    How many models were measured with untrained weights. For each benchmark r, of how many models,
    and where it was measured beside its published table, how far apart the two are in top-1.
    """
    table = pd.DataFrame(rows)
    x = covariate(table, benchmark, classifier)
    best = best_classifier(table)
    result: dict[str, Any] = {}
    for name in table["benchmark"].unique():
        entry: dict[str, Any] = measured_beside(table, name)
        outcome = best[best["benchmark"] == name].set_index("model")["top1"]
        both = x.index.intersection(outcome.index)
        if name != benchmark and len(both) > 2:
            entry |= {"models": len(both), **_r(x.loc[both], outcome.loc[both])}
            if name in expected and "r" in entry:
                entry |= {
                    "paper": expected[name],
                    "difference": round(entry["r"] - expected[name], 4),
                }
        if entry:
            result[str(name)] = entry
    untrained = table[table["weights"] == "untrained"]["model"].nunique()
    return {"untrained_models": untrained, "covariate_r": result}


def _r(x: pd.Series, y: pd.Series) -> dict[str, float]:
    """Pearson's r to four digits; nothing where one of both is constant."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return {}
    return {"r": round(float(np.corrcoef(x, y)[0, 1]), 4)}


def measured_beside(table: pd.DataFrame, benchmark: str) -> dict[str, Any]:
    """Measured beside published top-1, where a benchmark has both."""
    rows = table[table["benchmark"] == benchmark]
    by = rows.pivot_table(index="model", columns="classifier", values="top1")
    if not {"own", "published"} <= set(by):
        return {}
    both = by[["own", "published"]].dropna()
    if both.empty:
        return {}
    gap = (both["own"] - both["published"]).abs()
    own = rows[rows["classifier"] == "own"].set_index("model").loc[both.index, "weights"]
    worst = str(gap.idxmax())
    return {
        "measured": {
            "models": len(both),
            "untrained_models": int((own == "untrained").sum()),
            "mean_difference": round(float(gap.mean()), 4),
            "largest_difference": round(float(gap.max()), 4),
            "of": worst,
        }
    }
