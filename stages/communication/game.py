"""Bob places a new object that only Alice sees, by her answers to triplet queries.

The game of Proposition 3.8 of Sucholutsky & Griffiths (2023): each answer reaches Bob flipped with
probability ε, independently, and he knows ε. What he has heard is a score for each place, `favour`:
the number of answers for it less the number against it. That is all that Bayes' rule needs. A place
is a set of positions with equal answers: one order of the distances to the objects.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy  # its parts are imported when used: where nobody is asked, nothing is simulated
from numpy.random import Generator

from stages.runtime.tables import Record

STRATEGIES = ("adaptive", "random")
"""The most informative query under the posterior, or one drawn uniformly."""

SETTLED = 0.999  # once Bob is so sure of a place, he is taken to stay with it
_GROWTH = 1.05  # random queries: Bob looks after 1, 2, 3, ... of them, then every 5 %


@dataclass(frozen=True)
class SharedSpace:
    """The places where a new object may lie, as far as queries about it can tell them apart.

    sides : [Q, P] float32, Alice's answer, 1 for yes and 0 for no, to each of the Q = n(n−1)/2
    queries "is it closer to x_j than to x_k?" at each of P places.
    prior : [P] probability of each place. alone : share of positions with a place to themselves;
    where it is not small, positions are too few to show all places.
    """

    sides: np.ndarray
    prior: np.ndarray
    alone: float

    @property
    def entropy(self) -> float:
        """Entropy of the place, in bits."""
        return float(-(self.prior * np.log2(self.prior)).sum())


def answers(objects: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Answers to all queries about objects [n, d] at positions [M, d].

    Returns [n(n−1)/2, M] booleans: for each pair j < k, whether it is closer to x_j than to x_k.
    """
    distance = scipy.spatial.distance.cdist(objects, positions, "sqeuclidean")
    j, k = np.triu_indices(len(objects), 1)
    return np.asarray(distance[j] < distance[k])


def draw_space(objects: int, dimensions: int, positions: int, rng: Generator) -> SharedSpace:
    """Draw n shared objects and the positions of a new one, all uniform in a unit cube."""
    x = rng.random((objects, dimensions))
    found = answers(x, rng.random((positions, dimensions)))
    packed = np.packbits(found, axis=0).T
    _, first, counts = np.unique(packed, axis=0, return_index=True, return_counts=True)
    alone = float((counts == 1).sum() / positions)
    return SharedSpace(found[:, first].astype(np.float32), counts / positions, alone)


def places(objects: int, dimensions: int) -> int:
    """Most places that n objects in general position divide a space of d dimensions into.

    Q(n, d) = Q(n − 1, d) + (n − 1) Q(n − 1, d − 1), with Q(1, d) = Q(n, 0) = 1
    (Jamieson & Nowak 2011, arXiv:1109.3701, after Coombs). Its logarithm is of order d log n.
    """
    row = [1] * (dimensions + 1)
    for n in range(2, objects + 1):
        row = [1] + [row[d] + (n - 1) * row[d - 1] for d in range(1, dimensions + 1)]
    return row[dimensions]


def posterior(favour: np.ndarray, epsilon: float, prior: np.ndarray | float = 1.0) -> np.ndarray:
    """Bayes' rule: prior x (1 − ε)^agreeing x ε^disagreeing answers, [R, P] with rows of sum 1.

    favour : [R, P] float32, of R games. prior : [P] of each place; by default all are equal.
    """
    log_odds = np.clip(-scipy.special.logit(epsilon), -1e4, 1e4)  # of an answer
    score = favour * np.float32(log_odds)
    score -= score.max(1, keepdims=True)
    score = np.exp(score, out=score) * np.asarray(prior, np.float32)
    return np.asarray(score / score.sum(1, keepdims=True))


def ask_at_random(
    sides: np.ndarray, truth: np.ndarray, queries: int, epsilon: float, rng: Generator
) -> np.ndarray:
    """What so many random queries add to `favour`, [R, P]; the order of answers does not matter.

    sides : as of a `SharedSpace`. truth : [R] the place where the object of each game lies.
    """
    count = len(sides)
    asked = rng.multinomial(queries, np.full(count, 1 / count), size=len(truth))
    yes = rng.binomial(asked, np.where(sides[:, truth].T > 0, 1 - epsilon, epsilon))
    return np.asarray((2 * yes - asked).astype(np.float32) @ sides)


def ask_best(
    sides: np.ndarray, belief: np.ndarray, truth: np.ndarray, epsilon: float, rng: Generator
) -> np.ndarray:
    """What the answer to the most informative query adds to `favour`, [R, P].

    That is the query whose answer Bob, whose posterior is `belief` [R, P], finds most nearly even.
    Flips reduce the information of all queries in the same order, so that ε does not matter.
    """
    asked = np.abs(belief @ sides.T - np.float32(0.5)).argmin(1)
    heard = (sides[asked, truth] > 0) ^ (rng.random(len(truth)) < epsilon)
    return np.asarray(sides[asked] * np.where(heard, 1, -1)[:, None].astype(np.float32))


@dataclass(frozen=True)
class PlayedGames:
    """How R games among the same shared objects went.

    queries : [T] numbers of queries after which Bob looked, from 0.
    confidence : [T, R] his probability of the most probable place. right : [T, R] whether that is
    where the object lies.
    """

    queries: np.ndarray
    confidence: np.ndarray
    right: np.ndarray

    def until(self, confidence: float) -> tuple[np.ndarray, np.ndarray]:
        """Queries [R] until Bob was so sure, NaN if he never was; and whether he was right then."""
        sure = self.confidence >= confidence
        first = sure.argmax(0)
        queries = np.where(sure.any(0), self.queries[first], np.nan)
        return queries, self.right[first, np.arange(len(first))] & sure.any(0)


def play(
    space: SharedSpace, truth: np.ndarray, epsilon: float, strategy: str, limit: int, rng: Generator
) -> PlayedGames:
    """Play until Bob is settled, or for at most `limit` queries.

    Adaptive queries come one by one, random ones in bundles that grow by a twentieth, and Bob looks
    after each. With ε = 0.5 answers say nothing, so that he only looks before any query.

    truth : as of `ask_at_random`. strategy : of `STRATEGIES`.
    """
    looks = np.arange(limit + 1)
    if strategy == "random":
        grown = np.ceil(_GROWTH ** np.arange(1 + math.log(limit, _GROWTH))).astype(int)
        looks = np.unique([0, *grown[grown < limit], limit])
    looks = looks[:1] if epsilon == 0.5 else looks
    active, favour = np.arange(len(truth)), np.zeros((len(truth), len(space.prior)), np.float32)
    confidence, right = np.zeros(len(truth)), np.zeros(len(truth), bool)
    seen = []
    for bundle in np.diff(looks, append=looks[-1]):
        belief = posterior(favour, epsilon, space.prior)
        best = belief.argmax(1)
        confidence[active] = belief[np.arange(len(active)), best]
        right[active] = best == truth[active]
        seen.append((confidence.copy(), right.copy()))
        going = confidence[active] < SETTLED
        if bundle == 0 or not going.any():
            break
        if not going.all():
            active, favour, belief = active[going], favour[going], belief[going]
        if strategy == "adaptive":
            favour += ask_best(space.sides, belief, truth[active], epsilon, rng)
        else:
            favour += ask_at_random(space.sides, truth[active], int(bundle), epsilon, rng)
    sure, correct = zip(*seen, strict=True)
    return PlayedGames(looks[: len(seen)], np.stack(sure), np.stack(correct))


def interval(name: str, values: np.ndarray) -> Record:
    """Mean of W >= 2 independent worlds, by name, and its 95 % interval by Student's t."""
    t = scipy.stats.t.ppf(0.975, len(values) - 1)
    mean, half = float(values.mean()), float(t * scipy.stats.sem(values))
    return {name: mean, "low": mean - half, "high": mean + half}
