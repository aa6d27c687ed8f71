"""The zoo's units of work, as worker processes run them: files in, payloads out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.runtime.files import npy_bytes, read_npz
from stages.sources.human import image_paths
from stages.zoo.features import Images, best_device, embed
from stages.zoo.networks import read
from stages.zoo.training import Plan, TrainingSet, train


def pretrain(
    plan: Mapping[str, Any], data: Path, seed: int, name: str, wanted: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """Train one model by the fields of a `Plan`; its only unit is its checkpoint."""
    arrays = read_npz(data, "images", "labels", "superclasses", "nuisances", "target")
    (unit,) = wanted
    yield unit, train(Plan(**plan), TrainingSet(*arrays), seed, name)


def embed_sets(
    checkpoint: Path, sets: Mapping[str, Path], batch: int, device: str, wanted: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """Embed image sets with one model; each is a unit, an NPY of [N, D] float32.

    A set is an NPZ with `images` [N, H, W, 3] uint8, or the folder of a stimulus set.
    """
    model, _ = read(checkpoint)
    device = best_device() if device == "auto" else device
    for name in wanted:
        yield name, npy_bytes(embed(model, _images(sets[name]), batch, device))


def _images(path: Path) -> Images:
    if path.is_dir():
        return image_paths(path)
    (images,) = read_npz(path, "images")
    return images
