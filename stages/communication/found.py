"""What the simulations found, beside what theory says: metrics, and rows of DVC's plots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import scipy

from stages.communication.game import STRATEGIES
from stages.runtime.tables import Record

if TYPE_CHECKING:
    import pandas as pd

Tables = Mapping[str, list[Record]]

SIZE = ["objects", "dimensions"]
_ROUNDING = 1e-9  # shares and numbers of queries that differ by less are equal


def summary(tables: Tables) -> Record:
    """Few numbers, of four digits; None where the ε of params.yaml do not determine one.

    `exponent` of queries ~ C_ε^−exponent at one size: 1 in theory. `efficiency`: mean share of the
    capacity that the bits of a place are, 1 for a perfect code that need only be right.
    `symmetry_p`: that ε and 1 − ε take equally many queries. `largest_z`: the largest difference
    between a simulation and its closed form, in standard errors, and from the sum that the paper
    prints for the expected maximum.
    """

    import pandas as pd

    def short(value: float | None) -> float | None:
        return None if value is None else float(f"{value:.4g}")

    queries = pd.DataFrame(tables["queries"]).astype({"queries": float})
    known = queries[(queries["queries"] > 0) & (queries["capacity"] > 0)]
    of = {strategy: known[known["strategy"] == strategy] for strategy in STRATEGIES}
    attacks = tables["adversarial"]
    return {
        "exponent": {s: short(exponent(rows)) for s, rows in of.items()},
        "efficiency": {s: short(efficiency(rows)) for s, rows in of.items()},
        "symmetry_p": short(symmetry(pd.DataFrame(tables["worlds"]))),
        "largest_z": {
            "shift": short(largest_z(tables["shift"], "student", "expected")),
            "maximum": short(largest_z(attacks, "disagreement", "expected")),
            "maximum_as_printed": short(largest_z(attacks, "disagreement", "printed")),
        },
    }


def exponent(known: pd.DataFrame) -> float | None:
    """Slope of log queries against −log C_ε (least squares), with an intercept for each size."""
    logs: pd.DataFrame = known[["capacity", "queries"]].apply(np.log)
    logs -= logs.groupby([known[name] for name in SIZE]).transform("mean")
    x, y = -logs["capacity"].to_numpy(), logs["queries"].to_numpy()
    return float(x @ y / (x @ x)) if x @ x > 0 else None


def efficiency(known: pd.DataFrame) -> float | None:
    """Mean over sizes and ε of (entropy of the place / C_ε) / queries."""
    mean = (known["entropy"] / known["capacity"] / known["queries"]).mean()
    return None if np.isnan(mean) else float(mean)


def symmetry(worlds: pd.DataFrame) -> float | None:
    """p that ε and 1 − ε take equally many queries: paired by world, Fisher's method over sizes."""
    flips = np.minimum(worlds["epsilon"], 1 - worlds["epsilon"]).round(9)
    worlds = worlds.assign(flips=flips, mirrored=worlds["epsilon"] > 0.5)
    setting = [*SIZE, "strategy", "flips"]
    pairs = worlds.pivot(index=[*setting, "world"], columns="mirrored", values="queries")
    pairs = pairs.reindex(columns=[False, True]).astype(float).dropna()
    tested = [_equal(values.to_numpy()) for _, values in pairs.groupby(setting)]
    p = [value for value in tested if value is not None]
    return float(scipy.stats.combine_pvalues(p).pvalue) if p else None


def _equal(pairs: np.ndarray) -> float | None:
    """p that pairs [W, 2] are equal in the mean, by a paired t-test; None where all are, or one.

    Differences without a spread, but for rounding, are tested by their sign.
    """
    difference, rounding = pairs[:, 0] - pairs[:, 1], _ROUNDING * np.abs(pairs).max()
    if len(pairs) < 2 or np.abs(difference).max() <= rounding:
        return None
    if np.ptp(difference) <= rounding:
        return float(2.0 ** (1 - len(pairs)))
    return float(scipy.stats.ttest_1samp(difference, 0).pvalue)


def largest_z(rows: list[Record], found: str, expected: str) -> float | None:
    """Largest |found − expected| in standard errors; without an error, any difference is large."""
    z = [abs(row[found] - row[expected]) / max(row["se"], _ROUNDING) for row in rows]
    return max(z, default=None)


def plotted(tables: Tables) -> dict[str, list[Record]]:
    """Rows of each plot: a panel's name, ε, and what is shown with its interval."""
    queries, fewshot = [], []
    for row in tables["queries"]:
        panel = f"{row['strategy']} queries, d = {row['dimensions']}"
        shown = {key: row[key] for key in ("epsilon", "queries", "low", "high", "bound")}
        queries.append({"panel": panel, "line": f"{row['objects']} objects", **shown})
    for row in tables["fewshot"]:
        shown = {key: row[key] for key in ("epsilon", "accuracy", "low", "high")}
        fewshot.append({"panel": f"n = {row['n']}", **shown})
    return {"theory_queries": queries, "theory_fewshot": fewshot}
