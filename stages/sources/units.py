"""The units of work of the data: each yields one piece's files, packed, by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.runtime.files import npz_bytes, pack
from stages.sources.fetch import fetch
from stages.sources.image_folders import index_folder
from stages.sources.labelled import Labelled, TrainingImages
from stages.sources.miniature import world_stimuli, world_task, world_training
from stages.sources.own import LOCAL, own_stimuli
from stages.sources.real import cifar100_training, real_stimuli, real_task
from stages.sources.renditions import RENDITIONS
from stages.sources.tasks import first, own_task
from stages.sources.timm_tables import TABLES, class_indices, read_published


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
        "clean.npz": data.clean.npz(),
    }
    for name, rendition in renditions.items():
        images = RENDITIONS[rendition](data.clean.images)
        files[f"{name}.npz"] = Labelled(images, data.clean.labels).npz()
    for name in pools:
        files[f"{name}.npz"] = data.pool.npz()
    (unit,) = wanted
    yield unit, pack(files)


def stimuli(
    name: str, source: str, arguments: Mapping[str, Any], wanted: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """One stimulus set; `arguments` are the declaration's, without its source."""
    if source == "world":
        files = world_stimuli(**arguments)
    elif source in LOCAL:
        files = own_stimuli({"source": source, **arguments})
    else:
        files = real_stimuli(source)
    (unit,) = wanted
    yield unit, pack({f"{name}/{path}": content for path, content in files.items()})


def task(
    name: str,
    source: str,
    arguments: Mapping[str, Any],
    per_class: int | None,
    wanted: Sequence[str],
) -> Iterator[tuple[str, bytes]]:
    """One few-shot task; `arguments` are the declaration's, without its source.

    `per_class` images of each class are kept, the first in order; None for all.
    """
    if source in LOCAL:
        files = own_task(name, {"source": source, **arguments}, per_class)
    else:
        drawn = source == "world"
        data = world_task(**arguments) if drawn else real_task(source, **arguments)
        files = {f"{name}.npz": first(data, per_class).npz()}
    (unit,) = wanted
    yield unit, pack(files)


def published(name: str, table: str, wanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """A published table of results, checked, as it is."""
    path = fetch(TABLES[table])
    read_published(path)
    (unit,) = wanted
    yield unit, pack({f"{name}.csv": path.read_bytes()})


def image_index(
    name: str, key: str, folder: str, classes: str, wanted: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """The index of an image folder; `key` names it for messages, `classes` a list of classes."""
    (unit,) = wanted
    content = index_folder(Path(folder), class_indices(classes), key)
    yield unit, pack({f"{name}.json": content})
