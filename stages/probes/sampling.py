"""Few-shot splits: n examples a class to learn from, all others of the same set to be tested on."""

from __future__ import annotations

import numpy as np


def shot_order(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Order a set's images so that each n-shot training set is a prefix of the next.

    Parameters
    ----------
    labels : [N] integers 0..K-1.

    Returns
    -------
    [K, m] indices, m the size of the smallest class; row k shuffles images of class k.
    """
    classes = int(labels.max()) + 1
    smallest = int(np.bincount(labels, minlength=classes).min())
    return np.stack(
        [rng.permutation(np.flatnonzero(labels == k))[:smallest] for k in range(classes)]
    )


def split(order: np.ndarray, n: int, total: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the n-shot training set [n K] and of all other images [total - n K].

    Shots are nested: the 1-shot examples are among the 5-shot examples.

    Raises
    ------
    ValueError
        When a class has no example left to test on.
    """
    if not 1 <= n < order.shape[1]:
        raise ValueError(f"n = {n} shots; the smallest class has {order.shape[1]} images")
    train = order[:, :n].ravel()
    rest = np.ones(total, bool)
    rest[train] = False
    return train, np.flatnonzero(rest)


def mean_and_scale(train: np.ndarray) -> tuple[np.ndarray, float]:
    """The training mean, and one number to divide by, the root mean square of what is left.

    One scale for all dimensions keeps the geometry of the representation, which is what alignment
    is about, and gives every model's features the same size, so that fixed hyperparameters mean the
    same for each. A constant embedding stays at zero.
    """
    mean = train.mean(0)
    return mean, float(np.sqrt(np.mean((train - mean) ** 2))) or 1.0


def standardise(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both, less the training mean and divided by the training set's one scale."""
    mean, scale = mean_and_scale(train)
    return (train - mean) / scale, (test - mean) / scale
