"""The zoo's units of work, as worker processes run them: files in, payloads out."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.runtime.files import read_npz
from stages.sources.image_folders import read_index
from stages.zoo.classify import accuracy
from stages.zoo.embeddings import ABOUT
from stages.zoo.features import embed_to, find_machine
from stages.zoo.images import image_set
from stages.zoo.load import open_network
from stages.zoo.sources import Source
from stages.zoo.training import Plan, TrainingSet, train


def pretrain(
    plan: Mapping[str, Any], data: Path, seed: int, name: str, wanted: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """Train one model by the fields of a `Plan`; its only unit is its checkpoint."""
    arrays = read_npz(data, "images", "labels", "superclasses", "nuisances", "target")
    (unit,) = wanted
    yield unit, train(Plan(**plan), TrainingSet(*arrays), seed, name)


def embed_sets(
    source: Source,
    sets: Mapping[str, Path],
    batch: int,
    machine: tuple[str, str, int],
    wanted: Sequence[str],
) -> Iterator[tuple[str, bytes | Path]]:
    """Embed image sets with one model; each is a unit, an NPY of [N, D] float32.

    Parameters
    ----------
    sets : NPZ files with `images`, or folders of stimulus sets, by name.
    machine : device, precision and threads, as `find_machine` takes them.

    The unit "about" says, as JSON, whether the weights are trained or untrained.
    """
    model, untrained = open_network(source)
    found = find_machine(*machine)
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            if name == ABOUT:
                about = {"weights": "untrained" if untrained else "trained"}
                yield name, json.dumps(about).encode()
                continue
            path = Path(folder) / "features.npy"
            embed_to(path, model, image_set(sets[name]), batch, found)
            yield name, path


def classify_folders(
    source: Source,
    indices: Mapping[str, Path],
    batch: int,
    machine: tuple[str, str, int],
    wanted: Sequence[str],
) -> Iterator[tuple[str, bytes]]:
    """Top-1 and top-5 of one model's own classifier on each wanted image folder, as a JSON row.

    Parameters
    ----------
    indices : the index file of each benchmark's folder, by name.
    machine : device, precision and threads, as `find_machine` takes them.
    """
    model, untrained = open_network(source)
    found = find_machine(*machine)
    what = {"classifier": "own", "weights": "untrained" if untrained else "trained"}
    for name in wanted:
        row = what | accuracy(model, read_index(indices[name]), batch, found)
        yield name, json.dumps(row).encode()
