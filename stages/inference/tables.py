"""From tidy tables to one value a model."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import pandas as pd

from stages.runtime.errors import DataError

COLUMNS = {
    "alignment": ("model", "weights", "set", "measure", "judge", "value", "se"),
    "fewshot": ("model", "weights", "task", "head", "n", "repeat", "accuracy"),
    "robustness": ("model", "benchmark", "classifier", "weights", "images", "top1", "top5"),
}


TEXT = dict.fromkeys(
    ("model", "weights", "set", "measure", "judge", "task", "head", "benchmark", "classifier"), str
)
"""Names are text, also those that read as numbers."""
MEASURED = ("weights", "value", "se", "accuracy", "images", "top1", "top5")
"""Columns that are found; the others say what is measured."""
RANGE = {
    "value": (-1, 1),
    **dict.fromkeys(("accuracy", "top1", "top5"), (0, 1)),
    **dict.fromkeys(("n", "repeat", "images"), (0, 10**9)),
}
"""What numbers may be."""
BLANK = {"se": [""]}
"""Columns whose cells may be blank, which is NaN: the value is undefined."""


def read_table(path: Path) -> pd.DataFrame:
    """A tidy table that the stage of the file's name wrote; floats come back exactly.

    A standard error that is blank is NaN; nowhere else is a cell taken to be missing.

    Raises
    ------
    DataError
        Names the file, and the line and column of a value that is no number or out of range, or
        the line of a measurement that is there twice.
    """
    try:
        table = pd.read_csv(
            path,
            float_precision="round_trip",
            keep_default_na=False,
            na_values=BLANK,
            dtype=TEXT | dict.fromkeys(BLANK, float),
        )
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as a table: {error}") from error
    expected = COLUMNS[path.stem]
    if tuple(table.columns) != expected:
        raise DataError(f"{path}: columns are {list(table.columns)}; {list(expected)} are needed")
    if table.empty:
        raise DataError(f"{path}: has no rows")
    for column in (name for name in expected if name in RANGE):
        low, high = RANGE[column]
        wrong = ~pd.to_numeric(table[column], errors="coerce").between(low, high)  # NaN is
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(
                f"{path}: line {row + 2}: {column}: '{table[column].iloc[row]}'; a number from "
                f"{low} to {high} is needed"
            )
    twice = table.duplicated([column for column in expected if column not in MEASURED])
    if twice.any():
        raise DataError(f"{path}: line {int(twice.argmax()) + 2}: this measurement is there twice")
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


def best_classifier(robustness: pd.DataFrame) -> pd.DataFrame:
    """One row a model and benchmark: published and measured accuracy are never mixed in one.

    Of each benchmark the published results, where every model has them; else what was measured,
    with each model's own classifier, or the readout where it has none; else the published results
    of those that have some.
    """
    models = set(robustness["model"])
    kept = []
    for _, rows in robustness.groupby("benchmark", sort=False):
        published = rows[rows["classifier"] == "published"]
        measured = rows[rows["classifier"] != "published"].sort_values("classifier")
        whole = set(published["model"]) == models or measured.empty
        kept.append(published if whole else measured.drop_duplicates("model"))  # own, readout
    return pd.concat(kept).sort_index()


def without_row(
    robustness: pd.DataFrame, given: tuple[str, str], models: Iterable[str]
) -> dict[str, list[str]]:
    """Models that lack a published row which the analysis needs, and the benchmarks they lack.

    Parameters
    ----------
    given : benchmark and classifier of the covariate. models : those with alignment; some may
        have no row at all.

    Models that were measured never lack one: where they do, that is an error, in `aligned`.
    """
    best = best_classifier(robustness)
    needed = {b: set(r["model"]) for b, r in best.groupby("benchmark", sort=False)}
    published = {b: set(r["classifier"]) == {"published"} for b, r in best.groupby("benchmark")}
    if given[1] == "published":
        needed[given[0]] = set(covariate(robustness, *given).index)
        published[given[0]] = True
    lacking: dict[str, list[str]] = {}
    for model in models:
        absent = [str(b) for b, have in needed.items() if published[b] and model not in have]
        if absent:
            lacking[str(model)] = absent
    return lacking


def without(table: pd.DataFrame, models: Collection[str]) -> pd.DataFrame:
    """A table without the rows of some models; whoever leaves them out names them."""
    return table[~table["model"].isin(list(models))]


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
