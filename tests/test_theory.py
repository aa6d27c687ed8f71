"""Few-shot learning in the game, and Appendix A: closed forms, and what theory says of the mean."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, norm, t

from stages.communication.appendix import (
    adversarial,
    expected_maximum,
    printed_expectation,
    sensitivity,
    shifted,
)
from stages.communication.fewshot import ClassesSize, accuracies, draw_lesson, share_right
from stages.communication.game import ask_at_random, posterior
from tests.test_game import rng

CLASSES = ClassesSize(
    objects=6, dimensions=2, positions=200, classes=5, answers=4, spread=0.1, tests=10, worlds=40
)


def test_accuracy_with_half_of_the_answers_flipped_is_chance_exactly() -> None:
    for row in accuracies(CLASSES, 0, each=[(0.5, 1), (0.5, 40)]):
        assert [row[k] for k in ("accuracy", "low", "high")] == pytest.approx([0.2] * 3, abs=1e-12)


def test_accuracy_is_a_u_that_deepens_with_n() -> None:
    cells = list(product((0.0, 0.2, 0.4, 0.6, 0.8, 1.0), (1, 5)))
    rows = dict(zip(cells, accuracies(CLASSES, 0, each=cells), strict=True))
    assert [(row["epsilon"], row["n"]) for row in rows.values()] == cells
    value = {cell: row["accuracy"] for cell, row in rows.items()}
    for n in (1, 5):
        assert value[0.0, n] > value[0.2, n] + 0.05 > value[0.4, n] + 0.1 > 0.3
        for e in (0.0, 0.2, 0.4):
            one, other = rows[e, n], rows[round(1 - e, 9), n]
            width = (one["high"] - one["low"]) + (other["high"] - other["low"])
            assert abs(one["accuracy"] - other["accuracy"]) < width
    for e in (0.2, 0.8):
        assert value[e, 5] > value[e, 1] + 0.05


def test_accuracy_of_a_cell_does_not_depend_on_what_else_is_asked() -> None:
    alone = list(accuracies(CLASSES, 3, each=[(0.2, 5)]))
    beside = list(accuracies(CLASSES, 3, each=[(0.0, 1), (0.2, 5), (0.9, 2)]))
    assert alone == beside[1:2]
    assert list(accuracies(CLASSES, 4, each=[(0.2, 5)])) != alone


@pytest.mark.parametrize("epsilon", [0.0, 1.0])
def test_without_noise_bob_believes_in_positions_that_answer_as_the_centroid(
    epsilon: float,
) -> None:
    sides, centroids, _, _ = draw_lesson(CLASSES, rng())
    belief = posterior(ask_at_random(sides, centroids, 3000, epsilon, rng(1)), epsilon)
    same = (sides[:, centroids, None] == sides[:, None]).all(0)
    np.testing.assert_allclose(belief, same / same.sum(1, keepdims=True), atol=1e-6)


def test_examples_go_to_the_class_that_makes_them_most_probable() -> None:
    """With certain beliefs that is the nearest centroid."""
    _, found, likelihood, labels = draw_lesson(CLASSES, rng())
    again = rng()
    positions = again.random((CLASSES.positions, 2))
    again.random((CLASSES.objects, 2))
    centroids = positions[again.choice(CLASSES.positions, CLASSES.classes, replace=False)]
    scatter = again.normal(size=(CLASSES.classes, CLASSES.tests, 2))
    right = [
        min(range(5), key=lambda j: math.dist(centroids[j], centroids[k] + 0.1 * s)) == k
        for k in range(5)
        for s in scatter[k]
    ]
    example = centroids[0] + 0.1 * scatter[0, 0]
    density = norm.pdf(np.linalg.norm(positions - example, axis=1), scale=0.1)
    np.testing.assert_allclose(likelihood[0], density / density.max(), atol=1e-6)
    assert 0.3 < np.mean(right) < 1
    assert share_right(likelihood[:, found], labels) == pytest.approx(np.mean(right))


def test_ties_count_in_parts() -> None:
    score = np.array([[0.5, 0.5, 0.1], [0.2, 0.3, 0.1], [0.4, 0.4, 0.4], [0.1, 0.2, 0.3]])
    assert share_right(score, np.array([0, 1, 2, 0])) == pytest.approx((1 / 2 + 1 + 1 / 3 + 0) / 4)
    assert share_right(score, np.array([2, 0, 0, 2])) == pytest.approx((0 + 0 + 1 / 3 + 1) / 4)


@pytest.mark.parametrize("e", [0.0, 0.07, 0.3, 0.5, 0.8, 1.0])
def test_sensitivity_is_that_of_bits_flipped_twice(e: float) -> None:
    """Over all of teacher's change and two flips, by their probabilities."""
    teacher = np.array([0.0, 0.1, 0.6, 1.0])
    expected = sum(
        (teacher if change else 1 - teacher) * (e if f else 1 - e) * (e if g else 1 - e)
        for change, f, g in product((False, True), repeat=3)
        if change ^ f ^ g
    )
    for epsilon in (e, 1 - e):
        np.testing.assert_allclose(sensitivity(teacher, epsilon), expected, atol=1e-15)


@pytest.mark.parametrize("shift", [0.0, 0.1])
@pytest.mark.parametrize("epsilon", [0.0, 0.05, 0.3, 0.5, 0.8, 1.0])
def test_simulated_sensitivity_is_the_closed_form(shift: float, epsilon: float) -> None:
    row = shifted(epsilon, shift, objects=6, dimensions=2, classes=10, worlds=60, seed=0)
    assert row["teacher"] == 0 if shift == 0 else 0.02 < row["teacher"] < 0.5
    assert row["expected"] == pytest.approx(float(sensitivity(row["teacher"], epsilon)))
    if epsilon in (0, 1):
        assert row["student"] == pytest.approx(row["teacher"], abs=1e-12)
    else:
        error = (row["high"] - row["low"]) / 2 / t.ppf(0.975, 59)
        assert abs(row["student"] - row["expected"]) < 4 * error
        assert error < 0.01


def extreme(draws: int, trials: int, p: float, of: Any) -> float:
    """Expected largest or smallest of k draws from Bin(N, p), over every outcome of them."""
    mass = binom.pmf(np.arange(trials + 1), trials, p)
    outcomes = product(range(trials + 1), repeat=draws)
    return float(sum(of(x) * mass[list(x)].prod() for x in outcomes))


@pytest.mark.parametrize(("draws", "trials"), [(1, 5), (2, 1), (2, 6), (3, 4), (4, 3)])
@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_the_expected_maximum_is_over_every_outcome(draws: int, trials: int, p: float) -> None:
    largest, smallest = extreme(draws, trials, p, max), extreme(draws, trials, p, min)
    assert expected_maximum(draws, trials, p) == pytest.approx(largest)
    assert printed_expectation(draws, trials, p) == pytest.approx(smallest)
    if draws == 1:
        assert largest == pytest.approx(trials * p)
    elif 0 < p < 1:
        assert largest > smallest + 0.1


def test_disagreement_on_adversarial_examples_is_the_expected_maximum() -> None:
    size = {"objects": 7, "dimensions": 2, "worlds": 80, "seed": 0}
    rows = [adversarial(e, 20, **size) for e in (0.0, 0.05, 0.2, 0.5, 0.8, 1.0)]
    for row in rows:
        error = (row["high"] - row["low"]) / 2 / t.ppf(0.975, 79)
        assert row["expected"] == pytest.approx(expected_maximum(20, 21, row["epsilon"]) / 21)
        assert row["printed"] == pytest.approx(printed_expectation(20, 21, row["epsilon"]) / 21)
        assert abs(row["disagreement"] - row["expected"]) <= 4 * error + 1e-12
        if 0 < row["epsilon"] < 1:
            assert row["disagreement"] > row["printed"] + 10 * error
    values = [row["disagreement"] for row in rows]
    assert (values[0], values[-1]) == (0, 1)
    assert values == sorted(values)  # no U: Theorem A.5
    assert adversarial(0.3, 1, **size)["expected"] == pytest.approx(0.3)
