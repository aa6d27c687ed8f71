"""Representation spaces and the channel: definitions as loops, closed forms, invariances."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare, entropy, ortho_group

from stages.similarity.channel import capacity, places, weight
from stages.similarity.matrices import similarity_matrix
from stages.similarity.measures import triplet
from stages.similarity.spaces import misalignment, representation_space, stochastic_misalignment


def rows(seed: int, n: int, levels: int | None = None) -> np.ndarray:
    """A similarity matrix that need not be symmetric; with few levels it has many ties."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, levels, (n, n)).astype(float) if levels else rng.normal(size=(n, n))


def space_by_definition(similarity: np.ndarray) -> list[bool]:
    """Definition 3.2 and Remark 3.3 as three loops."""
    n = len(similarity)
    return [
        bool(similarity[i, j] > similarity[i, k])
        for i in range(n)
        for j in range(n)
        for k in range(j + 1, n)
        if i not in (j, k)
    ]


@pytest.mark.parametrize("n", [3, 4, 9])
@pytest.mark.parametrize("levels", [None, 3])
def test_a_representation_space_is_its_definition(n: int, levels: int | None) -> None:
    similarity = rows(n, n, levels)
    space = representation_space(similarity)
    assert space.tolist() == space_by_definition(similarity)
    assert len(space) == n * (n - 1) * (n - 2) // 2


def test_similarity_of_an_object_to_itself_changes_nothing() -> None:
    similarity = rows(0, 6)
    other = similarity.copy()
    np.fill_diagonal(other, 100.0)
    assert misalignment(similarity, other) == 0


@pytest.mark.parametrize("shape", [(2, 2), (3, 4), (5,), (4, 4, 4)])
def test_what_is_no_similarity_matrix_is_refused(shape: tuple[int, ...]) -> None:
    wrong, right = np.zeros(shape), np.zeros((4, 4))
    with pytest.raises(ValueError, match="similarity matrix"):
        representation_space(wrong)
    with pytest.raises(ValueError, match="shapes"):
        stochastic_misalignment(right, wrong, 10, np.random.default_rng(0))


def test_misalignment_of_mirrored_agents() -> None:
    a, b = rows(0, 8), rows(1, 8)
    assert misalignment(a, b) == misalignment(b, a)
    assert misalignment(a, a) == 0
    assert misalignment(a, -a) == 1  # nothing is tied
    assert misalignment(a, -b) == pytest.approx(1 - misalignment(a, b))
    assert 0 < misalignment(a, b) < 1


@pytest.mark.parametrize("seed", range(3))
def test_misalignment_is_one_minus_triplet_agreement_where_nothing_is_tied(seed: int) -> None:
    a, b = rows(seed, 12), rows(seed + 10, 12)
    assert misalignment(a, b) == pytest.approx(1 - triplet(a, b), abs=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_no_similarity_transform_of_an_embedding_misaligns_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(15, 4))
    moved = 3.7 * x @ ortho_group.rvs(4, random_state=rng) + rng.normal(size=4)
    one, other = (similarity_matrix(points, "euclidean") for points in (x, moved))
    assert misalignment(one, other) == 0
    stretched = similarity_matrix(x * [1, 1, 1, 5], "euclidean")
    assert misalignment(one, stretched) > 0


class Recorder(np.ndarray):
    """A matrix that remembers the entries asked of it."""

    asked: list[Any]

    def __getitem__(self, index: Any) -> Any:
        self.asked.append(index)
        return np.asarray(self)[index]


@pytest.mark.parametrize("n", [3, 4, 5])
def test_triplets_are_drawn_uniformly(n: int) -> None:
    a = rows(0, n).view(Recorder)
    a.asked = []
    stochastic_misalignment(a, rows(1, n), 60_000, np.random.default_rng(2))
    (i, j), (again, k) = a.asked
    assert (i == again).all()
    triplets, counts = np.unique(np.stack([i, j, k]), axis=1, return_counts=True)
    assert set(map(tuple, triplets.T.tolist())) == set(permutations(range(n), 3))
    assert chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("seed", range(4))
def test_stochastic_misalignment_estimates_the_exact_one(seed: int) -> None:
    a, b = rows(seed, 9), rows(seed + 10, 9)
    exact, draws = misalignment(a, b), 5000
    found = stochastic_misalignment(a, b, draws, np.random.default_rng(seed))
    assert found.se == pytest.approx(math.sqrt(found.value * (1 - found.value) / draws))
    assert abs(found.value - exact) < 4 * found.se
    same = stochastic_misalignment(a, a, draws, np.random.default_rng(seed))
    assert (same.value, same.se) == (0, 0)
    mirrored = stochastic_misalignment(a, -b, draws, np.random.default_rng(seed))
    assert mirrored.value == pytest.approx(1 - found.value)


def test_the_standard_error_is_the_spread_of_estimates() -> None:
    a, b = rows(0, 9), rows(1, 9)
    drawn = [stochastic_misalignment(a, b, 400, np.random.default_rng(s)) for s in range(500)]
    spread = np.std([one.value for one in drawn], ddof=1)
    assert spread == pytest.approx(np.mean([one.se for one in drawn]), rel=0.12)  # 4 / sqrt(1000)


def test_lemma_a4_the_mean_over_sets_of_objects_is_that_of_the_whole() -> None:
    """Over all subsets of 4 of 7 objects, each triplet of the whole is met equally often."""
    a, b = rows(0, 7), rows(1, 7)
    subsets = {tuple(sorted(p[:4])) for p in permutations(range(7))}
    mean = np.mean([misalignment(a[np.ix_(s, s)], b[np.ix_(s, s)]) for s in subsets])
    assert mean == pytest.approx(misalignment(a, b))


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_planted_flips_are_recovered(epsilon: float) -> None:
    """Of three objects each anchor has one triplet: flips of theirs are independent bits."""
    rng = np.random.default_rng(5)
    shares, estimates = [], []
    for _ in range(400):
        a = rng.normal(size=(3, 3))
        b = np.where(rng.random((3, 1)) < epsilon, -a, a)
        shares.append(misalignment(a, b))
        estimates.append(stochastic_misalignment(a, b, 50, rng).value)
    se = math.sqrt(epsilon * (1 - epsilon) / 1200)
    assert abs(np.mean(shares) - epsilon) <= 4 * se
    assert abs(np.mean(estimates) - np.mean(shares)) <= 4 * math.sqrt(0.25 / 20_000)


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


def test_weight_is_the_log_odds_of_an_answer() -> None:
    assert weight(0.2) == pytest.approx(math.log(4))
    assert weight(0.8) == pytest.approx(-math.log(4))
    assert weight(0.5) == 0
    assert (weight(0), weight(1)) == (math.inf, -math.inf)
    assert weight(1e-300) == pytest.approx(300 * math.log(10))


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
