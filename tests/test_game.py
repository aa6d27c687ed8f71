"""The communication game: Bayes by definition, and what theory says of it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_rel
from threadpoolctl import threadpool_limits

from stages.communication.game import (
    STRATEGIES,
    PlayedGames,
    ask_at_random,
    ask_best,
    play,
    posterior,
)
from stages.communication.worlds import SharedSpace, draw_space


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def a_space(objects: int = 5, dimensions: int = 2) -> SharedSpace:
    return draw_space(objects, dimensions, 2000, rng())


def truths(space: SharedSpace, games: int) -> np.ndarray:
    return rng().choice(len(space.prior), games, p=space.prior)


def bayes(space: SharedSpace, yes: np.ndarray, no: np.ndarray, epsilon: float) -> np.ndarray:
    """Posterior over places: the prior times 1 − ε or ε for each of so many answers [Q]."""
    probability = space.prior.copy()
    for query, sides in enumerate(space.sides):
        p = np.where(sides > 0, 1 - epsilon, epsilon)
        probability *= p ** yes[query] * (1 - p) ** no[query]
    return probability / probability.sum()


@pytest.mark.parametrize("epsilon", [0.1, 0.45, 0.8])
def test_random_answers_are_heard_by_bayes_rule(epsilon: float) -> None:
    space = a_space()
    truth, queries = truths(space, 7), len(space.sides)
    favour = ask_at_random(space.sides, truth, 9, epsilon, rng(1))
    belief, again = posterior(favour, epsilon, space.prior), rng(1)
    asked = again.multinomial(9, np.full(queries, 1 / queries), size=7)
    yes = again.binomial(asked, np.where(space.sides[:, truth].T == 1, 1 - epsilon, epsilon))
    for game in range(7):
        expected = bayes(space, yes[game], (asked - yes)[game], epsilon)
        np.testing.assert_allclose(belief[game], expected, atol=1e-5)
    even = SharedSpace(space.sides, np.full(len(space.prior), 1 / len(space.prior)), 0.0)
    by_default = [bayes(even, y, n, epsilon) for y, n in zip(yes, asked - yes, strict=True)]
    np.testing.assert_allclose(posterior(favour, epsilon), by_default, atol=1e-5)


def asked_query(space: SharedSpace, added: np.ndarray) -> int:
    """The query whose answer added so much to each place."""
    return int((space.sides == np.abs(added)).all(1).argmax())


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.45, 0.7, 1.0])
def test_adaptive_answers_are_heard_by_bayes_rule(epsilon: float) -> None:
    space = a_space()
    truth, noise, again = truths(space, 6), rng(1), rng(1)
    favour = np.zeros((6, len(space.prior)), np.float32)
    heard = np.zeros((2, 6, len(space.sides)), int)  # how often no and yes
    for _ in range(12):
        belief = posterior(favour, epsilon, space.prior)
        added = ask_best(space.sides, belief, truth, epsilon, noise)
        favour += added
        asked = [asked_query(space, row) for row in added]
        told = (space.sides[asked, truth] > 0) ^ (again.random(6) < epsilon)
        heard[told.astype(int), np.arange(6), asked] += 1
        expected = [bayes(space, yes, no, epsilon) for no, yes in zip(*heard, strict=True)]
        np.testing.assert_allclose(posterior(favour, epsilon, space.prior), expected, atol=1e-5)


def mutual_information(space: SharedSpace, belief: np.ndarray, query: int, epsilon: float) -> float:
    """I(place; what Bob hears) in nats, as the sum over places and answers."""
    of_yes = np.where(space.sides[query] > 0, 1 - epsilon, epsilon)
    joint = belief * np.stack([of_yes, 1 - of_yes])
    alone = joint.sum(1, keepdims=True) * belief
    return float(np.sum(joint[joint > 0] * np.log(joint[joint > 0] / alone[joint > 0])))


@pytest.mark.parametrize("epsilon", [0.0, 0.2, 0.9])
def test_the_query_asked_is_the_one_with_most_information(epsilon: float) -> None:
    space = a_space()
    for belief in rng(3).dirichlet(np.full(len(space.prior), 0.3), size=20):
        (added,) = ask_best(space.sides, belief.astype(np.float32)[None], np.array([0]), 0.0, rng())
        information = [
            mutual_information(space, belief, query, epsilon) for query in range(len(space.sides))
        ]
        assert information[asked_query(space, added)] == pytest.approx(
            max(information), rel=1e-4, abs=1e-9
        )
        assert max(information) > 1.2 * min(information)  # it matters which is asked


def test_without_flips_it_is_twenty_questions() -> None:
    space = a_space()
    truth = np.arange(len(space.prior))
    game = play(space, truth, 0.0, "adaptive", 100, rng())
    queries, right = game.until(0.999)
    assert right.all()
    mean = float(queries @ space.prior)
    assert space.entropy - 1e-6 <= mean < space.entropy + 1  # as a Huffman code, nearly
    random, right = play(space, truth, 0.0, "random", 1000, rng()).until(0.999)
    assert right.all()
    assert random @ space.prior > mean


def test_half_of_the_answers_flipped_say_nothing() -> None:
    space = a_space()
    for strategy in STRATEGIES:
        game = play(space, truths(space, 5), 0.5, strategy, 100, rng())
        assert game.queries.tolist() == [0]
        np.testing.assert_allclose(game.confidence, space.prior.max(), rtol=1e-6)
        assert np.isnan(game.until(0.6)[0]).all()
    favour = ask_at_random(space.sides, truths(space, 5), 50, 0.5, rng())
    belief = posterior(favour, 0.5, space.prior)
    np.testing.assert_allclose(belief, np.tile(space.prior, (5, 1)), rtol=1e-5)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_mirrored_alignment_takes_as_many_queries(strategy: str) -> None:
    space = a_space(4, 1)
    truth = truths(space, 400)
    one, other = (
        play(space, truth, epsilon, strategy, 2000, rng(seed)).until(0.9)[0]
        for seed, epsilon in enumerate((0.2, 0.8))
    )
    assert ttest_rel(one, other).pvalue > 0.001
    less, _ = play(space, truth, 0.25, strategy, 2000, rng(2)).until(0.9)
    assert ttest_rel(one, less).pvalue < 0.001  # so many games would show it


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("epsilon", [0.1, 0.7])
def test_bob_is_right_as_often_as_he_is_sure(strategy: str, epsilon: float) -> None:
    """Calibration: truth drawn from the prior is the place with its posterior's probability."""
    space = a_space(4, 2)
    game = play(space, truths(space, 1000), epsilon, strategy, 40, rng(5))
    for look in (1, len(game.queries) // 2, -1):
        sure, right = game.confidence[look], game.right[look]
        error = math.sqrt(float((sure * (1 - sure)).sum()) + 1e-9)
        assert abs(right.sum() - sure.sum()) < 4 * error + 1e-3 * len(sure)
    queries, right = game.until(0.8)
    placed = ~np.isnan(queries)
    assert placed.sum() > 100
    wrong = binomtest(int(right[placed].sum()), int(placed.sum()), 0.8, alternative="less")
    assert wrong.pvalue > 0.001


def test_looks_come_after_every_query_or_every_twentieth() -> None:
    space = a_space()
    hard = play(space, truths(space, 3), 0.49, "random", 500, rng())
    assert hard.queries[:4].tolist() == [0, 1, 2, 3]
    assert hard.queries[-1] == 500
    steps = np.diff(hard.queries)
    assert (steps[:-1] <= np.maximum(1, 0.06 * hard.queries[1:-1] + 1)).all()
    slow = play(space, truths(space, 3), 0.49, "adaptive", 30, rng())
    assert slow.queries.tolist() == list(range(31))
    for strategy in STRATEGIES:
        for limit in (1, 2):
            game = play(space, truths(space, 3), 0.49, strategy, limit, rng())
            assert game.queries.tolist() == list(range(limit + 1))


def test_a_game_that_is_settled_stays_as_it_was() -> None:
    space = a_space()
    game = play(space, truths(space, 30), 0.1, "adaptive", 400, rng())
    settled = game.confidence >= 0.999
    for look in range(1, len(settled)):
        before = settled[look - 1]
        assert (game.confidence[look][before] == game.confidence[look - 1][before]).all()
        assert (game.right[look][before] == game.right[look - 1][before]).all()
    assert settled[-1].all()
    assert len(game.queries) < 401


def test_until_is_the_first_look_at_which_bob_is_sure() -> None:
    game = PlayedGames(
        np.array([0, 1, 5]),
        np.array([[0.2, 0.9, 0.1], [0.9, 0.1, 0.2], [0.99, 0.95, 0.3]]),
        np.array([[False, False, True], [True, True, True], [False, True, True]]),
    )
    queries, right = game.until(0.9)
    np.testing.assert_array_equal(queries, [1, 0, np.nan])
    assert right.tolist() == [True, False, False]
    queries, right = game.until(0.95)
    np.testing.assert_array_equal(queries, [5, 5, np.nan])
    assert right.tolist() == [False, True, False]
