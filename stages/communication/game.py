"""Bob places a new object that only Alice sees, by her answers to triplet queries.

The game of Proposition 3.8: each answer reaches Bob flipped with probability ε, anew each time. He
knows ε, and keeps the posterior over places that Bayes' rule gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stages.communication.worlds import World
from stages.similarity.channel import weight

STRATEGIES = ("adaptive", "random")
"""The most informative query under the posterior, or one drawn uniformly."""

SETTLED = 0.999
"""Once Bob is so sure of a place, he is taken to stay with it."""

_GROWTH = 1.05
"""Random queries: Bob looks at his posterior after 1, 2, 3, ... of them, then every 5 %."""


@dataclass(frozen=True)
class Game:
    """How R games of one world went.

    Attributes
    ----------
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
    world: World,
    truth: np.ndarray,
    epsilon: float,
    strategy: str,
    limit: int,
    rng: np.random.Generator,
) -> Game:
    """Play until Bob is settled, or for so many queries.

    Parameters
    ----------
    truth : [R] place where the object of each game lies. epsilon : in [0, 1].
    strategy : of `STRATEGIES`. Random queries come in bundles that grow by a twentieth, and Bob
        looks after each; adaptive ones one by one. limit : most queries.

    Returns
    -------
    The games. With ε = 0.5 answers say nothing, so that Bob has only looked before any query.
    """
    bob = Bob(world, epsilon)
    looks = _looks(strategy, 0 if epsilon == 0.5 else limit)
    active, favour = np.arange(len(truth)), bob.start(len(truth))
    confidence, right = np.zeros(len(truth)), np.zeros(len(truth), bool)
    seen = []
    for bundle in np.diff(looks, append=looks[-1]):
        posterior = bob.posterior(favour)
        best = posterior.argmax(1)
        confidence[active] = posterior[np.arange(len(active)), best]
        right[active] = best == truth[active]
        seen.append((confidence.copy(), right.copy()))
        going = confidence[active] < SETTLED
        if bundle == 0 or not going.any():
            break
        if not going.all():
            active, favour, posterior = active[going], favour[going], posterior[going]
        if strategy == "adaptive":
            favour += bob.ask(posterior, truth[active], epsilon, rng)
        else:
            favour += bob.ask_at_random(truth[active], int(bundle), epsilon, rng)
    sure, correct = zip(*seen, strict=True)
    return Game(looks[: len(seen)], np.stack(sure), np.stack(correct))


def _looks(strategy: str, limit: int) -> np.ndarray:
    """Numbers of queries after which Bob looks at his posterior."""
    if strategy == "adaptive" or limit == 0:
        return np.arange(limit + 1)
    steps = int(math.log(limit) / math.log(_GROWTH)) + 1
    grown = np.ceil(_GROWTH ** np.arange(steps)).astype(int)
    return np.unique(np.concatenate([[0], grown[grown < limit], [limit]]))


class Bob:
    """What Bob makes of answers. `favour` [R, P]: answers for a place less those against it."""

    def __init__(self, world: World, epsilon: float) -> None:
        self.world = world
        self.sides = world.answers.astype(np.float32)  # [Q, P]: 1 on the side of "yes"
        self.prior = world.prior.astype(np.float32)
        self.weight = np.float32(np.clip(weight(epsilon), -1e4, 1e4))

    def start(self, games: int) -> np.ndarray:
        return np.zeros((games, len(self.prior)), np.float32)

    def posterior(self, favour: np.ndarray) -> np.ndarray:
        """Bayes' rule: prior x (1 − ε)^agreeing x ε^disagreeing answers, to sum 1 over places."""
        score = favour * self.weight
        score -= score.max(1, keepdims=True)
        likelihood: np.ndarray = np.exp(score, out=score)
        likelihood *= self.prior
        likelihood /= likelihood.sum(1, keepdims=True)
        return likelihood

    def most_informative(self, posterior: np.ndarray) -> np.ndarray:
        """Query [R] whose answer Bob finds most nearly even: flips take from each alike."""
        asked: np.ndarray = np.abs(posterior @ self.sides.T - np.float32(0.5)).argmin(1)
        return asked

    def ask(
        self, posterior: np.ndarray, truth: np.ndarray, epsilon: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Ask the query with most information, and return what its answer adds to `favour`."""
        asked = self.most_informative(posterior)
        heard = self.world.answers[asked, truth] ^ (rng.random(len(truth)) < epsilon)
        added: np.ndarray = self.sides[asked]
        added *= np.where(heard, 1, -1)[:, None].astype(np.float32)
        return added

    def ask_at_random(
        self, truth: np.ndarray, bundle: int, epsilon: float, rng: np.random.Generator
    ) -> np.ndarray:
        """The same of a bundle of random queries; the order of their answers says nothing."""
        queries = len(self.sides)
        asked = rng.multinomial(bundle, np.full(queries, 1 / queries), size=len(truth))
        yes = rng.binomial(asked, np.where(self.world.answers[:, truth].T, 1 - epsilon, epsilon))
        added: np.ndarray = (2 * yes - asked).astype(np.float32) @ self.sides
        return added
