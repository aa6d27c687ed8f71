"""Where a network's weights come from. Imports neither torch nor timm."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stages.runtime.source import file_digest
from stages.zoo.hub import Pin


@dataclass(frozen=True)
class Source:
    """One network's weights: trained here (`checkpoint`), the hub's (`pin`), or one's own.

    Attributes
    ----------
    timm : timm's `architecture.tag`, of published weights.
    config_pin, config : the config.json that says what the network is, where timm does not.
    """

    checkpoint: Path | None = None
    timm: str | None = None
    pin: Pin | None = None
    config_pin: Pin | None = None
    weights: Path | None = None
    config: Path | None = None

    def identity(self) -> dict[str, Any]:
        """What the network depends on, whatever path it lies at: names and SHA-256 digests."""
        files = {"checkpoint": self.checkpoint, "weights": self.weights, "config": self.config}
        pins = {"weights": self.pin, "config": self.config_pin}
        return {
            **{name: file_digest(path) for name, path in files.items() if path},
            **{name: pin.sha256 for name, pin in pins.items() if pin},
            **({"timm": self.timm} if self.timm else {}),
        }

    def record(self) -> dict[str, Any]:
        """The same for people: repository, revision, size and digest."""
        pins = {"weights": self.pin, "config": self.config_pin}
        return {**self.identity(), **{name: asdict(pin) for name, pin in pins.items() if pin}}

    @property
    def size(self) -> int:
        """Bytes of the weights."""
        path = self.checkpoint or self.weights
        if path:
            return path.stat().st_size
        return self.pin.size if self.pin else 0
