"""A smooth curve through models: a penalised regression spline beside other terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from stages.inference.regression import UndefinedError, demean

KNOTS = 10
PENALTIES = np.logspace(-8, 8, 65)


@dataclass(frozen=True)
class Smooth:
    """The curve at each model for K outcomes, [M, K], and the fitted values' standard errors."""

    fitted: np.ndarray
    error: np.ndarray


def smooth(x: np.ndarray, Y: np.ndarray, terms: np.ndarray, member: np.ndarray) -> Smooth:
    """Natural cubic regression spline of x, additive with other terms, penalty chosen by GCV.

    As mgcv's `gam(y ~ terms + s(x, bs = "cr", k = 10))` (Wood 2017, Generalized Additive Models,
    sections 5.3.1 and 6.2.3): knots at quantiles, the integrated squared second derivative as the
    penalty, Bayesian standard errors.

    Parameters
    ----------
    x : [M]. Y : [M, K]. terms : [M, C].
    member : [M] integers; models of one number share an intercept.

    Returns
    -------
    The curve about its mean, other terms held fixed. Its error is that of the fitted value at other
    terms' means, with the intercept's, as `predict(gam, se.fit = TRUE)` gives it.

    Raises
    ------
    UndefinedError
        Too few models for a curve, or terms that are not independent.
    """
    basis, penalty = _spline(x)
    # Of all k functions, so that neither a mirrored x nor the scale of other terms moves the grid.
    scale = (demean(basis, member) ** 2).sum() / max(np.trace(penalty), 1e-300)
    basis, penalty = basis[:, :-1], penalty[:-1, :-1]
    columns = np.column_stack([terms, basis])
    X, y = demean(columns, member), demean(Y, member)
    S = np.zeros((columns.shape[1],) * 2)
    S[terms.shape[1] :, terms.shape[1] :] = penalty
    gram, cross = X.T @ X, X.T @ y
    S *= scale
    count = len(x) - len(np.unique(member))  # what intercepts leave
    try:
        inverses = np.linalg.inv(gram + PENALTIES[:, None, None] * S)
    except np.linalg.LinAlgError as error:
        raise UndefinedError("the models do not tell the curve from other terms") from error
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
    return Smooth(fitted, np.sqrt(np.maximum(variance * (spread + 1 / len(x)), 0)))


def _spline(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Basis [M, k] and penalty [k, k].

    Function j is the natural cubic spline that is 1 at knot j and 0 at the others; all of them sum
    to 1, so that beside an intercept one of them, whichever, is to be left out.
    """
    distinct = np.unique(x)
    count = min(KNOTS, len(distinct))
    knots = np.quantile(distinct, np.linspace(0, 1, count))
    spline = CubicSpline(knots, np.eye(count), bc_type="natural")
    second = spline(knots, 2)
    left, right, width = second[:-1], second[1:], np.diff(knots)
    # The second derivative is linear between knots: its square integrates to this.
    penalty = np.einsum("m,mi,mj->ij", width / 3, left, left)
    penalty += np.einsum("m,mi,mj->ij", width / 3, right, right)
    penalty += np.einsum("m,mi,mj->ij", width / 6, left, right)
    penalty += np.einsum("m,mi,mj->ij", width / 6, right, left)
    return spline(x), penalty
