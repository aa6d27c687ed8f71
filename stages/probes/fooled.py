"""Natural adversarial images: those on which a reference network fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import safetensors

from stages.runtime.files import read_npz
from stages.zoo.cards import read_classifier


def fooled(embeddings: Path, checkpoint: Path, benchmark: str, labels: Path) -> np.ndarray:
    """Images of a benchmark that a network's own classifier gets wrong: [M] row numbers.

    This is how ImageNet-A was chosen (Hendrycks et al. 2021, doi:10.1109/CVPR46437.2021.01501).
    """
    weight, bias = read_classifier(checkpoint)
    with safetensors.safe_open(embeddings, "np") as archive:
        features = archive.get_tensor(f"benchmarks/{benchmark}")
    (y,) = read_npz(labels, "labels")
    return np.flatnonzero((features @ weight.T + bias).argmax(1) != y)
