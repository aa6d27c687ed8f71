"""Shared objects, the places that their triplet queries tell apart, and means over worlds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import sem, t

from stages.runtime.tables import Record


@dataclass(frozen=True)
class SharedSpace:
    """The places where a new object may lie, as far as queries about it can tell them apart.

    sides : [Q, P] float32, Alice's answer, 1 for yes and 0 for no, to each of the Q = n(n−1)/2
    queries "is it closer to x_j than to x_k?" at each of P places. A place is a set of positions
    with equal answers: one order of the distances to the objects.
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

    Returns
    -------
    [n(n−1)/2, M] booleans: for each pair j < k, whether a position is closer to x_j than to x_k.
    """
    distance = cdist(objects, positions, "sqeuclidean")
    j, k = np.triu_indices(len(objects), 1)
    return np.asarray(distance[j] < distance[k])


def draw_space(
    objects: int, dimensions: int, positions: int, rng: np.random.Generator
) -> SharedSpace:
    """Draw n shared objects and the positions of a new one, all uniform in a unit cube."""
    x = rng.random((objects, dimensions))
    found = answers(x, rng.random((positions, dimensions)))
    packed = np.packbits(found, axis=0).T
    _, first, counts = np.unique(packed, axis=0, return_index=True, return_counts=True)
    alone = float((counts == 1).sum() / positions)
    return SharedSpace(found[:, first].astype(np.float32), counts / positions, alone)


def interval(name: str, values: np.ndarray) -> Record:
    """Mean of W >= 2 independent worlds, by name, and its 95 % interval by Student's t."""
    mean, half = float(values.mean()), float(t.ppf(0.975, len(values) - 1) * sem(values))
    return {name: mean, "low": mean - half, "high": mean + half}
