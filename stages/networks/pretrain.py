"""Training one network as a unit of work: its settings, and files in, a checkpoint out.

torch and timm are imported when a network is trained.
"""

from dataclasses import dataclass
from pathlib import Path

from stages.runtime.files import read_npz
from stages.runtime.machine import keep_memory


@dataclass(frozen=True)
class Plan:
    """How one network is trained."""

    architecture: str  # timm's name
    labels: str  # "categories", "superclasses", "nuisances" or "shuffled" (categories)
    steps: int  # of gradient descent; 0 leaves the network untrained
    pull: float  # weight λ of the alignment term
    flip: bool  # whether a random half of each batch is mirrored
    batch: int
    learning_rate: float
    weight_decay: float
    centred: bool = False  # whether the target of `pull` is double-centred


def train_network(plan: Plan, images: Path, seed: int, name: str) -> bytes:
    """Train a network on the NPZ of a `TrainingSet`: its checkpoint (safetensors)."""
    keep_memory()
    from stages.networks.training import TrainingSet, train

    arrays = read_npz(images, "images", "labels", "superclasses", "nuisances", "target")
    return train(plan, TrainingSet(*arrays), seed, name)
