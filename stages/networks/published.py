"""timm's names, and networks with published weights, opened as timm opens them from the hub.

A file of weights is given, so timm looks for none itself, and nothing touches the network. It is
safetensors: no pickle is ever loaded. timm's own checkpoint filter, label offset and preprocessing
apply. Where the file leaves a layer of the network unfilled, that is an error: timm would leave the
layer at random and log a line.

timm and torch are imported when a network is opened: names and headers are asked for without them.
"""

from __future__ import annotations

import inspect
import json
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import safetensors

from stages.runtime.cache import Cache
from stages.runtime.errors import DataError, suggest
from stages.runtime.guards import FAULTS, readable
from stages.runtime.source import digest, libraries

if TYPE_CHECKING:
    import torch

UNUSED = {"dla": ".project.", "inception_v3": ".AuxLogits."}
"""Tensors that have no place in a network and that timm leaves out itself, by architecture:
projections that the original code never used, and the auxiliary classifier of training."""
IMAGENET = 1000
"""Classes of ImageNet."""
NOWHERE = dict.fromkeys(("url", "hf_hub_id", "hf_hub_filename", "state_dict", "source"))


def architectures() -> list[str]:
    """All of timm's architecture names."""
    return list(_registry()["architectures"])


def pretrained() -> dict[str, str]:
    """All published weights, `architecture.tag`, each with its family (timm's module)."""
    return dict(_registry()["pretrained"])


def family_of(architecture: str) -> str:
    """timm's module that an architecture is of; the architecture where timm has no weights."""
    found = (f for name, f in pretrained().items() if name.partition(".")[0] == architecture)
    return next(found, architecture)


def _registry() -> dict[str, Any]:
    """timm's lists, kept in the artifact cache: importing timm is slow."""
    cache, key = Cache(), digest({"names": libraries("timm"), "form": 2})
    if kept := cache.open(key):
        with kept:
            return dict(json.load(kept))
    import timm

    family = {n: module for module in timm.list_modules() for n in timm.list_models(module=module)}
    tagged = timm.list_models(pretrained=True)
    names = {
        "architectures": timm.list_models(),
        "pretrained": {name: family[name.partition(".")[0]] for name in tagged},
    }
    cache.put(key, json.dumps(names).encode())
    return names


def hub_repo(name: str) -> str:
    """The hub's repo of `architecture.tag`. timm names the same for all of the paper's models but
    `legacy_*`, of which it only names pickles; those are looked for in the same place."""
    return f"timm/{name}"


def header(weights: Path) -> dict[str, str]:
    """The metadata in a safetensors file's header; timm goes by its name, which must say so."""
    if weights.suffix != ".safetensors":
        raise DataError(f"{weights}: weights must be a .safetensors file; pickles are not loaded")
    try:
        with safetensors.safe_open(weights, "np") as archive:
            return dict(archive.metadata() or {})
    except (OSError, safetensors.SafetensorError) as error:
        raise DataError(f"{weights}: not a safetensors file: {error}") from error


class Config(NamedTuple):
    """A config.json: timm's `pretrained_cfg`, and the network's own arguments.

    said : which of two sizes timm takes; "" where there is one.
    """

    architecture: str
    pretrained: dict[str, Any]
    arguments: dict[str, Any]
    said: str


def read_config(config: Path) -> Config:
    """A network's `config.json`; a DataError where it is not timm's. See `open_config`."""
    from timm.models import _hub

    with readable(config, "a model configuration of timm's"):
        content = json.loads(config.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not isinstance(content.get("architecture"), str):
            raise ValueError("no 'architecture'")
        for key in ("pretrained_cfg", "model_args"):
            if not isinstance(content.get(key, {}), dict):
                raise ValueError(f"{key} must be a mapping")
        size = content.get("model_args", {}).get("img_size", content.get("img_size"))
        sides = size if isinstance(size, list) else [size] * 2
        given = list(content.get("pretrained_cfg", content).get("input_size", [3, *sides]))
        pretrained, name, arguments = _hub._parse_model_cfg(content, {})
        taken = list(pretrained.get("input_size", given))
        differ = size and sides != given[1:]
        said = f"img_size {size} beside input_size {given}: timm prepares images as {taken}"
        return Config(name, pretrained, arguments, said if differ else "")


def open_config(config: Path, weights: Path) -> torch.nn.Module:
    """The network that a `config.json` of timm's describes, with its weights from a file.

    Such a file lies in every timm repo of the hub, and in folders that timm's `save_for_hf` wrote.
    Its architecture, classes, preprocessing and `model_args` are obeyed; the weights are those of
    the file given, whatever lies beside it. A DataError where the configuration is not timm's, or
    the weights do not fit it.
    """
    import timm

    name, pretrained, arguments, _ = read_config(config)
    with readable(config, "a model configuration of timm's"):
        known = inspect.signature(timm.models.PretrainedCfg).parameters
        if strange := sorted(set(pretrained) - set(known)):
            raise ValueError(f"timm knows no '{strange[0]}'{suggest(strange[0], known)}")
        # timm's own options (a checkpoint to load, say) are not for a file to set.
        options = {*inspect.signature(timm.create_model).parameters, "features_only"} - {"kwargs"}
        if foreign := sorted(options & set(arguments)):
            raise ValueError(f"model_args: '{foreign[0]}' is not the network's own")
        pretrained = {k: tuple(v) if isinstance(v, list) else v for k, v in pretrained.items()}
        if arguments:
            arguments["pretrained_model_args"] = dict(arguments)
    return open_timm(name, weights, pretrained_cfg=pretrained, **arguments)


def open_timm(name: str, weights: Path, /, **arguments: Any) -> torch.nn.Module:
    """One of timm's models, `architecture.tag`, in evaluation mode, with its weights from a file.

    Its `pretrained_cfg` holds the tag's preprocessing; `arguments` are more of `timm.create_model`.
    A DataError where the file is not safetensors, or its tensors do not fit.
    """
    import timm

    header(weights)
    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):
        near = suggest(architecture, timm.list_models())
        raise DataError(f"{weights}: timm has no architecture '{architecture}'{near}")
    arguments["pretrained_cfg_overlay"] = {**NOWHERE, "file": str(weights), "custom_load": False}
    said: list[str] = []

    def hear(record: logging.LogRecord) -> bool:
        said.append(record.getMessage())
        return False  # and print nothing

    logger = logging.getLogger("timm.models._builder")
    level = logger.level
    logger.addFilter(hear)
    logger.setLevel(logging.INFO)
    try:
        model = timm.create_model(name, pretrained=True, **arguments)
    # Tensors of another network may fail anywhere in timm's filters, which take some for granted.
    except (*FAULTS, AttributeError, AssertionError, safetensors.SafetensorError) as error:
        first = " ".join(line.strip() for line in str(error).splitlines()[:2])
        reason = f"{type(error).__name__}: {first}"
        raise DataError(f"{weights}: does not fit {name}: {reason}") from error
    finally:
        logger.removeFilter(hear)
        logger.setLevel(level)
    unused = [part for start, part in UNUSED.items() if architecture.startswith(start)]
    for line in said:
        unexpected = re.match(r"Unexpected keys \((.*)\) found", line)
        keys = unexpected[1].split(", ") if unexpected else []
        left_out = keys and all(any(part in f".{key}" for part in unused) for key in keys)
        fine = line.startswith(("Loading pretrained weights from file", "Converted input conv"))
        if not (fine or left_out):
            raise DataError(f"{weights}: does not fit {name}: {line[:300]}")
    return model.eval()
