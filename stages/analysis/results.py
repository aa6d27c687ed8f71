"""The study's results: one value a model for its alignment, its covariate and every outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from stages.analysis.inputs import (
    aligned,
    best_classifier,
    covariate,
    may_lack,
    mean_alignment,
    of_benchmark,
)
from stages.analysis.outcomes import is_shown
from stages.analysis.partial import z_squared
from stages.runtime.errors import DataError
from stages.runtime.tables import Record
from stages.similarity.decomposition import PARTS
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
    covariate_from : benchmark and classifier whose top-1 is the covariate; None for none.
    index : of each model what the embed stage says: architecture, group, source, weights.
    family : which of "architecture" and "group" makes models a family.
    group_size : models in each of high, mid and low; a third of all, where that is fewer.
    square, kind : whether the controls [M, C] are also the covariate's square, and the kind of
    network (of the index; all but the first).
    features : alignment with the group by what is done to features, the study's own first.

    `alignment` and its standard `errors` have a row a model and a column a measure, and so has
    each of `by_features`, of which the first is `alignment`;
    `outcomes` are few-shot by task, head and n, and robustness by benchmark, top-1 and top-5;
    `family` numbers the `families` 0..G-1. A model without the covariate or a measured outcome, or
    models that hardly differ, are a DataError that names it. Values may be NaN where they are
    published, and of models that cannot have an outcome (`may_lack`).
    """

    def __init__(
        self,
        alignment: pd.DataFrame,
        fewshot: pd.DataFrame,
        robustness: pd.DataFrame,
        covariate_from: tuple[str, str] | None,
        index: Mapping[str, Mapping[str, Any]],
        family: str,
        group_size: int,
        square: bool = False,
        kind: bool = False,
        features: pd.DataFrame | None = None,
    ) -> None:
        self.judged, self.fewshot, self.covariate_from = alignment, fewshot, covariate_from
        self.alignment, self.errors = mean_alignment(alignment)
        self.robustness = best_classifier(robustness)
        names = map(str, robustness["benchmark"].unique())
        self.without = {name: of_benchmark(index, name, robustness) for name in names}
        self.models = self.alignment.index
        self.by_features = {"": self.alignment}
        if features is not None and len(features):
            means = features.groupby(["features", "model", "measure"], sort=False)["value"].mean()
            each = {name: rows.droplevel(0).unstack() for name, rows in means.groupby(level=0)}
            own, *others = features["features"].unique()
            self.by_features = {own: self.alignment} | {
                n: each[n].reindex(self.models) for n in others
            }
        self.covariate = None
        if covariate_from is not None:
            top1 = covariate(robustness, *covariate_from)
            self.covariate = aligned(top1, self.models, "covariate")
        self.index = index
        about = pd.DataFrame.from_dict(dict(index), "index").loc[self.models]
        self.families = list(map(str, about[family]))
        self.family = pd.factorize(np.array(self.families))[0]
        about = about.assign(model=self.models, group=self.families)
        self.about = about[["model", "architecture", "group", "weights"]]  # in every table
        self.untrained = list(self.models[about["weights"] == "untrained"])
        own = [str(name) for name in self.alignment if name not in (*MEASURES, *PARTS)]
        self.measures = [*(name for name in MEASURES if name in self.alignment), *own]
        vary = {f"{measure} alignment": self.alignment[measure] for measure in self.measures}
        for what, values in ({"the covariate": self.covariate} | vary).items():
            if values is not None and values.round(12).nunique() < 3:
                raise DataError(
                    f"the models have fewer than 3 different values of {what}: correlations with "
                    "it are undefined"
                )
        self.group_size = min(group_size, len(self.models) // 3)
        self.groups = {m: groups(self.alignment[m], self.group_size) for m in self.measures}
        kinds = list(about["kind"]) if "kind" in about else []
        self.given = covariate_sets(self.covariate, kinds, len(self.models))
        parts = {"covariate": self.covariate is not None, "its square": square, "kind": kind}
        self.controls = self.given[", ".join(p for p, on in parts.items() if on) or "none"]
        cells = fewshot.groupby(["model", "task", "head", "n"], sort=False)["accuracy"]
        self.accuracies = cells.mean().unstack(["task", "head", "n"])  # a row a model
        tasks, heads = (list(map(str, fewshot[column].unique())) for column in ("task", "head"))
        self.shots = sorted(map(int, fewshot["n"].unique()))
        self.head = heads[0] if heads else ""  # where only one is shown
        self.n = self.shots[0] if self.shots else 0
        self.repeats = int(fewshot["repeat"].nunique())
        given = covariate_from[0] if covariate_from else ""
        self.benchmarks = [b for b in map(str, self.robustness["benchmark"].unique()) if b != given]
        self.few_shot = [
            Outcome("few-shot", *cell, 0, self.accuracy(*cell))
            for cell in product(tasks, heads, self.shots)
            if cell in self.accuracies
        ]
        self.outcomes = self.few_shot + [
            Outcome("robustness", benchmark, "", 0, k, values)
            for benchmark, k in product(self.benchmarks, (1, 5))
            if (values := self.top(benchmark, k)).notna().any()
        ]
        # One outcome a task (first head, smallest n) and one a benchmark (top-1).
        self.shown = [o for o in self.outcomes if is_shown(o.labels, self.head, self.n)]
        # [M, K] every outcome of every model.
        self.scores = np.column_stack([o.values.to_numpy(float) for o in self.outcomes])

    def accuracy(self, task: str, head: str, n: int) -> pd.Series:
        """n-shot accuracy of each model, averaged over repeats."""
        values = self.accuracies[(task, head, n)].dropna()
        rows = self.fewshot[self.fewshot["task"] == task]
        without = may_lack(self.index, [f"tasks/{task}"])
        return self._of_models(values, rows, f"fewshot: {task}, {head}, n = {n}", without)

    def top(self, benchmark: str, k: int) -> pd.Series:
        """Top-k accuracy of each model on a benchmark."""
        rows = self.robustness[self.robustness["benchmark"] == benchmark]
        values = rows.set_index("model")[f"top{k}"]
        without = self.without[benchmark]
        return self._of_models(values, rows, f"robustness: {benchmark}", without)

    def _of_models(
        self, values: pd.Series, rows: pd.DataFrame, what: str, without: set[str]
    ) -> pd.Series:
        """Values in the order of the models, NaN where one is published, or `without` it."""
        if (rows["weights"] == "published").all():
            return values.reindex(self.models).astype(float)
        lacking = self.models.difference(values.index).intersection(list(without))
        return aligned(values, self.models.difference(lacking, sort=False), what).reindex(
            self.models
        )


def covariate_sets(
    covariate: pd.Series | None, kinds: Sequence[str], models: int
) -> dict[str, np.ndarray]:
    """What may be controlled for, [M, C] each: nothing, the covariate, with its square, the kind.

    kinds : of network, one a model; a column a kind, but for the first.
    """
    sets = {"none": np.empty((models, 0))}
    if covariate is not None:
        c = covariate.to_numpy(float)
        sets |= {
            "covariate": c[:, None],
            "covariate, its square": np.column_stack([c, z_squared(c)]),
        }
    if len(set(kinds)) > 1:
        columns = pd.get_dummies(pd.Series(kinds), drop_first=True).to_numpy(float)
        for name, own in list(sets.items()):
            key = "kind" if name == "none" else f"{name}, kind"
            sets[key] = np.column_stack([own, columns])
    return sets


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
