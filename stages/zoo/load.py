"""A network from its source, whatever that is."""

from __future__ import annotations

from pathlib import Path

import torch

from stages.runtime.errors import DataError, suggest
from stages.sources.guards import readable
from stages.zoo import hub
from stages.zoo.cards import read_card
from stages.zoo.names import architectures
from stages.zoo.networks import read
from stages.zoo.published import marked_untrained, open_config, open_timm
from stages.zoo.sources import Source

LARGEST = 4096
"""Pixels of an input's side, and classes, of networks trained here."""


def open_network(source: Source) -> tuple[torch.nn.Module, bool]:
    """The network in evaluation mode, and whether its weights are untrained.

    Weights of the hub are downloaded where its cache does not hold them, and verified.
    """
    if source.checkpoint:
        check_card(source.checkpoint)
        model, card = read(source.checkpoint)
        return model, card.labels == "none"
    weights = hub.fetch(source.pin) if source.pin else source.weights
    config = hub.fetch(source.config_pin) if source.config_pin else source.config
    if weights and config:
        return open_config(config, weights), marked_untrained(weights)
    if weights and source.timm:
        return open_timm(source.timm, weights), marked_untrained(weights)
    raise ValueError(f"{source}: says neither which weights nor which architecture")


def check_card(path: Path) -> None:
    """Raise DataError where a checkpoint's card would build no network of timm's, or a huge one.

    timm takes names such as "hf-hub:..." and "local-dir:..." too, and would go there.
    """
    with readable(path, "a checkpoint"):
        card = read_card(path)
        known = architectures()
        if card.architecture not in known:
            raise DataError(
                f"{path}: architecture {card.architecture!r} is not one of timm's"
                + suggest(str(card.architecture)[:100], known)
            )
        for what, value in (("classes", card.classes), ("size", card.size)):
            if not (isinstance(value, int) and 0 < value <= LARGEST):
                raise DataError(f"{path}: {what} {value!r}; 1 to {LARGEST} are allowed")
