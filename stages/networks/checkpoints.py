"""Builds timm networks, and saves them as safetensors with all that is needed to use them."""

from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import timm
import torch

from stages.networks.cards import Card, read_card
from stages.runtime.errors import DataError, UnsuitableError


def build(card: Card) -> torch.nn.Module:
    """A card's network with random weights; its pretrained_cfg holds the card's preprocessing."""
    if card.package:
        return timm.create_model(card.architecture, num_classes=card.classes)
    config = {
        "input_size": (3, card.size, card.size),
        "mean": card.mean,
        "std": card.std,
        "interpolation": "bicubic",
        "crop_pct": 1.0,
        "crop_mode": "center",
    }
    arguments: dict[str, Any] = {"num_classes": card.classes, "pretrained_cfg_overlay": config}
    # Transformers need their input's size; convolutional networks know no such argument.
    try:
        return timm.create_model(card.architecture, img_size=card.size, **arguments)
    except TypeError as error:
        if "img_size" not in str(error):
            raise
        return timm.create_model(card.architecture, **arguments)


def to_bytes(model: torch.nn.Module, card: Card) -> bytes:
    """A checkpoint as safetensors, with its card as the only metadata: equal weights, equal bytes.

    A classifier is stored a second time, as `classifier.weight` [K, D] and `classifier.bias` [K],
    so that it can be read without building the network.
    """
    state = {f"state.{key}": value.contiguous() for key, value in model.state_dict().items()}
    layer = model.get_classifier()  # type: ignore[operator]
    if isinstance(layer, torch.nn.Linear):
        state["classifier.weight"] = layer.weight.detach().clone()
        state["classifier.bias"] = layer.bias.detach().clone()
    elif card.classes:
        kind = type(layer).__name__
        raise ValueError(f"{card.architecture}: its classifier is {kind}, not linear")
    return safetensors.torch.save(state, {"card": card.to_json()})


def read(path: Path) -> tuple[torch.nn.Module, Card]:
    """The network of a checkpoint, in evaluation mode, and its card.

    A DataError where it is not a checkpoint, or its tensors do not fit the architecture.
    """
    card = read_card(path)
    model = build(card)
    try:
        tensors = safetensors.torch.load_file(path)
        state = {k.removeprefix("state."): v for k, v in tensors.items() if k.startswith("state.")}
        model.load_state_dict(state)
    except (RuntimeError, safetensors.SafetensorError) as error:
        reason = " ".join(str(error).splitlines()[:2])
        raise DataError(f"{path}: does not fit {card.architecture}: {reason}") from error
    return model.eval(), card


def penultimate(model: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """Penultimate features [B, D] of a batch [B, 3, H, W]: the input of the classifier."""
    features = model.forward_head(model.forward_features(batch), pre_logits=True)  # type: ignore[operator]
    if features.ndim != 2:
        shape = list(features.shape[1:])
        raise UnsuitableError(f"an image's penultimate features are {shape}, not [D]")
    return features
