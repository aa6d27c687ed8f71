"""Where a measure, a covariate and an outcome meet: their correlation, and how sure it is."""

from collections.abc import Sequence
from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from stages.analysis.families import BY_FAMILY, Resampling, without_interval
from stages.analysis.known import over_known
from stages.analysis.outcomes import fill_q, records
from stages.analysis.partial import TERMS, partial_correlation
from stages.analysis.regression import coefficients, of_varying
from stages.analysis.results import Results
from stages.runtime.tables import Record

SLOPE = {"slope": "estimate", "slope_low": "family_low"}
SLOPE |= {"slope_high": "family_high", "slope_p": "family_p"}


def correlate(
    x: pd.Series,
    outcomes: Sequence[pd.Series],
    controls: np.ndarray | None,
    family: np.ndarray,
    resampling: Resampling,
    term: str = "linear",
) -> list[Record]:
    """Correlation of x, or of z²(x), with each of K outcomes: partial, or plain without covariate.

    Controlling for the controls [M, C]; None is a plain correlation. Over the models that have
    both. Returns, of each outcome, r with its naive interval (low, high) and p, as in the paper;
    family_low, family_high and family_p from a bootstrap of families; `undefined`, which says why
    there is no r.
    """
    given = np.empty((len(x), 0)) if controls is None else controls

    def find(x: np.ndarray, Y: np.ndarray, c: np.ndarray, family: np.ndarray) -> list[Record]:
        scores, by_family = TERMS[term](x), resampling.intervals(x, Y, c, family, term == "z²")
        naive = [partial_correlation(scores, y, c, resampling.confidence) for y in Y.T]
        return [a | b for a, b in zip(naive, records(by_family[BY_FAMILY]), strict=True)]

    return over_known(x.to_numpy(), np.column_stack(outcomes), given, family, find)


def correlations(results: Results, resampling: Resampling) -> list[Record]:
    """Table `correlations`: every outcome, measure and term, controlling for the covariates.

    Beside what `correlate` finds, slope is the coefficient of the regression, with errors by
    family; q controls false discoveries over every family_p of a term. None where undefined.
    """
    family, outcomes = results.family, [outcome.values for outcome in results.outcomes]
    rows = []
    for measure, term in product(results.measures, TERMS):

        def regression(
            x: np.ndarray, Y: np.ndarray, c: np.ndarray, family: np.ndarray
        ) -> list[Record]:
            terms = [TERMS[term](x), *c.T]  # noqa: B023  # called at once
            regress = partial(coefficients, terms, family, False, resampling.confidence)
            return of_varying(Y, regress)

        x, controls = results.alignment[measure], results.controls
        found = correlate(x, outcomes, controls, family, resampling, term)
        slopes = over_known(x.to_numpy(), results.scores, controls, family, regression)
        for outcome, row, slope in zip(results.outcomes, found, slopes, strict=True):
            both = (x.notna() & outcome.values.notna()).to_numpy()
            about = {"measure": measure, "term": term, "models": int(both.sum())}
            about |= {"untrained_models": len(results.untrained)}
            about |= {"families": len(np.unique(family[both]))}
            undefined = row.pop("undefined")
            if not undefined and row["family_low"] is None:
                undefined = without_interval(family)
            known = slope if slope.get("family_p") is not None else {}
            row |= {name: known.get(key) for name, key in SLOPE.items()}
            rows.append(outcome.labels | about | row | {"q": None, "undefined": undefined})
    fill_q(rows, "family_p", "term")
    return rows
