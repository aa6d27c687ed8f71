"""Networks with published weights, opened by timm exactly as it opens them from the hub.

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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors

from stages.runtime.errors import DataError, suggest

if TYPE_CHECKING:
    import torch

# Tensors that have no place in a network, by architecture, and that timm leaves out itself (it
# loads these with strict=False): projections that the original code never used, and the auxiliary
# classifier of training.
UNUSED = {"dla": ".project.", "inception_v3": ".AuxLogits."}
NOWHERE = dict.fromkeys(("url", "hf_hub_id", "hf_hub_filename", "state_dict", "source"))


def open_timm(name: str, weights: Path) -> torch.nn.Module:
    """One of timm's models, `architecture.tag`, with its weights from a file.

    Returns
    -------
    The network in evaluation mode; its `pretrained_cfg` holds the tag's preprocessing.

    Raises
    ------
    DataError
        Names the file and the architecture: it is not safetensors, or its tensors do not fit.
    """
    return _open(name, weights, {})


def open_config(config: Path, weights: Path) -> torch.nn.Module:
    """The network that a `config.json` of timm's describes, with its weights from a file.

    Such a file lies in every timm repo of the hub, and in folders that timm's `save_for_hf` wrote.
    Its architecture, classes, preprocessing and `model_args` are obeyed; the weights are those of
    the file given, whatever lies beside it.

    Returns
    -------
    The network in evaluation mode.

    Raises
    ------
    DataError
        Names the file: the configuration is not timm's, or the weights do not fit it.
    """
    import timm
    from timm.models import _hub

    try:
        content = json.loads(config.read_text(encoding="utf-8"))
        pretrained, name, arguments = _hub._parse_model_cfg(content, {})
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise ValueError("'architecture' must be a name, 'model_args' a mapping")
        known = inspect.signature(timm.models.PretrainedCfg).parameters
        if strange := sorted(set(pretrained) - set(known)):
            raise ValueError(f"timm knows no '{strange[0]}'{suggest(strange[0], known)}")
        pretrained = {k: tuple(v) if isinstance(v, list) else v for k, v in pretrained.items()}
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise DataError(f"{config}: not a model configuration of timm's: {reason}") from error
    # timm's own options (a checkpoint to load, say) are not for a file to set.
    options = {*inspect.signature(timm.create_model).parameters, "features_only"} - {"kwargs"}
    if foreign := sorted(options & set(arguments)):
        raise DataError(f"{config}: model_args: '{foreign[0]}' is not the network's own")
    model_args = {"pretrained_model_args": dict(arguments), **arguments} if arguments else {}
    return _open(name, weights, {"pretrained_cfg": pretrained, **model_args})


def header(weights: Path) -> dict[str, str]:
    """The metadata in a safetensors file's header.

    Raises
    ------
    DataError
        When the file is not safetensors, or is not called so (timm goes by the name).
    """
    if weights.suffix != ".safetensors":
        raise DataError(f"{weights}: weights must be a .safetensors file; pickles are not loaded")
    try:
        with safetensors.safe_open(weights, "np") as archive:
            return dict(archive.metadata() or {})
    except (OSError, safetensors.SafetensorError) as error:
        raise DataError(f"{weights}: not a safetensors file: {error}") from error


def marked_untrained(weights: Path) -> bool:
    """Whether a file says of itself that its weights are untrained, as those for tests do."""
    return header(weights).get("weights") == "untrained"


def hub_repo(name: str) -> str:
    """The hub's repo of `architecture.tag`. timm names the same for all of the paper's models but
    `legacy_*`, of which it only names pickles; those are looked for in the same place."""
    return f"timm/{name}"


def _open(name: str, weights: Path, arguments: Mapping[str, Any]) -> torch.nn.Module:
    import timm

    header(weights)
    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):
        near = suggest(architecture, timm.list_models())
        raise DataError(f"{weights}: timm has no architecture '{architecture}'{near}")
    overlay = {**NOWHERE, "file": str(weights), "custom_load": False}
    # Tensors of another network may fail anywhere in timm's filters, which take some for granted.
    foreign = (RuntimeError, KeyError, ValueError, TypeError, AttributeError, AssertionError)
    try:
        with _loading() as said:
            model = timm.create_model(
                name, pretrained=True, pretrained_cfg_overlay=overlay, **arguments
            )
    except (*foreign, IndexError, safetensors.SafetensorError) as error:
        first = " ".join(line.strip() for line in str(error).splitlines()[:2])
        raise DataError(
            f"{weights}: does not fit {name}: {type(error).__name__}: {first}"
        ) from error
    for line in said:
        if problem := _problem(line, architecture):
            raise DataError(f"{weights}: does not fit {name}: {problem}")
    return model.eval()


@contextmanager
def _loading() -> Iterator[list[str]]:
    """What timm says while it loads weights; nothing of it is printed."""
    from timm.models import _builder

    said: list[str] = []
    logger, handler = _builder._logger, logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield said
    finally:
        logger.setLevel(level)
        logger.propagate = propagate
        logger.removeHandler(handler)


def _problem(line: str, architecture: str) -> str:
    """What is wrong, in a line that timm logged; empty where nothing is."""
    if line.startswith(("Loading pretrained weights from file", "Converted input conv")):
        return ""
    unexpected = re.match(r"Unexpected keys \((.*)\) found", line)
    unused = next((part for start, part in UNUSED.items() if architecture.startswith(start)), None)
    if unexpected and unused:
        keys = [key for key in unexpected[1].split(", ") if unused not in f".{key}"]
        return f"unexpected tensors {', '.join(keys[:3])}" if keys else ""
    return line[:300]
