"""How far few-shot accuracy repeats when the labelled examples are drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from scipy.stats import t as student_t

from stages.inference.partial import constant
from stages.inference.results import Record
from stages.runtime.errors import DataError

CELL = ["task", "head", "n"]


def reliability(fewshot: pd.DataFrame) -> list[Record]:
    """Table `reliability`: of each task, head and n, how far its repeats agree.

    Parameters
    ----------
    fewshot : columns model, task, head, n, repeat, accuracy; each model has every repeat.

    Returns
    -------
    sd : mean over models of the standard deviation (n - 1) over repeats.
    rank_stability : mean Spearman correlation, over pairs of repeats, of the models' accuracy.
    reliability : of the mean over k repeats, k r / (1 + (k - 1) r) with r the mean Pearson
        correlation over pairs of repeats (Spearman 1910; Brown 1910).
    None, with the reason in `undefined`, for one repeat, and where in a repeat all models score the
    same; reliability alone where r is below 0.

    Raises
    ------
    DataError
        A model lacks a repeat.
    """
    rows = []
    for key, part in fewshot.groupby(CELL, sort=False):
        labels = _labels(key)
        wide = part.pivot(index="model", columns="repeat", values="accuracy")
        if wide.isna().to_numpy().any():
            lacking = ", ".join(map(str, wide.index[wide.isna().any(axis=1)]))
            raise DataError(f"fewshot: {labels}: repeats are missing of {lacking}")
        rows.append(
            {
                **labels,
                "repeats": wide.shape[1],
                "models": wide.shape[0],
                **agreement(wide.to_numpy(float)),
            }
        )
    return rows


def agreement(values: np.ndarray) -> Record:
    """sd, rank_stability and reliability of accuracies [M models, R repeats]."""
    models, repeats = values.shape
    found: Record = {"sd": None, "rank_stability": None, "reliability": None, "undefined": ""}
    if repeats < 2:
        return found | {"undefined": "one repeat"}
    found["sd"] = float(values.std(axis=1, ddof=1).mean())
    if models < 2:
        return found | {"undefined": "one model"}
    if any(constant(column) for column in values.T):
        return found | {"undefined": "all models score the same in a repeat"}
    found["rank_stability"] = mean_pairwise(rankdata(values, axis=0))
    r = mean_pairwise(values)
    if r < 0:
        return found | {"undefined": "repeats correlate negatively"}
    return found | {"reliability": repeats * r / (1 + (repeats - 1) * r)}


def mean_pairwise(values: np.ndarray) -> float:
    """Mean Pearson correlation over pairs of the columns of [M, R]."""
    r = np.corrcoef(values, rowvar=False)
    return float(r[np.triu_indices_from(r, 1)].mean())


def accuracy(fewshot: pd.DataFrame, confidence: float) -> list[Record]:
    """Table `accuracy`: each model's mean over repeats, and its t interval.

    Returns
    -------
    A row a model, task, head and n. The interval is None for one repeat. It says how far examples
    drawn anew would move the mean; with few repeats, it is wide and may leave [0, 1].
    """
    cells = fewshot.groupby(["model", *CELL], sort=False)["accuracy"]
    mean, sd, count = (cells.agg(how) for how in ("mean", "std", "count"))
    freedom = np.maximum(count.to_numpy() - 1, 1)
    half = student_t.ppf(0.5 + confidence / 2, freedom) * sd.to_numpy() / np.sqrt(count.to_numpy())
    return [
        {
            "model": str(model),
            **_labels(cell),
            "accuracy": float(value),
            "low": float(value - width) if repeats > 1 else None,
            "high": float(value + width) if repeats > 1 else None,
            "repeats": int(repeats),
        }
        for (model, *cell), value, width, repeats in zip(
            mean.index, mean.to_numpy(), half, count.to_numpy(), strict=True
        )
    ]


def _labels(cell: Sequence[Any]) -> Record:
    task, head, n = cell
    return {"task": str(task), "head": str(head), "n": int(n)}
