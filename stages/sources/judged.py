"""Public stimulus sets judged by people: 92 objects, animals, materials."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from stages.runtime.errors import DataError
from stages.runtime.files import read_json
from stages.runtime.source import file_digest
from stages.sources.fetch import FILES, fetch
from stages.sources.folders import zipped_images
from stages.sources.guards import readable
from stages.sources.human import Judgments, majority_first, png, stimulus_files
from stages.sources.matlab import read_pinned
from stages.sources.peterson import CITATION, N, read_ratings

Judged = tuple[dict[str, bytes], Judgments]
"""Encoded images by file name, in order, and their judgments."""


def real_stimuli(source: str) -> dict[str, bytes]:
    """The files of one of `SETS`."""
    remotes = FILES[source]
    files = [fetch(remote) for remote in remotes]
    read, judged_by, citation = SETS[source]
    images, judgments = read(*files)
    provenance: dict[str, Any] = {
        "simulated": False,
        "files": {remote.url: remote.accepted for remote in remotes},
    }
    for remote, path in zip(remotes, files, strict=True):
        if not remote.accepted:
            found = f"sha256:{file_digest(path)}:{path.stat().st_size}"
            provenance["found"] = {remote.url: f"{found}, none is published to compare"}
    counts = {name: len(array) for name, array in judgments.arrays().items()}
    provenance |= {"citation": citation, "judged by": judged_by.format(**counts)}
    return stimulus_files(images, judgments, provenance)


def read_92objects(rdms: Path, objects: Path) -> Judged:
    """92 objects judged by 16 people; `participants` is [16, 92, 92].

    Dissimilarities become similarities by subtraction from 1; the group's is the mean over people.
    """
    (cells,) = read_pinned(rdms, "rdms_behav_92")
    with readable(rdms, "judgments of 92 objects"):
        people = 1 - np.stack([np.asarray(cell["RDM"], np.float64) for cell in cells.flat])
        people = (people + people.transpose(0, 2, 1)) / 2
    (stimuli,) = read_pinned(objects, "stimuli_92objs")
    with readable(objects, "images of 92 objects"):
        images = [png(np.asarray(item["image"], np.uint8)) for item in stimuli.flat]
    judgments = Judgments(len(images), similarity=people.mean(0), participants=people)
    return {f"{i:03d}.png": image for i, image in enumerate(images)}, judgments.check(str(rdms))


def read_materials(*answers: Path, n: int = 100) -> Judgments:
    """Material appearance triplets: each is [reference, a, b] with votes for a and for b."""
    triplets, votes = [], []
    for path in answers:
        with readable(path, "answers"):
            content = read_json(path)
            triplets.append(_integers(content["answers"]).reshape(-1, 3))
            votes.append(_integers(content["agreement"]).reshape(len(triplets[-1]), 2))
    t, v = majority_first(np.concatenate(triplets), np.concatenate(votes))
    return Judgments(n, triplets=t, votes=v).check(str(answers[0]))


def _integers(values: Any) -> np.ndarray:
    """Lists of whole numbers as an array; nothing is rounded or read from text."""
    array = np.asarray(values)
    if array.dtype.kind != "i":
        raise ValueError(f"whole numbers are needed, not {array.dtype}")
    return array.astype(np.int64)


def _materials(train: Path, test: Path, *images: Path) -> Judged:
    return {path.name: path.read_bytes() for path in images}, read_materials(train, test)


def read_animals(ratings: Path, archive: Path) -> Judged:
    """The 120 animals in the matrix's order.

    No digest of the archive is published, so its content is checked: 120 images and nothing else.
    Sorted names give the order, except where the file names hold the numbers by which the matrix's
    file calls its images (`animals_big_idx`): then these do. Other numbers must be in order.
    """
    try:
        images = zipped_images(archive, N)
        (called,) = read_pinned(ratings, "animals_big_idx")
        with readable(ratings, "numbers of images"):
            order = called.ravel().astype(int).tolist()
        images = _numbered(images, order, archive)
    except DataError as error:
        raise DataError(f"{error}; if it is an earlier download, delete it to try again") from error
    return images, Judgments(N, similarity=read_ratings(ratings)).check(str(ratings))


def _numbered(images: dict[str, bytes], called: list[int], archive: Path) -> dict[str, bytes]:
    """Images in the order of the matrix's numbers, renamed to sort so, where names hold them."""
    digits = [re.findall(r"\d+", Path(name).stem) for name in images]
    if any(len(runs) != 1 for runs in digits):
        return images
    numbers = [int(runs[0]) for runs in digits]
    if sorted(numbers) == sorted(called):
        names = dict(zip(numbers, images, strict=True))
        return {f"{i:03d}-{names[k]}": images[names[k]] for i, k in enumerate(called)}
    if numbers != sorted(numbers):
        raise DataError(f"{archive}: images are numbered, but not as the matrix calls them")
    return images


SETS: dict[str, tuple[Any, str, list[str]]] = {
    "objects92": (
        read_92objects,
        "{participants} people",
        [
            "Mur et al. 2013, doi:10.3389/fpsyg.2013.00128",
            "Kriegeskorte et al. 2008, doi:10.1016/j.neuron.2008.10.043",
        ],
    ),
    "animals": (read_animals, "people, mean ratings 0 to 10", [CITATION]),
    "materials": (
        _materials,
        "{triplets} triplets, crowdsourced",
        ["Lagunas et al. 2019, doi:10.1145/3306346.3323036"],
    ),
}
"""How the files of each set are read, who judged it, and what to cite."""
