"""Stimulus sets from one's own files, as studies/*.yaml declares them (`stages.study.stimuli`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from stages.runtime.errors import DataError, UsageError, suggest
from stages.runtime.source import file_digest
from stages.sources.folders import class_files, entries, image_files, named, read_images
from stages.sources.human import Judgments, stimulus_files
from stages.sources.peterson import read_requested, requested_files
from stages.sources.tables import Table, read_array

LOCAL = ("requested", "matrix", "participants", "triplets", "soft_labels", "folder", "npz")
"""Sources that read files of this machine."""


def local_files(spec: Mapping[str, Any], where: str = "") -> list[Path]:
    """Every file that a stimulus set or task of one's own reads, sorted; empty for other sources.

    Parameters
    ----------
    spec : the declaration as a dict, `source` among it.
    where : what errors begin with, such as ``studies/x.yaml: stimuli.birds``.

    Raises
    ------
    UsageError
        A file or folder that the declaration names is not there.
    DataError
        A folder holds nothing, or something that is not allowed there.
    """
    prefix = f"{where}: " if where else ""
    if spec["source"] not in LOCAL:
        return []
    if spec["source"] == "requested":
        matrix, images = requested_files(spec, prefix)
        return sorted([matrix, *images])
    if spec["source"] == "folder":
        classes = class_files(Path(spec["folder"]), f"{prefix}folder")
        return sorted(path for paths in classes.values() for path in paths)
    files = judgment_files(spec, prefix)
    if "images" in spec:
        files += image_files(Path(spec["images"]), f"{prefix}images")
    return sorted(files)


def judgment_files(spec: Mapping[str, Any], prefix: str = "") -> list[Path]:
    """The file, or files of the folder, that hold the judgments (or the task), in order."""
    if spec.get("file") is not None:
        path = Path(spec["file"])
        if not path.is_file():
            raise UsageError(f"{prefix}file: '{path}' is no file")
        return [path]
    paths = entries(Path(spec["folder"]), f"{prefix}folder")
    for path in paths:
        if path.suffix.lower() not in (".csv", ".npy") or not path.is_file():
            raise DataError(f"{path}: one CSV or NPY file a participant is allowed here")
    return paths


def own_stimuli(spec: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of a stimulus set from one's own files.

    Raises
    ------
    UsageError, DataError
        See `local_files` and the readers of each form.
    """
    if spec["source"] == "requested":
        return read_requested(spec)
    files = judgment_files(spec)
    images = read_images(image_files(Path(spec["images"]), "images"))
    if len(images) < 3:
        raise DataError(f"{spec['images']}: {len(images)} images; at least 3 are needed")
    read = {
        "matrix": _matrix,
        "participants": _participants,
        "triplets": _triplets,
        "soft_labels": _soft_labels,
    }
    judgments, judged_by = read[spec["source"]](spec, files, images)
    provenance = {
        "source": spec["source"],
        "simulated": spec["simulated"],
        "files": {path.as_posix(): f"sha256:{file_digest(path)}" for path in files},
        "images": spec["images"],
        "citation": [spec["citation"]] if spec["citation"] else [],
        "judged by": judged_by,
    }
    return stimulus_files(images, judgments.check(str(files[0])), provenance)


def _matrix(
    spec: Mapping[str, Any], files: list[Path], images: Mapping[str, bytes]
) -> tuple[Judgments, str]:
    table = read_array(files[0], 2, spec["key"])
    similarity = _similarity(table, files[0], images, spec["dissimilarity"])
    return Judgments(len(images), similarity=similarity), "a matrix of the group's similarities"


def _participants(
    spec: Mapping[str, Any], files: list[Path], images: Mapping[str, bytes]
) -> tuple[Judgments, str]:
    if spec["file"] is not None:
        matrices = [Table(m) for m in read_array(files[0], 3, spec["key"]).values]
        places = [f"{files[0]}: participant {i + 1}" for i in range(len(matrices))]
    else:
        matrices = [read_array(path, 2) for path in files]
        places = [str(path) for path in files]
    if len(matrices) < 2:
        raise DataError(
            f"{spec['file'] or spec['folder']}: {len(matrices)} participants; at least 2 are "
            "needed (one matrix is 'source: matrix')"
        )
    people = np.stack(
        [
            _similarity(table, place, images, spec["dissimilarity"])
            for table, place in zip(matrices, places, strict=True)
        ]
    )
    judgments = Judgments(len(images), similarity=people.mean(0), participants=people)
    return judgments, f"{len(people)} participants"


def _triplets(
    spec: Mapping[str, Any], files: list[Path], images: Mapping[str, bytes]
) -> tuple[Judgments, str]:
    from stages.sources.triplets import read_triplets  # pandas takes as long as all of `check`

    triplets, votes = read_triplets(files[0], images)
    judgments = Judgments(len(images), triplets=triplets, votes=votes)
    return judgments, f"{len(triplets)} triplets, {votes.sum()} votes"


def _soft_labels(
    spec: Mapping[str, Any], files: list[Path], images: Mapping[str, bytes]
) -> tuple[Judgments, str]:
    """Counts or probabilities, [n, K]; each row is divided by its sum."""
    table = read_array(files[0], 2)
    labels = table.values
    if len(labels) != len(images) or labels.shape[1] < 2:
        raise DataError(
            f"{files[0]}: shape {labels.shape}; {len(images)} images need [{len(images)}, K], K > 1"
        )
    _same_order(files[0], "row", table.rows, images)
    for wrong, what in (((labels < 0).any(1), "a negative value"), (labels.sum(1) == 0, "no mass")):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise DataError(f"{files[0]}: row {row} (from 0) has {what}: {labels[row].tolist()}")
    labels = labels / labels.sum(1, keepdims=True)
    judgments = Judgments(
        len(images), soft_labels=labels, label_similarity=np.array(spec["similarity"])
    )
    return judgments, f"labels of {labels.shape[1]} categories, compared by {spec['similarity']}"


def _similarity(
    table: Table, where: Path | str, images: Mapping[str, object], dissimilarity: bool
) -> np.ndarray:
    """[n, n] similarities, made exactly symmetric where rounding alone had made them otherwise.

    Dissimilarities d become 1 - d, as for the 92 objects; no measure depends on the constant.
    """
    matrix, n = table.values, len(images)
    if matrix.shape != (n, n):
        raise DataError(f"{where}: shape {matrix.shape}; {n} images need ({n}, {n})")
    _same_order(where, "row", table.rows, images)
    _same_order(where, "column", table.columns, images)
    if table.rows and table.columns and table.rows != table.columns:
        raise DataError(f"{where}: rows and columns have different names or orders")
    apart = np.abs(matrix - matrix.T)
    if apart.max() > 1e-9 * np.abs(matrix).max():
        i, j = (int(k) for k in np.unravel_index(apart.argmax(), apart.shape))
        raise DataError(
            f"{where}: not symmetric: {matrix[i, j]} at ({i}, {j}), {matrix[j, i]} at ({j}, {i})"
        )
    matrix = (matrix + matrix.T) / 2
    if np.ptp(matrix[~np.eye(n, dtype=bool)]) == 0:
        raise DataError(f"{where}: every pair has {matrix[0, 1]}: nothing can agree with that")
    return 1 - matrix if dissimilarity else matrix


def _same_order(
    where: Path | str, what: str, names: list[str] | None, images: Mapping[str, object]
) -> None:
    """Raise DataError where rows or columns bear the images' names in another order than theirs."""
    places = named(images)
    found = [places.get(name, places.get(PurePath(name).name)) for name in names or []]
    if not any(place is not None for place in found):
        return  # names of something else
    for i, place in enumerate(found):
        if place is None:
            raise DataError(
                f"{where}: {what} {i} (from 0) is '{(names or [])[i]}', which is no image's name, "
                "while others are" + suggest((names or [])[i], places)
            )
        if i != place:
            raise DataError(
                f"{where}: {what} {i} (from 0) is '{(names or [])[i]}', image {i} in the order of "
                f"names is '{list(images)[i]}'"
            )
