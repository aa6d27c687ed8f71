"""The tables of earlier stages, and what the analysis takes from them: one value a model."""

from collections.abc import Collection, Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.analysis.outcomes import Tables, records
from stages.runtime.errors import DataError
from stages.runtime.tables import Column, read_table

TEXT, SHARE = Column(), Column(float, low=0, high=1)
COUNT = Column(int, low=0, high=10**9)

MEASUREMENTS: dict[str, dict[str, Column]] = {
    "alignment": dict.fromkeys(("model", "weights", "set", "measure", "judge"), TEXT)
    | {"value": Column(float, low=-1, high=1), "se": Column(float, blank=True)},
    "fewshot": dict.fromkeys(("model", "weights", "task", "head"), TEXT)
    | {"n": COUNT, "repeat": COUNT, "accuracy": SHARE},
    "alignment_features": dict.fromkeys(("model", "weights", "set", "features", "measure"), TEXT)
    | {"value": Column(float, low=-1, high=1)},
    "robustness": dict.fromkeys(("model", "benchmark", "classifier", "weights"), TEXT)
    | {"images": Column(int, True, 0, 10**9), "top1": SHARE, "top5": Column(float, True, 0, 1)},
}
"""The columns of each tidy table."""
MEASURED = ("weights", "value", "se", "accuracy", "images", "top1", "top5")
"""Columns that do not identify a row."""

THEORY = {
    "queries": "epsilon objects dimensions strategy worlds games confidence capacity entropy alone "
    "placed queries low high right queries_right right_low right_high bound by_places least",
    "fewshot": "epsilon n accuracy low high worlds",
    "shift": "epsilon shift teacher student low high se worlds expected",
    "adversarial": "epsilon candidates disagreement low high se worlds expected printed",
    "reach": "representation stimuli pearson epsilon low high least bound margin worlds",
    "reached": "epsilon n accuracy low high worlds",
}
"""The columns of the theory's tables; all but names are numbers, which may be blank."""
COUNTS = ("objects", "dimensions", "worlds", "games", "n", "candidates", "stimuli")


def read_measurements(path: Path, published: bool = False) -> pd.DataFrame:
    """A tidy table, alignment.csv, fewshot.csv or robustness.csv, as its stage wrote it.

    What is undefined or not published is blank there, and NaN here. Raises DataError as
    `read_table`. published : whether likeness may be on a scale of its own.
    """
    columns = dict(MEASUREMENTS[path.stem])
    if published and "value" in columns:
        columns["value"] = Column(float)
    unique = [name for name in columns if name not in MEASURED]
    return read_table(path, columns, unique=unique).reset_index(drop=True)


def read_theory(folder: Path) -> Tables:
    """The tables of `THEORY`, each called theory_<name>; blank is None.

    Raises DataError as `read_table`.
    """
    number = Column(float, blank=True)
    kinds = dict.fromkeys(("strategy", "representation"), TEXT) | dict.fromkeys(COUNTS, COUNT)
    tables = {}
    for name, columns in THEORY.items():
        schema = {column: kinds.get(column, number) for column in columns.split()}
        tables[f"theory_{name}"] = records(read_table(folder / f"{name}.csv", schema))
    return tables


def mean_alignment(alignment: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Alignment with the group, mean over sets, and its standard error over stimuli.

    Sets have stimuli of their own, so errors are independent: sqrt(sum se²) / sets, NaN where that
    of one set is. Both have a row a model, and a column a measure that a set supports.
    """
    group = alignment[alignment["judge"] == "group"]
    group = group.assign(variance=group["se"].astype(float) ** 2)
    cells = group.groupby(["model", "measure"], sort=False)
    errors = np.sqrt(cells["variance"].sum(skipna=False)) / cells.size()
    return cells["value"].mean().unstack(sort=False), errors.unstack(sort=False)


def covariate(robustness: pd.DataFrame, benchmark: str, classifier: str) -> pd.Series:
    """Top-1 on one benchmark with one classifier, by model: in the paper ImageNet, published."""
    wanted = "benchmark == @benchmark and classifier == @classifier"
    return robustness.query(wanted).set_index("model")["top1"]


def best_classifier(robustness: pd.DataFrame) -> pd.DataFrame:
    """One row a model and benchmark: published and measured accuracy are never mixed in one.

    Of each benchmark the published results, where every model has them; else what was measured,
    with each model's own classifier, or the readout where it has none; else the published results
    of those that have some.
    """
    kept = []
    for _, rows in robustness.groupby("benchmark", sort=False):
        is_published = rows["classifier"] == "published"
        published = rows[is_published]
        measured = rows[~is_published].sort_values("classifier").drop_duplicates("model")
        whole = len(published) == robustness["model"].nunique() or measured.empty
        kept.append(published if whole else measured)  # the model's own before the readout
    return pd.concat(kept).sort_index() if kept else robustness


def may_lack(index: Mapping[str, Any], sets: Iterable[str], made_too: bool = False) -> set[str]:
    """Models that need not have an outcome, as the index of embeddings tells.

    sets : image sets, such as tasks/novel, one of which their given features lack.
    made_too : whether networks made here, or given by features, cannot have it: with the readout
    nothing is measured, and others published the outcome, or it takes ImageNet's classifier.
    """
    made, sets = ("trained here", "package", "features"), set(sets)
    return {
        name
        for name, about in index.items()
        if sets & set(about.get("lacks", ())) or (made_too and about.get("source") in made)
    }


def of_benchmark(index: Mapping[str, Any], name: str, robustness: pd.DataFrame) -> set[str]:
    """`may_lack` for a benchmark, with all rows of robustness.csv."""
    by_readout = ((robustness["benchmark"] == name) & (robustness["classifier"] == "readout")).any()
    return may_lack(index, (f"benchmarks/{name}", "training/readout"), not by_readout)


def missing_rows(
    robustness: pd.DataFrame,
    covariate_from: tuple[str, str] | None,
    models: Iterable[str],
    unsuitable: Collection[str] = (),
    index: Mapping[str, Any] | None = None,
) -> dict[str, list[str]]:
    """Models that lack a row which the analysis needs, and the benchmarks they lack.

    covariate_from : benchmark and classifier of the covariate. models : those with alignment.
    A published row may be missing, and a measured one of `unsuitable` models, which stage
    robustness left out; where another is, that is an error, in `aligned`. What models of the
    `index` `may_lack` is not needed, but for the covariate.
    """
    lacking: dict[str, list[str]] = {}
    for name, rows in best_classifier(robustness).groupby("benchmark", sort=False):
        without = of_benchmark(index or {}, str(name), robustness)
        needed = [(set(rows["classifier"]), set(rows["model"]) | without)]
        if covariate_from and name == covariate_from[0]:
            given = covariate(robustness, *covariate_from)
            needed.append(({covariate_from[1]}, set(given.index)))
        for (classifiers, have), model in product(needed, models):
            excused = model in without or model in unsuitable or classifiers == {"published"}
            if excused and model not in have and name not in lacking.setdefault(model, []):
                lacking[model].append(str(name))
    return {str(model): lacking[model] for model in models if lacking.get(model)}


def aligned(outcome: pd.Series, models: pd.Index, what: str) -> pd.Series:
    """An outcome in the order of `models`; both must have the same ones, none is ever dropped."""
    for where, names in (
        (what, models.difference(outcome.index)),
        ("alignment", outcome.index.difference(models)),
    ):
        if len(names):
            raise DataError(f"{where}: no value for {', '.join(map(str, names))}")
    return outcome.loc[models]
