"""What the simulations found, beside what theory says: metrics, and rows of DVC's plots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import combine_pvalues, ttest_1samp

from stages.communication.game import STRATEGIES

Record = dict[str, Any]
Tables = Mapping[str, list[Record]]

_ROUNDING = 1e-9  # shares that differ by less are equal

TABLES = ("worlds", "queries", "fewshot", "shift", "adversarial")


def metrics(tables: Tables) -> Record:
    """Few numbers; None where the ε of params.yaml do not tell.

    `exponent` of queries ~ C_ε^−exponent at one size: 1 in theory. `efficiency`: mean share of the
    capacity that the bits of a place are, 1 for a perfect code that need only be right.
    `symmetry_p`: that ε and 1 − ε take equally many queries. `largest_z`: the largest difference
    between a simulation and its closed form, in standard errors, and from the sum that the paper
    prints for the expected maximum.
    """
    of = {s: [r for r in tables["queries"] if r["strategy"] == s] for s in STRATEGIES}
    return {
        "exponent": {s: _short(exponent(rows)) for s, rows in of.items()},
        "efficiency": {s: _short(efficiency(rows)) for s, rows in of.items()},
        "symmetry_p": _short(symmetry(tables["worlds"])),
        "largest_z": {
            "shift": _short(largest_z(tables["shift"], "student", "expected")),
            "maximum": _short(_adversarial_z(tables, "expected")),
            "maximum_as_printed": _short(_adversarial_z(tables, "printed")),
        },
    }


def exponent(rows: list[Record]) -> float | None:
    """Slope of log queries against −log C_ε, sizes having their own intercepts (least squares)."""
    known = [r for r in rows if r["queries"] is not None and r["capacity"] > 0]
    if not known:
        return None
    sizes = sorted({_size(r) for r in known})
    member = np.array([[_size(r) == size for size in sizes] for r in known], float)
    x = np.array([-math.log(r["capacity"]) for r in known])
    y = np.array([math.log(r["queries"]) for r in known])
    x, y = (v - member @ (member.T @ v / member.sum(0)) for v in (x, y))
    return float(x @ y / (x @ x)) if x @ x > 0 else None


def efficiency(rows: list[Record]) -> float | None:
    """Mean over sizes and ε of (entropy of the place / C_ε) / queries."""
    found = [
        r["entropy"] / r["capacity"] / r["queries"] for r in rows if r["queries"] and r["capacity"]
    ]
    return float(np.mean(found)) if found else None


def symmetry(worlds: list[Record]) -> float | None:
    """p that ε and 1 − ε take equally many queries: paired by world, Fisher's method."""
    queries = {
        (_size(r), r["strategy"], r["world"], round(r["epsilon"], 9)): r["queries"] for r in worlds
    }
    pairs: dict[tuple[Any, ...], list[tuple[float, float]]] = {}
    for (size, strategy, world, e), value in queries.items():
        other = queries.get((size, strategy, world, round(1 - e, 9)))
        if e < 0.5 and value is not None and other is not None:
            pairs.setdefault((size, strategy, e), []).append((value, other))
    found = [_equal(np.array(values)) for values in pairs.values()]
    p = [value for value in found if value is not None]
    return float(combine_pvalues(p).pvalue) if p else None


def _equal(pairs: np.ndarray) -> float | None:
    """p that pairs [W, 2] are equal in the mean, by a paired t-test; None where all are, or one.

    Differences without a spread, but for rounding, are tested by their sign.
    """
    difference, rounding = pairs[:, 0] - pairs[:, 1], 1e-9 * np.abs(pairs).max()
    if len(pairs) < 2 or np.abs(difference).max() <= rounding:
        return None
    if np.ptp(difference) <= rounding:
        return float(2.0 ** (1 - len(pairs)))
    return float(ttest_1samp(difference, 0).pvalue)


def largest_z(rows: list[Record], found: str, expected: str) -> float | None:
    """Largest |found − expected| in standard errors; without an error, any difference is large."""
    z = [abs(row[found] - row[expected]) / max(row["se"], _ROUNDING) for row in rows]
    return max(z) if z else None


def _adversarial_z(tables: Tables, expected: str) -> float | None:
    return largest_z(tables["adversarial"], "disagreement", expected)


def _size(row: Record) -> tuple[int, int]:
    return row["objects"], row["dimensions"]


def _short(value: float | None) -> float | None:
    """Four significant digits."""
    return None if value is None else float(f"{value:.4g}")


def plotted(tables: Tables) -> dict[str, list[Record]]:
    """Rows of each plot: a panel's name, ε, and what is shown with its interval."""
    return {
        "theory_queries": [
            {
                "panel": f"{row['strategy']} queries, d = {row['dimensions']}",
                "line": f"{row['objects']} objects",
                **{key: row[key] for key in ("epsilon", "queries", "low", "high", "bound")},
            }
            for row in tables["queries"]
        ],
        "theory_fewshot": [
            {
                "panel": f"n = {row['n']}",
                **{key: row[key] for key in ("epsilon", "accuracy", "low", "high")},
            }
            for row in tables["fewshot"]
        ],
    }
