"""Alignment measures against their definitions, SciPy, and what they must be invariant to."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.preprocessing import StandardScaler

from benchmarks.triplets import by_loops
from stages.similarity import measures
from stages.similarity.matrices import FEATURES, pairs, similarity_matrix
from stages.similarity.measures import capacity, concordance, inversions, pearson, triplet
from tests.arrays import symmetric

KINDS = ["cosine", "dot", "pearson", "euclidean"]


@pytest.mark.parametrize("kind", KINDS)
def test_constant_embedding_scores_exactly_one_half(kind: str) -> None:
    rng = np.random.default_rng(1)
    constant = similarity_matrix(np.tile(rng.normal(size=77), (23, 1)), kind)
    human = symmetric(rng, 23)
    assert triplet(constant, human) == 0.5
    with pytest.raises(ValueError, match="undefined"):
        pearson(constant, human)
    with pytest.raises(ValueError, match="every triplet is tied"):
        triplet(human, constant)


def test_perfect_and_reversed_agreement() -> None:
    rng = np.random.default_rng(2)
    human, model = symmetric(rng, 15), symmetric(rng, 15)
    assert triplet(human, human) == 1
    assert triplet(-human, human) == 0
    assert triplet(np.exp(human), human) == 1  # any increasing function keeps every triplet
    assert triplet(human + 100 * np.eye(15), human) == 1  # similarity to itself does not count
    assert triplet(model, human) == pytest.approx(triplet(human, model))
    assert triplet(-model, human) == pytest.approx(1 - triplet(model, human))
    for wrong in (human[:14, :14], human[:14], human[0]):
        with pytest.raises(ValueError, match="shapes"):
            triplet(wrong, human)


@pytest.mark.parametrize("seed", range(5))
def test_no_similarity_transform_of_an_embedding_misaligns_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(15, 4))
    moved = 3.7 * x @ stats.ortho_group.rvs(4, random_state=rng) + rng.normal(size=4)
    one, other = (similarity_matrix(points, "euclidean") for points in (x, moved))
    assert triplet(one, other) == 1
    assert triplet(similarity_matrix(x * [1, 1, 1, 5], "euclidean"), one) < 1


def test_lemma_a4_the_mean_over_sets_of_objects_is_that_of_the_whole() -> None:
    """Over all subsets of 4 of 7 objects, each triplet of the whole is met equally often."""
    a, b = np.random.default_rng(0).normal(size=(2, 7, 7))
    subsets = [np.ix_(s, s) for s in combinations(range(7), 4)]
    assert np.mean([triplet(a[s], b[s]) for s in subsets]) == pytest.approx(triplet(a, b))


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_planted_flips_are_recovered(epsilon: float) -> None:
    """Of three objects each anchor has one triplet: flips of theirs are independent bits."""
    rng = np.random.default_rng(5)
    a = rng.normal(size=(400, 3, 3))
    flipped = np.where(rng.random((400, 3, 1)) < epsilon, -a, a)
    share = 1 - np.mean([triplet(*both) for both in zip(flipped, a, strict=True)])
    assert abs(share - epsilon) <= 4 * (epsilon * (1 - epsilon) / 1200) ** 0.5


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("levels", [(2, 2), (4, None), (None, 3), (30, 30), (None, None)])
def test_blocks_of_anchors_and_lengths_of_runs_change_nothing(
    seed: int, levels: tuple[int | None, int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(10, 40))
    model, human = (symmetric(rng, n, some) for some in levels)
    model[0], model[:, 0] = 0, 0  # an anchor that says nothing
    human[1], human[:, 1] = 1, 1
    at_once = triplet(model, human)
    assert at_once == pytest.approx(by_loops(model, human), abs=1e-12)
    for values, run in ((4 * n, 64), (1, 1)):
        monkeypatch.setattr(measures, "_AT_ONCE", values)
        monkeypatch.setattr(measures, "_RUN", run)
        assert triplet(model, human) == at_once


@pytest.mark.parametrize("m", [1, 2, 31, 32, 33, 64, 65, 1500])
@pytest.mark.parametrize("levels", [1, 3, 50, 10**6])
def test_pairs_of_many_rows_are_counted_as_one_by_one(m: int, levels: int) -> None:
    rng = np.random.default_rng(m)
    x, y = rng.integers(0, levels, (2, 3, m)).astype(float)
    x[1, : m // 2] = y[1, : m // 2] + rng.integers(-1, 2, m // 2)  # two that go together
    sign_x, sign_y = (np.sign(v[:, :, None] - v[:, None, :]).astype(int) for v in (x, y))
    expected = ((sign_x * sign_y).sum() // 2, np.count_nonzero(sign_y) // 2)
    assert concordance(x, y) == expected
    assert concordance(y, x)[0] == expected[0]
    larger = np.triu(sign_y > 0).sum()  # of the two, the one before
    assert inversions(y.astype(int)) == larger


def test_closer_is_decided_in_double_precision() -> None:
    """Values tie where they are equal; rounding is settled when similarities are made."""
    human = symmetric(np.random.default_rng(0), 50)
    model = human.copy()
    model[0, 1] = model[0, 2] = human[0, 1]
    tied = triplet(model, human)
    model[0, 1] = np.nextafter(model[0, 2], np.inf if human[0, 1] > human[0, 2] else -np.inf)
    assert triplet(model, human) - tied == pytest.approx(0.5 / (50 * 49 * 48 / 2), abs=1e-15)


@pytest.mark.parametrize("kind", KINDS)
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


@pytest.mark.parametrize("shape", [(50, 9), (300, 1000)])
def test_similarities_are_what_they_are_called(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(5).normal(size=shape)
    norm = np.linalg.norm(x, axis=1)
    expected = {
        "dot": x @ x.T,
        "cosine": x @ x.T / np.outer(norm, norm),
        "pearson": np.corrcoef(x),
        "euclidean": -cdist(x, x),
    }
    for kind, theirs in expected.items():
        ours = similarity_matrix(x, kind)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-12 * np.abs(theirs).max())
        assert np.array_equal(ours, ours.T)


def test_capacity_is_that_of_a_binary_symmetric_channel() -> None:
    epsilon = np.array([0.0, 1e-12, 0.01, 0.11, 0.3, 0.5, 0.7, 0.999, 1.0])
    expected = [1 - stats.entropy([e, 1 - e], base=2) for e in epsilon]
    np.testing.assert_allclose(capacity(epsilon), expected, atol=1e-15)
    np.testing.assert_allclose(capacity(epsilon), capacity(1 - epsilon), atol=1e-15)
    assert capacity(np.array([0.0, 1.0, 0.5])).tolist() == [1, 1, 0]
    assert float(capacity(0.11)) == pytest.approx(0.5, abs=1e-3)  # known of this channel
    grid = capacity(np.linspace(0, 0.5, 200))
    assert (np.diff(grid) < 0).all()
    assert (grid >= 0).all()
    assert capacity(np.full((2, 3), 0.2)).shape == (2, 3)


@pytest.mark.parametrize("wrong", [1.2, -0.1, math.nan, math.inf])
def test_what_is_no_probability_has_no_capacity(wrong: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        capacity(np.array([0.5, wrong]))


@pytest.mark.parametrize("seed", range(4))
def test_features_are_centred_and_z_scored_over_stimuli(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(rng.normal(size=7), rng.gamma(2.0, size=7), (12, 7))
    x[:, 3] = 2.5  # a dimension that is the same for all
    np.testing.assert_array_equal(FEATURES["raw"](x), x)
    for name, with_std in (("centred", False), ("zscored", True)):
        expected = StandardScaler(with_std=with_std).fit_transform(x)
        np.testing.assert_allclose(FEATURES[name](x), expected, atol=1e-12)
    moved = x * rng.gamma(2.0, size=7) + rng.normal(size=7)
    same = (similarity_matrix(FEATURES["zscored"](values)) for values in (x, moved))
    np.testing.assert_allclose(next(same), next(same), atol=1e-9)


def test_one_large_dimension_rules_the_raw_cosine_and_not_the_z_scored() -> None:
    """As in Timkey & van Schijndel (2021): what people see lies in the other dimensions."""
    rng = np.random.default_rng(0)
    people = rng.normal(size=(30, 8))
    x = np.column_stack([people, 50 + 20 * rng.normal(size=30)])
    human = similarity_matrix(people)
    found = {n: pearson(similarity_matrix(change(x)), human) for n, change in FEATURES.items()}
    assert found["raw"] < 0.5 * found["zscored"]
    assert found["zscored"] > 0.8
