"""Where the weights of a study's models are, or their features where these are given."""

from collections.abc import Iterable
from pathlib import Path

from stages.networks.given import feature_files
from stages.networks.hub import WEIGHTS, resolve_all
from stages.networks.load import Source
from stages.study.experiment import Experiment
from stages.study.models import Model

CONFIG = "config.json"


def sources(
    experiment: Experiment, chosen: list[Model]
) -> tuple[dict[str, Source], dict[str, str]]:
    """Where each model's weights are, and the reasons for those whose weights are unavailable.

    The hub is asked for the commit and digest of every published model; nothing is downloaded.
    """
    wanted = {(m.name, WEIGHTS): (m.repo, m.revision, WEIGHTS) for m in chosen if m.repo}
    wanted |= {
        (m.name, CONFIG): (m.repo, m.revision, CONFIG) for m in chosen if m.repo and not m.timm
    }
    pins, failed = resolve_all(wanted)
    reasons = {name: reason for (name, _), reason in failed.items()}
    known = {}
    for m in chosen:
        if m.has_checkpoint:
            known[m.name] = Source(experiment.paths.checkpoint(m.name))
        elif m.weights:
            known[m.name] = Source(m.weights, config=m.config)
        elif m.name not in reasons and not m.given:
            config = pins.get((m.name, CONFIG))
            known[m.name] = Source(pins[m.name, WEIGHTS], m.timm, config)
    return known, reasons


def given_files(experiment: Experiment, chosen: Iterable[Model]) -> dict[str, dict[str, Path]]:
    """Of each model that is given by its features, the file of each image set that has one."""
    where, sets = f"{experiment.file}: models", experiment.every_set
    return {
        m.name: feature_files(m.given, sets, f"{where}: {m.name}: features")
        for m in chosen
        if m.given
    }
