"""The few-shot units of work: one model on one task with one head, for each (n, repeat) wanted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from stages.probes import heads, logistic
from stages.probes.sampling import mean_and_scale, shot_order, split
from stages.runtime.files import read_npz
from stages.runtime.random import rng_for


def fewshot(
    embeddings: Path,
    labels: Path,
    task: str,
    head: str,
    settings: Mapping[str, Any],
    seed: int,
    cells: Mapping[str, tuple[int, int]],
    wanted: Sequence[str],
) -> Iterator[tuple[str, bytes]]:
    """Accuracy of one model on one task with one head, for each wanted cell (n, repeat).

    Splits depend on seed, task and repeat alone, so that all models learn from the same examples.
    """
    with safetensors.safe_open(embeddings, "np") as archive:
        features = archive.get_tensor(f"tasks/{task}")
    features = features - features.mean(0)  # float32 is finest near 0; no probe sees the shift
    (y,) = read_npz(labels, "labels")
    for unit in wanted:
        n, repeat = cells[unit]
        order = shot_order(y, rng_for(seed, "fewshot", task, repeat))
        rng = rng_for(seed, "head", task, head, n, repeat)
        yield unit, json.dumps(evaluate(features, y, order, n, head, settings, rng)).encode()


def evaluate(
    features: np.ndarray,
    labels: np.ndarray,
    order: np.ndarray,
    n: int,
    head: str,
    settings: Mapping[str, Any],
    rng: np.random.Generator,
) -> float:
    """n-shot accuracy: learn from n examples a class, test on all others of the same set."""
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
