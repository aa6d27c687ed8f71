"""Does alignment go with an outcome, once the covariate is accounted for?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pingouin
from scipy.stats import t as student_t


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
    sd = x.std()
    if not sd > 1e-12 * max(1.0, float(np.abs(x).max())):
        raise ValueError("all values are equal")
    scores: np.ndarray = (x - x.mean()) / sd
    return scores


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


@dataclass(frozen=True)
class Coefficient:
    """A regression coefficient with its confidence interval and p-value."""

    value: float
    low: float
    high: float
    p: float


def regression(
    terms: dict[str, np.ndarray], y: np.ndarray, confidence: float
) -> dict[str, Coefficient]:
    """Ordinary least squares of standardised y on an intercept and the terms given.

    The paper's z² alone cannot tell a U from a bent line; with a linear term beside it, it can.
    """
    table = pingouin.linear_regression(
        pd.DataFrame(terms), z(y), alpha=1 - confidence, add_intercept=True
    )
    bounds = [column for column in table.columns if column.startswith("CI")]
    return {
        str(row["names"]): Coefficient(
            float(row["coef"]), float(row[bounds[0]]), float(row[bounds[1]]), float(row["pval"])
        )
        for _, row in table.iterrows()
    }


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
