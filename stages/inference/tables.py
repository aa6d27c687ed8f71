"""From tidy tables to one value a model."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from stages.runtime.errors import DataError


def read_table(path: Path) -> pd.DataFrame:
    """A tidy table that a stage wrote; floats come back exactly."""
    try:
        return pd.read_csv(path, float_precision="round_trip", keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as a table: {error}") from error


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
    """An outcome in the order of `models`; a model without one is an error, never dropped."""
    absent = models.difference(outcome.index)
    if len(absent):
        raise DataError(f"{what}: no value for {', '.join(map(str, absent))}")
    return outcome.loc[models]
