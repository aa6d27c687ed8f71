"""Linear readouts and classifiers on benchmarks: top-1 and top-5 accuracy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from stages.probes import logistic
from stages.probes.sampling import standardise
from stages.runtime.files import read_npz
from stages.zoo.cards import read_card, read_classifier


def top_k(scores: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Share of rows whose label is among the k highest scores; ties count against the label.

    Parameters
    ----------
    scores : [N, K]; labels : [N].
    """
    own = scores[np.arange(len(labels)), labels]
    rivals = (scores >= own[:, None]).sum(1) - 1
    return float(np.mean(rivals < k))


def robustness(
    embeddings: Path,
    checkpoint: Path,
    readout_labels: Path,
    benchmarks: Mapping[str, tuple[Path, np.ndarray | None]],
    settings: Mapping[str, Any],
    wanted: Sequence[str],
) -> Iterator[tuple[str, bytes]]:
    """Top-1 and top-5 of one model on each wanted benchmark, as JSON rows.

    The linear readout (logistic regression on the readout images) is there for every model, the
    network's own classifier for those that were trained on the categories.

    Parameters
    ----------
    benchmarks : for each name the NPZ with its labels, and the rows that count (None: all).
    """
    card = read_card(checkpoint)
    own = read_classifier(checkpoint) if card.labels == "categories" else None
    weights_are = "untrained" if card.labels == "none" else "trained"
    with safetensors.safe_open(embeddings, "np") as archive:
        train = archive.get_tensor("training/readout")
        (y,) = read_npz(readout_labels, "labels")
        weights, biases = logistic.fit(standardise(train, train)[0], y, **settings)
        for name in wanted:
            path, chosen = benchmarks[name]
            features = archive.get_tensor(f"benchmarks/{name}")
            scores = {"readout": standardise(train, features)[1] @ weights + biases}
            if own:
                scores["own"] = features @ own[0].T + own[1]
            (labels,) = read_npz(path, "labels")
            rows = np.arange(len(labels)) if chosen is None else chosen
            yield name, json.dumps(_rows(scores, weights_are, labels, rows)).encode()


def _rows(
    scores: Mapping[str, np.ndarray], weights: str, labels: np.ndarray, rows: np.ndarray
) -> list[dict[str, object]]:
    return [
        {
            "classifier": classifier,
            "weights": weights,
            "images": len(rows),
            "top1": top_k(values[rows], labels[rows], 1),
            "top5": top_k(values[rows], labels[rows], 5),
        }
        for classifier, values in scores.items()
    ]
