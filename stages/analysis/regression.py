"""Least squares of many outcomes on one design, with errors that hold for models in families."""

from collections.abc import Callable
from functools import cached_property
from itertools import repeat
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student_t

from stages.analysis.families import FEW, MIN_FAMILIES
from stages.analysis.outcomes import Record
from stages.analysis.partial import SAME, constant, z

SINGULAR = 1e-9
"""Terms of which the others leave less than this share are collinear."""


class UndefinedError(ValueError):
    """A regression that has no solution for these models; the message says why."""


class Estimates(NamedTuple):
    """Coefficients [p, K] of p terms for K outcomes, their standard errors, degrees of freedom."""

    value: np.ndarray
    error: np.ndarray
    freedom: int

    @property
    def t(self) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.divide(self.value, self.error)

    @property
    def p(self) -> np.ndarray:
        """Two-sided p-values of coefficients of 0."""
        return np.multiply(2, student_t.sf(np.abs(self.t), self.freedom))

    def interval(self, confidence: float) -> tuple[np.ndarray, np.ndarray]:
        half = student_t.ppf(0.5 + confidence / 2, self.freedom) * self.error
        return self.value - half, self.value + half


class Regression:
    """Ordinary least squares of outcomes on terms and an intercept, or an intercept a family.

    terms : [M, p]. Y : [M, K]. family : [M] integers.
    effects : family effects: an intercept a family, by demeaning within it (Frisch & Waugh 1933).
        Families of one model carry no information then, and are left out.

    Raises UndefinedError with too few models for the terms, or terms that are not independent.
    """

    def __init__(
        self, terms: np.ndarray, Y: np.ndarray, family: np.ndarray, effects: bool = False
    ) -> None:
        kept = np.bincount(family)[family] > effects
        names, self.family = np.unique(family[kept], return_inverse=True)
        self.groups = len(names)
        self.freedom = int(kept.sum()) - terms.shape[1] - (self.groups if effects else 1)
        if self.freedom < 1:
            raise UndefinedError("too few models")
        member = self.family if effects else np.zeros_like(self.family)
        self.size = np.bincount(member)[member]
        self.X, self.Y = demean(terms[kept], member), demean(Y[kept], member)
        squares = ((terms - terms.mean(0)) ** 2).sum(0)
        try:
            self.inverse = np.linalg.inv(self.X.T @ self.X)
        except np.linalg.LinAlgError as error:
            raise UndefinedError("the terms are collinear") from error
        inflation = np.diag(self.inverse) * squares  # 0 or less only by rounding
        if not ((inflation > 0) & (inflation < 1 / SINGULAR)).all():
            raise UndefinedError("the terms are collinear")
        self.value = self.inverse @ self.X.T @ self.Y
        self.residual = self.Y - self.X @ self.value

    @cached_property
    def classical(self) -> Estimates:
        """Errors of independent draws with one variance."""
        variance = (self.residual**2).sum(0) / self.freedom
        error = np.sqrt(np.diag(self.inverse)[:, None] * variance)
        return Estimates(self.value, error, self.freedom)

    @cached_property
    def hc3(self) -> Estimates:
        """Errors of independent draws, each with a variance of its own (MacKinnon & White 1985)."""
        weights = self.X @ self.inverse
        leverage = (weights * self.X).sum(1) + 1 / self.size
        if (leverage > 1 - SINGULAR).any():
            raise UndefinedError("a coefficient depends on one model")
        alone = self.residual / (1 - leverage)[:, None]
        error = np.sqrt(np.einsum("mp,mk->pk", weights**2, alone**2))
        return Estimates(self.value, error, self.freedom)

    @cached_property
    def by_family(self) -> Estimates:
        """Errors that hold within families: CR3, the jackknife of families, with G - 1 degrees.

        MacKinnon, Nielsen & Webb (2023, doi:10.1016/j.jeconom.2022.04.001). The usual sandwich
        errors are too small with few or unequal families. UndefinedError with fewer than
        `MIN_FAMILIES`, and where a coefficient depends on one family.
        """
        if self.groups < MIN_FAMILIES:
            raise UndefinedError(FEW)
        own = np.arange(self.groups) == self.family[:, None]
        # Sums over each family, of the demeaned terms and of 1 where there is one intercept.
        one = (self.size == len(self.X)).all()
        X = np.column_stack([self.X, np.ones(len(self.X))]) if one else self.X
        gram = np.einsum("mg,mp,mq->gpq", own, X, X, optimize=True)
        cross = np.einsum("mg,mp,mk->gpk", own, X, self.Y, optimize=True)
        without = gram.sum(0) - gram
        length = np.sqrt(np.einsum("gpp->gp", without))
        scaled = without / np.maximum(length[:, :, None] * length[:, None, :], 1e-300)
        if (np.linalg.eigvalsh(scaled)[:, 0] < SINGULAR).any():  # smallest, of terms of length 1
            raise UndefinedError("a coefficient depends on one family")
        value = np.linalg.solve(without, cross.sum(0) - cross)[:, : self.X.shape[1]]
        spread = ((value - self.value) ** 2).sum(0)
        error = np.sqrt((self.groups - 1) / self.groups * spread)
        return Estimates(self.value, error, self.groups - 1)


def coefficients(
    terms: list[np.ndarray], family: np.ndarray, effects: bool, confidence: float, Y: np.ndarray
) -> list[Record]:
    """The first term's coefficient for each of K outcomes, for independent models and by family.

    Terms [M] and outcomes Y [M, K] vary, and are standardised. Returns estimate, low, high, p and,
    where they are defined, family_low, family_high and family_p; else `undefined` says why.
    Raises UndefinedError as `Regression` does.
    """
    outcomes = np.apply_along_axis(z, 0, Y)
    fit = Regression(np.column_stack([z(term) for term in terms]), outcomes, family, effects)
    estimates, undefined = {"": fit.classical}, ""
    try:
        estimates["family_"] = fit.by_family
    except UndefinedError as reason:
        undefined = f"by family: {reason}"
    found = {"estimate": fit.value[0]}
    for prefix, one in estimates.items():
        low, high = one.interval(confidence)
        for name, values in (("low", low), ("high", high), ("p", one.p)):
            found[prefix + name] = values[0]
    rows = zip(*(values.tolist() for values in found.values()), strict=True)
    named = (dict(zip(found, (None if v != v else v for v in row), strict=True)) for row in rows)
    return [row | {"undefined": undefined} for row in named]


def of_varying(Y: np.ndarray, test: Callable[[np.ndarray], list[Record]]) -> list[Record]:
    """What `test` finds of those outcomes, [M, K], that vary; the others' `undefined` says why."""
    varying = [not constant(y) for y in Y.T]
    try:
        found = iter(test(Y[:, varying]) if any(varying) else [])
    except UndefinedError as reason:
        found = repeat({"undefined": str(reason)})
    return [next(found) if varies else {"undefined": SAME} for varies in varying]


def demean(values: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Deviations [M, p] from the means of each member's group."""
    own = (member[:, None] == np.arange(member.max() + 1)).astype(float)
    return np.subtract(values, own @ ((own.T @ values) / own.sum(0)[:, None]))
