"""Does the analysis find what is there, and nothing else? Planted data, in minutes.

`python -m benchmarks.planted [simulations]`, by default 2000. Zoos are drawn with family effects of
known size, in the families of the paper's 491 models and of the studies whose networks are trained
here. Of each: how often the intervals of r hold the true value (95 % is right), and how often each
test for a U says that there is one where there is none (5 % at most) and where there is one.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.sides import timed
from stages.analysis.families import Resampling
from stages.analysis.partial import partial_correlation, z, z_squared
from stages.analysis.ushape import u_tests
from stages.runtime.machine import cores

PAPER = Path(__file__).resolve().parents[1] / "studies" / "models" / "paper.csv"
CONFIDENCE, BOOTSTRAPS = 0.95, 400
BENT = "a line that bends"
SHARED = 0.5  # of the variance of every variable, what models of one family have in common

Draw = tuple[np.ndarray, np.ndarray, np.ndarray]
"""x, y and the covariate, [M] each."""
Average = Callable[[Callable[[int], list[float]]], np.ndarray]


def without_u(name: str, x: np.ndarray) -> np.ndarray:
    """What goes without a U. Where the line bends, z² goes with the outcome all the same."""
    return {"no relation": 0 * x, "a line": 0.8 * x, BENT: np.exp(0.8 * x)}[name]


def families() -> dict[str, np.ndarray]:
    """Family of each model, by study."""
    names = pd.read_csv(PAPER, dtype=str, keep_default_na=False)["family"]
    return {
        "491 models, 48 families": pd.factorize(names)[0],
        "40 models, 8 recipes": np.repeat(np.arange(8), 5),
        "40 models, 5 architectures": np.tile(np.arange(5), 8),
    }


def draw(
    family: np.ndarray, shape: Callable[[np.ndarray], np.ndarray], rng: np.random.Generator
) -> Draw:
    """A zoo: alignment x, a covariate that goes with it, and an outcome of both.

    y = shape(x) + 0.7 c + noise, with x and the noise standard normal and c = x / 2 + a standard
    normal; of each, `SHARED` of the variance is the family's.
    """

    def normal() -> np.ndarray:
        own, shared = rng.normal(size=len(family)), rng.normal(size=family.max() + 1)
        return np.sqrt(SHARED) * shared[family] + np.sqrt(1 - SHARED) * own

    x = normal()
    covariate = x / 2 + normal()
    return x, shape(x) + 0.7 * covariate + normal(), covariate


def u_shape(r: float, x: np.ndarray) -> np.ndarray:
    """A parabola whose z² has partial correlation r with the outcome.

    x is normal, so (x² − 1) / √2 has unit variance and goes with neither x nor the covariate: given
    the covariate the outcome is b (x² − 1) / √2 + noise of unit variance, and r = b / √(b² + 1).
    """
    b = r / np.sqrt(1 - r**2)
    return b * (x**2 - 1) / np.sqrt(2)


def main() -> None:
    simulations = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with ProcessPoolExecutor(cores(), initializer=threadpool_limits, initargs=(1,)) as pool:

        def average(simulate: Callable[[int], list[float]]) -> np.ndarray:
            """Means of what a function of the seed finds, over all simulations."""
            return np.mean(list(pool.map(simulate, range(simulations), chunksize=20)), 0)

        print(f"{simulations} simulations on {cores()} cores")
        print(f"{SHARED:.0%} of the variance is the families'")
        coverage_table(average)
        alarms_table(average)


def coverage_table(average: Average) -> None:
    """How often 95 % intervals hold the partial correlation that was planted."""
    print(f"\nCoverage of {CONFIDENCE:.0%} intervals of r")
    print(f"{'':28}{'term':8}{'true r':>7}{'mean r':>8}{'naive':>9}{'by family':>11}")
    for name, family in families().items():
        for term, r in (("linear", 0.0), ("z²", 0.0), ("z²", 0.3), ("z²", 0.6)):
            mean, naive, robust = average(partial(coverage, family, term, r))
            print(f"{name:28}{term:8}{r:7.1f}{mean:8.2f}{naive:9.1%}{robust:11.1%}", flush=True)


def coverage(family: np.ndarray, term: str, r: float, seed: int) -> list[float]:
    """r of one drawn zoo, and whether the naive interval and that by family hold the true one."""
    rng = np.random.default_rng([seed, 1])
    x, y, covariate = draw(family, partial(u_shape, r), rng)
    square = term == "z²"
    naive = partial_correlation(z_squared(x) if square else z(x), y, covariate, CONFIDENCE)
    resampling = Resampling(CONFIDENCE, BOOTSTRAPS, seed)
    ours = resampling.intervals(x, y[:, None], covariate, family, square).iloc[0]
    by_family = float(ours["family_low"] <= r <= ours["family_high"])
    return [naive["r"], naive["low"] <= r <= naive["high"], by_family]


def alarms_table(average: Average) -> None:
    """How often each test says U: where there is none, and with a planted one."""
    tests = ("z²", "z² + z", "lines", "z² fam.", "z² + z fam.", "lines fam.")
    print("\nShare of zoos in which a test says U, at p < .05: models independent, then by family")
    print(f"{'':28}{'relation':18}" + "".join(f"{test:>12}" for test in tests))
    shapes = {name: partial(without_u, name) for name in ("no relation", "a line", BENT)}
    shapes |= {f"a U of r = {r}": partial(u_shape, r) for r in (0.3, 0.6)}
    for name, family in families().items():
        for relation, shape in shapes.items():
            found = average(partial(alarms, family, shape))
            print(f"{name:28}{relation:18}" + "".join(f"{v:12.1%}" for v in found), flush=True)


def alarms(family: np.ndarray, shape: Callable[[np.ndarray], np.ndarray], seed: int) -> list[float]:
    """Whether each test of `alarms_table` finds a U in one drawn zoo."""
    x, y, covariate = draw(family, shape, np.random.default_rng([seed, 2]))
    rows = u_tests({"x": x}, covariate, [{}], y[:, None], family, CONFIDENCE)
    kept = [row for row in rows if not row["family_effects"]]  # z², z² + z, two lines
    return [
        float(row[p] is not None and row[p] < 1 - CONFIDENCE and row["estimate"] > 0)
        for p in ("p", "family_p")
        for row in kept
    ]


if __name__ == "__main__":
    timed(main)
