"""Weights of an experiment's models: trained here, from the hub, or files of one's own."""

from __future__ import annotations

from collections.abc import Sequence

from stages.study.load import Experiment
from stages.study.zoo import Model
from stages.zoo.hub import WEIGHTS, resolve_all
from stages.zoo.sources import Source

CONFIG = "config.json"


def sources(
    experiment: Experiment, chosen: Sequence[Model]
) -> tuple[dict[str, Source], dict[str, str]]:
    """Where each model's weights are, and the reasons for those whose weights cannot be had.

    The hub is asked for the commit and digest of every published model; nothing is downloaded.
    """
    ours = {
        model.name: Source(checkpoint=experiment.paths.checkpoints / f"{model.name}.safetensors")
        for model in chosen
        if model.recipe
    }
    local = {m.name: Source(weights=m.weights, config=m.config) for m in chosen if m.weights}
    hosted = {m.name: m for m in chosen if m.repo}
    wanted = {(name, WEIGHTS): (m.repo or "", m.revision, WEIGHTS) for name, m in hosted.items()}
    wanted |= {
        (name, CONFIG): (m.repo or "", m.revision, CONFIG)
        for name, m in hosted.items()
        if m.timm is None
    }
    pins, reasons = resolve_all({"\n".join(key): value for key, value in wanted.items()})
    failed = {key.split("\n")[0]: reason for key, reason in reasons.items()}
    remote = {
        name: Source(
            timm=model.timm,
            pin=pins[f"{name}\n{WEIGHTS}"],
            config_pin=pins.get(f"{name}\n{CONFIG}"),
        )
        for name, model in hosted.items()
        if name not in failed
    }
    known = ours | local | remote
    return {m.name: known[m.name] for m in chosen if m.name in known}, failed
