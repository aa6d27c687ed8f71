"""From alignment to few-shot learning: a class is the place of its centroid.

Bob learns where the centroids of K classes lie by Alice's answers, so many an example, each flipped
with probability ε; then he names the class of new examples, which he sees as they are. It is the
U of Theorem 3.9 in the units of an experiment: accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from stages.communication.spread import interval
from stages.communication.worlds import answers
from stages.runtime.random import rng_for
from stages.similarity.channel import weight

Record = dict[str, Any]


@dataclass(frozen=True)
class Classes:
    """Size of the simulation: see `theory.fewshot` in params.yaml."""

    objects: int
    dimensions: int
    positions: int
    classes: int
    answers: int
    spread: float
    tests: int
    worlds: int


def accuracies(cells: Sequence[tuple[float, int]], size: Classes, seed: int) -> list[Record]:
    """n-shot accuracy for each (ε, n): mean over worlds, with its interval. Chance is 1 / K."""
    values = np.empty((len(cells), size.worlds))
    for i in range(size.worlds):
        school = School.draw(size, rng_for(seed, "few-shot world", i))
        for k, (epsilon, n) in enumerate(cells):
            noise = rng_for(seed, "few-shot", epsilon, n, i)
            belief = school.learn(n * size.answers, epsilon, noise)
            values[k, i] = school.examine(belief)
    rows = []
    for (epsilon, n), found in zip(cells, values, strict=True):
        mean, low, high = interval(found)
        row = {"epsilon": epsilon, "n": n, "accuracy": mean, "low": low, "high": high}
        rows.append({**row, "worlds": size.worlds})
    return rows


@dataclass(frozen=True)
class School:
    """One world: K classes to learn, and examples to be tested on.

    Attributes
    ----------
    told : [Q, P] Alice's answers (0 or 1) at each position, all of them equally probable before.
    centroids : [K] position of each class. likelihood : [N, P] of each test example, up to a
        constant, were its class at a position: normal about it, of known width. labels : [N].
    """

    told: np.ndarray
    centroids: np.ndarray
    likelihood: np.ndarray
    labels: np.ndarray

    @classmethod
    def draw(cls, size: Classes, rng: np.random.Generator) -> School:
        """Objects and positions uniform in a unit cube, centroids among the positions."""
        positions = rng.random((size.positions, size.dimensions))
        told = answers(rng.random((size.objects, size.dimensions)), positions)
        centroids = rng.choice(size.positions, size.classes, replace=False)
        scatter = rng.normal(size=(size.classes, size.tests, size.dimensions))
        examples = positions[centroids][:, None] + size.spread * scatter
        distance = cdist(examples.reshape(-1, size.dimensions), positions, "sqeuclidean")
        distance -= distance.min(1, keepdims=True)
        likelihood = np.exp(-distance / (2 * size.spread**2)).astype(np.float32)
        labels = np.repeat(np.arange(size.classes), size.tests)
        return cls(told.astype(np.float32), centroids, likelihood, labels)

    def learn(self, queries: int, epsilon: float, rng: np.random.Generator) -> np.ndarray:
        """Bob's belief about each class after so many random queries: [K, P] probabilities."""
        count = len(self.told)
        asked = rng.multinomial(queries, np.full(count, 1 / count), size=len(self.centroids))
        truth = self.told[:, self.centroids].T
        yes = rng.binomial(asked, np.where(truth > 0, 1 - epsilon, epsilon))
        favour = (2 * yes - asked).astype(np.float32) @ self.told
        score = favour * np.float32(np.clip(weight(epsilon), -1e4, 1e4))
        belief: np.ndarray = np.exp(score - score.max(1, keepdims=True))
        return belief / belief.sum(1, keepdims=True)

    def examine(self, belief: np.ndarray) -> float:
        """Accuracy on the test examples, each given to the class that makes it most probable."""
        return share_right(self.likelihood @ belief.T, self.labels)


def share_right(score: np.ndarray, label: np.ndarray) -> float:
    """Share of rows whose highest score [N, K] is the label's; k-fold ties count 1 / k."""
    best = score >= score.max(1, keepdims=True) * (1 - 1e-5)
    return float(np.mean(best[np.arange(len(label)), label] / best.sum(1)))
