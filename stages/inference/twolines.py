"""The two-lines test for a U (Simonsohn 2018, doi:10.1177/2515245918805755).

A U falls and then rises. The test asks for both: a line on either side of a break, the left one
falling, the right one rising. Unlike a quadratic term it is not taken in by a line that bends.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from stages.inference.partial import constant, z
from stages.inference.regression import Estimates, Regression, UndefinedError
from stages.inference.smooth import smooth

MARGIN = 0.1
"""Breaks lie among the middle models: this share at either end is left out."""

NAN = float("nan")


@dataclass(frozen=True)
class Slopes:
    """p of the slopes left and right of the break, and of a U: the larger, or 1 if none."""

    low: float = NAN
    high: float = NAN
    u: float = NAN


@dataclass(frozen=True)
class TwoLines:
    """Slopes left and right of the break, in sd of the outcome an sd of x, and their p-values.

    `p` : by HC3 errors, as published. `family_p` : by family (CR3). `undefined` : why none.
    """

    at: float = NAN
    slope_low: float = NAN
    slope_high: float = NAN
    p: Slopes = field(default_factory=Slopes)
    family_p: Slopes = field(default_factory=Slopes)
    undefined: str = ""


def two_lines(
    x: np.ndarray, Y: np.ndarray, controls: np.ndarray, family: np.ndarray, effects: bool
) -> list[TwoLines]:
    """Test K outcomes for a U in x, other terms held fixed.

    The break is found by the paper's Robin Hood procedure: a smooth curve, its lowest point among
    the middle 80 % of models, the flat region whose curve is within one standard error of it. Two
    lines that break at the region's median have test statistics z1 and z2; the final break is the
    region's quantile z2 / (z1 + z2), which gives models from the stronger line to the weaker one.
    p-values are of Student's t.

    Parameters
    ----------
    x : [M]. Y : [M, K]. controls : [M, C]. family : [M] integers.
    effects : an intercept a family.
    """
    member = family if effects else np.zeros(len(x), np.intp)
    varying = [k for k in range(Y.shape[1]) if not constant(Y[:, k])]
    results = [TwoLines(undefined="all models score the same")] * Y.shape[1]

    def without(reason: str) -> list[TwoLines]:
        return [TwoLines(undefined=reason) if k in varying else r for k, r in enumerate(results)]

    if not varying:
        return results
    if constant(x):
        return without("all models have the same alignment")
    scores = z(x)
    outcomes = np.column_stack([z(Y[:, k]) for k in varying])
    middle = (scores > np.quantile(scores, MARGIN)) & (scores < np.quantile(scores, 1 - MARGIN))
    if len(np.unique(scores)) < 4 or not middle.any():
        return without("too few models")
    try:
        curve = smooth(scores, outcomes, controls, member)
    except UndefinedError as reason:
        return without(str(reason))
    for i, k in enumerate(varying):
        fitted, error = curve.fitted[middle, i], curve.error[middle, i]
        flat = scores[middle][fitted - error <= fitted.min()]
        try:
            found = _robin_hood(scores, outcomes[:, [i]], controls, family, effects, flat)
        except UndefinedError as reason:
            found = TwoLines(undefined=str(reason))
        results[k] = found
    mean, sd = x.mean(), x.std()
    return [TwoLines(**(vars(r) | {"at": mean + sd * r.at})) for r in results]


def _robin_hood(
    x: np.ndarray,
    y: np.ndarray,
    controls: np.ndarray,
    family: np.ndarray,
    effects: bool,
    flat: np.ndarray,
) -> TwoLines:
    """Two lines of one outcome, from the flat region of its curve."""
    first = _lines(x, y, controls, family, effects, float(np.median(flat)))
    z1, z2 = (abs(float(fit.hc3.t[side, 0])) for side, fit in enumerate(first))
    at = float(np.quantile(flat, z2 / (z1 + z2)))
    fits = _lines(x, y, controls, family, effects, at)
    slopes = [float(fit.value[side, 0]) for side, fit in enumerate(fits)]
    signs = slopes[0] < 0 < slopes[1]
    published = _slopes([fit.hc3 for fit in fits], signs)
    try:
        by_family, undefined = _slopes([fit.by_family for fit in fits], signs), ""
    except UndefinedError as reason:
        by_family, undefined = Slopes(), f"by family: {reason}"
    return TwoLines(at, slopes[0], slopes[1], published, by_family, undefined)


def _lines(
    x: np.ndarray,
    y: np.ndarray,
    controls: np.ndarray,
    family: np.ndarray,
    effects: bool,
    at: float,
) -> list[Regression]:
    """Interrupted regressions: models at the break belong to the left line, then to the right.

    Terms: slope left, slope right, jump, controls. The left slope is read off the first, the right
    one off the second, as in the paper.
    """
    fits = []
    for right in (x > at, x >= at):
        apart = x - at
        terms = [np.where(right, 0, apart), np.where(right, apart, 0), right.astype(float)]
        design = np.column_stack([*terms, controls])
        fits.append(Regression(design, y, family, effects))
    return fits


def _slopes(estimates: list[Estimates], signs: bool) -> Slopes:
    low, high = (float(estimate.p[side, 0]) for side, estimate in enumerate(estimates))
    return Slopes(low, high, max(low, high) if signs else 1.0)
