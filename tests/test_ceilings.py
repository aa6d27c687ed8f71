"""Noise ceilings against their definitions, and panels of known reliability."""

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from scipy import stats

from stages.runtime.tables import Record
from stages.similarity import ceilings, measures
from stages.similarity.ceilings import (
    leave_one_out,
    participants_ceilings,
    split_half,
    splits,
    upper_bound,
    votes_ceilings,
)
from stages.similarity.matrices import pairs
from tests.arrays import symmetric, triplet_set
from tests.test_resample import by_definition


@pytest.mark.parametrize("measure", measures.MEASURES)
@pytest.mark.parametrize("levels", [None, 4])
def test_ceilings_by_definition(measure: str, levels: int | None) -> None:
    rng, once = np.random.default_rng(9), np.ones(7, int)
    for count in (2, 4, 5):
        people = np.stack([symmetric(rng, 7, levels) for _ in range(count)])
        left_out = [
            by_definition(measure, np.delete(people, p, 0).sum(0), people[p], once)
            for p in range(count)
        ]
        assert leave_one_out(people, measure) == pytest.approx(np.mean(left_out), abs=1e-12)
        halves = []
        for half in combinations(range(count), count // 2):
            a, b = people[list(half)].sum(0), np.delete(people, half, 0).sum(0)
            halves += [by_definition(measure, *both, once) for both in ((a, b), (b, a))]
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
    for step in np.repeat([0.01, 0.1, 1.0, 10.0], 50):
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
    assert upper_bound(people, "triplet") == pytest.approx(best, abs=1e-12)
    for model in [*people, people.mean(0), *(symmetric(rng, 6) for _ in range(50))]:
        assert np.mean([measures.triplet(model, one) for one in people]) <= best + 1e-12


@pytest.mark.parametrize(("people", "sd"), [(6, 1.0), (7, 2.0), (16, 2.0)])
def test_a_panel_of_known_reliability(people: int, sd: float) -> None:
    """Of P people with noise s² the mean has reliability P / (P + s²), by Spearman-Brown."""
    rng = np.random.default_rng(13)  # 3160 pairs: a correlation has a standard error below 0.015
    truth, noise = symmetric(rng, 80), sd**2
    panel = np.stack([truth + sd * symmetric(rng, 80) for _ in range(people)])
    found = participants_ceilings(panel, rng)[0]
    half = people // 2, people - people // 2
    expected = {
        "leave_one_out": 1 / math.sqrt((1 + noise) * (1 + noise / (people - 1))),
        "upper": math.sqrt((1 + (people - 1) / (1 + noise)) / people),
        "split_half": 1 / math.sqrt((1 + noise / half[0]) * (1 + noise / half[1])),
        "spearman_brown": people / (people + noise),
    }
    assert found == {"measure": "pearson"} | {
        name: pytest.approx(value, abs=0.03) for name, value in expected.items()
    }
    assert found["spearman_brown"] == 2 * found["split_half"] / (1 + found["split_half"])


def test_splits_are_all_there_are_or_random_ones() -> None:
    rng = np.random.default_rng(15)
    for count, every in ((2, 1), (3, 3), (4, 3), (5, 10), (10, 126), (16, 1000)):
        halves = splits(count, 1000, rng)
        assert halves.shape == (every, count)
        assert (halves.sum(1) == count // 2).all()
        if count < 16:
            assert len({frozenset((tuple(h), tuple(~h))) for h in halves}) == every
    np.testing.assert_allclose(halves.mean(0), 0.5, atol=0.06)


def test_ceilings_that_are_undefined(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(16)
    people = np.stack([symmetric(rng, 6), symmetric(rng, 6)])
    found = participants_ceilings(np.stack([people[0], -people[0]]), rng)[0]  # opposed
    assert (found["split_half"], found["spearman_brown"]) == (pytest.approx(-1), None)
    monkeypatch.setattr(ceilings, "LARGEST", 5)
    measure, lower, *others = participants_ceilings(people, rng)[2].values()
    assert measure == "triplet"
    assert lower > 0
    assert others == [None, None, None]
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
        for one in judgments:
            others = sum(judgments) - one
            lower.append(0.5 if others == 0 else float(np.sign(others) == one))
        upper += [1.0] * yes + [0.0] * no
    row: Record = {"measure": "triplet", "split_half": None, "spearman_brown": None}
    row |= {"leave_one_out": pytest.approx(np.mean(lower), abs=1e-12)}
    assert votes_ceilings(votes) == [row | {"upper": pytest.approx(np.mean(upper), abs=1e-12)}]
    unanimous = [row | {"leave_one_out": 1, "upper": 1}]
    assert votes_ceilings(np.array([[4, 0], [1, 0]])) == unanimous
    assert votes_ceilings(np.array([[1, 0], [1, 0]])) == []
