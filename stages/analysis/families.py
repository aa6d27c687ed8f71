"""Partial correlation when models come in families: a bootstrap of whole families.

Models of one family share an architecture or a training recipe, and much of what they score: an
interval of r that takes them for independent is too short. Here whole families are resampled, and
the interval is the bootstrap-t one on Fisher's scale (Cameron, Gelbach & Miller 2008,
doi:10.1162/rest.90.3.414; Hall 1992, The Bootstrap and Edgeworth Expansion).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.runtime.random import rng_for

MIN_FAMILIES = 5
"""With fewer families nothing is said by family: too few to estimate a spread from."""

FEW = "too few families"
UNSTABLE = "many resamples of the families have no correlation"
UNDEFINED = 0.05
"""Above this share of resamples without a correlation there is no interval."""
BY_FAMILY = ["family_low", "family_high", "family_p"]
"""Columns of an interval by family and its p-value."""


@dataclass(frozen=True)
class Resampling:
    """Level of intervals, number of resamples, and their seed; outcomes share the resamples."""

    confidence: float
    bootstraps: int
    seed: int

    def intervals(
        self,
        x: np.ndarray,
        Y: np.ndarray,
        covariate: np.ndarray | None,
        family: np.ndarray,
        square: bool = False,
    ) -> pd.DataFrame:
        """Partial correlation of x, or of z²(x), with K outcomes, by family.

        x : [M]; Y : [M, K]; covariate : [M], [M, C] or None, a plain correlation; their scale
        changes nothing.
        family : [M] integers 0..G-1; G of them are drawn in each resample.
        square : z² in place of x, about the mean of each resample.

        Returns a row an outcome: r, family_low, family_high and family_p. The interval is a
        symmetric bootstrap-t one: Fisher's z of r, give or take its family-robust standard error
        times the quantile of |t| over resamples; p is the share of resamples whose |t| is as large
        as that of r = 0. All but r are NaN with fewer than `MIN_FAMILIES` families, and where more
        than `UNDEFINED` of the resamples have no correlation; r too of a constant outcome.
        """
        groups = int(family.max()) + 1
        member = (np.arange(groups) == family[:, None]).astype(float)
        given = np.empty((len(x), 0)) if covariate is None else covariate.reshape(len(x), -1)
        columns = [_scores(np.ascontiguousarray(c)) for c in given.T]
        scores = _scores(x), _scores(Y), np.array(columns).reshape(-1, len(x)).T
        r, error = family_correlation(np.ones(groups), *scores, member, square)
        if groups < MIN_FAMILIES:
            return pd.DataFrame({"r": r}).reindex(columns=["r", *BY_FAMILY])
        rng, equal = rng_for(self.seed, "families"), np.full(groups, 1 / groups)
        counts = rng.multinomial(groups, equal, size=self.bootstraps).astype(float)
        resampled = (family_correlation(count, *scores, member, square) for count in counts)
        again, errors = (np.stack(values) for values in zip(*resampled, strict=True))
        with np.errstate(invalid="ignore", divide="ignore"):
            t = np.abs(np.arctanh(again) - np.arctanh(r)) / errors
            own = np.abs(np.arctanh(r)) / error
            defined = np.isfinite(t)
            enough = (defined.mean(0) >= 1 - UNDEFINED) & np.isfinite(own)
            t = np.where(defined, t, np.inf)  # one that is undefined counts as further off than any
            quantile = np.quantile(t, self.confidence, axis=0, method="higher")
            half = np.where(enough, quantile, np.nan) * error
            p = np.where(enough, (1 + (t >= own).sum(0)) / (1 + self.bootstraps), np.nan)
            low, high = (np.tanh(np.arctanh(r) + side * half) for side in (-1, 1))
        return pd.DataFrame({"r": r, "family_low": low, "family_high": high, "family_p": p})


def without_interval(family: np.ndarray) -> str:
    """Why a correlation that exists has no interval by family."""
    return f"by family: {FEW if family.max() + 1 < MIN_FAMILIES else UNSTABLE}"


def family_correlation(
    counts: np.ndarray,
    x: np.ndarray,
    Y: np.ndarray,
    covariate: np.ndarray | None,
    member: np.ndarray,
    square: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """r [K] where family g is there counts[g] times, and the standard error of its Fisher's z.

    With residuals u and v scaled to unit length, r = Σ w u v, and a model's influence on r is
    u v − r (u² + v²) / 2. The error is the family-robust one: √(G / (G − 1) Σ counts (sum of a
    family's influences)²), for arctanh divided by 1 − r². z² is taken about a mean that each model
    moves, which adds (x − mean) / Σ w times dr / dmean. NaN where undefined.

    x, Y : [M], [M, K]; covariate : [M], [M, C] or None; standard scores. member : [M, G], 0 or 1.
    """
    w, groups = member @ counts, len(counts)
    total = w.sum()

    def centred(values: np.ndarray) -> np.ndarray:
        return np.subtract(values, w @ values / total)

    orthogonal: list[tuple[np.ndarray, float]] = []

    def residual(values: np.ndarray) -> np.ndarray:
        values = centred(values)
        for c, spread in orthogonal:
            values = np.subtract(values, np.multiply.outer(c, (w * c) @ values / spread))
        return values

    for given in () if covariate is None else covariate.reshape(len(x), -1).T:
        c = residual(given)
        spread = (w * c) @ c
        orthogonal.append((c, spread if spread > 1e-10 * (w @ given**2) else np.nan))

    def unit(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        spread = w @ values**2
        length = np.sqrt(np.where(spread > 1e-10 * total, spread, np.nan))
        return values / length, length

    with np.errstate(invalid="ignore", divide="ignore"):
        distance = centred(x)
        u, length = unit(residual(distance**2 if square else x))
        v, _ = unit(residual(Y))
        r = (w * u) @ v
        influence = u[:, None] * v - r * (u[:, None] ** 2 + v**2) / 2
        if square:
            wx = w * residual(x)
            slope = -2 * (wx @ v - r * (wx @ u)) / length
            influence += distance[:, None] * slope / total
        correction = groups / (groups - 1) if groups > 1 else np.nan
        robust = np.sqrt(correction * (counts @ (member.T @ influence) ** 2))
        return r, robust / (1 - r**2)


def _scores(values: np.ndarray) -> np.ndarray:
    """Standard scores by column; a constant column becomes zero."""
    centred, sd = values - values.mean(0), values.std(0)
    varies = sd > 1e-12 * np.maximum(1.0, np.abs(values).max(0))
    return np.divide(centred, sd, out=np.zeros_like(centred), where=varies)
