"""Queries over several worlds beside what theory says of them, and what is made of them."""

import math
from itertools import chain, product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, kstest, t

from stages.communication import found
from stages.communication.game import STRATEGIES, PlayedGames, interval
from stages.communication.queries import GameSize, games, until_right
from stages.runtime.tables import Record
from stages.similarity.measures import capacity
from tests.test_game import rng


def test_an_interval_is_students() -> None:
    values = rng().normal(3, 2, 7)
    low, high = t.interval(0.95, 6, loc=values.mean(), scale=values.std(ddof=1) / math.sqrt(7))
    expected = {"queries": values.mean(), "low": low, "high": high}
    assert interval("queries", values) == pytest.approx(expected)


def curve_of(right: list[float], queries: list[int]) -> PlayedGames:
    """A game of 100 runs, of which so many are right at each look."""
    hits = np.arange(100) < np.round(100 * np.array(right)).astype(int)[:, None]
    return PlayedGames(np.array(queries), np.zeros(hits.shape), hits)


def test_queries_until_right_are_of_the_mean_over_worlds() -> None:
    one, other = curve_of([0.0, 0.5, 0.9, 1.0], [0, 1, 2, 3]), curve_of([0.0, 0.8, 0.8], [0, 1, 2])
    # (1 + 0.8) / 2, the shorter game being as it ended; the second world alone never reaches it.
    expected = {"queries_right": 3, "right_low": 2, "right_high": math.inf}
    assert until_right([one, other], 0.9, rng()) == expected
    assert until_right([one, other], 0.65, rng())["queries_right"] == 1
    assert until_right([one, other], 0.95, rng())["queries_right"] == math.inf
    assert set(until_right([one, one], 0.9, rng()).values()) == {2}


SMALL = GameSize(4, 2, positions=500, worlds=6, runs=30, confidence=0.9, limit=3000)


def settings(size: GameSize, *epsilons: float, seed: int = 0) -> tuple[list[Record], ...]:
    """Rows of worlds.csv and of queries.csv."""
    worlds, rows = zip(*games(size, seed, each=epsilons), strict=True)
    return list(chain(*worlds)), list(chain(*rows))


def test_rows_are_what_the_games_of_their_worlds_were() -> None:
    worlds, rows = settings(SMALL, 0.1, 0.5)
    assert len(worlds) == 2 * 2 * 6
    for row in rows:
        own = [w for w in worlds if all(w[k] == row[k] for k in ("epsilon", "strategy"))]
        assert row["worlds"] == len(own) == 6
        assert row["games"] == 6 * 30
        if row["epsilon"] == 0.5:
            assert (row["capacity"], row["placed"]) == (0, 0)
            assert {row[k] for k in ("queries", "low", "right", "bound", "least")} == {None}
            continue
        assert row["queries"] == pytest.approx(np.mean([w["queries"] for w in own]))
        assert row["low"] < row["queries"] < row["high"]
        bits = float(capacity(0.1))
        doubt = -(0.9 * math.log2(0.9) + 0.1 * math.log2(0.1))
        fano = [w["entropy"] - doubt - 0.1 * math.log2(w["places"] - 1) for w in own]
        assert row["least"] == pytest.approx(np.mean(fano) / bits)
        assert row["bound"] == pytest.approx(2 * math.log2(4) / bits)
        assert row["by_places"] == pytest.approx(math.log2(18) / bits)
        assert row["right_low"] <= row["queries_right"] <= row["right_high"]


def test_where_a_game_ends_before_bob_is_sure_there_is_no_mean() -> None:
    worlds, rows = settings(GameSize(4, 2, 500, 3, 20, 0.9, 10), 0.3)
    assert all(0 <= w["placed"] < 1 and w["queries"] is None for w in worlds)
    assert all(row["queries"] is None and row["least"] > 0 for row in rows)


def test_no_strategy_beats_fano_and_the_adaptive_one_beats_the_random_one() -> None:
    _, rows = settings(SMALL, 0.0, 0.05, 0.2, 0.7, 0.9)
    for row in rows:
        error = (row["high"] - row["queries"]) / t.ppf(0.975, row["worlds"] - 1)
        assert row["queries"] > row["least"] - 3 * error
        assert row["least"] > 0
    for adaptive, random in zip(rows[::2], rows[1::2], strict=True):
        assert (adaptive["strategy"], random["strategy"]) == STRATEGIES
        assert adaptive["queries"] < random["queries"]


def test_queries_grow_with_objects_dimensions_and_noise_as_theory_says() -> None:
    def mean(objects: int, dimensions: int, epsilon: float) -> float:
        size = GameSize(objects, dimensions, 1000, 4, 20, 0.9, 5000)
        return float(settings(size, epsilon)[1][0]["queries"])

    base = mean(4, 1, 0.1)
    assert min(mean(10, 1, 0.1), mean(4, 3, 0.1)) > 1.3 * base
    ratio = mean(4, 1, 0.35) / base
    assert ratio == pytest.approx(float(capacity(0.1) / capacity(0.35)), rel=0.2)


def told(*settings: tuple[int, float, float | None]) -> Record:
    """What is told of queries of one strategy, by objects and ε, beside nothing else."""
    rows = [
        {"objects": objects, "epsilon": epsilon, "queries": queries, "dimensions": 1, "world": 0}
        | {"strategy": "random", "entropy": 2.0, "capacity": float(capacity(epsilon))}
        for objects, epsilon, queries in settings
    ]
    summary = found.summary({"queries": rows, "worlds": rows, "shift": [], "adversarial": []})
    assert summary["exponent"].pop("adaptive") is summary["efficiency"].pop("adaptive") is None
    return summary


@pytest.mark.parametrize("planted", [0.5, 1.0, 1.7])
def test_a_planted_exponent_is_recovered(planted: float) -> None:
    sizes = product((4, 8), (0.0, 0.1, 0.3, 0.8))
    rows = [(n, e, n**2 * float(capacity(e)) ** -planted) for n, e in sizes]
    gaps = [(4, 0.5, None), (8, 0.45, None)]
    assert told(*rows, *gaps)["exponent"]["random"] == planted
    # A size that was met at high noise only has its own intercept, and moves nothing.
    assert told(*rows, (12, 0.4, 1e6))["exponent"]["random"] == planted


def test_efficiency_is_the_share_of_the_capacity_that_is_used() -> None:
    rows = [(4, e, 2.0 / float(capacity(e)) / 0.8) for e in (0.0, 0.2, 0.9)]
    assert told(*rows, (4, 0.5, None))["efficiency"]["random"] == 0.8


def test_nothing_is_told_where_nothing_is_known() -> None:
    nothing = {"exponent": {"random": None}, "efficiency": {"random": None}, "symmetry_p": None}
    largest = {"shift": None, "maximum": None, "maximum_as_printed": None}
    assert told((4, 0.5, None)) == nothing | {"largest_z": largest}
    assert told((4, 0.1, 5.0), (8, 0.1, 5.0))["exponent"]["random"] is None  # one ε a size


def world_rows(difference: Any, worlds: int = 8, seed: int = 0) -> pd.DataFrame:
    """Queries at ε and 1 − ε that differ by so much, in each world, of six settings."""
    noise = rng(seed)
    rows = []
    for n, e, world in product((4, 8), (0.1, 0.2, 0.4), range(worlds)):
        value = noise.normal(30, 3)
        rows += [(n, e, world, value), (n, 1 - e, world, value + difference(noise))]
    table = pd.DataFrame(rows, columns=["objects", "epsilon", "world", "queries"])
    return table.assign(dimensions=1, strategy="random")


def test_symmetry_is_uniform_where_it_holds_and_tiny_where_it_does_not() -> None:
    null = [found.symmetry(world_rows(lambda g: g.normal(0, 2), seed=s)) for s in range(150)]
    assert kstest(np.array(null, float), "uniform").pvalue > 0.001
    assert (found.symmetry(world_rows(lambda g: g.normal(2, 1))) or 1) < 1e-6


def test_symmetry_of_differences_without_spread() -> None:
    assert found.symmetry(world_rows(lambda g: 0.0)) is None  # nothing random, nothing to test
    assert (found.symmetry(world_rows(lambda g: 1.0)) or 1) < 1e-6  # one query more, always
    rounded = found.symmetry(world_rows(lambda g: 1.0 + 1e-13 * g.normal(), worlds=2))
    assert rounded == pytest.approx(found.symmetry(world_rows(lambda g: 1.0, worlds=2)))
    assert (rounded or 0) > 0.5  # two worlds that differ alike are no wonder


def test_symmetry_leaves_out_worlds_that_lack_either_side() -> None:
    rows = world_rows(lambda g: g.normal(0, 2))
    unknown = (rows["world"] == 3) & (rows["epsilon"] > 0.5)
    gaps = rows.assign(queries=rows["queries"].astype(object).mask(unknown, None))
    assert found.symmetry(gaps) == pytest.approx(found.symmetry(rows[rows["world"] != 3]))
    assert found.symmetry(rows[rows["epsilon"] < 0.5]) is None


def test_symmetry_of_games_is_not_too_small() -> None:
    """Games of few worlds and runs, whose means are coarse: p of the null exceeds its level."""
    size = GameSize(4, 1, 200, 2, 3, 0.9, 3000)
    worlds = [settings(size, 0.0, 0.1, 0.9, 1.0, seed=seed)[0] for seed in range(40)]
    p = [found.symmetry(pd.DataFrame(rows)) for rows in worlds]
    known = np.array([value for value in p if value is not None])
    assert (known < 0.05).sum() <= binom.ppf(0.999, len(known), 0.05)
    assert known.min() > 1e-4


def test_largest_z_is_in_standard_errors() -> None:
    rows = [{"found": f, "expected": 1.0, "se": 0.1} for f in (1.05, 0.75, 1.2)]
    exact = {"found": 0.1 + 0.2, "expected": 0.3, "se": 0.0}
    for of in (rows, [*rows, exact]):
        assert found.largest_z(of, "found", "expected") == pytest.approx(2.5)
    off = {"found": 0.31, "expected": 0.3, "se": 0.0}  # exact, and wrong
    assert (found.largest_z([*rows, off], "found", "expected") or 0) > 1e6
