"""Correlation of alignment with an outcome: plain, and controlling for a covariate."""

import numpy as np
import pandas as pd
from scipy.stats import pearsonr
from scipy.stats import t as student_t

from stages.runtime.tables import Record

SAME = "all models score the same"
NUMBERS = ("r", "low", "high", "p")


def constant(x: np.ndarray) -> bool:
    """Whether all values are equal, but for rounding."""
    return not x.std() > 1e-12 * max(1.0, float(np.abs(x).max()))


def z(x: np.ndarray) -> np.ndarray:
    """Standard scores: (x - mean) / sd, sd with n in the denominator; ValueError if it is 0."""
    if constant(x):
        raise ValueError("all values are equal")
    return np.divide(x - x.mean(), x.std())


def z_squared(x: np.ndarray) -> np.ndarray:
    """z² of Sucholutsky & Griffiths (2023, section 4.1): large at both ends, 0 at the mean."""
    return z(x) ** 2


TERMS = {"z²": z_squared, "linear": z}
"""The paper's transform of alignment, which looks for a U, and alignment itself."""


def partial_correlation(
    x: np.ndarray, y: np.ndarray, controls: np.ndarray, confidence: float = 0.95
) -> Record:
    """Partial Pearson correlation of alignment x with outcome y, by `pingouin.partial_corr`.

    The paper's own tool (Vallat 2018, doi:10.21105/joss.01026). The interval is by Fisher's z with
    M - C in place of M. x, y : [M] one value a model; x may be a transform of alignment. controls :
    [M] one covariate, or [M, C]; without any it is `plain_correlation`.

    Returns r, low, high, p (two-sided), and `undefined`: the reason where all four are None.
    """
    controls = controls.reshape(len(x), -1)
    if controls.shape[1] == 0:
        return plain_correlation(x, y, confidence)
    if reason := _undefined(x, y, controls):
        return {**dict.fromkeys(NUMBERS), "undefined": reason}
    import pingouin  # it loads seaborn, which no worker that only draws needs

    names = [f"covariate {i}" for i in range(controls.shape[1])]
    models = pd.DataFrame({"x": x, "y": y} | dict(zip(names, controls.T, strict=True)))
    found = pingouin.partial_corr(models, "x", "y", names).loc["pearson"]
    # It rounds its interval to two digits; this is the function that it calls.
    n = len(x) - len(names)
    with np.errstate(divide="ignore"):
        ends = pingouin.compute_esci(
            found["r"], n, n, confidence=confidence, decimals=16, eftype="r"
        )
    values = map(float, (found["r"], *ends, found["p_val"]))
    return dict(zip(NUMBERS, values, strict=True)) | {"undefined": ""}


def _undefined(x: np.ndarray, y: np.ndarray, controls: np.ndarray) -> str:
    """Why there is no partial correlation; "" where there is one."""
    if constant(y):
        return SAME
    for name, values in (("alignment", x), *(("covariate", c) for c in controls.T)):
        if constant(values):
            return f"all models have the same {name}"
    given = np.apply_along_axis(z, 0, controls)
    for name, values in (("alignment", x), ("the outcome", y)):
        scores = z(values)
        rest = scores - given @ np.linalg.lstsq(given, scores)[0]
        if constant(rest) or any(np.allclose(values, c) for c in controls.T):
            return f"{name} is a linear function of the covariate"
    return ""


def plain_correlation(x: np.ndarray, y: np.ndarray, confidence: float) -> Record:
    """Pearson's r of [M] with [M], its interval by Fisher's z, and the p-value of r = 0.

    None, with the reason in `undefined`, where all values of one are the same. No interval with
    fewer than 4 models.
    """
    found: Record = {**dict.fromkeys(NUMBERS), "models": len(x)}
    if constant(x) or constant(y):
        return found | {"undefined": SAME}
    test = pearsonr(x, y)
    found |= {"r": float(test.statistic), "p": float(test.pvalue)}
    if len(x) < 4:
        return found | {"undefined": "an interval needs 4 models"}
    low, high = map(float, test.confidence_interval(confidence))
    return found | {"low": low, "high": high, "undefined": ""}


def quadratic_curve(
    x: np.ndarray, y: np.ndarray, at: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least-squares parabola y(x) at points: fitted values, lower and upper bounds of its mean."""
    centre, scale = x.mean(), x.std() or 1.0
    design = np.vander((x - centre) / scale, 3)
    points = np.vander((at - centre) / scale, 3)
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ y
    freedom = len(x) - 3
    variance = float(((y - design @ beta) ** 2).sum()) / freedom
    spread = np.sqrt(variance * np.einsum("ij,jk,ik->i", points, inverse, points))
    half = student_t.ppf(0.5 + confidence / 2, freedom) * spread
    fitted = points @ beta
    return fitted, fitted - half, fitted + half
