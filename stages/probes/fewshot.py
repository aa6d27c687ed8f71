"""n-shot accuracy: a head learns from n examples a class, all others of the set test it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.networks.embeddings import Embedding
from stages.probes import heads, logistic
from stages.runtime.errors import DataError
from stages.runtime.files import read_npz
from stages.runtime.random import rng_for
from stages.sources.labelled import check_shots


def fewshot_accuracy(
    embedding: Embedding,
    labels: Path,
    head: str,
    settings: Mapping[str, Any],
    seed: int,
    repeat: int,
    *,
    each: Sequence[int],
) -> Iterator[float]:
    """n-shot accuracy of one model on one task with one head, for each n.

    Splits depend on seed, task and repeat alone, so that all models learn from the same examples.

    embedding : of the task's images. labels : the task's NPZ, with `labels` [N].
    head : linear, mlp1 or mlp2. settings : its section of params.yaml.
    repeat : which draw of the examples. each : shots, n.
    """
    features = embedding.read()
    features = features - features.mean(0)  # float32 is finest near 0; no probe sees the shift
    (y,) = read_npz(labels, "labels")
    order = shot_order(y, rng_for(seed, "fewshot", embedding.set, repeat))
    for n in each:
        rng = rng_for(seed, "head", embedding.set, head, n, repeat)
        yield evaluate(features, y, order, n, head, settings, rng)


def evaluate(
    features: np.ndarray,
    labels: np.ndarray,
    order: np.ndarray,
    n: int,
    head: str,
    settings: Mapping[str, Any],
    rng: np.random.Generator,
) -> float:
    """n-shot accuracy on one set. features : [N, D] float32; labels : [N]; order : `shot_order`."""
    rows, rest = split(order, n, len(labels))
    mean, scale = mean_and_scale(features[rows])
    train = (features[rows] - mean) / scale
    if head == "linear":
        layers = list(logistic.fit(train, labels[rows], **settings))
    else:
        layers = heads.fit(train, labels[rows], rng, **settings)
    # Standardising is left to the first layer: it has fewer numbers than the images to test on.
    first = layers[0] / scale
    scores = features @ first.astype(features.dtype)
    scores = scores[rest] + (layers[1] - mean @ first)
    if len(layers) > 2:
        scores = np.maximum(scores, 0) @ layers[2] + layers[3]
    return float(np.mean(scores.argmax(1) == labels[rest]))


def shot_order(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Order a set's images so that each n-shot training set is a prefix of the next.

    labels : [N] integers 0..K-1. Returns [K, m] indices, m the size of the smallest class; row k
    shuffles images of class k.
    """
    counts = np.bincount(labels)
    classes = [rng.permutation(np.flatnonzero(labels == k)) for k in range(len(counts))]
    return np.stack([images[: counts.min()] for images in classes])


def split(order: np.ndarray, n: int, total: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the n-shot training set [n K] and of all other images [total - n K].

    ValueError where a class has no example left to test on.
    """
    if not 1 <= n < order.shape[1]:
        raise ValueError(f"n = {n} shots; the smallest class has {order.shape[1]} images")
    train = order[:, :n].ravel()
    return train, np.setdiff1d(np.arange(total), train)


def mean_and_scale(train: np.ndarray) -> tuple[np.ndarray, float]:
    """The training mean, and one number to divide by, the root mean square of what is left.

    One scale for all dimensions keeps the geometry of the representation, which is what alignment
    is about, and gives every model's features the same size, so that fixed hyperparameters mean the
    same for each. A constant embedding stays at zero.
    """
    mean = train.mean(0)
    return mean, float(np.sqrt(np.mean((train - mean) ** 2))) or 1.0


def check_labels(path: Path, shots: Sequence[int]) -> None:
    """Check a task's NPZ before any work: every n must leave an image of each class to test on.

    DataError where it does not hold `labels` [N], integers from 0; UsageError by `check_shots`.
    """
    (labels,) = read_npz(path, "labels")
    if labels.ndim != 1 or labels.dtype.kind != "i" or len(labels) == 0 or labels.min() < 0:
        raise DataError(f"{path}: labels are {labels.dtype} {labels.shape}; [N] from 0 are needed")
    check_shots(shots, int(np.unique(labels, return_counts=True)[1].min()), str(path))
