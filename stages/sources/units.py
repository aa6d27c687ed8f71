"""The units of work of the data: each yields one piece's files, packed, by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stages.runtime.files import npz_bytes, pack
from stages.sources.labelled import Labelled, TrainingImages
from stages.sources.miniature import world_stimuli, world_task, world_training
from stages.sources.real import cifar100_training, real_stimuli, real_task
from stages.sources.renditions import RENDITIONS


def training(
    source: str,
    arguments: Mapping[str, Any],
    renditions: Mapping[str, str],
    pools: Sequence[str],
    wanted: Sequence[str],
) -> Iterator[tuple[str, bytes]]:
    """Training and readout images, and benchmarks: clean, rendered otherwise, candidates."""
    data: TrainingImages
    data = world_training(**arguments) if source == "world" else cifar100_training(**arguments)
    files = {
        "training/images.npz": npz_bytes(
            images=data.train.images,
            labels=data.train.labels,
            superclasses=data.superclasses,
            nuisances=data.nuisances,
            target=data.target,
        ),
        "training/readout.npz": data.readout.npz(),
        "benchmarks/clean.npz": data.clean.npz(),
    }
    for name, rendition in renditions.items():
        images = RENDITIONS[rendition](data.clean.images)
        files[f"benchmarks/{name}.npz"] = Labelled(images, data.clean.labels).npz()
    for name in pools:
        files[f"benchmarks/{name}.npz"] = data.pool.npz()
    (unit,) = wanted
    yield unit, pack(files)


def stimuli(
    name: str, source: str, arguments: Mapping[str, Any], wanted: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """One stimulus set."""
    files = world_stimuli(**arguments) if source == "world" else real_stimuli(source)
    (unit,) = wanted
    yield unit, pack({f"stimuli/{name}/{path}": content for path, content in files.items()})


def task(
    name: str, source: str, arguments: Mapping[str, Any], wanted: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """One few-shot task."""
    data = world_task(**arguments) if source == "world" else real_task(source)
    (unit,) = wanted
    yield unit, pack({f"tasks/{name}.npz": data.npz()})
