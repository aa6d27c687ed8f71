"""Does alignment go with an outcome, once the covariate is accounted for?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student_t


def partial_r(x: np.ndarray, y: np.ndarray, covariate: np.ndarray) -> float:
    """r of `partial_correlation` alone, for where many are wanted: that of the residuals."""
    u, v = residuals(np.column_stack([x, y]), covariate).T
    return float(np.clip(u @ v / np.sqrt((u @ u) * (v @ v)), -1, 1))


def residuals(values: np.ndarray, covariate: np.ndarray) -> np.ndarray:
    """What is left of values [M] or [M, K] when a line of the covariate [M] is taken out."""
    design = np.column_stack([np.ones_like(covariate), covariate])
    left: np.ndarray = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return left


@dataclass(frozen=True)
class Correlation:
    """A correlation r with its confidence interval [low, high], p-value, and how many models."""

    r: float
    low: float
    high: float
    p: float
    models: int


def z(x: np.ndarray) -> np.ndarray:
    """Standard scores: (x - mean) / sd, sd with n in the denominator.

    Raises
    ------
    ValueError
        When all values are equal.
    """
    if constant(x):
        raise ValueError("all values are equal")
    scores: np.ndarray = (x - x.mean()) / x.std()
    return scores


def constant(x: np.ndarray) -> bool:
    """Whether all values are equal, but for rounding."""
    return not x.std() > 1e-12 * max(1.0, float(np.abs(x).max()))


def z_squared(x: np.ndarray) -> np.ndarray:
    """z² of Sucholutsky & Griffiths (2023, section 4.1): large at both ends, 0 at the mean."""
    return z(x) ** 2


def partial_correlation(
    x: np.ndarray, y: np.ndarray, covariate: np.ndarray, confidence: float
) -> Correlation:
    """Partial Pearson correlation of x and y given a covariate.

    What `pingouin.partial_corr` gives, as in the paper (Vallat 2018, doi:10.21105/joss.01026):
    tests compare the two. Its own table of one row a call would take most of a study's analysis.

    Parameters
    ----------
    x, y, covariate : [M] one value a model.
    confidence : level of the interval, by Fisher's z with M - 1 in place of M.

    Returns
    -------
    With p of Student's t with M - 3 degrees of freedom, two-sided.

    Raises
    ------
    ValueError
        When one of them is constant, or one is but a line of the covariate.
    """
    for name, values in (("alignment", x), ("the outcome", y), ("the covariate", covariate)):
        if constant(values):
            raise ValueError(
                f"{name}: all values are equal; a correlation needs models that differ"
            )
    for name, values in (("alignment", x), ("the outcome", y)):
        if constant(residuals(z(values), covariate)):
            raise ValueError(f"{name} is a line of the covariate: given that, nothing is left")
    r, models = partial_r(x, y, covariate), len(x)
    with np.errstate(divide="ignore"):
        t = r * np.sqrt((models - 3) / (1 - r**2))
        half = norm.ppf(0.5 + confidence / 2) / np.sqrt(models - 4)
        low, high = np.tanh(np.arctanh(r) + np.array([-half, half]))
    return Correlation(
        r, float(low), float(high), float(2 * student_t.sf(abs(t), models - 3)), models
    )


def quadratic_curve(
    x: np.ndarray, y: np.ndarray, at: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least-squares parabola y(x), without covariate, and the confidence band of its mean.

    Returns
    -------
    Fitted values, lower and upper bounds, each of the shape of `at`.
    """
    centre, scale = x.mean(), x.std() or 1.0
    design = np.vander((x - centre) / scale, 3)
    points = np.vander((at - centre) / scale, 3)
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ y
    freedom = len(x) - 3
    variance = float(((y - design @ beta) ** 2).sum()) / freedom
    spread = np.sqrt(variance * np.einsum("ij,jk,ik->i", points, inverse, points))
    half = critical_t(confidence, freedom) * spread
    fitted = points @ beta
    return fitted, fitted - half, fitted + half


def critical_t(confidence: float, freedom: int) -> float:
    """Two-sided critical value of Student's t."""
    return float(student_t.ppf(0.5 + confidence / 2, freedom))
