"""Training one network as a unit of work: its settings, and files in, a checkpoint out.

torch and timm are imported when a network is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stages.runtime.files import read_npz


@dataclass(frozen=True)
class Plan:
    """How one network is trained.

    Attributes
    ----------
    architecture : timm's name.
    labels : "categories", "superclasses", "nuisances" or "shuffled".
    steps : of gradient descent; 0 leaves the network untrained.
    pull : weight λ of the alignment term.
    flip : whether a random half of each batch is mirrored.
    """

    architecture: str
    labels: str
    steps: int
    pull: float
    flip: bool
    batch: int
    learning_rate: float
    weight_decay: float


def train_network(plan: Plan, images: Path, seed: int, name: str) -> bytes:
    """Train a network and return its checkpoint (safetensors).

    Parameters
    ----------
    images : NPZ of a `TrainingSet`.
    name : the model's; the seed and it decide the initial weights and the order of the images.

    Raises
    ------
    DataError
        The NPZ cannot be read or lacks an array.
    FloatingPointError
        The training diverged.
    """
    from stages.networks.training import TrainingSet, train

    arrays = read_npz(images, "images", "labels", "superclasses", "nuisances", "target")
    return train(plan, TrainingSet(*arrays), seed, name)
