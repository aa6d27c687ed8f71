"""Shared objects, and the places that their triplet queries tell apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist


@dataclass(frozen=True)
class World:
    """Where a new object may lie, as far as queries about it can tell.

    Attributes
    ----------
    answers : [Q, P] booleans, Alice's answer to each of the Q = n(n−1)/2 queries "is it closer to
        x_j than to x_k?" at each of P places. A place is a set of positions with equal answers:
        one order of the distances to the objects.
    prior : [P] probability of each place. alone : share of positions with a place to themselves;
        where it is not small, positions are too few to show all places.
    """

    answers: np.ndarray
    prior: np.ndarray
    alone: float

    @property
    def entropy(self) -> float:
        """Bits that tell the place."""
        return float(-(self.prior * np.log2(self.prior)).sum())


def answers(objects: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Answers to all queries about objects at some positions.

    Parameters
    ----------
    objects : [n, d] shared objects. positions : [M, d].

    Returns
    -------
    [n(n−1)/2, M] booleans: for each pair j < k, whether a position is closer to x_j than to x_k.
    """
    distance = cdist(objects, positions, "sqeuclidean")
    j, k = np.triu_indices(len(objects), 1)
    closer: np.ndarray = distance[j] < distance[k]
    return closer


def draw_world(objects: int, dimensions: int, positions: int, rng: np.random.Generator) -> World:
    """n shared objects, and so many positions where a new one may lie, uniform in a unit cube."""
    x = rng.random((objects, dimensions))
    found = answers(x, rng.random((positions, dimensions)))
    packed = np.packbits(found, axis=0).T
    _, first, counts = np.unique(packed, axis=0, return_index=True, return_counts=True)
    return World(found[:, first], counts / positions, float((counts == 1).sum() / positions))
