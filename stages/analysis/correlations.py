"""Where a measure, a covariate and an outcome meet: their correlation, and how sure it is."""

from collections.abc import Sequence
from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from stages.analysis.families import BY_FAMILY, Resampling, without_interval
from stages.analysis.outcomes import fill_q, records
from stages.analysis.partial import TERMS, partial_correlation, plain_correlation
from stages.analysis.regression import coefficients, of_varying
from stages.analysis.results import Results
from stages.runtime.tables import Record

SLOPE = {"slope": "estimate", "slope_low": "family_low"}
SLOPE |= {"slope_high": "family_high", "slope_p": "family_p"}


def correlate(
    x: pd.Series,
    outcomes: Sequence[pd.Series],
    covariate: pd.Series | None,
    family: np.ndarray,
    resampling: Resampling,
    term: str = "linear",
) -> list[Record]:
    """Correlation of x, or of z²(x), with each of K outcomes: partial, or plain without covariate.

    x, outcomes, covariate : one value a model. Returns, of each outcome, r with its naive interval
    (low, high) and p, as in the paper; family_low, family_high and family_p from a bootstrap of
    families; `undefined`, which says why there is no r.
    """
    Y, scores, level = np.column_stack(outcomes), TERMS[term](x.to_numpy()), resampling.confidence
    c = None if covariate is None else covariate.to_numpy()
    by_family = resampling.intervals(x.to_numpy(), Y, c, family, term == "z²")
    if c is None:
        naive = [plain_correlation(scores, y, level) for y in Y.T]
    else:
        naive = [partial_correlation(scores, y, c, level) for y in Y.T]
    return [a | b for a, b in zip(naive, records(by_family[BY_FAMILY]), strict=True)]


def correlations(results: Results, resampling: Resampling) -> list[Record]:
    """Table `correlations`: every outcome, measure and term, controlling for the covariate.

    Beside what `correlate` finds, slope is the coefficient of the regression, with errors by
    family; q controls false discoveries over every family_p of a term. None where undefined.
    """
    family, outcomes = results.family, [outcome.values for outcome in results.outcomes]
    counts = {"models": len(family), "untrained_models": len(results.untrained)}
    counts |= {"families": int(family.max()) + 1}
    rows = []
    for measure, term in product(results.measures, TERMS):
        x, about = results.alignment[measure], {"measure": measure, "term": term, **counts}
        found = correlate(x, outcomes, results.covariate, family, resampling, term)
        terms = [TERMS[term](x.to_numpy()), results.covariate.to_numpy()]
        regress = partial(coefficients, terms, family, False, resampling.confidence)
        slopes = of_varying(results.scores, regress)
        for outcome, row, slope in zip(results.outcomes, found, slopes, strict=True):
            undefined = row.pop("undefined")
            if not undefined and row["family_low"] is None:
                undefined = without_interval(family)
            known = slope if slope.get("family_p") is not None else {}
            row |= {name: known.get(key) for name, key in SLOPE.items()}
            rows.append(outcome.labels | about | row | {"q": None, "undefined": undefined})
    fill_q(rows, "family_p", "term")
    return rows
