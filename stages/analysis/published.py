"""Published accuracy as rows of robustness.csv, and how the covariate goes with accuracy."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.analysis.inputs import best_classifier, covariate
from stages.runtime.tables import Record
from stages.sources.timm_tables import IMAGES, read_published
from stages.study.models import Model
from stages.study.spec import Benchmark


def published_rows(
    models: Iterable[Model], benchmarks: Mapping[str, Benchmark], folder: Path
) -> tuple[list[Record], dict[str, list[str]]]:
    """Rows of robustness.csv from published tables, and the benchmarks that each model lacks.

    folder : where the table of each benchmark that is `published` lies, as <benchmark>.csv.
    """
    rows: list[Record] = []
    absent: dict[str, list[str]] = {}
    names = {model.name: model.table for model in models}
    for benchmark, table in ((name, b.published) for name, b in benchmarks.items() if b.published):
        about: Record = {"benchmark": benchmark, "classifier": "published"}
        about |= {"weights": "published", "images": IMAGES[table]}
        accuracies = read_published(folder / f"{benchmark}.csv").to_dict("index")
        for model, name in names.items():
            if name in accuracies:
                top = zip(("top1", "top5"), map(float, accuracies[name].values()), strict=True)
                rows.append({"model": model} | about | dict(top))
            else:
                absent.setdefault(model, []).append(benchmark)
    return rows, absent


def covariate_metrics(
    rows: list[Record], benchmark: str, classifier: str, expected: Mapping[str, float]
) -> dict[str, Any]:
    """Pearson correlation of each model's covariate with its top-1 on every other benchmark.

    rows : of robustness.csv. benchmark, classifier : of the covariate.
    expected : what the paper found, by benchmark (its Appendix C).

    Returns how many models were measured with untrained weights, and for each benchmark r, of how
    many models, and how far its measured top-1 is from its published table, where it has both.
    """
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
