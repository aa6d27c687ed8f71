"""How the covariate goes with accuracy, and measured with published accuracy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from stages.analysis.inputs import best_classifier, covariate
from stages.runtime.tables import Record


def covariate_metrics(
    rows: list[Record], benchmark: str | None, classifier: str | None, expected: Mapping[str, float]
) -> dict[str, Any]:
    """Pearson correlation of each model's covariate with its top-1 on every other benchmark.

    rows : of robustness.csv. benchmark, classifier : of the covariate.
    expected : what the paper found, by benchmark (its Appendix C).

    Returns how many models were measured with untrained weights, and for each benchmark r, of how
    many models, and how far its measured top-1 is from its published table, where it has both.
    """
    if benchmark is None or classifier is None:
        return {}
    table = pd.DataFrame(rows)
    x, best = covariate(table, benchmark, classifier), best_classifier(table)
    found: dict[str, Any] = {}
    for name, own in table.groupby("benchmark", sort=False):
        entry = _measured_beside(own)
        outcome = best[best["benchmark"] == name].set_index("model")["top1"]
        both = pd.concat([x, outcome], axis=1, join="inner").to_numpy(float).T
        if name != benchmark and both.shape[1] > 2:
            entry["models"] = both.shape[1]
            if np.ptp(both, axis=1).all():
                entry["r"] = round(float(np.corrcoef(both)[0, 1]), 4)
        paper = expected.get(str(name))
        if paper is not None and "r" in entry:
            entry |= {"paper": paper, "difference": round(entry["r"] - paper, 4)}
        if entry:
            found[str(name)] = entry
    untrained = table[table["weights"] == "untrained"]["model"].nunique()
    return {"untrained_models": untrained, "covariate_r": found}


def _measured_beside(rows: pd.DataFrame) -> dict[str, Any]:
    """Measured beside published top-1, where one benchmark's rows have both."""
    tops = rows.pivot(index="model", columns="classifier", values="top1")
    both = tops.reindex(columns=["own", "published"]).dropna()
    if both.empty:
        return {}
    gap = (both["own"] - both["published"]).abs()
    own = rows[(rows["classifier"] == "own") & rows["model"].isin(both.index)]
    found: Record = {"models": len(both)}
    found["untrained_models"] = int((own["weights"] == "untrained").sum())
    found["mean_difference"] = round(float(gap.mean()), 4)
    found |= {"largest_difference": round(float(gap.max()), 4), "of": str(gap.idxmax())}
    return {"measured": found}
