"""Noise ceilings against their definitions, and panels of known reliability."""

from __future__ import annotations

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from scipy import stats

from stages.similarity import ceilings, measures
from stages.similarity.ceilings import leave_one_out, split_half, splits, upper_bound, votes_ceiling
from stages.similarity.matrices import pairs
from tests.arrays import panel, symmetric, triplet_set
from tests.test_resample import agreement, correlation


def by_measure(measure: str, model: np.ndarray, human: np.ndarray) -> float:
    ones = np.ones(len(human), int)
    return (
        agreement(model, human, ones)
        if measure == "triplet"
        else correlation(measure, model, human, ones)
    )


@pytest.mark.parametrize("measure", measures.MEASURES)
@pytest.mark.parametrize("levels", [None, 4])
def test_ceilings_by_definition(measure: str, levels: int | None) -> None:
    rng = np.random.default_rng(9)
    for count in (2, 4, 5):
        people = np.stack([symmetric(rng, 7, levels) for _ in range(count)])
        left_out = [
            by_measure(measure, np.delete(people, p, 0).sum(0), people[p]) for p in range(count)
        ]
        assert leave_one_out(people, measure) == pytest.approx(np.mean(left_out), abs=1e-12)
        halves = []
        for half in combinations(range(count), count // 2):
            a, b = people[list(half)].sum(0), np.delete(people, half, 0).sum(0)
            halves += [by_measure(measure, a, b), by_measure(measure, b, a)]
        found = split_half(people, measure, rng)
        assert found == pytest.approx(np.mean(halves), abs=1e-12)


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
@pytest.mark.parametrize("levels", [None, 4])
def test_no_model_exceeds_the_upper_bound_of_correlation(measure: str, levels: int | None) -> None:
    rng = np.random.default_rng(10)
    people = np.stack([symmetric(rng, 8, levels) for _ in range(4)])
    values = pairs(people) if measure == "pearson" else stats.rankdata(pairs(people), axis=1)
    mean = stats.zscore(values, axis=1).mean(0)
    upper = upper_bound(people, measure)
    assert upper is not None
    # Nili et al.: the mean correlation of participants with the mean of all.
    assert upper == pytest.approx(np.mean([np.corrcoef(v, mean)[0, 1] for v in values]))
    best = stats.zscore(mean)
    for step in (0.01, 0.1, 1.0, 10.0):
        for _ in range(50):
            other = best + step * rng.normal(size=len(best))
            assert np.mean([np.corrcoef(v, other)[0, 1] for v in values]) <= upper + 1e-12
    assert leave_one_out(people, measure) < upper


@pytest.mark.parametrize("levels", [None, 3])
def test_upper_bound_of_triplets_is_the_best_answer_to_each(levels: int | None) -> None:
    rng = np.random.default_rng(11)
    people = np.stack([symmetric(rng, 6, levels) for _ in range(4)])
    triplets = [(i, j, k) for i, j, k in permutations(range(6), 3) if j < k]
    sign = np.array([np.sign([one[i, j] - one[i, k] for i, j, k in triplets]) for one in people])
    share = np.abs(sign) / np.abs(sign).sum(1, keepdims=True) / 4
    best = np.maximum((share * (sign > 0)).sum(0), (share * (sign < 0)).sum(0)).sum()
    upper = upper_bound(people, "triplet")
    assert upper == pytest.approx(best, abs=1e-12)
    for model in [*people, people.mean(0), *(symmetric(rng, 6) for _ in range(50))]:
        assert np.mean([measures.triplet(model, one) for one in people]) <= best + 1e-12


@pytest.mark.parametrize(("people", "sd"), [(6, 1.0), (7, 2.0), (16, 2.0)])
def test_a_panel_of_known_reliability(people: int, sd: float) -> None:
    """Of P people with noise s² the mean has reliability P / (P + s²), by Spearman-Brown."""
    rng = np.random.default_rng(13)  # 3160 pairs: a correlation has a standard error below 0.015
    found = ceilings.participants_ceilings(panel(rng, people, 80, sd), rng)[0]
    noise_of = sd**2
    reliability = people / (people + noise_of)
    half = people // 2, people - people // 2
    assert found.spearman_brown == pytest.approx(reliability, abs=0.03)
    assert found.split_half is not None
    assert found.spearman_brown == 2 * found.split_half / (1 + found.split_half)
    assert found.split_half == pytest.approx(
        1 / math.sqrt((1 + noise_of / half[0]) * (1 + noise_of / half[1])), abs=0.03
    )
    rest = 1 / math.sqrt((1 + noise_of) * (1 + noise_of / (people - 1)))
    assert found.leave_one_out == pytest.approx(rest, abs=0.03)
    assert found.upper == pytest.approx(
        math.sqrt((1 + (people - 1) / (1 + noise_of)) / people), abs=0.03
    )


def test_splits_are_all_there_are_or_random_ones() -> None:
    rng = np.random.default_rng(15)
    for count, every in ((2, 1), (3, 3), (4, 3), (5, 10), (10, 126)):
        halves = splits(count, 1000, rng)
        assert halves.shape == (every, count)
        assert (halves.sum(1) == count // 2).all()
        unordered = {frozenset((tuple(h), tuple(~h))) for h in halves}
        assert len(unordered) == every
    halves = splits(16, 1000, rng)
    assert halves.shape == (1000, 16)
    assert (halves.sum(1) == 8).all()
    np.testing.assert_allclose(halves.mean(0), 0.5, atol=0.06)


def test_ceilings_that_are_undefined(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(16)
    people = np.stack([symmetric(rng, 6), symmetric(rng, 6)])
    opposed = np.stack([people[0], -people[0]])
    found = ceilings.participants_ceilings(opposed, rng)[0]
    assert (found.split_half, found.spearman_brown) == (pytest.approx(-1), None)
    monkeypatch.setattr(ceilings, "LARGEST", 5)
    triplet = ceilings.participants_ceilings(people, rng)[2]
    assert triplet.leave_one_out > 0
    assert (triplet.upper, triplet.split_half, triplet.spearman_brown) == (None, None, None)
    flat = np.stack([np.ones((6, 6)), people[0]])
    for measure in measures.MEASURES:
        for function in (leave_one_out, upper_bound, lambda p, m: split_half(p, m, rng)):
            with pytest.raises(ValueError, match=r"equal|tied"):
                function(flat, measure)


@pytest.mark.parametrize("seed", range(4))
def test_votes_judgment_by_judgment(seed: int) -> None:
    _, votes = triplet_set(np.random.default_rng(seed), 9, 40)
    lower, upper = [], []
    for yes, no in votes:
        judgments = [1] * yes + [-1] * no
        if len(judgments) < 2:
            continue
        for i, one in enumerate(judgments):
            others = sum(judgments) - judgments[i]
            lower.append(0.5 if others == 0 else float(np.sign(others) == one))
        upper += [1.0] * yes + [0.0] * no
    found = votes_ceiling(votes)
    assert found is not None
    assert found.leave_one_out == pytest.approx(np.mean(lower), abs=1e-12)
    assert found.upper == pytest.approx(np.mean(upper), abs=1e-12)
    assert (found.split_half, found.spearman_brown) == (None, None)
    assert votes_ceiling(np.array([[1, 0], [1, 0]])) is None
    assert votes_ceiling(np.array([[4, 0], [1, 0]])) == ceilings.Ceiling(
        "triplet", 1.0, 1.0, None, None
    )
