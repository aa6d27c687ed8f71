"""Is it a U? Every test of it, in every specification, side by side.

Conclusions about a U change with the specification, so each outcome gets all of them: the paper's
z², z² beside a linear term (a quadratic regression), the theory's own regressor, and the two-lines
test; each with and without family effects, given the covariate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import false_discovery_control

from stages.inference.families import MIN_FAMILIES
from stages.inference.outcomes import Record
from stages.inference.partial import constant, z, z_squared
from stages.inference.regression import Regression, UndefinedError
from stages.inference.twolines import TwoLines, two_lines
from stages.similarity.channel import capacity

SAME = "all models score the same"
FEW = "too few families"


def u_tests(
    measures: Mapping[str, np.ndarray],
    covariate: np.ndarray,
    labels: Sequence[Record],
    Y: np.ndarray,
    family: np.ndarray,
    confidence: float,
) -> list[Record]:
    """Table `u_tests`: the grid of tests, with false-discovery control of each kind.

    Parameters
    ----------
    measures : alignment [M] by measure. covariate : [M]. Y : [M, K], its columns' labels [K].
    family : [M] integers. confidence : level of intervals; tests are at 1 - confidence.

    Returns
    -------
    A row a measure, outcome and specification. `estimate` is the coefficient of z² or capacity (of
    two lines the smaller of fall and rise), in standard deviations of the outcome a standard
    deviation of the regressor. `p` takes models for independent, `family_p` does not (CR3; blank
    with fewer than `MIN_FAMILIES` families). Beside family effects, families of one model tell
    nothing and are not counted in `models` and `families`. `q` is that of Benjamini & Hochberg
    (1995) over all `family_p` of one kind of test, or all `p` where families are too few; rows
    that have none are not controlled. `u`: the estimate is positive and q below 1 - confidence. Of
    z² and capacity that says no more than that the ends are higher than the middle, or than a
    straight line would have them; of two lines, that there is a fall and a rise. Of two lines p_low
    and p_high are by family where family_p is.
    """
    rows: list[Record] = []
    for measure, x in measures.items():
        for effects in (False, True):
            counts = _counts(family, effects)
            for test in ("z²", "capacity") if measure == "triplet" else ("z²",):
                for linear in (False, True):
                    about = {"measure": measure, "test": test, "linear": linear}
                    found = _coefficient(test, x, linear, covariate, Y, family, effects, confidence)
                    rows += _rows(labels, about | counts, found)
            about = {"measure": measure, "test": "two lines", "linear": False}
            rows += _rows(labels, about | counts, _lines(x, covariate, Y, family, effects))
    return _control(rows, int(family.max()) + 1, 1 - confidence)


def _counts(family: np.ndarray, effects: bool) -> Record:
    """How many models and families tell something: beside family effects, none that is alone."""
    sizes = np.bincount(family)
    sizes = sizes[sizes > (1 if effects else 0)]
    return {"family_effects": effects, "models": int(sizes.sum()), "families": len(sizes)}


def _regressor(test: str, x: np.ndarray, covariate: np.ndarray) -> np.ndarray:
    """What may go with the outcome in a U. The theory's capacity is about triplets alone.

    Raises
    ------
    UndefinedError
        Models that do not differ in it, in alignment or in the covariate.
    """
    for name, values in (("alignment", x), ("covariate", covariate)):
        if constant(values):
            raise UndefinedError(f"all models have the same {name}")
    values = z_squared(x) if test == "z²" else capacity(x)
    if constant(values):
        raise UndefinedError("all models have the same regressor")
    return z(values)


EMPTY: Record = dict.fromkeys(
    (
        "estimate",
        "low",
        "high",
        "p",
        "family_low",
        "family_high",
        "family_p",
        "q",
        "u",
        "break",
        "slope_low",
        "slope_high",
        "p_low",
        "p_high",
    )
)


def _rows(
    labels: Sequence[Record],
    about: Record,
    found: Sequence[Record],
) -> list[Record]:
    return [
        {**label, **about, **EMPTY, "undefined": "", **values}
        for label, values in zip(labels, found, strict=True)
    ]


def _coefficient(
    test: str,
    x: np.ndarray,
    linear: bool,
    covariate: np.ndarray,
    Y: np.ndarray,
    family: np.ndarray,
    effects: bool,
    confidence: float,
) -> list[Record]:
    """The regressor's coefficient for every outcome, by independent draws and by family."""
    same = np.array([constant(y) for y in Y.T])
    outcomes = np.column_stack([y if s else z(y) for y, s in zip(Y.T, same, strict=True)])
    family_values: dict[str, np.ndarray] = {}
    undefined = ""
    try:
        terms = [_regressor(test, x, covariate), *([z(x)] if linear else []), z(covariate)]
        fit = Regression(np.column_stack(terms), outcomes, family, effects)
    except UndefinedError as reason:
        return [{"undefined": SAME if s else str(reason)} for s in same]
    try:
        if fit.groups < MIN_FAMILIES:
            raise UndefinedError(FEW)
        low, high = fit.by_family.interval(confidence)
        family_values = {
            "family_low": low[0],
            "family_high": high[0],
            "family_p": fit.by_family.p[0],
        }
    except UndefinedError as reason:
        undefined = f"by family: {reason}"
    low, high = fit.classical.interval(confidence)
    values = {
        "estimate": fit.value[0],
        "low": low[0],
        "high": high[0],
        "p": fit.classical.p[0],
        **family_values,
    }
    return [
        {"undefined": SAME}
        if s
        else {name: float(column[k]) for name, column in values.items()} | {"undefined": undefined}
        for k, s in enumerate(same)
    ]


def _lines(
    x: np.ndarray, covariate: np.ndarray, Y: np.ndarray, family: np.ndarray, effects: bool
) -> list[Record]:
    """The two-lines test of every outcome."""
    if constant(covariate):
        reason = "all models have the same covariate"
        return [{"undefined": SAME if constant(y) else reason} for y in Y.T]
    few = _counts(family, effects)["families"] < MIN_FAMILIES
    found = two_lines(x, Y, z(covariate)[:, None], family, effects)
    return [_of_lines(result, few) for result in found]


def _of_lines(found: TwoLines, few: bool) -> Record:
    """A two-lines test as a row; by family where there is such a test."""
    if math.isnan(found.at):
        return {"undefined": found.undefined}
    by_family = None if few or math.isnan(found.family_p.u) else found.family_p.u
    shown = found.p if by_family is None else found.family_p
    return {
        "estimate": min(-found.slope_low, found.slope_high),
        "p": found.p.u,
        "family_p": by_family,
        "break": found.at,
        "slope_low": found.slope_low,
        "slope_high": found.slope_high,
        "p_low": shown.low,
        "p_high": shown.high,
        "undefined": f"by family: {FEW}" if few else found.undefined,
    }


def _control(rows: list[Record], families: int, alpha: float) -> list[Record]:
    """Fill in q and u. Naive p are controlled only where a study has no test by family at all.

    Each kind of test by itself: false discoveries are a share of all, so that many true ones of
    z², which a line that bends gives too, would make room for false ones of two lines.
    """
    few = families < MIN_FAMILIES
    key = "p" if few else "family_p"
    for test in dict.fromkeys(row["test"] for row in rows):
        tested = [i for i, r in enumerate(rows) if r["test"] == test and r[key] is not None]
        if not tested:
            continue
        q = false_discovery_control([rows[i][key] for i in tested], method="bh")
        for i, value in zip(tested, q, strict=True):
            rows[i]["q"] = float(value)
            if not few:
                rows[i]["u"] = bool(value < alpha and rows[i]["estimate"] > 0)
    return rows
