"""Stimulus sets that others had people judge: 92 objects, materials, and those of Peterson et al.

Peterson, Abbott & Griffiths (2018) had six categories judged. A set is 120 images, whose sorted
file names give the order, and a MATLAB file: one 120 x 120 matrix of mean ratings from 0 to 10
under a key that contains "sim", or a table of ratings, [R, 3] of i, j (from 1) and rating. Animals
is published; the other five are given by their authors on request.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stages.runtime.errors import DataError, UsageError
from stages.runtime.files import read_json
from stages.runtime.guards import readable
from stages.runtime.source import file_digest
from stages.sources.fetch import FILES, fetch
from stages.sources.folders import SUFFIXES, zipped_images
from stages.sources.human import Judgments, majority_first, png, stimulus_files
from stages.sources.matlab import choose, read_matlab, read_pinned

N = 120
SCALE = 10
CITATION = "Peterson, Abbott & Griffiths 2018, doi:10.1111/cogs.12670"
MATERIALS = "Lagunas et al. 2019, doi:10.1145/3306346.3323036"
OBJECTS = [
    "Mur et al. 2013, doi:10.3389/fpsyg.2013.00128",
    "Kriegeskorte et al. 2008, doi:10.1016/j.neuron.2008.10.043",
]
BY_RATING = "people, mean ratings 0 to 10"
Judged = tuple[dict[str, bytes], Judgments]
"""Encoded images by file name, in order, and their judgments."""


def real_stimuli(source: str) -> dict[str, bytes]:
    """The files of one of `SETS`."""
    remotes = FILES[source]
    files = [fetch(remote) for remote in remotes]
    read, judged_by, citation = SETS[source]
    images, judgments = read(*files)
    provenance: dict[str, Any] = {"simulated": False, "files": {r.url: r.accepted for r in remotes}}
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
    cells = read_pinned(rdms, "rdms_behav_92")
    with readable(rdms, "judgments of 92 objects"):
        people = 1 - np.stack([np.asarray(cell["RDM"], np.float64) for cell in cells.flat])
        people = (people + people.transpose(0, 2, 1)) / 2
    stimuli = read_pinned(objects, "stimuli_92objs")
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
        called = read_pinned(ratings, "animals_big_idx")
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
    "objects92": (read_92objects, "{participants} people", OBJECTS),
    "animals": (read_animals, BY_RATING, [CITATION]),
    "materials": (_materials, "{triplets} triplets, crowdsourced", [MATERIALS]),
}
"""How the files of each set are read, who judged it, and what to cite."""


def requested_files(spec: Mapping[str, Any], prefix: str = "") -> tuple[list[Path], list[Path]]:
    """The MATLAB file of a requested set (a list of one), and its images in order.

    A UsageError says what is missing, where it goes, whom to ask, and how to go on without.
    """
    folder = Path(spec["folder"] or f"studies/files/requested/{spec['category']}")
    found = sorted(folder.glob("[!.]*"))
    matrices = [path for path in found if path.suffix.lower() == ".mat"]
    images = [path for path in found if path.suffix.lower() in SUFFIXES]
    missing = [] if matrices else ["a MATLAB file (.mat)"]
    if len(images) < N:
        missing.append(f"{N - len(images)} of {N} images")
    if missing:
        raise UsageError(
            f"{prefix}requested '{spec['category']}': {folder} lacks {' and '.join(missing)}: "
            f"ask the authors of {CITATION}, for the 120 x 120 matrix of mean ratings 0 to 10 (a "
            "key that contains 'sim') and the images (sorted names give the order); "
            "stimuli.exclude in params.yaml goes on without"
        )
    others = [path.name for path in found if path not in matrices + images]
    if others or len(matrices) > 1 or len(images) > N:
        raise DataError(
            f"{folder}: one .mat and {N} images are allowed; holds {len(matrices)} .mat, "
            f"{len(images)} images{f', and {others[0]}' if others else ''}"
        )
    return matrices, images


def read_ratings(path: Path, key: str | None = None) -> np.ndarray:
    """[120, 120] mean ratings from a set's MATLAB file; a DataError if they are not 0 to 10.

    Without a `key`, the variable `simMatrix`, else the only square one whose name contains "sim",
    else the only table [R, 3].
    """
    found = read_matlab(path)
    shapes = {name: array.shape for name, array in found.items()}
    square = [k for k, s in shapes.items() if s == (N, N) and "sim" in k.lower()]
    exact = [k for k in square if k.lower() == "simmatrix"]
    tables = [k for k, s in shapes.items() if len(s) == 2 and s[1] == 3]
    needed = f"variables {N} x {N} with 'sim' in their name, or [R, 3],"
    name = choose(path, found, key, exact or square or tables, needed)
    values, where = found[name].astype(np.float64), f"{path}: {name}"
    if values.shape != (N, N):
        values = from_table(values, N, where)
    bad = (values < 0) | (values > SCALE)  # NaN: nobody judged
    if bad.any():
        i, j = np.argwhere(bad)[0].tolist()
        raise DataError(f"{where}: {values[i, j]} at ({i}, {j}); 0 to {SCALE} is allowed")
    return values


def from_table(table: np.ndarray, n: int, where: str, itself: float = SCALE) -> np.ndarray:
    """[n, n] mean ratings from a table of ratings; NaN where a pair has none.

    itself : stands where a stimulus is not rated with itself, which no measure reads.
    table : [R, 3] i and j from 1, and a rating; either order of a pair, repeats are averaged.
    """
    if table.ndim != 2 or table.shape[1] != 3 or len(table) == 0:
        raise DataError(f"{where}: shape {table.shape}; [R, 3] of i, j, rating is needed")
    wrong = ~np.isin(table[:, :2], np.arange(1, n + 1)).all(1)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{where}: row {row + 1} is {table[row].tolist()}; i, j in 1..{n} allowed")
    low, high = np.sort(table[:, :2].astype(np.int64) - 1).T
    total, count = np.zeros((n, n)), np.zeros((n, n))
    np.add.at(total, (low, high), table[:, 2])
    np.add.at(count, (low, high), 1)
    mean = np.where(np.eye(n, dtype=bool), itself, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return np.where(np.tri(n, k=-1, dtype=bool), mean.T, mean)
