"""Linear readouts and classifiers on benchmarks: top-1 and top-5 accuracy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.networks.cards import read_card, read_classifier, top_k
from stages.networks.embeddings import Embedding
from stages.probes import logistic
from stages.probes.fewshot import mean_and_scale
from stages.runtime.errors import DataError
from stages.runtime.files import read_npz
from stages.runtime.tables import Record


@dataclass(frozen=True)
class LabelledEmbedding:
    """Embedded images and the NPZ with their `labels`; `rows` that count, None for all."""

    embedding: Embedding
    labels: Path
    rows: list[int] | None = None

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Features [N, D] and labels [N] of all images."""
        features, (y,) = self.embedding.read(), read_npz(self.labels, "labels")
        if features.shape[:1] != y.shape:
            raise DataError(
                f"{self.embedding.file}: '{self.embedding.name}' has {len(features)} rows, "
                f"{self.labels} has {y.shape} labels"
            )
        return features, y


def readout_accuracy(
    training: LabelledEmbedding,
    weights: str,
    checkpoint: Path | None,
    settings: Mapping[str, Any],
    *,
    each: Sequence[LabelledEmbedding],
) -> Iterator[list[Record]]:
    """Top-1 and top-5 of one model on each benchmark.

    A linear readout (logistic regression) is fitted once, with `settings` (`robustness.readout` of
    params.yaml) on `training`. A network trained on the categories has its own classifier as well.
    weights : "trained" or "untrained". checkpoint : of a network trained here.

    Returns for each benchmark a row a classifier: benchmark, classifier (readout or own), weights
    (trained or untrained), images, top1, top5.
    """
    own = checkpoint if checkpoint and read_card(checkpoint).labels == "categories" else None
    train, y = training.read()
    mean, scale = mean_and_scale(train)
    slopes, biases = logistic.fit((train - mean) / scale, y, **settings)
    for benchmark in each:
        features, labels = benchmark.read()
        rows = slice(None) if benchmark.rows is None else benchmark.rows
        scores = {"readout": (features - mean) / scale @ slopes + biases}
        if own:
            scores["own"] = own_scores(features, own)
        yield [
            {"benchmark": benchmark.embedding.set, "classifier": classifier}
            | {"weights": weights, "images": len(labels[rows])}
            | {f"top{k}": top_k(values[rows], labels[rows], k) for k in (1, 5)}
            for classifier, values in scores.items()
        ]


def own_scores(features: np.ndarray, checkpoint: Path) -> np.ndarray:
    """Scores [N, K] of the classifier in a checkpoint."""
    weight, bias = read_classifier(checkpoint)
    if features.shape[1:] != weight.shape[1:]:
        raise DataError(f"{checkpoint}: classifier {weight.shape}; the embedding {features.shape}")
    return np.asarray(features @ weight.T + bias)


def fooled(images: LabelledEmbedding, checkpoint: Path) -> list[int]:
    """Rows of the images that a network's own classifier gets wrong: natural adversarial images.

    This is how ImageNet-A was chosen (Hendrycks et al. 2021, doi:10.1109/CVPR46437.2021.01501).
    """
    features, labels = images.read()
    return np.flatnonzero(own_scores(features, checkpoint).argmax(1) != labels).tolist()
