"""The study's results: one value a model for every outcome, and what goes with alignment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from stages.inference.groups import groups
from stages.inference.partial import (
    Correlation,
    partial_correlation,
    regression,
    z,
    z_squared,
)
from stages.inference.tables import aligned, best_classifier, covariate, mean_alignment
from stages.runtime.errors import DataError

Record = dict[str, Any]


class Results:
    """Everything that is computed from a study's three tidy tables.

    Parameters
    ----------
    alignment, fewshot, robustness : the tables that the stages of the same names wrote.
    given : benchmark and classifier whose top-1 is the covariate.
    index : what the embed stage says of each model: architecture, group, whether it is trained.
    group_size : models in each of high, mid and low. confidence : level of intervals.
    left_out : models of the study that are not in the tables, and why.
    """

    def __init__(
        self,
        alignment: pd.DataFrame,
        fewshot: pd.DataFrame,
        robustness: pd.DataFrame,
        given: tuple[str, str],
        index: Mapping[str, Mapping[str, Any]],
        group_size: int,
        confidence: float,
        left_out: Mapping[str, str],
    ) -> None:
        self.alignment = mean_alignment(alignment)
        self.models = self.alignment.index
        self.fewshot = fewshot
        self.robustness = best_classifier(robustness)
        self.given = given
        self.left_out = left_out
        self.covariate = aligned(covariate(robustness, *given), self.models, "covariate")
        self.index = index
        self.confidence = confidence
        self.groups = {
            measure: groups(self.alignment[measure], group_size) for measure in self.alignment
        }

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
    def repeats(self) -> int:
        return int(self.fewshot["repeat"].nunique())

    def accuracy(self, task: str, head: str, n: int) -> pd.Series:
        """n-shot accuracy of each model, averaged over repeats."""
        t = self.fewshot
        rows = t[(t["task"] == task) & (t["head"] == head) & (t["n"] == n)]
        values = rows.groupby("model")["accuracy"].mean()
        return aligned(values, self.models, f"fewshot: {task}, {head}, n = {n}")

    def cells(self) -> Iterator[tuple[str, str, int]]:
        """(task, head, n) in the order of the table."""
        for task, head, n in self.fewshot[["task", "head", "n"]].drop_duplicates().to_numpy():
            yield str(task), str(head), int(n)

    def top(self, benchmark: str, k: int) -> pd.Series:
        """Top-k accuracy of each model on a benchmark."""
        rows = self.robustness[self.robustness["benchmark"] == benchmark]
        return aligned(rows.set_index("model")[f"top{k}"], self.models, f"robustness: {benchmark}")

    @property
    def benchmarks(self) -> list[str]:
        """Every benchmark but that of the covariate."""
        return [str(b) for b in self.robustness["benchmark"].unique() if b != self.given[0]]

    @property
    def untrained(self) -> list[str]:
        """Models whose weights are untrained, so that everything shown can say so."""
        return [str(m) for m in self.models if self.index[str(m)]["weights"] == "untrained"]

    def correlate(self, measure: str, outcome: pd.Series, what: str) -> Correlation:
        """Partial correlation of z² alignment with an outcome, given the covariate."""
        return self._partial(z_squared, measure, outcome, what)

    def correlate_linear(self, measure: str, outcome: pd.Series, what: str) -> Correlation:
        """The same with alignment itself: a line where z² looks for a U."""
        return self._partial(z, measure, outcome, what)

    def _partial(self, transform: Any, measure: str, outcome: pd.Series, what: str) -> Correlation:
        try:
            x = transform(self.alignment[measure].to_numpy())
            y, c = outcome.to_numpy(), self.covariate.to_numpy()
            return partial_correlation(x, y, c, self.confidence)
        except ValueError as error:
            raise DataError(f"{measure} alignment with {what}: {error}") from error

    def correlations(self) -> list[Record]:
        """Partial correlation of z² and of plain alignment with every outcome, all measures."""
        outcomes: list[tuple[Record, pd.Series]] = [
            ({"outcome": f"few-shot {task}", "head": head, "n": n}, self.accuracy(task, head, n))
            for task, head, n in self.cells()
        ]
        outcomes += [
            ({"outcome": f"{benchmark} top-{k}", "head": "", "n": 0}, self.top(benchmark, k))
            for benchmark in self.benchmarks
            for k in (1, 5)
        ]
        return [
            {
                **labels,
                "measure": measure,
                "untrained_models": len(self.untrained),
                **{
                    f"z2_{k}": v for k, v in asdict(self.correlate(measure, y, str(labels))).items()
                },
                **{
                    f"linear_{k}": v
                    for k, v in asdict(self.correlate_linear(measure, y, str(labels))).items()
                },
                **self._quadratic(measure, y),
            }
            for measure in self.measures
            for labels, y in outcomes
        ]

    def _quadratic(self, measure: str, outcome: pd.Series) -> Record:
        """Coefficient of z² beside a linear term and the covariate: a U if both signs of slope."""
        score = z(self.alignment[measure].to_numpy())
        terms = {"z": score, "z2": score**2, "covariate": z(self.covariate.to_numpy())}
        fit = regression(terms, outcome.to_numpy(), self.confidence)
        return {
            f"quadratic_{k}_{field}": value
            for k in ("z", "z2")
            for field, value in asdict(fit[k]).items()
        }

    def spread(self) -> dict[str, Record]:
        """Mean, standard deviation and range of each measure of alignment over models."""
        return {
            measure: {
                "mean": float(values.mean()),
                "sd": float(np.std(values)),
                "min": float(values.min()),
                "max": float(values.max()),
            }
            for measure in self.measures
            for values in [self.alignment[measure].to_numpy()]
        }
