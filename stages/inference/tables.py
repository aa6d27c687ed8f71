"""From tidy tables to one value a model."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from stages.runtime.errors import DataError

COLUMNS = {
    "alignment": ("model", "set", "measure", "judge", "value"),
    "fewshot": ("model", "task", "head", "n", "repeat", "accuracy"),
    "robustness": ("model", "benchmark", "classifier", "images", "top1", "top5"),
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


def covariate(robustness: pd.DataFrame) -> pd.Series:
    """What ImageNet top-1 is in the paper: top-1 of a linear readout on clean images, by model."""
    rows = robustness[
        (robustness["benchmark"] == "clean") & (robustness["classifier"] == "readout")
    ]
    return rows.set_index("model")["top1"]


def best_classifier(robustness: pd.DataFrame) -> pd.DataFrame:
    """One row a model and benchmark: its own classifier where it has one, else the readout."""
    ordered = robustness.sort_values("classifier")  # "own" sorts before "readout"
    return ordered.drop_duplicates(["model", "benchmark"]).sort_index()


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
