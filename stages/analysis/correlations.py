"""Partial correlation of alignment with every outcome, and how sure it is."""

from __future__ import annotations

from functools import partial
from itertools import product

from stages.analysis.families import Resampling, without_interval
from stages.analysis.outcomes import fill_q
from stages.analysis.partial import TERMS, partial_correlation
from stages.analysis.regression import coefficients, of_varying
from stages.analysis.results import Results
from stages.runtime.tables import Record

SLOPE = {"slope": "estimate", "slope_low": "family_low"}
SLOPE |= {"slope_high": "family_high", "slope_p": "family_p"}


def correlations(results: Results, resampling: Resampling) -> list[Record]:
    """Table `correlations`: every outcome, measure and term, with naive and family intervals.

    r, its naive interval and p are the paper's, by pingouin; family_low, family_high and family_p
    of a bootstrap of families; slope is the coefficient of the regression, with errors by family;
    q controls false discoveries over every family_p of a term. None where undefined.
    """
    covariate, family, Y = results.covariate.to_numpy(), results.family, results.scores
    counts = {"models": len(family), "untrained_models": len(results.untrained)}
    counts |= {"families": int(family.max()) + 1}
    rows = []
    for measure, (term, transform) in product(results.measures, TERMS.items()):
        x = results.alignment[measure].to_numpy()
        scores = transform(x)
        intervals = resampling.intervals(x, Y, covariate, family, term == "z²").rows()
        regress = partial(
            coefficients,
            [scores, covariate],
            family=family,
            effects=False,
            confidence=resampling.confidence,
        )
        slopes = of_varying(Y, regress)
        about = {"measure": measure, "term": term, **counts}
        columns = zip(results.outcomes, Y.T, intervals, slopes, strict=True)
        for outcome, y, interval, found in columns:
            naive = partial_correlation(scores, y, covariate, resampling.confidence)
            undefined = naive.pop("undefined")
            if not undefined and interval["family_low"] is None:
                undefined = without_interval(family)
            by_family = found.get("family_p") is not None
            slope = {name: found[key] if by_family else None for name, key in SLOPE.items()}
            row = {**outcome.labels, **about, **naive, **interval, **slope}
            rows.append(row | {"q": None, "undefined": undefined})
    fill_q(rows, "family_p", "term")
    return rows


def table2(found: list[Record]) -> list[Record]:
    """The paper's Table 2, of `correlations`: z² alignment with accuracy on each benchmark."""
    names = ("top", "measure", "r", "p", "low", "high", "family_low", "family_high", "undefined")
    return [
        {"benchmark": row["outcome"], **{name: row[name] for name in names}}
        for row in found
        if row["kind"] == "robustness" and row["term"] == "z²"
    ]
