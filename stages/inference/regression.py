"""Least squares of many outcomes on one design, with errors that hold for models in families."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import t as student_t

SINGULAR = 1e-9
"""Share of a term that is left when the others are taken out, below which it is none of its own."""


class UndefinedError(ValueError):
    """A regression that the models at hand cannot tell; the message says why."""


@dataclass(frozen=True)
class Estimates:
    """Coefficients [p, K] of p terms for K outcomes, their standard errors, degrees of freedom."""

    value: np.ndarray
    error: np.ndarray
    freedom: int

    @property
    def t(self) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio: np.ndarray = self.value / self.error
        return ratio

    @property
    def p(self) -> np.ndarray:
        """Two-sided p-values of coefficients of 0."""
        values: np.ndarray = 2 * student_t.sf(np.abs(self.t), self.freedom)
        return values

    def interval(self, confidence: float) -> tuple[np.ndarray, np.ndarray]:
        half = student_t.ppf(0.5 + confidence / 2, self.freedom) * self.error
        return self.value - half, self.value + half


class Regression:
    """Ordinary least squares of outcomes on terms and an intercept, or an intercept a family.

    Parameters
    ----------
    terms : [M, p]. Y : [M, K]. family : [M] integers.
    effects : family effects: an intercept a family, by demeaning within it (Frisch & Waugh 1933).
        Families of one model tell nothing then, and are left out.

    Raises
    ------
    UndefinedError
        Too few models for the terms, or terms that are not independent.
    """

    def __init__(
        self, terms: np.ndarray, Y: np.ndarray, family: np.ndarray, effects: bool = False
    ) -> None:
        kept = np.ones(len(terms), bool)
        if effects:
            kept = np.bincount(family)[family] > 1
        self.family = np.unique(family[kept], return_inverse=True)[1]
        self.groups = int(self.family.max()) + 1 if kept.any() else 0
        member = self.family if effects else np.zeros(int(kept.sum()), np.intp)
        self.size = np.bincount(member)[member] if kept.any() else np.zeros(0)
        self.X, self.Y = demean(terms[kept], member), demean(Y[kept], member)
        intercepts = self.groups if effects else 1
        self.freedom = int(kept.sum()) - terms.shape[1] - intercepts
        if self.freedom < 1:
            raise UndefinedError("too few models")
        left = 1 / np.diag(_inverse(self.X.T @ self.X)) / np.maximum(_squares(terms), 1e-300)
        if not (left > SINGULAR).all():
            raise UndefinedError("the models do not tell the terms apart")
        self.inverse = np.linalg.inv(self.X.T @ self.X)
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
            raise UndefinedError("a coefficient rests on one model")
        alone = self.residual / (1 - leverage)[:, None]
        error = np.sqrt(np.einsum("mp,mk->pk", weights**2, alone**2))
        return Estimates(self.value, error, self.freedom)

    @cached_property
    def by_family(self) -> Estimates:
        """Errors that hold within families: CR3, the jackknife of families, with G - 1 degrees.

        Bell & McCaffrey (2002); MacKinnon, Nielsen & Webb (2023,
        doi:10.1016/j.jeconom.2022.04.001). The usual sandwich errors are too small with few or
        unequal families.

        Raises
        ------
        UndefinedError
            A coefficient that rests on one family: without it there is none.
        """
        own = np.arange(self.groups) == self.family[:, None]
        # Sums over each family, of the demeaned terms and of 1 where there is one intercept.
        X, Y = self._with_intercept()
        gram = np.einsum("mg,mp,mq->gpq", own, X, X, optimize=True)
        cross = np.einsum("mg,mp,mk->gpk", own, X, Y, optimize=True)
        without = gram.sum(0) - gram
        if (_share_left(without) < SINGULAR).any():
            raise UndefinedError("a coefficient rests on one family")
        value = np.linalg.solve(without, cross.sum(0) - cross)[:, : self.X.shape[1]]
        spread = ((value - self.value) ** 2).sum(0)
        error = np.sqrt((self.groups - 1) / self.groups * spread)
        return Estimates(self.value, error, self.groups - 1)

    def _with_intercept(self) -> tuple[np.ndarray, np.ndarray]:
        """Terms and outcomes, with a column of ones where families have no intercepts of theirs."""
        if (self.size == len(self.X)).all():
            return np.column_stack([self.X, np.ones(len(self.X))]), self.Y
        return self.X, self.Y


def demean(values: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Deviations [M, p] from the means of each member's group."""
    if len(values) == 0:
        return values
    own = (member[:, None] == np.arange(member.max() + 1)).astype(float)
    centred: np.ndarray = values - own @ ((own.T @ values) / own.sum(0)[:, None])
    return centred


def _squares(values: np.ndarray) -> np.ndarray:
    """Sum of squares of each column about its mean."""
    total: np.ndarray = ((values - values.mean(0)) ** 2).sum(0)
    return total


def _inverse(matrix: np.ndarray) -> np.ndarray:
    """The inverse, or infinity everywhere where there is none."""
    try:
        return np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return np.full_like(matrix, np.inf)


def _share_left(grams: np.ndarray) -> np.ndarray:
    """[G] smallest eigenvalue of each Gram matrix [G, p, p], its terms scaled to unit length."""
    length = np.sqrt(np.einsum("gpp->gp", grams))
    scaled = grams / np.maximum(length[:, :, None] * length[:, None, :], 1e-300)
    smallest: np.ndarray = np.linalg.eigvalsh(scaled)[:, 0]
    return smallest
