"""Where a network's weights come from and where it runs; opening it.

torch and timm are imported only to open one, and to look for a GPU.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.networks import hub
from stages.networks.cards import read_card
from stages.networks.published import architectures, header, open_config, open_timm
from stages.runtime.errors import DataError, suggest
from stages.runtime.source import file_digest
from stages.sources.guards import readable

if TYPE_CHECKING:
    import torch

LARGEST = 4096
"""Pixels of an input's side, and classes, of networks trained here."""


@dataclass(frozen=True)
class Source:
    """One network's weights: trained here (`checkpoint`), the hub's (`pin`), or your own file.

    Attributes
    ----------
    timm : timm's `architecture.tag` of published weights.
    config_pin, config : the config.json that describes the network, if timm does not.
    """

    checkpoint: Path | None = None
    timm: str | None = None
    pin: hub.Pin | None = None
    config_pin: hub.Pin | None = None
    weights: Path | None = None
    config: Path | None = None

    @property
    def pins(self) -> dict[str, hub.Pin]:
        """Its files on the hub."""
        pins = {"weights": self.pin, "config": self.config_pin}
        return {name: pin for name, pin in pins.items() if pin}

    def identity(self) -> dict[str, Any]:
        """What the network depends on: digests of its files, wherever they lie, and its name."""
        files = {"checkpoint": self.checkpoint, "weights": self.weights, "config": self.config}
        found: dict[str, Any] = {name: file_digest(path) for name, path in files.items() if path}
        found |= {name: pin.sha256 for name, pin in self.pins.items()}
        return found | ({"timm": self.timm} if self.timm else {})

    def record(self) -> dict[str, Any]:
        """The same for readers: repository, commit, size and digest."""
        return self.identity() | {name: asdict(pin) for name, pin in self.pins.items()}

    @property
    def size(self) -> int:
        """Bytes of the weights."""
        if self.pin:
            return self.pin.size
        path = self._local()
        try:
            return path.stat().st_size
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error

    def file(self) -> Path:
        """The file of its weights, downloaded from the hub if need be, and verified."""
        return hub.fetch(self.pin) if self.pin else self._local()

    def _local(self) -> Path:
        path = self.checkpoint or self.weights
        if path is None:
            raise ValueError(f"{self}: has no weights")
        return path


@dataclass(frozen=True)
class Machine:
    """Where and how networks run.

    Attributes
    ----------
    device : torch's name of it; "auto" is a GPU where there is one, else the CPU.
    threads : that prepare images.
    precision : float32, float16 or bfloat16 (autocast) of the forward pass.
    """

    device: str = "cpu"
    threads: int = 1
    precision: str = "float32"

    def identity(self) -> str:
        """What results depend on: the precision alone."""
        return self.precision

    def found(self) -> Machine:
        """The machine with its device found; a CPU's cores are shared among worker processes, each
        of which has one thread."""
        import torch

        automatic = "cuda" if torch.cuda.is_available() else "cpu"
        device = automatic if self.device == "auto" else self.device
        return replace(self, device=device, threads=1 if device == "cpu" else self.threads)


def open_network(source: Source) -> torch.nn.Module:
    """The network in evaluation mode; weights of the hub are downloaded if need be, and verified.

    Raises
    ------
    DataError
        The weights cannot be had, or do not fit the network; names the file.
    """
    if source.checkpoint:
        from stages.networks.checkpoints import read

        check_card(source.checkpoint)
        return read(source.checkpoint)[0]
    weights = source.file()
    config = hub.fetch(source.config_pin) if source.config_pin else source.config
    if config:
        return open_config(config, weights)
    if source.timm:
        return open_timm(source.timm, weights)
    raise ValueError(f"{source}: has no architecture")


def training_state(source: Source) -> str:
    """ "trained" or "untrained", as the checkpoint or the weights file says of itself."""
    if source.checkpoint:
        untrained = read_card(source.checkpoint).labels == "none"
    else:
        untrained = header(source.file()).get("weights") == "untrained"
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
        for what, value in (("classes", card.classes), ("size", card.size)):
            if not (isinstance(value, int) and 0 < value <= LARGEST):
                raise DataError(f"{path}: {what} {value!r}; 1 to {LARGEST} are allowed")
