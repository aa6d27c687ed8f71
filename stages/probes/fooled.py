"""Natural adversarial images: those on which a reference network fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.runtime.errors import DataError
from stages.runtime.files import read_npz
from stages.sources.guards import check_npz, readable
from stages.zoo.cards import read_classifier
from stages.zoo.embeddings import read_tensor


def fooled(embeddings: Path, checkpoint: Path, benchmark: str, labels: Path) -> np.ndarray:
    """Images of a benchmark that a network's own classifier gets wrong: [M] row numbers.

    This is how ImageNet-A was chosen (Hendrycks et al. 2021, doi:10.1109/CVPR46437.2021.01501).
    """
    with readable(checkpoint, "a checkpoint"):
        weight, bias = read_classifier(checkpoint)
    features = read_tensor(embeddings, f"benchmarks/{benchmark}")
    check_npz(labels)
    (y,) = read_npz(labels, "labels")
    if features.shape[1:] != weight.shape[1:] or features.shape[:1] != y.shape:
        raise DataError(
            f"{embeddings}: 'benchmarks/{benchmark}' is {features.shape}, for {y.shape} labels and "
            f"a classifier {weight.shape}"
        )
    return np.flatnonzero((features @ weight.T + bias).argmax(1) != y)
