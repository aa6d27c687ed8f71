"""The two-lines test for a U (Simonsohn 2018, doi:10.1177/2515245918805755).

A U falls and then rises. The test asks for both: a line on either side of a break, the left one
falling, the right one rising. Unlike a quadratic term, a bent line does not mislead it.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.interpolate import CubicSpline

from stages.analysis.partial import z
from stages.analysis.regression import Estimates, Regression, UndefinedError, demean
from stages.runtime.tables import Record

MARGIN = 0.1
"""Breaks lie among the middle models: this share at either end is left out."""

KNOTS = 10
PENALTIES = np.logspace(-8, 8, 65)


def two_lines(
    x: np.ndarray, Y: np.ndarray, controls: np.ndarray, family: np.ndarray, effects: bool
) -> list[Record]:
    """Test K outcomes for a U in x, other terms held fixed.

    The break is found by the paper's Robin Hood procedure: a smooth curve, its lowest point among
    the middle 80 % of models, the flat region whose curve is within one standard error of it. Two
    lines that break at the region's median have test statistics z1 and z2; the final break is the
    region's quantile z2 / (z1 + z2), which gives models from the stronger line to the weaker one.

    x : [M]. Y : [M, K], all of which vary. controls : [M, C]. family : [M] integers. effects : an
    intercept a family. Raises UndefinedError with too few models for a curve.

    Returns
    -------
    Of each outcome, in its sd an sd of x: `break`, slopes left and right of it, and `estimate`, the
    smaller of fall and rise. `p` of a U is the larger of the slopes' p by HC3 errors, as published,
    or 1 if they do not fall and rise; `family_p` that by family (CR3). p_low and p_high are of the
    slopes, by family where that is defined. `undefined` says what is not.
    """
    scores, outcomes = z(x), np.apply_along_axis(z, 0, Y)
    middle = (scores > np.quantile(scores, MARGIN)) & (scores < np.quantile(scores, 1 - MARGIN))
    if len(np.unique(scores)) < 4 or not middle.any():
        raise UndefinedError("too few models")
    member = family if effects else np.zeros(len(x), np.intp)
    curves, errors = smooth(scores, outcomes, controls, member)

    def lines(y: np.ndarray, at: float) -> list[Regression]:
        """Interrupted regressions of an outcome; terms: slope left, slope right, jump, controls.

        Models at the break belong to the left line in the first, to the right in the second. The
        left slope is read off the first, the right one off the second, as in the paper.
        """
        distance, fits = scores - at, []
        for right in (scores > at, scores >= at):
            slopes = [np.where(right, 0, distance), np.where(right, distance, 0)]
            terms = np.column_stack([*slopes, right, controls])
            fits.append(Regression(terms, y[:, None], family, effects))
        return fits

    results = []
    for y, fitted, error in zip(outcomes.T, curves[middle].T, errors[middle].T, strict=True):
        flat = scores[middle][fitted - error <= fitted.min()]
        try:
            found = _robin_hood(partial(lines, y), flat)
            results.append(found | {"break": float(x.mean() + x.std() * found["break"])})
        except UndefinedError as reason:
            results.append({"undefined": str(reason)})
    return results


def _robin_hood(lines: Callable[[float], list[Regression]], flat: np.ndarray) -> Record:
    """Two lines of one outcome that break in the flat region of its curve."""
    first = lines(float(np.median(flat)))
    z1, z2 = (abs(float(fit.hc3.t[side, 0])) for side, fit in enumerate(first))
    at = float(np.quantile(flat, z2 / (z1 + z2)))
    fits = lines(at)
    low, high = (float(fit.value[side, 0]) for side, fit in enumerate(fits))

    def p_values(estimates: list[Estimates]) -> tuple[float, float, float]:
        """Of the slopes, and of a U."""
        left, right = (float(one.p[side, 0]) for side, one in enumerate(estimates))
        return left, right, max(left, right) if low < 0 < high else 1.0

    found: Record = {"estimate": min(-low, high), "family_p": None, "undefined": ""}
    found |= {"break": at, "slope_low": low, "slope_high": high}
    found["p_low"], found["p_high"], found["p"] = p_values([fit.hc3 for fit in fits])
    try:
        by_family = p_values([fit.by_family for fit in fits])
        found["p_low"], found["p_high"], found["family_p"] = by_family
    except UndefinedError as reason:
        found["undefined"] = f"by family: {reason}"
    return found


def smooth(
    x: np.ndarray, Y: np.ndarray, terms: np.ndarray, member: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Natural cubic regression spline of x, additive with other terms, penalty chosen by GCV.

    As mgcv's `gam(y ~ terms + s(x, bs = "cr", k = 10))` (Wood 2017, Generalized Additive Models,
    sections 5.3.1 and 6.2.3): knots at quantiles, the integrated squared second derivative as the
    penalty, Bayesian standard errors.

    x : [M]. Y : [M, K]. terms : [M, C]. member : [M] integers; equal ones share an intercept.
    Raises UndefinedError with too few models for a curve, or terms that are not independent.

    Returns
    -------
    [M, K] the curve about its mean, other terms held fixed, and [M, K] the error of the fitted
    value at other terms' means, with the intercept's, as `predict(gam, se.fit = TRUE)` gives it.
    """
    basis, penalty = _spline(x)
    # Of all k functions, so that neither a mirrored x nor the scale of other terms moves the grid.
    scale = (demean(basis, member) ** 2).sum() / max(np.trace(penalty), 1e-300)
    basis, penalty = basis[:, :-1], penalty[:-1, :-1]
    columns = np.column_stack([terms, basis])
    X, y = demean(columns, member), demean(Y, member)
    S = scale * np.pad(penalty, (terms.shape[1], 0))
    gram, cross = X.T @ X, X.T @ y
    count = len(x) - len(np.unique(member))  # what intercepts leave
    try:
        inverses = np.linalg.inv(gram + PENALTIES[:, None, None] * S)
    except np.linalg.LinAlgError as error:
        raise UndefinedError("the curve is collinear with other terms") from error
    freedom = np.einsum("lpq,qp->l", inverses, gram)
    beta = inverses @ cross
    rest = (
        (y**2).sum(0)
        - 2 * np.einsum("lpk,pk->lk", beta, cross)
        + np.einsum("lpk,pq,lqk->lk", beta, gram, beta, optimize=True)
    )
    left = count - freedom
    if not (left > 0.5).any():
        raise UndefinedError("too few models")
    score = rest / np.maximum(left, 1e-9)[:, None] ** 2
    best = np.argmin(np.where((left > 0.5)[:, None], score, np.inf), 0)
    k = np.arange(Y.shape[1])
    variance = rest[best, k] / left[best]
    rows = basis - basis.mean(0)
    inner = inverses[:, terms.shape[1] :, terms.shape[1] :][best]
    spread = np.einsum("mp,kpq,mq->mk", rows, inner, rows, optimize=True)
    fitted = rows @ beta[:, terms.shape[1] :][best, :, k].T
    return fitted, np.sqrt(np.maximum(variance * (spread + 1 / len(x)), 0))


def _spline(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Basis [M, k] and penalty [k, k].

    Function j is the natural cubic spline that is 1 at knot j and 0 at the others; all of them sum
    to 1, so that beside an intercept one of them, whichever, is to be left out.
    """
    distinct = np.unique(x)
    knots = np.quantile(distinct, np.linspace(0, 1, min(KNOTS, len(distinct))))
    spline = CubicSpline(knots, np.eye(len(knots)), bc_type="natural")
    second = spline(knots, 2)
    left, right, width = second[:-1], second[1:], np.diff(knots)
    # The second derivative is linear between knots: its square integrates to this.
    both = left.T * width @ right
    penalty = (left.T * width @ left + right.T * width @ right) / 3 + (both + both.T) / 6
    return spline(x), penalty
