"""Random matrices, judgments and labelled features; arrays in the formats that people keep."""

import io

import numpy as np
from hypothesis import HealthCheck, settings


def examples(count: int) -> settings:
    """So many examples of a property, the same in every run, however long they take."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def npy_bytes(array: np.ndarray) -> bytes:
    """An array in NPY format."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def symmetric(rng: np.random.Generator, n: int, levels: int | None = None) -> np.ndarray:
    """A random similarity matrix; with few levels it has many ties. Its diagonal means nothing."""
    x = rng.integers(0, levels, (n, n)).astype(float) if levels else rng.normal(size=(n, n))
    return np.triu(x, 1) + np.triu(x, 1).T + np.diag(rng.normal(size=n))


def triplet_set(rng: np.random.Generator, n: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Random triplets [count, 3] of n stimuli, and votes [count, 2], the larger first."""
    t = np.array([rng.permutation(n)[:3] for _ in range(count)])
    votes = np.stack([rng.integers(0, 4, count), rng.integers(1, 5, count)], 1)
    return t, np.sort(votes, axis=1)[:, ::-1]


def blobs(
    seed: int, per_class: int, classes: int = 4, width: int = 30, noise: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Normal clouds in a random order: features [N, width] float32 and labels [N]."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    centres = rng.normal(size=(classes, width))
    x = centres[labels] + rng.normal(0, noise, (len(labels), width))
    order = rng.permutation(len(labels))
    return x[order].astype(np.float32), labels[order]
