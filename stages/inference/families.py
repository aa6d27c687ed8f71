"""Partial correlation when models come in families: a bootstrap of whole families.

491 models are not 491 independent draws: those of one family share an architecture or a training
recipe, and much of what they score. An interval of r that takes them for independent is too short.
Here families are drawn anew, with all of their models, and the interval is the bootstrap-t one
(Cameron, Gelbach & Miller 2008, doi:10.1162/rest.90.3.414; Hall 1992, The Bootstrap and Edgeworth
Expansion) on Fisher's scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stages.inference.sums import Sums

MIN_FAMILIES = 5
"""With fewer families nothing is said by family: too few draws to estimate a spread from."""

UNDEFINED = 0.05
"""Above this share of resamples without a correlation there is no interval."""


@dataclass(frozen=True)
class FamilyIntervals:
    """Of K outcomes: r, its interval by family [low, high], and p of r = 0; NaN where undefined."""

    r: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def family_index(families: Sequence[str]) -> np.ndarray:
    """[M] integers 0..G-1, in the order of first appearance."""
    order = {name: i for i, name in enumerate(dict.fromkeys(families))}
    return np.array([order[name] for name in families], np.intp)


def family_intervals(
    x: np.ndarray,
    Y: np.ndarray,
    covariate: np.ndarray | None,
    family: np.ndarray,
    square: bool,
    confidence: float,
    bootstraps: int,
    rng: np.random.Generator,
) -> FamilyIntervals:
    """Partial correlation of x, or of z²(x), with K outcomes given a covariate, by family.

    Parameters
    ----------
    x, covariate : [M]; Y : [M, K]. Rescaling any of them changes nothing. Without a covariate it is
        the plain correlation.
    family : [M] integers 0..G-1. bootstraps : resamples of the G families, of G draws each.
    square : z² in place of x; the mean that it is taken about is found anew in each resample.

    Returns
    -------
    Symmetric bootstrap-t intervals: Fisher's z of r, give or take its family-robust standard error
    times the quantile of |t| over resamples. p is the share of resamples whose |t| is as large as
    that of r = 0. All but r are NaN with fewer than `MIN_FAMILIES` families, and where more than
    `UNDEFINED` of the resamples have no correlation; r too where an outcome is constant.
    """
    sums = Sums.of(x, Y, covariate, family, square)
    groups = sums.groups
    r, error = (value[0] for value in sums.correlation(np.ones((1, groups))))
    empty = np.full(len(r), np.nan)
    if groups < MIN_FAMILIES:
        return FamilyIntervals(r, empty, empty, empty)
    counts = rng.multinomial(groups, np.full(groups, 1 / groups), size=bootstraps).astype(float)
    size = max(1, 4_000_000 // (groups * Y.shape[1]))
    parts = [sums.correlation(counts[start : start + size]) for start in range(0, bootstraps, size)]
    again, errors = (np.concatenate(values) for values in zip(*parts, strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.abs(np.arctanh(again) - np.arctanh(r)) / errors
        own = np.abs(np.arctanh(r)) / error
        defined = np.isfinite(t)
        enough = (defined.mean(0) >= 1 - UNDEFINED) & np.isfinite(own)
        t = np.where(defined, t, np.inf)  # a resample without one counts as further off than any
        quantile = np.where(enough, np.quantile(t, confidence, axis=0, method="higher"), np.nan)
        p = np.where(enough, (1 + (t >= own).sum(0)) / (1 + bootstraps), np.nan)
        centre, half = np.arctanh(r), quantile * error
        low, high = np.tanh(centre - half), np.tanh(centre + half)
    return FamilyIntervals(r, low, high, p)
