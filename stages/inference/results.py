"""The study's results: one value a model for its alignment, its covariate and every outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from stages.inference.groups import groups
from stages.inference.outcomes import Record, is_shown, outcome_name
from stages.inference.tables import aligned, best_classifier, covariate, mean_alignment
from stages.runtime.errors import DataError


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

    @property
    def name(self) -> str:
        """In words, without the head."""
        return outcome_name(self.labels)


class Results:
    """Everything that is computed from a study's three tidy tables.

    Parameters
    ----------
    alignment, fewshot, robustness : the tables that the stages of the same names wrote.
    given : benchmark and classifier whose top-1 is the covariate.
    index : what the embed stage says of each model: architecture, group, whether it is trained.
    family : which of these two, "architecture" or "group", makes models a family.
    group_size : models in each of high, mid and low.

    Attributes
    ----------
    outcomes : few-shot by task, head and n; robustness by benchmark, top-1 and top-5.

    Raises
    ------
    DataError
        A model lacks the covariate or an outcome, or models hardly differ; names it.
    """

    def __init__(
        self,
        alignment: pd.DataFrame,
        fewshot: pd.DataFrame,
        robustness: pd.DataFrame,
        given: tuple[str, str],
        index: Mapping[str, Mapping[str, Any]],
        family: str,
        group_size: int,
    ) -> None:
        self.judged = alignment
        self.alignment = mean_alignment(alignment)
        self.models = self.alignment.index
        self.fewshot = fewshot
        self.robustness = best_classifier(robustness)
        self.given = given
        self.covariate = aligned(covariate(robustness, *given), self.models, "covariate")
        self.index = index
        self.families = [str(index[str(model)][family]) for model in self.models]
        for what, values in (
            ("of the covariate", self.covariate),
            *((f"of {measure} alignment", self.alignment[measure]) for measure in self.alignment),
        ):
            if values.round(12).nunique() < 3:
                raise DataError(
                    f"the models have fewer than 3 different values {what}: nothing can be said of "
                    "how outcomes go with it"
                )
        self.groups = {
            measure: groups(self.alignment[measure], group_size) for measure in self.alignment
        }
        self.outcomes = self._every_outcome()

    @property
    def measures(self) -> list[str]:
        return [m for m in ("pearson", "spearman", "triplet") if m in self.alignment]

    @property
    def head(self) -> str:
        """The head that is shown where only one is: the first of the table."""
        return str(self.fewshot["head"].iloc[0])

    @property
    def shots(self) -> list[int]:
        return sorted(int(n) for n in self.fewshot["n"].unique())

    @property
    def tasks(self) -> list[str]:
        return [str(task) for task in self.fewshot["task"].unique()]

    @property
    def heads(self) -> list[str]:
        return [str(head) for head in self.fewshot["head"].unique()]

    @property
    def repeats(self) -> int:
        return int(self.fewshot["repeat"].nunique())

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

    @property
    def benchmarks(self) -> list[str]:
        """Every benchmark but that of the covariate."""
        return [str(b) for b in self.robustness["benchmark"].unique() if b != self.given[0]]

    def _every_outcome(self) -> list[Outcome]:
        few = [
            Outcome("few-shot", task, head, n, 0, self.accuracy(task, head, n))
            for task in self.tasks
            for head in self.heads
            for n in self.shots
        ]
        return few + [
            Outcome("robustness", benchmark, "", 0, k, self.top(benchmark, k))
            for benchmark in self.benchmarks
            for k in (1, 5)
        ]

    @property
    def shown(self) -> list[Outcome]:
        """One outcome a task (first head, smallest n) and one a benchmark (top-1)."""
        head, n = self.head, self.shots[0]
        return [outcome for outcome in self.outcomes if is_shown(outcome.labels, head, n)]

    @cached_property
    def scores(self) -> np.ndarray:
        """[M, K] every outcome of every model."""
        return np.column_stack([outcome.values.to_numpy(float) for outcome in self.outcomes])

    @property
    def untrained(self) -> list[str]:
        """Models whose weights are untrained, so that everything shown can say so."""
        return [str(m) for m in self.models if self.index[str(m)]["weights"] == "untrained"]

    def about(self, model: str) -> Record:
        """What the tables say of a model beside its values."""
        entry = self.index[model]
        return {
            "model": model,
            "architecture": entry["architecture"],
            "group": self.families[self.models.get_loc(model)],
            "weights": entry["weights"],
        }
