"""From tidy tables to one value a model."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from stages.runtime.errors import DataError

COLUMNS = {
    "alignment": ("model", "weights", "set", "measure", "judge", "value"),
    "fewshot": ("model", "weights", "task", "head", "n", "repeat", "accuracy"),
    "robustness": ("model", "benchmark", "classifier", "weights", "images", "top1", "top5"),
}


def read_table(path: Path) -> pd.DataFrame:
    """A tidy table that the stage of the file's name wrote; floats come back exactly."""
    try:
        table = pd.read_csv(path, float_precision="round_trip", keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as a table: {error}") from error
    expected = COLUMNS[path.stem]
    if tuple(table.columns) != expected or table.empty:
        raise DataError(f"{path}: columns are {list(table.columns)}; {list(expected)} are needed")
    return table


def mean_alignment(alignment: pd.DataFrame) -> pd.DataFrame:
    """Each model's alignment with the group, averaged over the sets that support the measure.

    Parameters
    ----------
    alignment : columns model, set, measure, judge, value.

    Returns
    -------
    Index model, one column a measure.
    """
    group = alignment[alignment["judge"] == "group"]
    return group.groupby(["model", "measure"], sort=False)["value"].mean().unstack(sort=False)


def covariate(robustness: pd.DataFrame, benchmark: str, classifier: str) -> pd.Series:
    """Top-1 on one benchmark with one classifier, by model: in the paper ImageNet, published."""
    rows = robustness[
        (robustness["benchmark"] == benchmark) & (robustness["classifier"] == classifier)
    ]
    return rows.set_index("model")["top1"]


CLASSIFIERS = ("published", "own", "readout")


def best_classifier(robustness: pd.DataFrame) -> pd.DataFrame:
    """One row a model and benchmark: published, else its own classifier's, else the readout's.

    Published numbers come first because every model of such a study has them, measured alike.
    """
    rank = robustness["classifier"].map({name: i for i, name in enumerate(CLASSIFIERS)})
    order = np.argsort(rank.to_numpy(), kind="stable")
    return robustness.iloc[order].drop_duplicates(["model", "benchmark"]).sort_index()


def without_weights(table: pd.DataFrame, absent: Collection[str]) -> pd.DataFrame:
    """A table without the rows of models whose weights are not to be had.

    They have published results and no alignment; whoever leaves them out names them.
    """
    return table[~table["model"].isin(list(absent))]


def aligned(outcome: pd.Series, models: pd.Index, what: str) -> pd.Series:
    """An outcome in the order of `models`; both must have the same ones, none is ever dropped."""
    for here, there, where in (
        (models, outcome.index, what),
        (outcome.index, models, "alignment"),
    ):
        absent = here.difference(there)
        if len(absent):
            raise DataError(f"{where}: no value for {', '.join(map(str, absent))}")
    return outcome.loc[models]
