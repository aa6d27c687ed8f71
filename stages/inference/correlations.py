"""Partial correlation of alignment with every outcome, and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control

from stages.inference.families import MIN_FAMILIES, family_index, family_intervals
from stages.inference.partial import constant, partial_correlation, z, z_squared
from stages.inference.regression import Regression, UndefinedError
from stages.inference.results import Outcome, Record, Results
from stages.inference.ushape import FEW, SAME
from stages.runtime.random import rng_for

UNSTABLE = "many resamples of the families have no correlation"

TERMS = {"z²": z_squared, "linear": z}
"""The paper's transform of alignment, which looks for a U, and alignment itself."""


@dataclass(frozen=True)
class Families:
    """How families are drawn anew: level of intervals, number of resamples, and their seed.

    The resamples are the same for all measures and outcomes.
    """

    confidence: float
    bootstraps: int
    seed: int

    def intervals(
        self,
        results: Results,
        x: np.ndarray,
        Y: np.ndarray,
        covariate: np.ndarray | None,
        square: bool,
    ) -> list[Record]:
        """Interval and p by family of x [M], or z²(x), with each of Y [M, K]; None if undefined."""
        found = family_intervals(
            x,
            Y,
            covariate,
            family_index(results.families),
            square,
            self.confidence,
            self.bootstraps,
            rng_for(self.seed, "families"),
        )
        columns = {"family_low": found.low, "family_high": found.high, "family_p": found.p}
        return [
            {name: given(values[k]) for name, values in columns.items()} for k in range(Y.shape[1])
        ]

    def plain(self, results: Results, x: np.ndarray, y: np.ndarray, square: bool) -> Record:
        """The same of one outcome [M] with no covariate given."""
        return self.intervals(results, x, y[:, None], None, square)[0]


def correlations(results: Results, families: Families) -> list[Record]:
    """Table `correlations`: every outcome, measure and term, with naive and family intervals.

    Returns
    -------
    Rows with r, its naive interval and p (the paper's, by pingouin), the interval and p of a
    bootstrap of families, the coefficient of the regression with errors by family, and q: false
    discovery is controlled over every family_p of a term. Blank where all models score the
    same; by family also where there are too few families.
    """
    confidence, family = families.confidence, family_index(results.families)
    covariate = results.covariate.to_numpy()
    families_few = int(family.max()) + 1 < MIN_FAMILIES
    rows = []
    for measure in results.measures:
        for term, transform in TERMS.items():
            x = results.alignment[measure].to_numpy()
            intervals = families.intervals(results, x, results.scores, covariate, term == "z²")
            slopes = by_regression(transform(x), results.scores, covariate, family, confidence)
            for k, outcome in enumerate(results.outcomes):
                independent, undefined = naive(transform(x), outcome, covariate, confidence)
                if not undefined and intervals[k]["family_low"] is None:
                    undefined = f"by family: {FEW if families_few else UNSTABLE}"
                rows.append(
                    {
                        **outcome.labels,
                        "measure": measure,
                        "term": term,
                        "models": len(x),
                        "untrained_models": len(results.untrained),
                        "families": int(family.max()) + 1,
                        **independent,
                        **intervals[k],
                        **slopes[k],
                        "q": None,
                        "undefined": undefined,
                    }
                )
    return _control(rows)


def _control(rows: list[Record]) -> list[Record]:
    """Fill in q: Benjamini & Hochberg's (1995), over every family_p of a term.

    Each term by itself, as each kind of test for a U: one that holds everywhere would make room for
    false discoveries of the other.
    """
    for term in TERMS:
        tested = [row for row in rows if row["term"] == term and row["family_p"] is not None]
        if not tested:
            continue
        q = false_discovery_control([row["family_p"] for row in tested], method="bh")
        for row, value in zip(tested, q, strict=True):
            row["q"] = float(value)
    return rows


def naive(
    x: np.ndarray, outcome: Outcome, covariate: np.ndarray, confidence: float
) -> tuple[Record, str]:
    """r, its interval and p that take models for independent draws; or why there is none."""
    y = outcome.values.to_numpy()
    if constant(y):
        return dict.fromkeys(("r", "low", "high", "p")), SAME
    found = partial_correlation(x, y, covariate, confidence)
    return {"r": found.r, "low": found.low, "high": found.high, "p": found.p}, ""


def by_regression(
    x: np.ndarray, Y: np.ndarray, covariate: np.ndarray, family: np.ndarray, confidence: float
) -> list[Record]:
    """Coefficient of x in the regression on x and the covariate, with errors by family (CR3).

    In standard deviations of the outcome a standard deviation of x; blank where it is undefined.
    """
    names = ("slope", "slope_low", "slope_high", "slope_p")
    same = [constant(y) for y in Y.T]
    outcomes = np.column_stack([y if s else z(y) for y, s in zip(Y.T, same, strict=True)])
    if int(family.max()) + 1 < MIN_FAMILIES:
        return [dict.fromkeys(names)] * len(same)
    try:
        fit = Regression(np.column_stack([z(x), z(covariate)]), outcomes, family)
        low, high = fit.by_family.interval(confidence)
    except UndefinedError:
        return [dict.fromkeys(names)] * len(same)
    columns = (fit.value[0], low[0], high[0], fit.by_family.p[0])
    return [
        dict.fromkeys(names) if s else dict(zip(names, map(float, values), strict=True))
        for s, *values in zip(same, *columns, strict=True)
    ]


def given(value: float) -> float | None:
    """A number, or None where it is undefined."""
    return float(value) if math.isfinite(value) else None
