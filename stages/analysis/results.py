"""The study's results: one value a model for its alignment, its covariate and every outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
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
        return {name: value for name, value in vars(self).items() if name != "values"}


class Results:
    """Everything that is computed from a study's three tidy tables.

    alignment, fewshot, robustness : the tables that the stages of the same names wrote.
    covariate_from : benchmark and classifier whose top-1 is the covariate.
    index : of each model what the embed stage says: architecture, group, source, weights.
    family : which of "architecture" and "group" makes models a family.
    group_size : models in each of high, mid and low.

    `alignment` and its standard `errors` have a row a model and a column a measure;
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
        self.alignment, self.errors = mean_alignment(alignment)
        self.robustness = best_classifier(robustness)
        self.models = self.alignment.index
        self.covariate = aligned(covariate(robustness, *covariate_from), self.models, "covariate")
        self.index = index
        about = pd.DataFrame.from_dict(dict(index), "index").loc[self.models]
        self.families = list(map(str, about[family]))
        self.family = pd.factorize(np.array(self.families))[0]
        about = about.assign(model=self.models, group=self.families)
        self.about = about[["model", "architecture", "group", "weights"]]  # in every table
        self.untrained = list(self.models[about["weights"] == "untrained"])
        self.measures = [measure for measure in MEASURES if measure in self.alignment]
        vary = {f"{measure} alignment": self.alignment[measure] for measure in self.measures}
        for what, values in ({"the covariate": self.covariate} | vary).items():
            if values.round(12).nunique() < 3:
                raise DataError(
                    f"the models have fewer than 3 different values of {what}: correlations with "
                    "it are undefined"
                )
        self.groups = {m: groups(self.alignment[m], group_size) for m in self.measures}
        cells = fewshot.groupby(["model", "task", "head", "n"], sort=False)["accuracy"]
        self.accuracies = cells.mean().unstack(["task", "head", "n"])  # a row a model
        tasks, heads = (list(map(str, fewshot[column].unique())) for column in ("task", "head"))
        self.shots = sorted(map(int, fewshot["n"].unique()))
        self.head = heads[0]  # shown where only one is
        self.repeats = int(fewshot["repeat"].nunique())
        benchmarks = map(str, self.robustness["benchmark"].unique())
        self.benchmarks = [name for name in benchmarks if name != covariate_from[0]]
        self.outcomes = [
            Outcome("few-shot", *cell, 0, self.accuracy(*cell))
            for cell in product(tasks, heads, self.shots)
        ] + [
            Outcome("robustness", benchmark, "", 0, k, self.top(benchmark, k))
            for benchmark, k in product(self.benchmarks, (1, 5))
        ]
        self.few_shot = [o for o in self.outcomes if o.kind == "few-shot"]
        # One outcome a task (first head, smallest n) and one a benchmark (top-1).
        self.shown = [o for o in self.outcomes if is_shown(o.labels, self.head, self.shots[0])]
        # [M, K] every outcome of every model.
        self.scores = np.column_stack([o.values.to_numpy(float) for o in self.outcomes])

    def accuracy(self, task: str, head: str, n: int) -> pd.Series:
        """n-shot accuracy of each model, averaged over repeats."""
        values = self.accuracies[(task, head, n)].dropna()
        return aligned(values, self.models, f"fewshot: {task}, {head}, n = {n}")

    def top(self, benchmark: str, k: int) -> pd.Series:
        """Top-k accuracy of each model on a benchmark."""
        rows = self.robustness[self.robustness["benchmark"] == benchmark]
        return aligned(rows.set_index("model")[f"top{k}"], self.models, f"robustness: {benchmark}")


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
