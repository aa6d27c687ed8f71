"""Does alignment go with an outcome, once the covariate is accounted for?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pingouin
from scipy.stats import t as student_t


def partial_r(x: np.ndarray, y: np.ndarray, covariate: np.ndarray) -> float:
    """r of `partial_correlation` alone, for where many are wanted: that of the residuals."""
    design = np.column_stack([np.ones_like(covariate), covariate])
    both = np.column_stack([x, y])
    u, v = (both - design @ np.linalg.lstsq(design, both, rcond=None)[0]).T
    return float(u @ v / np.sqrt((u @ u) * (v @ v)))


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
    """Partial Pearson correlation of x and y given a covariate (pingouin, as in the paper).

    Parameters
    ----------
    x, y, covariate : [M] one value a model.
    confidence : level of the interval, by Fisher's z with M - 1 in place of M.

    Raises
    ------
    ValueError
        When one of them is constant.
    """
    for name, values in (("alignment", x), ("the outcome", y), ("the covariate", covariate)):
        try:
            z(values)
        except ValueError as error:
            raise ValueError(f"{name}: {error}; a correlation needs models that differ") from error
    table = pd.DataFrame({"x": x, "y": y, "covariate": covariate})
    row = pingouin.partial_corr(table, "x", "y", "covariate").iloc[0]
    r = float(row["r"])
    low, high = pingouin.compute_esci(
        r, len(x) - 1, len(x) - 1, eftype="r", confidence=confidence, decimals=12
    )
    return Correlation(r, float(low), float(high), float(row["p_val"]), len(x))


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
