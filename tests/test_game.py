"""The communication game: Bayes by definition, places counted, and what theory says of it."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_rel

from stages.communication.game import (
    STRATEGIES,
    PlayedGames,
    SharedSpace,
    answers,
    ask_at_random,
    ask_best,
    draw_space,
    places,
    play,
    posterior,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


SPACE = draw_space(5, 2, 2000, rng())


def truths(games: int, space: SharedSpace = SPACE) -> np.ndarray:
    return rng().choice(len(space.prior), games, p=space.prior)


@pytest.mark.parametrize("objects", range(1, 8))
def test_places_in_one_dimension_and_in_many(objects: int) -> None:
    """Midpoints cut a line; in n - 1 dimensions every order of n objects has its place."""
    assert places(objects, 1) == objects * (objects - 1) // 2 + 1
    for dimensions in range(max(objects - 1, 1), objects + 2):
        assert places(objects, dimensions) == math.factorial(objects)


@pytest.mark.parametrize(("objects", "dimensions"), [(3, 2), (4, 2), (4, 3), (5, 2)])
def test_places_are_as_many_orders_as_positions_show(objects: int, dimensions: int) -> None:
    """Positions near objects and far off: distinct orders of distance, of the best of four sets."""
    found = []
    for seed in range(4):
        draws = rng(seed)
        x = draws.normal(size=(objects, dimensions))
        normal = [draws.normal(size=(40_000, dimensions)) for _ in range(4)]
        at = np.concatenate([scale * z for scale, z in zip((0.5, 2, 10, 50), normal, strict=True)])
        order = np.argsort((x**2).sum(1) - 2 * at @ x.T, axis=1)  # |at|² shifts all alike
        found.append(len(np.unique(order @ objects ** np.arange(objects))))
    assert max(found) == places(objects, dimensions)


def test_answers_are_distances_compared() -> None:
    draws = rng()
    x, at = draws.random((4, 2)), draws.random((6, 2))
    expected = [
        [math.dist(position, x[j]) < math.dist(position, x[k]) for position in at]
        for j in range(4)
        for k in range(j + 1, 4)
    ]
    assert answers(x, at).tolist() == expected


@pytest.mark.parametrize(("objects", "dimensions"), [(4, 1), (5, 2), (12, 3)])
def test_a_space_holds_each_place_once_with_its_share_of_positions(
    objects: int, dimensions: int
) -> None:
    space, again = draw_space(objects, dimensions, 3000, rng()), rng()
    x = again.random((objects, dimensions))
    orders = [tuple(order) for order in answers(x, again.random((3000, dimensions))).T.tolist()]
    shares = {order: orders.count(order) / 3000 for order in set(orders)}
    assert dict(zip(map(tuple, space.sides.T.tolist()), space.prior, strict=True)) == shares
    assert len(shares) <= places(objects, dimensions)
    assert space.alone == pytest.approx(sum(p == 1 / 3000 for p in shares.values()) / 3000)
    assert space.entropy == pytest.approx(-sum(p * math.log2(p) for p in shares.values()))


def bayes(prior: np.ndarray, yes: np.ndarray, no: np.ndarray, epsilon: float) -> np.ndarray:
    """Posterior over places: the prior times 1 − ε or ε for each of so many answers [Q]."""
    probability = prior.copy()
    for query, sides in enumerate(SPACE.sides):
        p = np.where(sides > 0, 1 - epsilon, epsilon)
        probability *= p ** yes[query] * (1 - p) ** no[query]
    return probability / probability.sum()


@pytest.mark.parametrize("epsilon", [0.1, 0.45, 0.5, 0.8])
def test_random_answers_are_heard_by_bayes_rule(epsilon: float) -> None:
    truth, queries, again = truths(7), len(SPACE.sides), rng(1)
    favour = ask_at_random(SPACE.sides, truth, 9, epsilon, rng(1))
    asked = again.multinomial(9, np.full(queries, 1 / queries), size=7)
    yes = again.binomial(asked, np.where(SPACE.sides[:, truth].T == 1, 1 - epsilon, epsilon))
    for prior in (SPACE.prior, np.ones(len(SPACE.prior))):
        expected = [bayes(prior, y, n, epsilon) for y, n in zip(yes, asked - yes, strict=True)]
        np.testing.assert_allclose(posterior(favour, epsilon, prior), expected, atol=1e-5)
    np.testing.assert_allclose(posterior(favour, epsilon), expected, atol=1e-5)


def asked_query(added: np.ndarray) -> int:
    """The query whose answer added so much to each place."""
    return int((SPACE.sides == np.abs(added)).all(1).argmax())


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.45, 0.7, 1.0])
def test_adaptive_answers_are_heard_by_bayes_rule(epsilon: float) -> None:
    truth, noise, again = truths(6), rng(1), rng(1)
    favour = np.zeros((6, len(SPACE.prior)), np.float32)
    heard = np.zeros((2, 6, len(SPACE.sides)), int)  # how often no and yes
    for _ in range(12):
        belief = posterior(favour, epsilon, SPACE.prior)
        added = ask_best(SPACE.sides, belief, truth, epsilon, noise)
        favour += added
        asked = [asked_query(row) for row in added]
        told = (SPACE.sides[asked, truth] > 0) ^ (again.random(6) < epsilon)
        heard[told.astype(int), np.arange(6), asked] += 1
        expected = [bayes(SPACE.prior, yes, no, epsilon) for no, yes in zip(*heard, strict=True)]
        np.testing.assert_allclose(posterior(favour, epsilon, SPACE.prior), expected, atol=1e-5)


def mutual_information(belief: np.ndarray, query: int, epsilon: float) -> float:
    """I(place; what Bob hears) in nats, as the sum over places and answers."""
    of_yes = np.where(SPACE.sides[query] > 0, 1 - epsilon, epsilon)
    joint = belief * np.stack([of_yes, 1 - of_yes])
    alone = joint.sum(1, keepdims=True) * belief
    return float(np.sum(joint[joint > 0] * np.log(joint[joint > 0] / alone[joint > 0])))


@pytest.mark.parametrize("epsilon", [0.0, 0.2, 0.9])
def test_the_query_asked_is_the_one_with_most_information(epsilon: float) -> None:
    for belief in rng(3).dirichlet(np.full(len(SPACE.prior), 0.3), size=20):
        (added,) = ask_best(SPACE.sides, belief.astype(np.float32)[None], np.array([0]), 0.0, rng())
        information = [mutual_information(belief, q, epsilon) for q in range(len(SPACE.sides))]
        most = pytest.approx(max(information), rel=1e-4, abs=1e-9)
        assert information[asked_query(added)] == most
        assert max(information) > 1.2 * min(information)  # it matters which is asked


def test_without_flips_it_is_twenty_questions() -> None:
    truth = np.arange(len(SPACE.prior))
    queries, right = play(SPACE, truth, 0.0, "adaptive", 100, rng()).until(0.999)
    assert right.all()
    mean = float(queries @ SPACE.prior)
    assert SPACE.entropy - 1e-6 <= mean < SPACE.entropy + 1  # as a Huffman code, nearly
    queries, right = play(SPACE, truth, 0.0, "random", 1000, rng()).until(0.999)
    assert right.all()
    assert queries @ SPACE.prior > mean


def test_half_of_the_answers_flipped_say_nothing() -> None:
    for strategy in STRATEGIES:
        game = play(SPACE, truths(5), 0.5, strategy, 100, rng())
        assert game.queries.tolist() == [0]
        np.testing.assert_allclose(game.confidence, SPACE.prior.max(), rtol=1e-6)
        assert np.isnan(game.until(0.6)[0]).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_mirrored_alignment_takes_as_many_queries(strategy: str) -> None:
    space = draw_space(4, 1, 2000, rng())
    one, other, less = (
        play(space, truths(400, space), epsilon, strategy, 2000, rng(seed)).until(0.9)[0]
        for seed, epsilon in enumerate((0.2, 0.8, 0.25))
    )
    assert ttest_rel(one, other).pvalue > 0.001
    assert ttest_rel(one, less).pvalue < 0.001  # so many games would show it


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("epsilon", [0.1, 0.7])
def test_bob_is_right_as_often_as_he_is_sure(strategy: str, epsilon: float) -> None:
    """Calibration: truth drawn from the prior is the place with its posterior's probability."""
    space = draw_space(4, 2, 2000, rng())
    game = play(space, truths(1000, space), epsilon, strategy, 40, rng(5))
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
    hard = play(SPACE, truths(3), 0.49, "random", 500, rng()).queries
    assert hard[:4].tolist() == [0, 1, 2, 3]
    assert hard[-1] == 500
    assert (np.diff(hard)[:-1] <= np.maximum(1, 0.06 * hard[1:-1] + 1)).all()
    for strategy, limit in (
        ("adaptive", 30),
        *((s, limit) for s in STRATEGIES for limit in (1, 2)),
    ):
        game = play(SPACE, truths(3), 0.49, strategy, limit, rng())
        assert game.queries.tolist() == list(range(limit + 1))


def test_a_game_that_is_settled_stays_as_it_was() -> None:
    game = play(SPACE, truths(30), 0.1, "adaptive", 400, rng())
    settled = game.confidence >= 0.999
    for values in (game.confidence, game.right):
        assert (values[1:] == values[:-1])[settled[:-1]].all()
    assert settled[-1].all()
    assert len(game.queries) < 401


def test_until_is_the_first_look_at_which_bob_is_sure() -> None:
    game = PlayedGames(
        np.array([0, 1, 5]),
        np.array([[0.2, 0.9, 0.1], [0.9, 0.1, 0.2], [0.99, 0.95, 0.3]]),
        np.array([[False, False, True], [True, True, True], [False, True, True]]),
    )
    for confidence, looks, right in (
        (0.9, [1, 0, np.nan], [True, False, False]),
        (0.95, [5, 5, np.nan], [False, True, False]),
    ):
        found = game.until(confidence)
        np.testing.assert_array_equal(found[0], looks)
        assert found[1].tolist() == right
