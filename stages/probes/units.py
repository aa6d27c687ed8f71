"""The few-shot units of work: one model on one task with one head, for each (n, repeat) wanted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch

from stages.probes import heads, logistic
from stages.probes.sampling import shot_order, split, standardise
from stages.runtime.files import read_npz
from stages.runtime.random import rng_for, torch_seed


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
    (y,) = read_npz(labels, "labels")
    for unit in wanted:
        n, repeat = cells[unit]
        order = shot_order(y, rng_for(seed, "fewshot", task, repeat))
        head_seed = torch_seed(seed, "head", task, head, n, repeat)
        accuracy = evaluate(features, y, order, n, head, settings, head_seed)
        yield unit, json.dumps(accuracy).encode()


def evaluate(
    features: np.ndarray,
    labels: np.ndarray,
    order: np.ndarray,
    n: int,
    head: str,
    settings: Mapping[str, Any],
    seed: int,
) -> float:
    """n-shot accuracy: learn from n examples a class, test on all others of the same set."""
    rows, rest = split(order, n, len(labels))
    train, test = standardise(features[rows], features[rest])
    if head == "linear":
        weights, biases = logistic.fit(train, labels[rows], **settings)
        scores = test @ weights + biases
    else:
        generator = torch.Generator().manual_seed(seed)
        scores = heads.fit_predict(train, labels[rows], test, generator, **settings)
    return float(np.mean(scores.argmax(1) == labels[rest]))
