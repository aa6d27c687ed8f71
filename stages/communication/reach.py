"""How far from people a representation comes: at random, fitted, and fitted but on new stimuli.

Stimuli are uniform in a unit cube, and people's similarity is a Gaussian of distance: a kernel, and
the world of the game. docs/theory.md says what to expect.
"""

from dataclasses import dataclass

import numpy as np
import scipy

from stages.communication.game import interval
from stages.runtime.random import rng_for
from stages.runtime.tables import Record
from stages.similarity.decomposition import decomposition
from stages.similarity.matrices import similarity_matrix
from stages.similarity.measures import pearson, triplet


@dataclass(frozen=True)
class ReachSize:
    """Size of the simulation: see `theory.reach` in params.yaml."""

    dimensions: int
    width: float
    held_out: int
    worlds: int


def contrary(human: np.ndarray) -> tuple[np.ndarray, float]:
    """Features [n, n] whose dot products are -h_ij / c between stimuli and 1 of each with itself.

    Pearson alignment with `human`, [n, n], is -1 and triplet agreement 0. c, also returned, is the
    largest eigenvalue of human similarity with a zero diagonal: the least for which the Gram matrix
    I - H / c is positive semidefinite. Its rank is below n.
    """
    values, vectors = np.linalg.eigh(human - np.diag(human.diagonal()))
    return vectors * np.sqrt(np.maximum(1 - values / values[-1], 0)), float(values[-1])


def reach(size: ReachSize, stimuli: int, seed: int) -> list[Record]:
    """A row a representation, over worlds of so many stimuli.

    "random": an own Gaussian code of each stimulus, in 1 to n dimensions; "memorised": `contrary`.
    The others embed held-out stimuli by kernel regression on the memorised ones: "lookup" takes the
    features of the nearest, "smooth" their mean weighted by people's similarity.

    Returns mean `pearson` and `epsilon`, the share of triplets unlike people's, with its interval;
    `least` Pearson of all worlds, and `bound`, what Proposition 2 allows there; `margin` is 1 / c.
    """
    found: dict[str, list[tuple[float, ...]]] = {}
    for i in range(size.worlds):
        rng = rng_for(seed, "reach", stimuli, i)
        x = rng.random((stimuli, size.dimensions))
        new = rng.random((size.held_out, size.dimensions))
        own, human, between = (
            likeness(a, b, size.width) for a, b in ((x, x), (new, new), (new, x))
        )
        features, c = contrary(own)
        nearest = np.eye(stimuli)[between.argmax(1)]
        code = rng.normal(size=(stimuli, rng.integers(1, stimuli, endpoint=True)))
        for name, embedding, judged in (
            ("random", code - code.mean(0), own),
            ("memorised", features, own),
            ("lookup", nearest @ features, human),
            ("smooth", between / between.sum(1, keepdims=True) @ features, human),
        ):
            model = similarity_matrix(embedding, "dot" if name == "random" else "cosine")
            parts = decomposition(model, judged)
            r, bound = pearson(model, judged), parts["bound"] + parts["typicality"]
            found.setdefault(name, []).append((r, bound, 1 - triplet(model, judged), 1 / c))
    rows = []
    for name, values in found.items():
        r, bound, epsilon, margin = np.transpose(values)
        row = {"representation": name, "stimuli": stimuli, "pearson": float(r.mean())}
        row |= interval("epsilon", epsilon) | {"least": float(r.min())}
        row |= {"bound": float(bound[r.argmin()]), "margin": float(margin.mean())}
        rows.append(row | {"worlds": size.worlds})
    return rows


def likeness(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """People's similarity [A, B] of stimuli [A, d] and [B, d]: exp(-distance² / (2 width²))."""
    distance = scipy.spatial.distance.cdist(a, b, "sqeuclidean")
    return np.asarray(np.exp(-distance / (2 * width**2)))
