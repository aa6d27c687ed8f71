"""Noise of alignment: the bootstrap over stimuli, and noise ceilings, against their definitions."""

from __future__ import annotations

import math
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from stages.inference import noise
from stages.inference.tables import read_table
from stages.runtime.errors import DataError
from stages.runtime.files import pack, unpack, write_table
from stages.similarity import ceilings, measures, resample, units
from stages.similarity.ceilings import noise_ceiling, split_half, splits, upper_bound, votes_ceiling
from stages.similarity.matrices import pairs
from stages.sources.human import Judgments, stimulus_files

LEVELS = [(None, None), (3, None), (None, 4), (4, 3), (2, 2)]


def symmetric(rng: np.random.Generator, n: int, levels: int | None = None) -> np.ndarray:
    """A random similarity matrix; with few levels it has many ties. Its diagonal means nothing."""
    x = rng.integers(0, levels, (n, n)).astype(float) if levels else rng.normal(size=(n, n))
    return np.triu(x, 1) + np.triu(x, 1).T + np.diag(rng.normal(size=n))


def drawn(w: np.ndarray) -> list[int]:
    """The stimuli of a resample, copies side by side."""
    return [i for i, count in enumerate(w) for _ in range(count)]


def pair_values(matrix: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The pairs of a resample one by one, without those of copies."""
    return np.array([matrix[i, j] for i, j in combinations(drawn(w), 2) if i != j])


def correlation(kind: str, model: np.ndarray, human: np.ndarray, w: np.ndarray) -> float:
    x, y = pair_values(model, w), pair_values(human, w)
    if len(x) == 0 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    if kind == "pearson":
        return float(stats.pearsonr(x, y).statistic)
    return float(stats.spearmanr(x, y).statistic)


def agreement(model: np.ndarray, human: np.ndarray, w: np.ndarray) -> float:
    """Remark 3.3 over the triplets of a resample that name three different stimuli."""
    agreed, decided, stimuli = 0.0, 0, drawn(w)
    for a, i in enumerate(stimuli):
        others = [k for b, k in enumerate(stimuli) if b != a]
        for j, k in combinations(others, 2):
            if len({i, j, k}) < 3 or human[i, j] == human[i, k]:
                continue
            decided += 1
            difference = model[i, j] - model[i, k]
            agreed += 0.5 if difference == 0 else (difference > 0) == (human[i, j] > human[i, k])
    return agreed / decided if decided else math.nan


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("levels", LEVELS)
def test_resampled_statistics_are_those_of_the_resample_pair_by_pair(
    seed: int, levels: tuple[int | None, int | None]
) -> None:
    rng = np.random.default_rng(seed)
    n = 9
    model, human = symmetric(rng, n, levels[0]), symmetric(rng, n, levels[1])
    w = resample.multiplicities(n, 40, rng)
    for kind in ("pearson", "spearman"):
        expected = [correlation(kind, model, human, one) for one in w]
        found = getattr(resample, kind)(model, human, w)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    expected = [agreement(model, human, one) for one in w]
    np.testing.assert_allclose(resample.triplet(model, human, w), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("levels", LEVELS)
def test_stimuli_drawn_once_give_the_measures_themselves(
    levels: tuple[int | None, int | None],
) -> None:
    rng = np.random.default_rng(3)
    model, human = symmetric(rng, 30, levels[0]), symmetric(rng, 30, levels[1])
    w = np.stack([np.ones(30, int), *(rng.random((20, 30)) < 0.6).astype(int)])
    for name in measures.MEASURES:
        plain = [
            getattr(measures, name)(model[np.ix_(s, s)], human[np.ix_(s, s)])
            for s in map(np.flatnonzero, w)
        ]
        found = getattr(resample, name)(model, human, w)
        np.testing.assert_allclose(found, plain, rtol=0, atol=1e-12)


def test_more_resamples_than_are_in_memory_at_once() -> None:
    rng = np.random.default_rng(4)
    model, human = symmetric(rng, 7), symmetric(rng, 7, 4)
    w = resample.multiplicities(7, 2 * resample._AT_ONCE + 5, rng)
    expected = [correlation("spearman", model, human, one) for one in w]
    np.testing.assert_allclose(resample.spearman(model, human, w), expected, rtol=0, atol=1e-12)
    t, votes = triplet_set(rng, 7, 50)
    whole = resample.triplet_votes(model, t, votes, w)
    parts = [resample.triplet_votes(model, t, votes, one[None])[0] for one in w]
    np.testing.assert_array_equal(whole, parts)


def test_the_largest_weights_are_counted_exactly() -> None:
    """As many stimuli as may be, of which few are drawn, and each so often as can be."""
    rng = np.random.default_rng(13)
    n = resample.LARGEST
    model, human = symmetric(rng, n), symmetric(rng, n, 9)
    w = np.zeros((3, n), int)
    w[0, :3] = n - 2 * (n // 3), n // 3, n // 3
    w[1, 5:9] = n // 4
    w[2, :3] = n // 2 - 1, n // 2 - 1, 2
    for one, found in zip(w, resample.spearman(model, human, w), strict=True):
        assert found == pytest.approx(correlation("spearman", model, human, one), abs=1e-12)
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
    expected = [correlation("pearson", model, human, one) for one in w]
    np.testing.assert_allclose(resample.pearson(model, human, w), expected, rtol=0, atol=1e-9)


def test_undefined_where_all_that_was_drawn_is_alike() -> None:
    rng = np.random.default_rng(6)
    human, model = symmetric(rng, 6), np.full((6, 6), 0.3)
    model[0, 1:] = model[1:, 0] = 0.1 * np.arange(1, 6)  # only stimulus 0 tells pairs apart
    w = np.array([[0, 2, 1, 1, 1, 1], [6, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1], [2, 4, 0, 0, 0, 0]])
    for function in (resample.pearson, resample.spearman):
        assert np.isnan(function(model, human, w)).tolist() == [True, True, False, True]
        assert np.isnan(function(human, model, w)).tolist() == [True, True, False, True]
        assert np.isnan(function(np.ones((6, 6)), human, w)).all()
    assert np.isnan(resample.triplet(human, model, w)).tolist() == [True, True, False, True]
    # A model that says nothing is not undefined: it scores one half.
    assert resample.triplet(model, human, w)[0] == 0.5
    assert resample.triplet(np.ones((6, 6)), human, w)[2] == 0.5


def triplet_set(rng: np.random.Generator, n: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    t = np.array([rng.permutation(n)[:3] for _ in range(count)])
    votes = np.stack([rng.integers(0, 4, count), rng.integers(1, 5, count)], 1)
    return t, np.sort(votes, axis=1)[:, ::-1]


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


def test_multiplicities_are_counts_of_draws() -> None:
    w = resample.multiplicities(20, 4000, np.random.default_rng(0))
    assert (w.sum(1) == 20).all()
    drawn_so_often = np.bincount(w.ravel())[:4] / w.size
    np.testing.assert_allclose(drawn_so_often, stats.binom.pmf(range(4), 20, 1 / 20), atol=0.01)


def test_standard_error_leaves_few_undefined_out_and_is_none_with_more() -> None:
    values = np.random.default_rng(1).normal(size=100)
    assert resample.standard_error(values) == pytest.approx(np.std(values, ddof=1))
    values[:5] = np.nan
    assert resample.standard_error(values) == pytest.approx(np.std(values[5:], ddof=1))
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
        values.append(getattr(measures, measure)(model, human))
        errors.append(np.std(getattr(resample, measure)(model, human, w), ddof=1))
    # The spread of 150 values is known to 6 %.
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.2)


def test_standard_errors_of_a_set_are_the_same_resamples_for_every_model() -> None:
    rng = np.random.default_rng(7)
    people = np.stack([symmetric(rng, 12) for _ in range(3)])
    human = Judgments(12, similarity=people.mean(0), participants=people)
    model = symmetric(rng, 12)
    twice = [units.standard_errors(model, human, 200, np.random.default_rng(1)) for _ in range(2)]
    assert twice[0] == twice[1]
    assert units.standard_errors(model, human, 200, np.random.default_rng(2)) != twice[0]
    w = resample.multiplicities(12, 200, np.random.default_rng(1))
    for kind in ("pearson", "spearman"):
        by_hand = np.std([correlation(kind, model, people.mean(0), one) for one in w], ddof=1)
        assert twice[0][kind] == pytest.approx(by_hand)
    # A model whose similarities are scaled is the same model.
    scaled = units.standard_errors(3 * model + 1, human, 200, np.random.default_rng(1))
    assert scaled == pytest.approx(twice[0])


def test_standard_errors_of_every_form_of_judgments(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    model, similarity = symmetric(rng, 10), symmetric(rng, 10)
    t, votes = triplet_set(rng, 10, 200)
    labels = rng.dirichlet(np.ones(4), 10)
    forms = {
        "matrix": Judgments(10, similarity=similarity),
        "soft labels": Judgments(10, soft_labels=labels, label_similarity=np.array("cosine")),
        "triplets": Judgments(10, triplets=t, votes=votes),
    }
    for name, human in forms.items():
        measured = {row["measure"] for row in units.measure(model, human)}
        errors = units.standard_errors(model, human, 200, np.random.default_rng(0))
        assert set(errors) == measured == ({"triplet"} if name == "triplets" else set(errors))
        assert all(0 < (error or 0) < 0.5 for error in errors.values())
    monkeypatch.setattr(resample, "LARGEST", 9)
    beyond = units.standard_errors(model, forms["matrix"], 200, rng)
    assert beyond == {"pearson": None, "spearman": None, "triplet": None}
    assert units.standard_errors(model, forms["triplets"], 200, rng)["triplet"] is not None
    with pytest.raises(ValueError, match="neither similarities nor triplets"):
        units.standard_errors(model, Judgments(10), 200, rng)


def test_a_blank_standard_error_comes_back_as_nan(tmp_path: Path) -> None:
    names = {"weights": "", "set": "007", "measure": "pearson"}
    rows: list[dict[str, Any]] = [
        {"model": "nan", **names, "judge": "group", "value": 0.1, "se": 0.012345678901234567},
        {"model": "1e5", **names, "judge": "p01", "value": 0.2, "se": None},
    ]
    path = tmp_path / "alignment.csv"
    write_table(path, rows)
    table = read_table(path)
    assert table["model"].tolist() == ["nan", "1e5"]
    assert table["weights"].tolist() == ["", ""]
    assert table["se"].dtype == float
    assert table["se"][0] == rows[0]["se"]
    assert math.isnan(table["se"][1])
    write_table(path, rows[1:])
    assert read_table(path)["se"].isna().all()
    path.write_text(path.read_text().replace("0.2,", "0.2,much"))
    with pytest.raises(DataError, match="not readable as a table"):
        read_table(path)


def panel(rng: np.random.Generator, people: int, n: int, noise_sd: float) -> np.ndarray:
    """Participants who see one truth, each with noise of their own."""
    truth = symmetric(rng, n)
    return np.stack([truth + noise_sd * symmetric(rng, n) for _ in range(people)])


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
        assert noise_ceiling(people, measure) == pytest.approx(np.mean(left_out), abs=1e-12)
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
    assert noise_ceiling(people, measure) < upper


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


def test_people_who_agree_have_ceilings_of_one() -> None:
    rng = np.random.default_rng(12)
    people = np.tile(symmetric(rng, 9), (4, 1, 1))
    for one in ceilings.participants_ceilings(people, rng):
        assert one.leave_one_out == pytest.approx(1, abs=1e-12)
        assert one.upper == pytest.approx(1, abs=1e-12)
        assert one.split_half == pytest.approx(1, abs=1e-12)
        expected = None if one.measure == "triplet" else pytest.approx(1, abs=1e-12)
        assert one.spearman_brown == expected


@pytest.mark.parametrize(("people", "sd"), [(6, 1.0), (7, 2.0), (16, 2.0)])
def test_a_panel_of_known_reliability(people: int, sd: float) -> None:
    """Of P people with noise s² the mean has reliability P / (P + s²), by Spearman-Brown."""
    rng = np.random.default_rng(13)  # 3160 pairs: a correlation has a standard error below 0.015
    found = ceilings.participants_ceilings(panel(rng, people, 80, sd), rng)[0]
    noise_of = sd**2
    reliability = people / (people + noise_of)
    half = people // 2, people - people // 2
    assert found.spearman_brown == pytest.approx(reliability, abs=0.03)
    assert found.split_half == pytest.approx(
        1 / math.sqrt((1 + noise_of / half[0]) * (1 + noise_of / half[1])), abs=0.03
    )
    rest = 1 / math.sqrt((1 + noise_of) * (1 + noise_of / (people - 1)))
    assert found.leave_one_out == pytest.approx(rest, abs=0.03)
    assert found.upper == pytest.approx(
        math.sqrt((1 + (people - 1) / (1 + noise_of)) / people), abs=0.03
    )


def test_ceilings_do_not_change_with_order_or_scale() -> None:
    rng = np.random.default_rng(14)
    people = panel(rng, 5, 9, 1.0)
    order, who = rng.permutation(9), rng.permutation(5)
    same = 2 * people[who][:, order][:, :, order] + 1
    for a, b in zip(*(ceilings.participants_ceilings(p, rng) for p in (people, same)), strict=True):
        assert (a.leave_one_out, a.upper, a.split_half) == pytest.approx(
            (b.leave_one_out, b.upper, b.split_half), abs=1e-12
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
        for function in (noise_ceiling, upper_bound, lambda p, m: split_half(p, m, rng)):
            monkeypatch.setattr(ceilings, "LARGEST", 400)
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


MODELS = [f"m{i}" for i in range(12)]


def table(rng: np.random.Generator) -> pd.DataFrame:
    """Alignment of 12 models with a set of two participants and one of judged triplets."""
    columns = ["model", "set", "measure", "judge", "value", "se"]
    rows = [
        (model, "people", measure, judge, rng.random(), 0.1 if judge == "group" else math.nan)
        for model in MODELS
        for measure in measures.MEASURES
        for judge in ("group", "p01", "p02")
    ]
    rows += [(model, "voted", "triplet", "group", rng.random(), 0.2) for model in MODELS]
    return pd.DataFrame(rows, columns=columns)


def test_table_of_ceilings(tmp_path: Path) -> None:
    rng = np.random.default_rng(17)
    alignment, people = table(rng), panel(rng, 2, 10, 1.0)
    t, votes = triplet_set(rng, 10, 50)
    judgments = {
        "people": Judgments(10, similarity=people.mean(0), participants=people),
        "once": Judgments(10, similarity=people[0]),
        "voted": Judgments(10, triplets=t, votes=votes),
        "voted once": Judgments(10, triplets=t, votes=np.tile([1, 0], (50, 1))),
    }
    for name, human in judgments.items():
        images = {f"{i}.png": b"" for i in range(human.n)}  # only counted
        unpack(pack(stimulus_files(images, human, {})), tmp_path / name)
    sets = noise.repeated_sets(tmp_path, list(judgments), seed=0)
    assert list(sets) == ["people", "voted"]
    rows = noise.ceilings(sets, alignment)
    assert [(r["set"], r["form"], r["measure"], r["judges"]) for r in rows] == [
        ("people", "participants", "pearson", 2),
        ("people", "participants", "spearman", 2),
        ("people", "participants", "triplet", 2),
        ("voted", "votes", "triplet", votes.sum(1).max()),
    ]
    assert rows[0]["leave_one_out"] == noise_ceiling(people)
    assert rows[0]["split_half"] == pytest.approx(measures.pearson(*people))
    for row in rows:
        best = {}
        for model in MODELS:
            own = alignment[(alignment["model"] == model) & (alignment["set"] == row["set"])]
            single = own[(own["judge"] != "group") == (row["form"] == "participants")]
            best[model] = single[single["measure"] == row["measure"]]["value"].mean()
        assert row["best_model"] == max(best, key=lambda model: best[model])
        assert row["best_value"] == pytest.approx(max(best.values()))
        assert row["stimuli"] == 10
    assert noise.ceilings(dict(reversed(sets.items())), alignment)[1:] == rows[:3]
    assert noise.repeated_sets(tmp_path, ["people"], seed=0) == {"people": sets["people"]}


def test_table_of_participants() -> None:
    rng = np.random.default_rng(18)
    alignment = table(rng)
    covariate, outcome = (pd.Series(rng.normal(size=12), MODELS[::-1]) for _ in range(2))
    labels = {"task": "novel", "n": 1}
    rows = noise.participants(alignment, covariate, outcome, labels)
    assert len(rows) == 2 * 3
    assert {row["set"] for row in rows} == {"people"}
    row = next(r for r in rows if (r["participant"], r["measure"]) == ("p02", "spearman"))
    own = alignment[(alignment["judge"] == "p02") & (alignment["measure"] == "spearman")]
    x = own.set_index("model")["value"]
    assert (row["mean"], row["lowest"], row["highest"]) == (x.mean(), x.min(), x.max())
    assert row["best_model"] == x.idxmax()
    assert (row["task"], row["n"]) == ("novel", 1)
    design = sm.add_constant(covariate[x.index])
    square = (x - x.mean()) ** 2 / x.var(ddof=0)
    for column, values in (("r_linear", x), ("r_z2", square)):
        a, b = (sm.OLS(v, design).fit().resid for v in (values, outcome[x.index]))
        assert row[column] == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-10)
    flat = noise.participants(alignment, covariate, outcome * 0, labels)
    assert {(r["r_z2"], r["r_linear"]) for r in flat} == {(None, None)}
    flat = noise.participants(alignment.assign(value=0.5), covariate, outcome, labels)
    assert {(r["mean"], r["r_z2"], r["r_linear"]) for r in flat} == {(0.5, None, None)}
    with pytest.raises(DataError, match=r"people, p01: the outcome: no value for m11"):
        noise.participants(alignment, covariate, outcome.drop("m11"), labels)


def test_error_of_the_mean_over_sets() -> None:
    alignment = table(np.random.default_rng(19))
    rows = noise.alignment_errors(alignment)
    assert list(rows) == MODELS
    own = alignment[(alignment["model"] == "m3") & (alignment["judge"] == "group")]
    triplet = own[own["measure"] == "triplet"]["value"]
    assert rows["m3"]["triplet"] == pytest.approx(triplet.mean())
    assert rows["m3"]["triplet_se"] == pytest.approx(math.hypot(0.1, 0.2) / 2)
    assert rows["m3"]["pearson_se"] == pytest.approx(0.1)
    alignment.loc[(alignment["model"] == "m3") & (alignment["set"] == "voted"), "se"] = math.nan
    rows = noise.alignment_errors(alignment)
    assert rows["m3"]["triplet_se"] is None
    assert rows["m3"]["triplet"] == pytest.approx(triplet.mean())
    assert rows["m4"]["triplet_se"] == pytest.approx(math.hypot(0.1, 0.2) / 2)
    only = noise.alignment_errors(alignment[alignment["set"] == "voted"])
    assert (only["m4"]["pearson"], only["m4"]["pearson_se"]) == (None, None)
