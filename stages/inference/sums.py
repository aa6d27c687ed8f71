"""Partial correlation of resampled families, from sums over each family's models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sums:
    """Sums over each family's models of products of 1, the covariate, x, x² and the outcomes.

    All that a resample of families needs follows from them: no sum over models is done twice.
    """

    basis: np.ndarray  # [G, P, P] of the products of 1 (and c), x (and x²)
    outcome: np.ndarray  # [G, P, K] of those with the outcomes
    squares: np.ndarray  # [G, K] of the outcomes' squares
    controls: int  # 2 with a covariate, 1 without
    square: bool

    @property
    def groups(self) -> int:
        return len(self.basis)

    @classmethod
    def of(
        cls,
        x: np.ndarray,
        Y: np.ndarray,
        covariate: np.ndarray | None,
        family: np.ndarray,
        square: bool,
    ) -> Sums:
        x, Y = _scores(x), _scores(Y)
        controls = [np.ones_like(x), *([] if covariate is None else [_scores(covariate)])]
        design = np.stack([*controls, x, *([x**2] if square else [])], 1)
        member = (family[:, None] == np.arange(family.max() + 1)).astype(float)
        return cls(
            np.einsum("mg,mp,mq->gpq", member, design, design),
            np.einsum("mg,mpk->gpk", member, design[:, :, None] * Y[:, None, :]),
            member.T @ Y**2,
            len(controls),
            square,
        )

    def correlation(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """r [B, K] where family g is there counts[b, g] times, and the error of Fisher's z of it.

        The error of a single family is NaN.
        The error is the family-robust one of the linearised r: each model's influence is
        ũṽ − r (ũ² + ṽ²) / 2, of residuals scaled to unit variance, plus that on the mean of x.
        """
        total = counts.sum(1)
        basis = np.tensordot(counts, self.basis, 1)
        outcome = np.tensordot(counts, self.outcome, 1)
        u, x = self._residual(basis)
        inner = slice(self.controls)
        inverse = _inverse(basis[:, inner, inner])
        on_c = np.einsum("bvw,bwk->bvk", inverse, outcome[:, inner])  # outcomes on 1 and c
        # Products of residuals, by family.
        uu = np.einsum("bp,gpq,bq->bg", u, self.basis, u)
        uv = self._with_outcome(u, on_c)
        vv = (
            self.squares
            - 2 * np.einsum("gwk,bwk->bgk", self.outcome[:, inner], on_c)
            + np.einsum("gvw,bvk,bwk->bgk", self.basis[:, inner, inner], on_c, on_c, optimize=True)
        )
        spread = np.einsum("bg,bg->b", counts, uu)[:, None]
        variance = np.einsum("bg,bgk->bk", counts, vv)
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.where(spread > 1e-10 * total[:, None], spread, np.nan)
            variance = np.where(variance > 1e-10 * total[:, None], variance, np.nan)
            r = np.einsum("bg,bgk->bk", counts, uv) / np.sqrt(spread * variance)
            influence = (
                uv / np.sqrt(spread * variance)[:, None, :]
                - r[:, None, :] * (uu / spread)[:, :, None] / 2
                - r[:, None, :] * vv / variance[:, None, :] / 2
            )
            if self.square:
                influence += self._of_mean(counts, basis, x, u, on_c, r, spread, variance)
            correction = self.groups / (self.groups - 1) if self.groups > 1 else np.nan
            robust = np.sqrt(correction * np.einsum("bg,bgk->bk", counts, influence**2))
            return r, robust / (1 - r**2)

    def _residual(self, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[B, P] coefficients of the residuals on 1 and c: of the regressor, and of x itself."""
        at, raw = self.controls, np.zeros(basis.shape[:2])
        raw[:, at] = 1
        x = raw - self._explained(basis, raw)
        if not self.square:
            return x, x
        mean = basis[:, 0, at] / basis[:, 0, 0]
        raw[:, at], raw[:, at + 1] = -2 * mean, 1  # (x - mean)², less a number
        return raw - self._explained(basis, raw), x

    def _explained(self, basis: np.ndarray, raw: np.ndarray) -> np.ndarray:
        inner, explained = slice(self.controls), np.zeros_like(raw)
        inverse = _inverse(basis[:, inner, inner])
        explained[:, inner] = np.einsum("bvw,bwq,bq->bv", inverse, basis[:, inner], raw)
        return explained

    def _with_outcome(self, u: np.ndarray, on_c: np.ndarray) -> np.ndarray:
        """[B, G, K] sums of a residual times the outcomes' residuals."""
        product = np.einsum("bp,gpk->bgk", u, self.outcome, optimize=True)
        fitted = self.basis[:, :, : self.controls]
        product -= np.einsum("bp,gpw,bwk->bgk", u, fitted, on_c, optimize=True)
        return product

    def _of_mean(
        self,
        counts: np.ndarray,
        basis: np.ndarray,
        x: np.ndarray,
        u: np.ndarray,
        on_c: np.ndarray,
        r: np.ndarray,
        spread: np.ndarray,
        variance: np.ndarray,
    ) -> np.ndarray:
        """Influence through the mean that z² is taken about: dr/dmean times the families' sums."""
        at = self.controls
        mean = basis[:, 0, at] / basis[:, 0, 0]
        apart = self.basis[:, 0, at] - mean[:, None] * self.basis[:, 0, 0]  # [B, G]
        xv = np.einsum("bg,bgk->bk", counts, self._with_outcome(x, on_c))
        xu = np.einsum("bp,bpq,bq->b", x, basis, u)[:, None]
        slope = -2 * (xv / np.sqrt(spread * variance) - r * xu / spread)
        return apart[:, :, None] * (slope / basis[:, 0, 0][:, None])[:, None, :]


def _scores(values: np.ndarray) -> np.ndarray:
    """Standard scores by column; a constant column becomes zero."""
    centred = values - values.mean(0)
    sd = values.std(0)
    constant = ~(sd > 1e-12 * np.maximum(1.0, np.abs(values).max(0)))
    scores: np.ndarray = np.where(constant, 0.0, centred / np.where(constant, 1.0, sd))
    return scores


def _inverse(matrix: np.ndarray) -> np.ndarray:
    """Inverse of [B, 1, 1] or [B, 2, 2] matrices; NaN where there is none."""
    if matrix.shape[1] == 1:
        return 1 / matrix
    a, b, d = matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 1]
    determinant = a * d - b * b
    with np.errstate(invalid="ignore", divide="ignore"):
        determinant = np.where(determinant > 1e-10 * a * d, determinant, np.nan)
        rows = np.array([[d, -b], [-b, a]]) / determinant
    return np.moveaxis(rows, -1, 0)
