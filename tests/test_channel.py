"""The triplet channel and the places of shared objects: closed forms, and places counted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import entropy

from stages.communication.worlds import answers, draw_space
from stages.similarity.channel import capacity, places


def test_capacity_is_that_of_a_binary_symmetric_channel() -> None:
    epsilon = np.array([0.0, 1e-12, 0.01, 0.11, 0.3, 0.5, 0.7, 0.999, 1.0])
    expected = [1 - entropy([e, 1 - e], base=2) for e in epsilon]
    np.testing.assert_allclose(capacity(epsilon), expected, atol=1e-15)
    np.testing.assert_allclose(capacity(epsilon), capacity(1 - epsilon), atol=1e-15)
    assert (float(capacity(0.0)), float(capacity(1.0)), float(capacity(0.5))) == (1, 1, 0)
    assert float(capacity(0.11)) == pytest.approx(0.5, abs=1e-3)  # known of this channel
    grid = np.linspace(0, 0.5, 200)
    assert (np.diff(capacity(grid)) < 0).all()
    assert (capacity(grid) >= 0).all()
    assert capacity(np.full((2, 3), 0.2)).shape == (2, 3)


@pytest.mark.parametrize("wrong", [1.2, -0.1, math.nan, math.inf])
def test_what_is_no_probability_has_no_capacity(wrong: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        capacity(np.array([0.5, wrong]))


@pytest.mark.parametrize("objects", range(1, 8))
def test_places_in_one_dimension_and_in_many(objects: int) -> None:
    """Midpoints cut a line; in n - 1 dimensions every order of n objects has its place."""
    assert places(objects, 1) == objects * (objects - 1) // 2 + 1
    for dimensions in range(max(objects - 1, 1), objects + 2):
        assert places(objects, dimensions) == math.factorial(objects)


@pytest.mark.parametrize(("objects", "dimensions"), [(3, 2), (4, 2), (4, 3), (5, 2)])
def test_places_are_as_many_orders_as_positions_show(objects: int, dimensions: int) -> None:
    """Positions near objects and far off: distinct orders of distance, of the best of four sets."""
    best = 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(objects, dimensions))
        at = np.concatenate(
            [scale * rng.normal(size=(40_000, dimensions)) for scale in (0.5, 2, 10, 50)]
        )
        order = np.argsort((x**2).sum(1) - 2 * at @ x.T, axis=1)  # |at|² shifts all alike
        code = order @ objects ** np.arange(objects)
        best = max(best, len(np.unique(code)))
        assert len(np.unique(code)) <= places(objects, dimensions)
    assert best == places(objects, dimensions)


def test_answers_are_distances_compared() -> None:
    rng = np.random.default_rng(0)
    x, at = rng.random((4, 2)), rng.random((6, 2))
    expected = [
        [math.dist(position, x[j]) < math.dist(position, x[k]) for position in at]
        for j in range(4)
        for k in range(j + 1, 4)
    ]
    assert answers(x, at).tolist() == expected


@pytest.mark.parametrize(("objects", "dimensions"), [(4, 1), (5, 2), (12, 3)])
def test_a_space_holds_each_place_once_with_its_share_of_positions(
    objects: int, dimensions: int
) -> None:
    space = draw_space(objects, dimensions, 3000, np.random.default_rng(0))
    again = np.random.default_rng(0)
    x = again.random((objects, dimensions))
    orders = [tuple(order) for order in answers(x, again.random((3000, dimensions))).T.tolist()]
    shares = {order: orders.count(order) / 3000 for order in set(orders)}
    assert dict(zip(map(tuple, space.sides.T.tolist()), space.prior, strict=True)) == shares
    assert len(shares) <= places(objects, dimensions)
    assert space.alone == pytest.approx(sum(p == 1 / 3000 for p in shares.values()) / 3000)
    assert space.entropy == pytest.approx(-sum(p * math.log2(p) for p in shares.values()))
