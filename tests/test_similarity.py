"""Alignment measures against their definitions, SciPy, and what they must be invariant to."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from stages.similarity import measures
from stages.similarity.matrices import pairs, similarity_matrix
from stages.similarity.measures import pearson, spearman, triplet, triplet_votes


def symmetric(rng: np.random.Generator, n: int, levels: int | None = None) -> np.ndarray:
    """A random similarity matrix; with few levels it has many ties."""
    x = rng.integers(0, levels, (n, n)).astype(float) if levels else rng.normal(size=(n, n))
    return np.triu(x, 1) + np.triu(x, 1).T


def triplets_by_definition(model: np.ndarray, human: np.ndarray) -> float:
    """Definition 3.2 and Remark 3.3 as three loops: each (i, {j, k}) once."""
    agreed, decided = 0.0, 0
    n = len(human)
    for i in range(n):
        for j in range(n):
            for k in range(j + 1, n):
                if i in (j, k) or human[i, j] == human[i, k]:
                    continue
                decided += 1
                if model[i, j] == model[i, k]:
                    agreed += 0.5
                else:
                    agreed += (model[i, j] > model[i, k]) == (human[i, j] > human[i, k])
    return agreed / decided


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("levels", [None, 4])
def test_triplet_is_its_definition(seed: int, levels: int | None) -> None:
    rng = np.random.default_rng(seed)
    model, human = symmetric(rng, 12, levels), symmetric(rng, 12, levels)
    assert triplet(model, human) == pytest.approx(triplets_by_definition(model, human), abs=1e-14)


def test_number_of_triplets_is_that_of_remark_3_3() -> None:
    n = 7
    every = {(i, frozenset((j, k))) for i, j, k in permutations(range(n), 3)}
    assert len(every) == n * (n - 1) * (n - 2) // 2
    # With one flipped triplet out of all, agreement falls by exactly one part in that many.
    rng = np.random.default_rng(0)
    human = symmetric(rng, n)
    model = human.copy()
    order = np.sort(human[0, 1:])
    j, k = (int(np.flatnonzero(human[0] == v)[0]) for v in order[:2])
    model[0, j], model[0, k] = model[0, k], model[0, j]
    assert triplet(model, human) == pytest.approx(1 - 1 / len(every))


@pytest.mark.parametrize("kind", ["cosine", "dot", "pearson", "euclidean"])
def test_constant_embedding_scores_exactly_one_half(kind: str) -> None:
    rng = np.random.default_rng(1)
    constant = np.tile(rng.normal(size=77), (23, 1))
    assert triplet(similarity_matrix(constant, kind), symmetric(rng, 23)) == 0.5
    with pytest.raises(ValueError, match="undefined"):
        pearson(similarity_matrix(constant, kind), symmetric(rng, 23))


def test_perfect_and_reversed_agreement() -> None:
    human = symmetric(np.random.default_rng(2), 15)
    assert triplet(human, human) == 1
    assert triplet(-human, human) == 0
    assert triplet(np.exp(human), human) == 1  # any increasing function keeps every triplet


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("levels", [(2, 2), (4, None), (None, 3), (30, 30), (None, None)])
def test_many_stimuli_give_exactly_the_same(
    seed: int, levels: tuple[int | None, int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting by ranks is for many stimuli; the number is that of comparing pair by pair."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(10, 40))
    model, human = symmetric(rng, n, levels[0]), symmetric(rng, n, levels[1])
    model[0], model[:, 0] = 0, 0  # an anchor that says nothing
    human[1], human[:, 1] = 1, 1
    one_by_one = triplet(model, human)
    assert one_by_one == pytest.approx(triplets_by_definition(model, human), abs=1e-12)
    monkeypatch.setattr(measures, "_BY_PAIRS", 0)
    assert triplet(model, human) == one_by_one


def test_counts_beyond_the_change_of_method() -> None:
    rng = np.random.default_rng(0)
    for levels in (3, 50, 10**6):
        human, model = rng.integers(0, levels, (2, 1500)).astype(float)
        model[:700] = human[:700] + rng.integers(-1, 2, 700)
        assert measures._by_ranks(human, model) == measures._by_pairs(human, model)
    human = symmetric(rng, 401)
    assert triplet(human, human) == 1
    assert triplet(np.zeros((401, 401)), human) == 0.5


@pytest.mark.parametrize("shape", [(7, 7), (3, 7, 7), (2, 2), (1, 1)])
def test_pairs_are_those_above_the_diagonal(shape: tuple[int, ...]) -> None:
    matrix = np.random.default_rng(0).normal(size=shape)
    i, j = np.triu_indices(shape[-1], 1)
    assert np.array_equal(pairs(matrix), matrix[..., i, j])


def test_all_ties_in_the_human_data_is_an_error() -> None:
    with pytest.raises(ValueError, match="every triplet is tied"):
        triplet(symmetric(np.random.default_rng(0), 5), np.zeros((5, 5)))


@pytest.mark.parametrize("seed", range(5))
def test_pair_correlations_are_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model, human = symmetric(rng, 20), symmetric(rng, 20, 5)
    x, y = pairs(model), pairs(human)
    assert len(x) == 20 * 19 // 2
    assert pearson(model, human) == pytest.approx(stats.pearsonr(x, y)[0], abs=1e-12)
    assert spearman(model, human) == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-12)


def test_triplet_votes_by_definition() -> None:
    rng = np.random.default_rng(3)
    model = symmetric(rng, 9, 3)
    triplets = np.array([rng.permutation(9)[:3] for _ in range(200)])
    votes = rng.integers(1, 4, (200, 2))
    votes.sort(axis=1)
    votes = votes[:, ::-1]
    score = [
        1.0 if model[a, b] > model[a, c] else 0.5 if model[a, b] == model[a, c] else 0.0
        for (a, b, c), (yes, no) in zip(triplets, votes, strict=True)
        if yes != no
    ]
    assert triplet_votes(model, triplets, votes) == pytest.approx(np.mean(score))


@pytest.mark.parametrize("kind", ["cosine", "dot", "euclidean"])
def test_similarity_does_not_change_under_rotation(kind: str) -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(10, 6))
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    a, b = similarity_matrix(x, kind), similarity_matrix(x @ rotation, kind)
    np.testing.assert_allclose(a, b, atol=1e-10)
    assert np.array_equal(a, a.T)


def test_similarities_are_what_they_are_called() -> None:
    x = np.random.default_rng(5).normal(size=(8, 5))
    np.testing.assert_allclose(similarity_matrix(x, "pearson"), np.corrcoef(x), atol=1e-11)
    norm = np.linalg.norm(x, axis=1)
    np.testing.assert_allclose(similarity_matrix(x), x @ x.T / np.outer(norm, norm), atol=1e-11)
    distance = np.linalg.norm(x[:, None] - x, axis=-1)
    np.testing.assert_allclose(similarity_matrix(x, "euclidean"), -distance, atol=1e-11)
