"""A checkpoint's card and its classifier, read without torch or timm; a classifier's accuracy."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from stages.runtime.errors import DataError


@dataclass(frozen=True)
class Card:
    """What a checkpoint says about itself: how to build the network and preprocess its images."""

    architecture: str  # timm's name
    classes: int  # outputs of the classifier
    size: int  # width and height of the input, pixels
    mean: tuple[float, ...]  # of the input's channels, in [0, 1]
    std: tuple[float, ...]
    labels: str  # what the classifier was trained on (`Plan.labels`); "none" if it is untrained
    # Whence weights trained elsewhere came, and the share of blocks that keep them; images are then
    # prepared as timm does for the architecture, and `labels` is "published" (or "none").
    package: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """As it stands in a checkpoint."""
        return json.dumps({k: v for k, v in asdict(self).items() if v != {}}, sort_keys=True)


def read_card(path: Path) -> Card:
    """The card of a checkpoint."""
    try:
        with safetensors.safe_open(path, "np") as archive:
            card = json.loads((archive.metadata() or {})["card"])
        return Card(**{**card, "mean": tuple(card["mean"]), "std": tuple(card["std"])})
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a checkpoint of this project: {error}") from error


def read_classifier(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Weight [K, D] and bias [K] of a checkpoint's classifier, applied to penultimate features."""
    try:
        with safetensors.safe_open(path, "np") as archive:
            return archive.get_tensor("classifier.weight"), archive.get_tensor("classifier.bias")
    except (OSError, safetensors.SafetensorError) as error:
        raise DataError(f"{path}: not a checkpoint of this project: {error}") from error


def top_k(scores: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Share of rows of scores [N, K] whose label [N] is among the k highest.

    Ties count against the label.
    """
    own = scores[np.arange(len(labels)), labels]
    rivals = (scores >= own[:, None]).sum(1) - 1
    return float(np.mean(rivals < k))
