"""Simulated schedules against every schedule there is, Graham's bounds, and his worst case."""

import random
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.costs import Costs, enough, loads, lower_bound, simulated

SMALL = st.lists(st.integers(0, 30), min_size=1, max_size=7).map(lambda x: np.array(x, float))


def shortest(costs: Costs, workers: int) -> float:
    """Makespan of the best of all assignments of jobs to workers."""
    assigned = product(range(workers), repeat=len(costs))
    return min(np.bincount(a, costs, workers).max() for a in assigned)


def by_definition(costs: Costs, order: list[int], workers: int) -> list[float]:
    """Each job in turn to the worker that is free first."""
    busy = [0.0] * workers
    for job in order:
        busy[busy.index(min(busy))] += costs[job]
    return busy


@settings(max_examples=60, deadline=None)
@given(SMALL, st.integers(1, 3), st.randoms())
def test_bound_optimum_and_list_schedules_are_in_grahams_order(
    costs: Costs, workers: int, shuffled: random.Random
) -> None:
    best = shortest(costs, workers)
    longest_first = loads(costs, workers).max()
    assert lower_bound(costs, workers) <= best <= longest_first
    assert longest_first <= (4 / 3 - 1 / (3 * workers)) * best + 1e-9
    order = list(range(len(costs)))
    shuffled.shuffle(order)
    priority = -np.argsort(order).astype(float)  # the first in the order has the highest
    any_order = loads(costs, workers, priority)
    assert any_order.tolist() == by_definition(costs, order, workers)
    assert any_order.max() <= (2 - 1 / workers) * best + 1e-9


@pytest.mark.parametrize("workers", [2, 3, 4, 10])
def test_grahams_worst_case_is_reached(workers: int) -> None:
    """Two jobs each of 2m - 1, ..., m + 1 and three of m: 4m - 1, where 3m can be had."""
    pairs = [length for length in range(workers + 1, 2 * workers) for _ in range(2)]
    costs = np.array([*pairs, *[workers] * 3], float)
    assert loads(costs, workers).max() == 4 * workers - 1
    assert lower_bound(costs, workers) == 3 * workers
    if workers <= 3:
        assert shortest(costs, workers) == 3 * workers


@pytest.mark.parametrize(
    ("costs", "workers", "bound"),
    [
        ([1, 1, 1, 1], 2, 2),  # an equal share
        ([9, 1, 1], 2, 9),  # the longest job
        ([5, 5, 5], 2, 10),  # two of the three longest share a worker
        ([3, 2], 4, 3),  # fewer jobs than workers
    ],
)
def test_each_part_of_the_bound_is_sharp(costs: list[float], workers: int, bound: float) -> None:
    assert lower_bound(np.array(costs, float), workers) == bound
    assert shortest(np.array(costs, float), workers) == bound


def test_equal_jobs_keep_their_order_and_no_work_is_lost() -> None:
    costs = np.random.default_rng(5).lognormal(size=400)
    for workers in (1, 7, 64):
        found = loads(costs, workers)
        assert found.shape == (workers,)
        assert found.sum() == pytest.approx(costs.sum())
    assert loads(np.array([1.0, 2.0, 4.0]), 2, np.ones(3)).tolist() == [5.0, 2.0]


def test_the_plan_says_what_more_workers_gain() -> None:
    """A model of 10 h and ten of 3 h: four workers take 12 h, for one has four of the ten."""
    gpu = pd.Series({"long": 10.0} | {f"m{i}": 3.0 for i in range(10)})
    lines = simulated(gpu, gpu * 0 + 1)
    assert [line.split() for line in lines[2:5]] == [
        ["1", "40.000", "40.000", "1.000", "1.000"],
        ["8", "10.000", "10.000", "1.000", "0.500"],
        ["64", "10.000", "10.000", "1.000", "0.062"],
    ]
    hours = np.array(gpu, float)
    assert [loads(hours, workers).max() for workers in (4, 5)] == [12.0, 10.0]
    assert enough(hours) == 5
    assert "more workers than 5 gain nothing: long alone takes 10.00 h" in lines[5]
