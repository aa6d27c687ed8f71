"""Reads what a checkpoint says about itself, and its classifier, without torch or timm."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from stages.runtime.errors import DataError


@dataclass(frozen=True)
class Card:
    """What a checkpoint says about itself: how to build the network and preprocess its images.

    Attributes
    ----------
    architecture : timm's name.
    classes : outputs of the classifier.
    size : width and height of the input, pixels.
    mean, std : of the input's channels, in [0, 1].
    labels : what the classifier was trained on (`Plan.labels`); "none" for an untrained network.
    """

    architecture: str
    classes: int
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    labels: str


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
