"""The study's results: one value a model for its alignment, its covariate and every outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from stages.analysis.inputs import aligned, best_classifier, covariate, mean_alignment
from stages.analysis.outcomes import is_shown
from stages.runtime.errors import DataError
from stages.runtime.tables import Record
from stages.similarity.measures import MEASURES


@dataclass(frozen=True)
class Outcome:
    """What a model scores: n-shot accuracy on a task with a head, or top-k on a benchmark."""

    kind: str
    outcome: str
    head: str
    n: int
    top: int
    values: pd.Series

    @property
    def labels(self) -> Record:
        """The columns that name it in every table."""
        return {key: getattr(self, key) for key in ("kind", "outcome", "head", "n", "top")}


class Results:
    """Everything that is computed from a study's three tidy tables.

    Parameters
    ----------
    alignment, fewshot, robustness : the tables that the stages of the same names wrote.
    covariate_from : benchmark and classifier whose top-1 is the covariate.
    index : of each model what the embed stage says: architecture, group, source, weights.
    family : which of "architecture" and "group" makes models a family.
    group_size : models in each of high, mid and low.

    `outcomes` are few-shot by task, head and n, and robustness by benchmark, top-1 and top-5;
    `family` numbers the `families` 0..G-1. A model without the covariate or an outcome, or models
    that hardly differ, are a DataError that names it.
    """

    def __init__(
        self,
        alignment: pd.DataFrame,
        fewshot: pd.DataFrame,
        robustness: pd.DataFrame,
        covariate_from: tuple[str, str],
        index: Mapping[str, Mapping[str, Any]],
        family: str,
        group_size: int,
    ) -> None:
        self.judged, self.fewshot, self.covariate_from = alignment, fewshot, covariate_from
        self.alignment = mean_alignment(alignment)
        self.robustness = best_classifier(robustness)
        self.models = self.alignment.index
        self.covariate = aligned(covariate(robustness, *covariate_from), self.models, "covariate")
        self.index = index
        self.families = [str(index[str(model)][family]) for model in self.models]
        self.family = pd.factorize(np.array(self.families))[0]
        by_measure = {str(measure): values for measure, values in self.alignment.items()}
        for what, values in [("the covariate", self.covariate), *by_measure.items()]:
            if values.round(12).nunique() < 3:
                what = f"{what} alignment" if what in by_measure else what
                raise DataError(
                    f"the models have fewer than 3 different values of {what}: correlations with "
                    "it are undefined"
                )
        self.groups = {name: groups(values, group_size) for name, values in by_measure.items()}
        self.measures = [m for m in MEASURES if m in by_measure]
        self.tasks = list(map(str, fewshot["task"].unique()))
        self.heads = list(map(str, fewshot["head"].unique()))
        self.shots = sorted(map(int, fewshot["n"].unique()))
        self.head = self.heads[0]  # shown where only one is
        self.repeats = int(fewshot["repeat"].nunique())
        benchmarks = map(str, self.robustness["benchmark"].unique())
        self.benchmarks = [name for name in benchmarks if name != covariate_from[0]]
        self.outcomes = [
            Outcome("few-shot", *cell, 0, self.accuracy(*cell))
            for cell in product(self.tasks, self.heads, self.shots)
        ] + [
            Outcome("robustness", benchmark, "", 0, k, self.top(benchmark, k))
            for benchmark, k in product(self.benchmarks, (1, 5))
        ]
        # One outcome a task (first head, smallest n) and one a benchmark (top-1).
        self.shown = [o for o in self.outcomes if is_shown(o.labels, self.head, self.shots[0])]

    @cached_property
    def _accuracy(self) -> pd.DataFrame:
        """n-shot accuracy averaged over repeats: a row a model, a column a (task, head, n)."""
        cells = self.fewshot.groupby(["model", "task", "head", "n"], sort=False)["accuracy"]
        return cells.mean().unstack(["task", "head", "n"])

    def accuracy(self, task: str, head: str, n: int) -> pd.Series:
        """n-shot accuracy of each model, averaged over repeats."""
        values = self._accuracy[(task, head, n)].dropna()
        return aligned(values, self.models, f"fewshot: {task}, {head}, n = {n}")

    def top(self, benchmark: str, k: int) -> pd.Series:
        """Top-k accuracy of each model on a benchmark."""
        rows = self.robustness[self.robustness["benchmark"] == benchmark]
        return aligned(rows.set_index("model")[f"top{k}"], self.models, f"robustness: {benchmark}")

    @cached_property
    def scores(self) -> np.ndarray:
        """[M, K] every outcome of every model."""
        return np.column_stack([outcome.values.to_numpy(float) for outcome in self.outcomes])

    @cached_property
    def about(self) -> pd.DataFrame:
        """A row a model: the columns that describe it in every table."""
        about = pd.DataFrame.from_dict(dict(self.index), "index").loc[self.models]
        columns = {"model": self.models, "architecture": about["architecture"]}
        return pd.DataFrame(columns | {"group": self.families, "weights": about["weights"]})

    @property
    def untrained(self) -> list[str]:
        """Models whose weights are untrained, so that everything shown can say so."""
        return list(self.about["model"][self.about["weights"] == "untrained"])


def groups(alignment: pd.Series, size: int) -> dict[str, list[str]]:
    """Names of the `size` models with highest, nearest-to-the-mean and lowest alignment.

    alignment : one value a model, indexed by name. Ties go to the name that sorts first.
    """
    ordered = alignment.sort_index()
    keys = {"high": -ordered, "mid": (ordered - ordered.mean()).abs(), "low": ordered}
    return {
        name: list(map(str, key.sort_values(kind="stable").index[:size]))
        for name, key in keys.items()
    }
