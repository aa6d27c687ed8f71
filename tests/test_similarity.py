"""Alignment measures against their definitions, SciPy, and what they must be invariant to."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from benchmarks.triplets import by_loops
from stages.similarity import concordance, matrices, measures
from stages.similarity.matrices import pairs, similarity_matrix
from stages.similarity.measures import pearson, spearman, triplet, triplet_votes


def symmetric(rng: np.random.Generator, n: int, levels: int | None = None) -> np.ndarray:
    """A random similarity matrix; with few levels it has many ties."""
    x = rng.integers(0, levels, (n, n)).astype(float) if levels else rng.normal(size=(n, n))
    return np.triu(x, 1) + np.triu(x, 1).T


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("levels", [None, 4])
def test_triplet_is_its_definition(seed: int, levels: int | None) -> None:
    rng = np.random.default_rng(seed)
    model, human = symmetric(rng, 12, levels), symmetric(rng, 12, levels)
    assert triplet(model, human) == pytest.approx(by_loops(model, human), abs=1e-14)


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
def test_blocks_of_anchors_and_lengths_of_runs_change_nothing(
    seed: int, levels: tuple[int | None, int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(10, 40))
    model, human = symmetric(rng, n, levels[0]), symmetric(rng, n, levels[1])
    model[0], model[:, 0] = 0, 0  # an anchor that says nothing
    human[1], human[:, 1] = 1, 1
    at_once = triplet(model, human)
    assert at_once == pytest.approx(by_loops(model, human), abs=1e-12)
    monkeypatch.setattr(measures, "_AT_ONCE", 4 * n)
    assert triplet(model, human) == at_once
    monkeypatch.setattr(measures, "_AT_ONCE", 1)
    monkeypatch.setattr(concordance, "_RUN", 1)
    assert triplet(model, human) == at_once


@pytest.mark.parametrize("m", [1, 2, 31, 32, 33, 64, 65, 1500])
@pytest.mark.parametrize("levels", [1, 3, 50, 10**6])
def test_pairs_of_many_rows_are_counted_as_one_by_one(m: int, levels: int) -> None:
    rng = np.random.default_rng(m)
    x, y = rng.integers(0, levels, (2, 3, m)).astype(float)
    x[1, : m // 2] = y[1, : m // 2] + rng.integers(-1, 2, m // 2)  # two that go together
    sign_x, sign_y = (np.sign(v[:, :, None] - v[:, None, :]).astype(int) for v in (x, y))
    expected = ((sign_x * sign_y).sum() // 2, np.count_nonzero(sign_y) // 2)
    assert concordance.concordance(x, y) == expected
    assert concordance.concordance(y, x)[0] == expected[0]
    larger = np.triu(sign_y > 0).sum()  # of the two, the one before
    assert concordance.inversions(y.astype(int)) == larger


@pytest.mark.parametrize("levels", [4, None])
def test_concordance_is_scipys(levels: int | None) -> None:
    rng = np.random.default_rng(0)
    x, y = (symmetric(rng, 700, levels)[:1] for _ in range(2))
    difference, untied_y = concordance.concordance(x, y)
    untied_x = concordance.concordance(y, x)[1]
    tau = stats.kendalltau(x[0], y[0], variant="b").statistic
    assert difference / np.sqrt(untied_x * untied_y) == pytest.approx(tau, abs=1e-14)


def test_closer_is_decided_in_double_precision() -> None:
    """Values tie where they are equal; rounding is settled when similarities are made."""
    human = symmetric(np.random.default_rng(0), 50)
    model = human.copy()
    model[0, 1] = model[0, 2] = human[0, 1]
    tied = triplet(model, human)
    model[0, 1] = np.nextafter(model[0, 2], np.inf if human[0, 1] > human[0, 2] else -np.inf)
    assert triplet(model, human) - tied == pytest.approx(0.5 / (50 * 49 * 48 / 2), abs=1e-15)


@pytest.mark.parametrize("kind", ["cosine", "dot", "pearson", "euclidean"])
def test_copies_of_a_stimulus_tie_in_the_model(kind: str) -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(300, 77))
    x[200:] = x[:100] * (1 + 1e-15)  # equal but for rounding
    similarity = similarity_matrix(x, kind)
    one, copy = similarity[100:200, :100], similarity[100:200, 200:]
    # About one value in 10 000 lies so close to where rounding changes that its copy is rounded on.
    assert np.mean(one != copy) < 1e-3
    np.testing.assert_allclose(one, copy, rtol=0, atol=1.1e-12 * np.abs(similarity).max())
    assert len(np.unique(one)) == one.size


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


@pytest.mark.parametrize("kind", ["cosine", "dot", "pearson"])
def test_rows_made_symmetric_at_a_time_change_nothing(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(7).normal(size=(50, 9))
    whole = similarity_matrix(x, kind)
    monkeypatch.setattr(matrices, "_ROWS", 7)
    blocks = similarity_matrix(x, kind)
    assert np.array_equal(blocks, blocks.T)
    assert np.array_equal(blocks, whole)


def test_similarities_are_what_they_are_called() -> None:
    x = np.random.default_rng(5).normal(size=(8, 5))
    np.testing.assert_allclose(similarity_matrix(x, "pearson"), np.corrcoef(x), atol=1e-11)
    norm = np.linalg.norm(x, axis=1)
    np.testing.assert_allclose(similarity_matrix(x), x @ x.T / np.outer(norm, norm), atol=1e-11)
    distance = np.linalg.norm(x[:, None] - x, axis=-1)
    np.testing.assert_allclose(similarity_matrix(x, "euclidean"), -distance, atol=1e-11)
