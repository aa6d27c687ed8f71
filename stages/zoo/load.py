"""A network from its source, whatever that is."""

from __future__ import annotations

import torch

from stages.zoo import hub
from stages.zoo.networks import read
from stages.zoo.published import marked_untrained, open_config, open_timm
from stages.zoo.sources import Source


def open_network(source: Source) -> tuple[torch.nn.Module, bool]:
    """The network in evaluation mode, and whether its weights are untrained.

    Weights of the hub are downloaded where its cache does not hold them, and verified.
    """
    if source.checkpoint:
        model, card = read(source.checkpoint)
        return model, card.labels == "none"
    weights = hub.fetch(source.pin) if source.pin else source.weights
    config = hub.fetch(source.config_pin) if source.config_pin else source.config
    if weights and config:
        return open_config(config, weights), marked_untrained(weights)
    if weights and source.timm:
        return open_timm(source.timm, weights), marked_untrained(weights)
    raise ValueError(f"{source}: says neither which weights nor which architecture")
