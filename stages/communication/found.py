"""What the simulations found, beside what theory says: metrics, and rows of DVC's plots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import combine_pvalues, ttest_rel
from scipy.stats import t as student

from stages.communication.game import STRATEGIES
from stages.communication.spread import LEVEL

Record = dict[str, Any]
Tables = Mapping[str, list[Record]]

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
    p = [ttest_rel(*np.transpose(values)).pvalue for values in pairs.values() if _differ(values)]
    return float(combine_pvalues(p).pvalue) if p else None


def _differ(values: list[tuple[float, float]]) -> bool:
    """Whether paired differences have a spread to be tested against."""
    return len(values) > 1 and float(np.ptp([a - b for a, b in values])) > 0


def largest_z(rows: list[Record], found: str, expected: str) -> float | None:
    """Largest |found − expected| in standard errors, those being of the 95 % interval."""
    z = [abs(row[found] - row[expected]) / se for row in rows if (se := _se(row)) > 0]
    return max(z) if z else None


def _se(row: Record) -> float:
    """Standard error of a mean over `worlds`, from its interval."""
    reach = float(student.ppf((1 + LEVEL) / 2, row["worlds"] - 1))
    return float(row["high"] - row["low"]) / 2 / reach


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
