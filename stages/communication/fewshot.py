"""From alignment to few-shot learning: a class is the place of its centroid.

Bob learns where the centroids of K classes lie by Alice's answers, so many an example, each flipped
with probability ε; then he names the class of new examples, which he sees as they are. It is the
U of Theorem 3.9 (Sucholutsky & Griffiths 2023) in the units of an experiment: accuracy.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from stages.communication.game import answers, ask_at_random, interval, posterior
from stages.runtime.random import rng_for
from stages.runtime.tables import Record


@dataclass(frozen=True)
class ClassesSize:
    """Size of the simulation: see `theory.fewshot` in params.yaml."""

    objects: int
    dimensions: int
    positions: int
    classes: int
    answers: int
    spread: float
    tests: int
    worlds: int


def accuracies(
    size: ClassesSize, seed: int, *, each: Sequence[tuple[float, int]]
) -> Iterator[Record]:
    """n-shot accuracy for each (ε, n): mean over worlds, with its interval. Chance is 1 / K."""
    values = np.empty((len(each), size.worlds))
    for i in range(size.worlds):
        rng = rng_for(seed, "few-shot world", i)
        sides, centroids, likelihood, labels = draw_lesson(size, rng)
        for k, (epsilon, n) in enumerate(each):
            rng = rng_for(seed, "few-shot", epsilon, n, i)
            favour = ask_at_random(sides, centroids, n * size.answers, epsilon, rng)
            values[k, i] = share_right(likelihood @ posterior(favour, epsilon).T, labels)
    for (epsilon, n), found in zip(each, values, strict=True):
        name = {"epsilon": epsilon, "n": n}
        yield name | interval("accuracy", found) | {"worlds": size.worlds}


def draw_lesson(size: ClassesSize, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """K classes to learn, and test examples: sides, centroids, likelihood, labels.

    Objects and positions are uniform in a unit cube, and centroids are among the positions, all of
    which are equally probable at first.

    sides : [Q, P] float32, Alice's answers (0 or 1) at each position. centroids : [K] position of
    each class. likelihood : [N, P] of each test example, up to a constant, were its class at a
    position: normal about it, of known width. labels : [N] of the examples.
    """
    positions = rng.random((size.positions, size.dimensions))
    sides = answers(rng.random((size.objects, size.dimensions)), positions).astype(np.float32)
    centroids = rng.choice(size.positions, size.classes, replace=False)
    scatter = rng.normal(size=(size.classes, size.tests, size.dimensions))
    examples = positions[centroids][:, None] + size.spread * scatter
    distance = scipy.spatial.distance.cdist(
        examples.reshape(-1, size.dimensions), positions, "sqeuclidean"
    )
    distance -= distance.min(1, keepdims=True)
    likelihood = np.exp(-distance / (2 * size.spread**2)).astype(np.float32)
    return sides, centroids, likelihood, np.repeat(np.arange(size.classes), size.tests)


def share_right(score: np.ndarray, label: np.ndarray) -> float:
    """Share of rows whose highest score [N, K] is the label's; k-fold ties count 1 / k."""
    best = score >= score.max(1, keepdims=True) * (1 - 1e-5)
    return float(np.mean(best[np.arange(len(label)), label] / best.sum(1)))
