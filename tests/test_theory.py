"""The theory's simulations: Bayes by definition, closed forms, and what theory says of the mean."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, binomtest, ks_2samp, kstest, norm, t, ttest_ind, ttest_rel
from threadpoolctl import threadpool_limits

from stages.communication import found
from stages.communication.appendix import (
    adversarial,
    expected_maximum,
    printed_expectation,
    sensitivity,
    shifted,
)
from stages.communication.fewshot import Classes, School, accuracies, share_right
from stages.communication.game import STRATEGIES, Bob, Game, play
from stages.communication.queries import Size, _until_right, draw_worlds, played
from stages.communication.spread import interval
from stages.communication.worlds import World, answers, draw_world
from stages.similarity.channel import capacity, places

Record = dict[str, Any]
CLASSES = Classes(
    objects=6, dimensions=2, positions=200, classes=5, answers=4, spread=0.1, tests=10, worlds=40
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def a_world(objects: int = 5, dimensions: int = 2, seed: int = 0) -> World:
    return draw_world(objects, dimensions, 2000, rng(seed))


def truths(world: World, games: int, seed: int = 0) -> np.ndarray:
    return rng(seed).choice(len(world.prior), games, p=world.prior)


# --- worlds ---


def test_answers_are_distances_compared() -> None:
    x, at = rng().random((4, 2)), rng(1).random((6, 2))
    expected = [
        [math.dist(position, x[j]) < math.dist(position, x[k]) for position in at]
        for j in range(4)
        for k in range(j + 1, 4)
    ]
    assert answers(x, at).tolist() == expected


@pytest.mark.parametrize(("objects", "dimensions"), [(4, 1), (5, 2), (12, 3)])
def test_a_world_holds_each_place_once_with_its_share_of_positions(
    objects: int, dimensions: int
) -> None:
    world = draw_world(objects, dimensions, 3000, rng())
    again = rng()
    x = again.random((objects, dimensions))
    orders = [tuple(order) for order in answers(x, again.random((3000, dimensions))).T.tolist()]
    shares = {order: orders.count(order) / 3000 for order in set(orders)}
    assert dict(zip(map(tuple, world.answers.T.tolist()), world.prior, strict=True)) == shares
    assert len(shares) <= places(objects, dimensions)
    assert world.alone == pytest.approx(sum(p == 1 / 3000 for p in shares.values()) / 3000)
    assert world.entropy == pytest.approx(-sum(p * math.log2(p) for p in shares.values()))


# --- the game ---


def bayes(world: World, transcript: list[tuple[int, bool]], epsilon: float) -> np.ndarray:
    """Posterior over places: prior times 1 − ε or ε for each answer."""
    probability = world.prior.copy()
    for query, heard in transcript:
        probability *= np.where(world.answers[query] == heard, 1 - epsilon, epsilon)
    return probability / probability.sum()


def answer_of(bob: Bob, added: np.ndarray) -> tuple[int, bool] | None:
    """The query and the answer that added this [P] to `favour`; equal queries are one."""
    for query, sides in enumerate(bob.sides):
        for heard in (True, False):
            if sides.any() and (added == (sides if heard else -sides)).all():
                return query, heard
    assert not added.any()  # of a query to which all places answer no
    return None


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.45, 0.7, 1.0])
def test_bobs_posterior_is_bayes_rule(strategy: str, epsilon: float) -> None:
    world = a_world()
    bob, truth, noise = Bob(world, epsilon), truths(world, 6), rng(1)
    favour = bob.start(6)
    transcripts: list[list[tuple[int, bool]]] = [[] for _ in truth]
    for _ in range(12):
        if strategy == "adaptive":
            added = bob.ask(bob.posterior(favour), truth, epsilon, noise)
        else:
            added = bob.ask_at_random(truth, 1, epsilon, noise)
        favour += added
        for transcript, one in zip(transcripts, added, strict=True):
            told = answer_of(bob, one)
            transcript += [] if told is None else [told]
        expected = [bayes(world, transcript, epsilon) for transcript in transcripts]
        np.testing.assert_allclose(bob.posterior(favour), expected, atol=1e-5)


def test_a_bundle_adds_every_answer_of_it() -> None:
    """Without flips nothing is random but which queries were asked."""
    world = a_world()
    bob, truth = Bob(world, 0.0), truths(world, 200)
    added = bob.ask_at_random(truth, 3, 0.0, rng())
    queries = len(world.answers)
    possible = {
        (
            int(place),
            tuple(sum((1 if world.answers[q, place] else -1) * bob.sides[q] for q in three)),
        )
        for three in combinations_with_replacement(range(queries), 3)
        for place in set(truth)
    }
    assert {(int(p), tuple(row)) for p, row in zip(truth, added, strict=True)} <= possible


def mutual_information(world: World, posterior: np.ndarray, query: int, epsilon: float) -> float:
    """I(place; what Bob hears) in nats, as the sum over places and answers."""
    joint = np.array(
        [
            posterior * np.where(world.answers[query] == heard, 1 - epsilon, epsilon)
            for heard in (True, False)
        ]
    )
    alone = joint.sum(1, keepdims=True) * posterior
    return float(np.sum(joint[joint > 0] * np.log(joint[joint > 0] / alone[joint > 0])))


@pytest.mark.parametrize("epsilon", [0.0, 0.2, 0.9])
def test_the_query_asked_is_the_one_with_most_information(epsilon: float) -> None:
    world = a_world()
    for posterior in rng(3).dirichlet(np.full(len(world.prior), 0.3), size=20):
        (asked,) = Bob(world, epsilon).most_informative(posterior.astype(np.float32)[None])
        information = [
            mutual_information(world, posterior, query, epsilon)
            for query in range(len(world.answers))
        ]
        assert information[asked] == pytest.approx(max(information), rel=1e-4, abs=1e-9)
        assert max(information) > 1.2 * min(information)  # it matters which is asked


def test_without_flips_it_is_twenty_questions() -> None:
    world = a_world()
    truth = np.arange(len(world.prior))
    game = play(world, truth, 0.0, "adaptive", 100, rng())
    queries, right = game.until(0.999)
    assert right.all()
    mean = float(queries @ world.prior)
    assert world.entropy - 1e-6 <= mean < world.entropy + 1  # as a Huffman code, nearly
    random, right = play(world, truth, 0.0, "random", 1000, rng()).until(0.999)
    assert right.all()
    assert random @ world.prior > mean


def test_half_of_the_answers_flipped_say_nothing() -> None:
    world = a_world()
    for strategy in STRATEGIES:
        game = play(world, truths(world, 5), 0.5, strategy, 100, rng())
        assert game.queries.tolist() == [0]
        np.testing.assert_allclose(game.confidence, world.prior.max(), rtol=1e-6)
        assert np.isnan(game.until(0.6)[0]).all()
    bob = Bob(world, 0.5)
    favour = bob.ask_at_random(truths(world, 5), 50, 0.5, rng())
    np.testing.assert_allclose(bob.posterior(favour), np.tile(world.prior, (5, 1)), rtol=1e-5)


class Mirrored:
    """A generator whose uniform numbers u are 1 − u, so that ε and 1 − ε flip opposite answers."""

    def __init__(self, seed: int) -> None:
        self.rng = rng(seed)

    def random(self, size: int) -> np.ndarray:
        return 1 - self.rng.random(size)


@pytest.mark.parametrize("epsilon", [0.1, 0.3])
def test_bob_turns_round_what_is_mostly_flipped(epsilon: float) -> None:
    """With mirrored noise every answer is the opposite one, and the game the same."""
    world = a_world()
    truth = truths(world, 20)
    one = play(world, truth, epsilon, "adaptive", 300, rng(4))
    other = play(world, truth, 1 - epsilon, "adaptive", 300, Mirrored(4))  # type: ignore[arg-type]
    np.testing.assert_allclose(one.confidence, other.confidence, atol=1e-3)
    assert (one.until(0.9)[0] == other.until(0.9)[0]).mean() > 0.9  # but for rounding of ties


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_mirrored_alignment_takes_as_many_queries(strategy: str) -> None:
    world = a_world(4, 1)
    truth = truths(world, 400)
    one, other = (
        play(world, truth, epsilon, strategy, 2000, rng(seed)).until(0.9)[0]
        for seed, epsilon in enumerate((0.2, 0.8))
    )
    assert ttest_rel(one, other).pvalue > 0.001
    less, _ = play(world, truth, 0.25, strategy, 2000, rng(2)).until(0.9)
    assert ttest_rel(one, less).pvalue < 0.001  # so many games would show it


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("epsilon", [0.1, 0.7])
def test_bob_is_right_as_often_as_he_is_sure(strategy: str, epsilon: float) -> None:
    """Calibration: truth drawn from the prior is the place with its posterior's probability."""
    world = a_world(4, 2)
    game = play(world, truths(world, 1000), epsilon, strategy, 40, rng(5))
    for look in (1, len(game.queries) // 2, -1):
        sure, right = game.confidence[look], game.right[look]
        error = math.sqrt(float((sure * (1 - sure)).sum()) + 1e-9)
        assert abs(right.sum() - sure.sum()) < 4 * error + 1e-3 * len(sure)
    queries, right = game.until(0.8)
    placed = ~np.isnan(queries)
    assert placed.sum() > 100
    wrong = binomtest(int(right[placed].sum()), int(placed.sum()), 0.8, alternative="less")
    assert wrong.pvalue > 0.001


def test_bundles_of_random_queries_are_single_ones_added_up() -> None:
    world, games, queries = a_world(), 1500, 12
    bob, truth = Bob(world, 0.2), truths(world, games)
    bundle = bob.posterior(bob.ask_at_random(truth, queries, 0.2, rng(6)))
    noise = rng(7)
    favour = bob.start(games)
    for _ in range(queries):
        favour += bob.ask_at_random(truth, 1, 0.2, noise)
    single = bob.posterior(favour)
    of_truth = [p[np.arange(games), truth] for p in (bundle, single)]
    assert ks_2samp(*of_truth).pvalue > 0.001
    assert ttest_ind(bundle.max(1), single.max(1)).pvalue > 0.001
    fewer = bob.posterior(bob.ask_at_random(truth, queries - 2, 0.2, rng(8)))
    assert ttest_ind(bundle.max(1), fewer.max(1)).pvalue < 0.001  # so many games would show it


def test_looks_come_after_every_query_or_every_twentieth() -> None:
    world = a_world()
    hard = play(world, truths(world, 3), 0.49, "random", 500, rng())
    assert hard.queries[:4].tolist() == [0, 1, 2, 3]
    assert hard.queries[-1] == 500
    steps = np.diff(hard.queries)
    assert (steps[:-1] <= np.maximum(1, 0.06 * hard.queries[1:-1] + 1)).all()
    slow = play(world, truths(world, 3), 0.49, "adaptive", 30, rng())
    assert slow.queries.tolist() == list(range(31))
    for strategy in STRATEGIES:
        assert play(world, truths(world, 3), 0.49, strategy, 1, rng()).queries.tolist() == [0, 1]


def test_a_game_that_is_settled_stays_as_it_was() -> None:
    world = a_world()
    game = play(world, truths(world, 30), 0.1, "adaptive", 400, rng())
    settled = game.confidence >= 0.999
    for look in range(1, len(settled)):
        before = settled[look - 1]
        assert (game.confidence[look][before] == game.confidence[look - 1][before]).all()
        assert (game.right[look][before] == game.right[look - 1][before]).all()
    assert settled[-1].all()
    assert len(game.queries) < 401


def test_until_is_the_first_look_at_which_bob_is_sure() -> None:
    game = Game(
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


# --- over worlds ---


def test_an_interval_is_students() -> None:
    values = rng().normal(3, 2, 7)
    mean, low, high = interval(values)
    expected = t.interval(0.95, 6, loc=values.mean(), scale=values.std(ddof=1) / math.sqrt(7))
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx(expected)
    with pytest.raises(ValueError, match="two worlds"):
        interval(values[:1])


def curve_of(right: list[float], queries: list[int]) -> Game:
    """A game of 100 runs, of which so many are right at each look."""
    hits = np.arange(100) < np.round(100 * np.array(right)).astype(int)[:, None]
    return Game(np.array(queries), np.zeros(hits.shape), hits)


def test_queries_until_right_are_of_the_mean_over_worlds() -> None:
    one, other = curve_of([0.0, 0.5, 0.9, 1.0], [0, 1, 2, 3]), curve_of([0.0, 0.8, 0.8], [0, 1, 2])
    shown = _until_right([one, other], 0.9, rng())
    assert shown["queries_right"] == 3  # (1 + 0.8) / 2, the shorter game being as it ended
    assert shown["right_low"] == 2
    assert shown["right_high"] is None  # resamples of the second world alone never reach it
    assert _until_right([one, other], 0.65, rng())["queries_right"] == 1
    assert _until_right([one, other], 0.95, rng())["queries_right"] is None
    same = _until_right([one, one], 0.9, rng())
    assert (same["right_low"], same["queries_right"], same["right_high"]) == (2, 2, 2)


SMALL = Size(objects=4, dimensions=2, positions=500, worlds=6, runs=30, confidence=0.9, limit=3000)


def settings(size: Size, epsilons: tuple[float, ...], seed: int = 0) -> tuple[list[Record], ...]:
    drawn = draw_worlds(size, seed)
    worlds, rows = zip(*(played(drawn, size, e, seed) for e in epsilons), strict=True)
    return [row for part in worlds for row in part], [row for part in rows for row in part]


def test_rows_are_what_the_games_of_their_worlds_were() -> None:
    worlds, rows = settings(SMALL, (0.1, 0.5))
    assert len(worlds) == 2 * 2 * 6
    for row in rows:
        own = [w for w in worlds if all(w[k] == row[k] for k in ("epsilon", "strategy"))]
        assert row["worlds"] == len(own) == 6
        assert row["games"] == 6 * 30
        if row["epsilon"] == 0.5:
            assert row["capacity"] == 0
            assert {row[k] for k in ("queries", "low", "right", "bound", "least")} == {None}
            assert row["placed"] == 0
            continue
        assert row["queries"] == pytest.approx(np.mean([w["queries"] for w in own]))
        assert row["low"] < row["queries"] < row["high"]
        bits = float(capacity(0.1))
        doubt = -(0.9 * math.log2(0.9) + 0.1 * math.log2(0.1))
        fano = [w["entropy"] - doubt - 0.1 * math.log2(w["places"] - 1) for w in own]
        assert row["least"] == pytest.approx(np.mean(fano) / bits)
        assert row["bound"] == pytest.approx(2 * math.log2(4) / bits)
        assert row["by_places"] == pytest.approx(math.log2(18) / bits)
        assert row["right_low"] <= row["queries_right"] <= row["right_high"]


def test_where_a_game_ends_before_bob_is_sure_there_is_no_mean() -> None:
    short = Size(4, 2, 500, 3, 20, 0.9, 10)
    worlds, rows = settings(short, (0.3,))
    assert all(0 <= w["placed"] < 1 and w["queries"] is None for w in worlds)
    assert all(row["queries"] is None and row["least"] > 0 for row in rows)


def test_no_strategy_beats_fano_and_the_adaptive_one_beats_the_random_one() -> None:
    _, rows = settings(SMALL, (0.0, 0.05, 0.2, 0.7, 0.9))
    for row in rows:
        error = (row["high"] - row["queries"]) / t.ppf(0.975, row["worlds"] - 1)
        assert row["queries"] > row["least"] - 3 * error
        assert row["least"] > 0
    for adaptive, random in zip(rows[::2], rows[1::2], strict=True):
        assert (adaptive["strategy"], random["strategy"]) == STRATEGIES
        assert adaptive["queries"] < random["queries"]


def test_queries_grow_with_objects_dimensions_and_noise_as_theory_says() -> None:
    def mean(objects: int, dimensions: int, epsilon: float) -> float:
        size = Size(objects, dimensions, 1000, 4, 20, 0.9, 5000)
        return float(settings(size, (epsilon,))[1][0]["queries"])

    base = mean(4, 1, 0.1)
    assert mean(10, 1, 0.1) > 1.3 * base
    assert mean(4, 3, 0.1) > 1.3 * base
    ratio = mean(4, 1, 0.35) / base
    assert ratio == pytest.approx(float(capacity(0.1) / capacity(0.35)), rel=0.2)


# --- few-shot ---


def test_accuracy_with_half_of_the_answers_flipped_is_chance_exactly() -> None:
    for row in accuracies([(0.5, 1), (0.5, 40)], CLASSES, 0):
        assert [row[k] for k in ("accuracy", "low", "high")] == pytest.approx([0.2] * 3, abs=1e-12)


def accuracy_of(cells: list[tuple[float, int]], seed: int = 0) -> dict[tuple[float, int], Record]:
    rows = accuracies(cells, CLASSES, seed)
    return {(row["epsilon"], row["n"]): row for row in rows}


def test_accuracy_is_a_u_that_deepens_with_n() -> None:
    epsilons = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    rows = accuracy_of(list(product(epsilons, (1, 5))))
    value = {cell: row["accuracy"] for cell, row in rows.items()}
    for n in (1, 5):
        assert value[0.0, n] > value[0.2, n] + 0.05 > value[0.4, n] + 0.1 > 0.3
        for e in epsilons[:3]:
            one, other = rows[e, n], rows[round(1 - e, 9), n]
            width = (one["high"] - one["low"]) + (other["high"] - other["low"])
            assert abs(one["accuracy"] - other["accuracy"]) < width
    for e in (0.2, 0.8):
        assert value[e, 5] > value[e, 1] + 0.05


def test_accuracy_of_a_cell_does_not_depend_on_what_else_is_asked() -> None:
    alone = accuracies([(0.2, 5)], CLASSES, 3)
    beside = accuracies([(0.0, 1), (0.2, 5), (0.9, 2)], CLASSES, 3)
    assert alone == beside[1:2]
    assert accuracies([(0.2, 5)], CLASSES, 4) != alone


class Asked:
    """A generator that gives the counts of queries and of answers it was made with."""

    def __init__(self, asked: np.ndarray, yes: np.ndarray) -> None:
        self.asked, self.yes = asked, yes

    def multinomial(self, count: int, p: np.ndarray, size: int) -> np.ndarray:
        assert (self.asked.sum(1) == count).all()
        assert self.asked.shape == (size, len(p))
        return self.asked

    def binomial(self, asked: np.ndarray, p: np.ndarray) -> np.ndarray:
        self.probability = p
        return self.yes


@pytest.mark.parametrize("epsilon", [0.1, 0.45, 0.8])
def test_what_bob_learns_of_a_class_is_bayes_rule(epsilon: float) -> None:
    school = School.draw(CLASSES, rng())
    classes, queries = len(school.centroids), len(school.told)
    asked = rng(1).multinomial(9, np.full(queries, 1 / queries), size=classes)
    yes = rng(2).binomial(asked, 0.6)
    noise = Asked(asked, yes)
    belief = school.learn(9, epsilon, noise)  # type: ignore[arg-type]
    for k, centroid in enumerate(school.centroids):
        likelihood = np.ones(CLASSES.positions)
        for q in range(queries):
            p = np.where(school.told[q] == 1, 1 - epsilon, epsilon)
            likelihood *= p ** yes[k, q] * (1 - p) ** (asked[k, q] - yes[k, q])
            true = 1 - epsilon if school.told[q, centroid] == 1 else epsilon
            assert noise.probability[k, q] == pytest.approx(true)
        np.testing.assert_allclose(belief[k], likelihood / likelihood.sum(), atol=1e-5)


def test_without_flips_bob_believes_in_positions_that_answer_as_the_centroid() -> None:
    school = School.draw(CLASSES, rng())
    for epsilon in (0.0, 1.0):
        belief = school.learn(3000, epsilon, rng(1))
        for k, centroid in enumerate(school.centroids):
            same = (school.told == school.told[:, [centroid]]).all(0)
            np.testing.assert_allclose(belief[k], same / same.sum(), atol=1e-6)


def test_examples_go_to_the_class_that_makes_them_most_probable() -> None:
    """With certain beliefs that is the nearest centroid."""
    school = School.draw(CLASSES, rng())
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
    np.testing.assert_allclose(school.likelihood[0], density / density.max(), atol=1e-6)
    assert 0.3 < np.mean(right) < 1
    assert school.examine(np.eye(CLASSES.positions)[school.centroids]) == pytest.approx(
        np.mean(right)
    )


def test_ties_count_in_parts() -> None:
    score = np.array([[0.5, 0.5, 0.1], [0.2, 0.3, 0.1], [0.4, 0.4, 0.4], [0.1, 0.2, 0.3]])
    assert share_right(score, np.array([0, 1, 2, 0])) == pytest.approx((1 / 2 + 1 + 1 / 3 + 0) / 4)
    assert share_right(score, np.array([2, 0, 0, 2])) == pytest.approx((0 + 0 + 1 / 3 + 1) / 4)


# --- Appendix A ---


def test_sensitivity_is_that_of_bits_flipped_twice() -> None:
    """Over all of teacher's change and two flips, by their probabilities."""
    for teacher, e in product((0.0, 0.1, 0.6, 1.0), (0.0, 0.07, 0.3, 0.5, 0.8, 1.0)):
        expected = sum(
            (teacher if change else 1 - teacher) * (e if f else 1 - e) * (e if g else 1 - e)
            for change, f, g in product((False, True), repeat=3)
            if change ^ f ^ g
        )
        assert float(sensitivity(teacher, e)) == pytest.approx(expected)
        assert float(sensitivity(teacher, 1 - e)) == pytest.approx(expected)
    assert sensitivity(np.array([0.1, 0.3]), 0.0) == pytest.approx([0.1, 0.3])
    np.testing.assert_allclose(sensitivity(np.array([0.1, 0.3]), 0.5), 0.5)


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
    return float(
        sum(of(x) * mass[list(x)].prod() for x in product(range(trials + 1), repeat=draws))
    )


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


def test_the_expected_maximum_of_many_draws() -> None:
    largest = rng().binomial(66, 0.3, size=(20_000, 50)).max(1)
    error = largest.std() / math.sqrt(len(largest))
    assert abs(expected_maximum(50, 66, 0.3) - largest.mean()) < 4 * error


def test_disagreement_on_adversarial_examples_is_the_expected_maximum() -> None:
    rows = [
        adversarial(e, 20, objects=7, dimensions=2, worlds=80, seed=0)
        for e in (0.0, 0.05, 0.2, 0.5, 0.8, 1.0)
    ]
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
    alone = adversarial(0.3, 1, objects=7, dimensions=2, worlds=80, seed=0)
    assert alone["expected"] == pytest.approx(0.3)


# --- what was found ---


def setting(objects: int, epsilon: float, queries: float | None) -> Record:
    return {
        "objects": objects,
        "dimensions": 1,
        "epsilon": epsilon,
        "strategy": "random",
        "queries": queries,
        "capacity": float(capacity(epsilon)),
        "entropy": 2.0,
    }


@pytest.mark.parametrize("planted", [0.5, 1.0, 1.7])
def test_a_planted_exponent_is_recovered(planted: float) -> None:
    rows = [
        setting(n, e, n**2 * float(capacity(e)) ** -planted)
        for n, e in product((4, 8), (0.0, 0.1, 0.3, 0.8))
    ]
    gaps = [setting(4, 0.5, None), setting(8, 0.45, None)]
    assert found.exponent(rows + gaps) == pytest.approx(planted)
    # A size that was met at high noise only has its own intercept, and moves nothing.
    assert found.exponent([*rows, setting(12, 0.4, 1e6)]) == pytest.approx(planted)


def test_efficiency_is_the_share_of_the_capacity_that_is_used() -> None:
    rows = [setting(4, e, 2.0 / float(capacity(e)) / 0.8) for e in (0.0, 0.2, 0.9)]
    assert found.efficiency([*rows, setting(4, 0.5, None)]) == pytest.approx(0.8)


def test_nothing_is_told_where_nothing_is_known() -> None:
    gaps = [setting(4, 0.5, None)]
    assert found.exponent(gaps) is None
    assert found.exponent([setting(4, 0.1, 5.0), setting(8, 0.1, 5.0)]) is None  # one ε a size
    assert found.efficiency(gaps) is None
    assert found.symmetry([]) is None
    assert found.largest_z([], "found", "expected") is None
    tables: dict[str, list[Record]] = {name: [] for name in found.TABLES}
    tables["queries"] = gaps
    shown = found.metrics(tables)
    assert shown["exponent"] == {"adaptive": None, "random": None}
    assert shown["symmetry_p"] is None
    assert shown["largest_z"] == {"shift": None, "maximum": None, "maximum_as_printed": None}


def world_rows(difference: Any, worlds: int = 8, seed: int = 0) -> list[Record]:
    """Queries at ε and 1 − ε that differ by so much, in each world, of six settings."""
    noise = rng(seed)
    rows = []
    for n, e, world in product((4, 8), (0.1, 0.2, 0.4), range(worlds)):
        value = noise.normal(30, 3)
        for epsilon, queries in ((e, value), (1 - e, value + difference(noise))):
            rows.append(
                {
                    "objects": n,
                    "dimensions": 1,
                    "epsilon": epsilon,
                    "strategy": "random",
                    "world": world,
                    "queries": queries,
                }
            )
    return rows


def test_symmetry_is_uniform_where_it_holds_and_tiny_where_it_does_not() -> None:
    null = [found.symmetry(world_rows(lambda g: g.normal(0, 2), seed=s)) for s in range(150)]
    assert kstest(np.array(null, float), "uniform").pvalue > 0.001
    broken = found.symmetry(world_rows(lambda g: g.normal(2, 1)))
    assert broken is not None
    assert broken < 1e-6


def test_symmetry_of_differences_without_spread() -> None:
    assert found.symmetry(world_rows(lambda g: 0.0)) is None  # nothing random, nothing to test
    broken = found.symmetry(world_rows(lambda g: 1.0))  # one query more, always
    assert broken is not None
    assert broken < 1e-6
    rounded = found.symmetry(world_rows(lambda g: 1.0 + 1e-13 * g.normal(), worlds=2))
    assert rounded == pytest.approx(found.symmetry(world_rows(lambda g: 1.0, worlds=2)))
    assert rounded is not None
    assert rounded > 0.5  # two worlds that differ alike are no wonder


def test_symmetry_leaves_out_worlds_that_lack_either_side() -> None:
    rows = world_rows(lambda g: g.normal(0, 2))
    gaps = [
        dict(row, queries=None) if row["world"] == 3 and row["epsilon"] > 0.5 else row
        for row in rows
    ]
    kept = [row for row in rows if row["world"] != 3]
    assert found.symmetry(gaps) == pytest.approx(found.symmetry(kept))
    assert found.symmetry([row for row in rows if row["epsilon"] < 0.5]) is None


def test_symmetry_of_games_is_not_too_small() -> None:
    """Games of few worlds and runs, whose means are coarse: p of the null exceeds its level."""
    size = Size(4, 1, 200, 2, 3, 0.9, 3000)
    p = [found.symmetry(settings(size, (0.0, 0.1, 0.9, 1.0), seed)[0]) for seed in range(40)]
    known = np.array([value for value in p if value is not None])
    assert (known < 0.05).sum() <= binom.ppf(0.999, len(known), 0.05)
    assert known.min() > 1e-4


def test_largest_z_is_in_standard_errors() -> None:
    rows = [{"found": f, "expected": 1.0, "se": 0.1} for f in (1.05, 0.75, 1.2)]
    assert found.largest_z(rows, "found", "expected") == pytest.approx(2.5)
    exact = {"found": 0.1 + 0.2, "expected": 0.3, "se": 0.0}
    assert found.largest_z([*rows, exact], "found", "expected") == pytest.approx(2.5)
    off = {"found": 0.31, "expected": 0.3, "se": 0.0}  # exact, and wrong
    assert (found.largest_z([*rows, off], "found", "expected") or 0) > 1e6
