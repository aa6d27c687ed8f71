"""Simulated observers of the miniature world. They are simulated, and called so everywhere.

Each observer weighs the factors of an object a little differently, adds noise and answers on a
scale from 0 to 10, as raters did in Peterson, Abbott & Griffiths (2018, doi:10.1111/cogs.12670).
"""

from __future__ import annotations

import numpy as np

from stages.sources.world import FACTORS, Objects

# What matters to an average observer: shape and colour more than texture, and kind.
WEIGHTS = {
    "amplitude": 1.0,
    "elongation": 1.0,
    "squareness": 1.0,
    "hole": 1.0,
    "hue_x": 1.2,
    "hue_y": 1.2,
    "value": 0.8,
    "frequency": 0.6,
    "angle": 0.3,
    "contrast": 0.6,
}
_KIND = 0.35  # the share of similarity that same kind (superclass) gives
_SCALE = 10  # ratings run from 0 to this


def perceived_similarity(objects: Objects, weights: np.ndarray | None = None) -> np.ndarray:
    """Noise-free similarity of every pair of objects, to an observer with the given weights.

    ``(1 - k) exp(-d² / 2) + k [same superclass]``, with d the weighted Euclidean distance of the
    objects' factors: generalisation falls with psychological distance (Shepard 1987,
    doi:10.1126/science.3629243; the Gaussian form of Nosofsky 1986).

    Parameters
    ----------
    weights : [len(FACTORS)] attention weights; the average observer's by default.

    Returns
    -------
    [N, N] symmetric, 1 on the diagonal, in [0, 1].
    """
    if weights is None:
        weights = np.array([WEIGHTS[name] for name in FACTORS])
    points = objects.factors * np.sqrt(weights)
    squared = (points**2).sum(1)
    distance2 = np.maximum(squared[:, None] + squared - 2 * points @ points.T, 0)
    np.fill_diagonal(distance2, 0)
    same = objects.superclass[:, None] == objects.superclass
    return (1 - _KIND) * np.exp(-distance2 / 2) + _KIND * same


def rate(
    objects: Objects, observers: int, rng: np.random.Generator, disagreement: float, noise: float
) -> np.ndarray:
    """Ratings of every pair of objects by a panel of simulated observers.

    Parameters
    ----------
    observers : P, how many of them.
    disagreement : standard deviation of the logarithm of observers' weights.
    noise : standard deviation of a rating, in points of the 0 to 10 scale, before rounding.

    Returns
    -------
    [P, N, N] symmetric integer ratings 0 to 10 (as float64), 10 on the diagonal.
    """
    average = np.array([WEIGHTS[name] for name in FACTORS])
    panel = []
    for _ in range(observers):
        weights = average * np.exp(rng.normal(0, disagreement, len(average)))
        rating = _SCALE * perceived_similarity(objects, weights)
        upper = np.triu(rating + rng.normal(0, noise, rating.shape), 1)
        rating = np.clip(np.rint(upper + upper.T), 0, _SCALE)
        np.fill_diagonal(rating, _SCALE)
        panel.append(rating)
    return np.stack(panel)
