"""Where a network's weights come from and where it runs; opening it.

torch and timm are imported only to open one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.networks.cards import read_card
from stages.networks.hub import Pin, fetch
from stages.networks.published import architectures, header, open_config, open_timm
from stages.runtime.errors import DataError, suggest
from stages.runtime.guards import readable
from stages.runtime.machine import keep_memory
from stages.runtime.source import file_digest

if TYPE_CHECKING:
    import torch

LARGEST = 4096
"""Pixels of an input's side, and classes, of networks trained here."""


@dataclass(frozen=True)
class Source:
    """One network's weights, and what describes it.

    Attributes
    ----------
    weights : safetensors; a checkpoint of this project where nothing else describes the network.
    timm : timm's `architecture.tag` of published weights.
    config : the config.json that describes the network, if timm does not.
    """

    weights: Path | Pin
    timm: str | None = None
    config: Path | Pin | None = None

    @property
    def files(self) -> dict[str, Path | Pin]:
        """Its files, here or on the hub."""
        described = self.timm or self.config
        files = {"weights" if described else "checkpoint": self.weights, "config": self.config}
        return {name: file for name, file in files.items() if file}

    @property
    def pins(self) -> dict[str, Pin]:
        """Its files on the hub."""
        return {name: file for name, file in self.files.items() if isinstance(file, Pin)}

    def identity(self) -> dict[str, str]:
        """What the network depends on: digests of its files, wherever they lie, and its name."""
        found = {
            name: file.sha256 if isinstance(file, Pin) else file_digest(file)
            for name, file in self.files.items()
        }
        return found | ({"timm": self.timm} if self.timm else {})

    def record(self) -> dict[str, Any]:
        """The same for readers: repository, commit, size and digest."""
        return self.identity() | {name: asdict(pin) for name, pin in self.pins.items()}

    @property
    def size(self) -> int:
        """Bytes of the weights."""
        if isinstance(self.weights, Pin):
            return self.weights.size
        try:
            return self.weights.stat().st_size
        except OSError as error:
            raise DataError(f"{self.weights}: cannot be read: {error.strerror}") from error


@dataclass(frozen=True)
class Machine:
    """Where and how networks run."""

    device: str = "cpu"  # torch's name of it; "auto" is a GPU where there is one, else the CPU
    threads: int = 1  # that prepare images for a GPU
    precision: str = "float32"  # or float16, bfloat16 (autocast) of the forward pass

    def identity(self) -> str:
        """What results depend on: the precision alone."""
        return self.precision


def local(file: Path | Pin) -> Path:
    """A file; one of the hub is downloaded if need be, and verified."""
    return fetch(file) if isinstance(file, Pin) else file


def open_network(source: Source) -> torch.nn.Module:
    """The network in evaluation mode; a DataError where weights cannot be had, or do not fit."""
    keep_memory()
    weights = local(source.weights)
    if source.config:
        return open_config(local(source.config), weights)
    if source.timm:
        return open_timm(source.timm, weights)
    from stages.networks.checkpoints import read

    check_card(weights)
    return read(weights)[0]


def training_state(source: Source) -> str:
    """ "trained" or "untrained", as the checkpoint or the weights file says of itself."""
    weights = local(source.weights)
    if "checkpoint" in source.files:
        untrained = read_card(weights).labels == "none"
    else:
        untrained = header(weights).get("weights") == "untrained"
    return "untrained" if untrained else "trained"


def check_card(path: Path) -> None:
    """Raise DataError unless a checkpoint's card names a network of timm's, of limited size.

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
        least = 0 if card.package else 1  # published weights may lack a classifier
        for what, value, low in (("classes", card.classes, least), ("size", card.size, 1)):
            if not (isinstance(value, int) and low <= value <= LARGEST):
                raise DataError(f"{path}: {what} {value!r}; {low} to {LARGEST} are allowed")
