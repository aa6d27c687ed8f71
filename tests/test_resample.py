"""The bootstrap over stimuli, against resamples taken pair by pair and triplet by triplet."""

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from scipy import stats

from stages.runtime.errors import DataError
from stages.similarity import measures, resample
from stages.similarity.alignment import agreements, standard_errors
from stages.sources.human import Judgments
from tests.arrays import symmetric, triplet_set

LEVELS = [(None, None), (3, None), (None, 4), (4, 3), (2, 2)]


def by_definition(measure: str, model: np.ndarray, human: np.ndarray, w: np.ndarray) -> float:
    """A measure over the pairs or triplets of one resample that name different stimuli."""
    stimuli = np.repeat(np.arange(len(w)), w)
    if measure == "triplet":
        return agreement(model, human, stimuli)
    apart = [(i, j) for i, j in combinations(stimuli, 2) if i != j]
    x, y = (np.array([matrix[pair] for pair in apart]) for matrix in (model, human))
    if len(x) == 0 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    both = stats.pearsonr(x, y) if measure == "pearson" else stats.spearmanr(x, y)
    return float(both.statistic)


def agreement(model: np.ndarray, human: np.ndarray, stimuli: np.ndarray) -> float:
    """Remark 3.3 over triplets of three different stimuli."""
    agreed, decided = 0.0, 0
    for a, i in enumerate(stimuli):
        for j, k in combinations(np.delete(stimuli, a), 2):
            if len({i, j, k}) < 3 or human[i, j] == human[i, k]:
                continue
            decided += 1
            difference = model[i, j] - model[i, k]
            agreed += 0.5 if difference == 0 else (difference > 0) == (human[i, j] > human[i, k])
    return agreed / decided if decided else math.nan


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("levels", LEVELS)
def test_resampled_statistics_are_those_of_the_resample_pair_by_pair(
    seed: int, levels: tuple[int | None, int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resample, "_AT_ONCE", (1, 16, 32)[seed])
    rng = np.random.default_rng(seed)
    model, human = (symmetric(rng, 9, some) for some in levels)
    w = resample.multiplicities(9, 40, rng)
    for measure in measures.MEASURES:
        expected = [by_definition(measure, model, human, one) for one in w]
        found = getattr(resample, measure)(model, human, w)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_the_largest_weights_are_counted_exactly() -> None:
    """As many stimuli as may be, of which few are drawn, and each so often as can be."""
    rng = np.random.default_rng(13)
    n = resample.LARGEST
    model, human = symmetric(rng, n), symmetric(rng, n, 9)
    w = np.zeros((3, n), int)
    w[0, :3] = n - 2 * (n // 3), n // 3, n // 3
    w[1, 5:9] = n // 4
    w[2, :3] = n // 2 - 1, n // 2 - 1, 2
    expected = [by_definition("spearman", model, human, one) for one in w]
    np.testing.assert_allclose(resample.spearman(model, human, w), expected, rtol=0, atol=1e-12)
    for one, found in zip(w, resample.triplet(model, human, w), strict=True):
        agreed = decided = 0
        for i, j, k in permutations(np.flatnonzero(one), 3):
            sign = np.sign(human[i, j] - human[i, k]) * one[i] * one[j] * one[k]
            agreed += sign * np.sign(model[i, j] - model[i, k])
            decided += abs(sign)
        assert found == pytest.approx(0.5 + 0.5 * agreed / decided, abs=1e-12)


def test_a_resample_without_the_outlier_keeps_its_digits() -> None:
    """One stimulus unlike all others: without it, almost all of the variance is gone."""
    rng = np.random.default_rng(5)
    model, human = 1 + 1e-6 * symmetric(rng, 8), 1 + 1e-3 * symmetric(rng, 8)
    model[0], model[:, 0], human[0], human[:, 0] = 1e3, 1e3, 0, 0
    w = resample.multiplicities(8, 60, rng)
    assert (w[:, 0] == 0).sum() > 5
    # Its values are 1 + 1e-6 x, which holds ten digits of x.
    expected = [by_definition("pearson", model, human, one) for one in w]
    np.testing.assert_allclose(resample.pearson(model, human, w), expected, rtol=0, atol=1e-9)


def test_undefined_where_all_that_was_drawn_is_alike() -> None:
    rng = np.random.default_rng(6)
    human, model = symmetric(rng, 6), np.full((6, 6), 0.3)
    model[0, 1:] = model[1:, 0] = 0.1 * np.arange(1, 6)  # only stimulus 0 tells pairs apart
    w = np.array([[0, 2, 1, 1, 1, 1], [6, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1], [2, 4, 0, 0, 0, 0]])
    for function in (resample.pearson, resample.spearman):
        for one, other in ((model, human), (human, model)):
            assert np.isnan(function(one, other, w)).tolist() == [True, True, False, True]
        assert np.isnan(function(np.ones((6, 6)), human, w)).all()
    assert np.isnan(resample.triplet(human, model, w)).tolist() == [True, True, False, True]
    # A model that says nothing is not undefined: it scores one half.
    assert resample.triplet(model, human, w)[0] == 0.5
    assert resample.triplet(np.ones((6, 6)), human, w)[2] == 0.5


@pytest.mark.parametrize("seed", range(3))
def test_judged_triplets_by_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = symmetric(rng, 8, 4)
    t, votes = triplet_set(rng, 8, 60)
    t[5], votes[5] = t[4], votes[4]  # judged twice
    w = np.concatenate([np.ones((1, 8), int), resample.multiplicities(8, 30, rng)])
    found = resample.triplet_votes(model, t, votes, w)
    assert found[0] == pytest.approx(measures.triplet_votes(model, t, votes), abs=1e-12)
    for one, value in zip(w, found, strict=True):
        score = [
            0.5 + 0.5 * np.sign(model[a, b] - model[a, c])
            for (a, b, c), (yes, no) in zip(t, votes, strict=True)
            for _ in range(one[a] * one[b] * one[c])
            if yes != no
        ]
        assert value == pytest.approx(np.mean(score) if score else math.nan, abs=1e-12, nan_ok=True)
    with pytest.raises(ValueError, match="every judged triplet is tied"):
        measures.triplet_votes(model, t, np.ones_like(votes))


def test_standard_error_leaves_few_undefined_out_and_is_none_with_more() -> None:
    values = np.random.default_rng(1).normal(size=100)
    for undefined in (0, 5):
        values[:undefined] = np.nan
        expected = np.std(values[undefined:], ddof=1)
        assert resample.standard_error(values) == pytest.approx(expected)
    values[5] = np.nan
    assert resample.standard_error(values) is None


@pytest.mark.parametrize("measure", measures.MEASURES)
def test_standard_error_is_the_spread_over_sets_of_stimuli(measure: str) -> None:
    """Sets drawn from one population: the spread of alignment is what the bootstrap says."""
    rng = np.random.default_rng(2)
    values, errors = [], []
    for _ in range(150):
        points = rng.normal(size=(40, 3))
        model, human = (
            np.exp(-(np.linalg.norm(p[:, None] - p, axis=-1) ** 2) / 4)
            for p in (points, points + rng.normal(size=(40, 3)))
        )
        w = resample.multiplicities(40, 100, rng)
        values.append(measures.MEASURES[measure](model, human))
        errors.append(np.std(getattr(resample, measure)(model, human, w), ddof=1))
    # The spread of 150 values is known to 6 %.
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.2)


def test_standard_errors_of_a_set_are_the_same_resamples_for_every_model() -> None:
    rng = np.random.default_rng(7)
    people = np.stack([symmetric(rng, 12) for _ in range(3)])
    human = Judgments(12, similarity=people.mean(0), participants=people)
    model = symmetric(rng, 12)

    def errors(model: np.ndarray, seed: int) -> dict[str, float | None]:
        return standard_errors(model, human, 200, np.random.default_rng(seed))

    found = errors(model, 1)
    assert errors(model, 2) != found
    assert errors(3 * model + 1, 1) == pytest.approx(found)  # scaled, it is the same model
    w = resample.multiplicities(12, 200, np.random.default_rng(1))
    for measure in ("pearson", "spearman"):
        values = [by_definition(measure, model, people.mean(0), one) for one in w]
        assert found[measure] == pytest.approx(np.std(values, ddof=1))


def test_standard_errors_of_every_form_of_judgments(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    model, similarity = symmetric(rng, 10), symmetric(rng, 10)
    t, votes = triplet_set(rng, 10, 200)
    labels = rng.dirichlet(np.ones(4), 10)
    matrix, voted = Judgments(10, similarity=similarity), Judgments(10, triplets=t, votes=votes)
    soft = Judgments(10, soft_labels=labels, label_similarity=np.array("cosine"))
    for human in (matrix, soft, voted):
        measured = {row["measure"] for row in agreements(model, human)}
        errors = standard_errors(model, human, 200, np.random.default_rng(0))
        assert set(errors) == measured == ({"triplet"} if human is voted else {*measures.MEASURES})
        assert all(0 < (error or 0) < 0.5 for error in errors.values())
    monkeypatch.setattr(resample, "LARGEST", 9)
    beyond = {"pearson": None, "spearman": None, "triplet": None}
    assert standard_errors(model, matrix, 200, rng) == beyond
    assert standard_errors(model, voted, 200, rng)["triplet"] is not None
    with pytest.raises(DataError, match="here: neither a similarity matrix nor triplets nor soft"):
        Judgments(10).check("here")
