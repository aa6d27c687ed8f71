"""Your own files of human judgments, read and matched to the images that were judged.

Rows, columns and triplets say which image they are about by index from 0, in the sorted order of
the images' names, or by name, with or without extension. Names must be in the images' order.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd

from stages.runtime.errors import DataError, suggest
from stages.runtime.tables import Column, read_table
from stages.sources.arrays import NamedArray, read_array
from stages.sources.human import Judgments, check_symmetric, majority_first, repeats_stimulus
from stages.sources.judged import BY_RATING, N, read_ratings

Spec = Mapping[str, Any]
"""The declaration of a stimulus set."""
Images = Mapping[str, object]
"""The stimuli by file name, in order."""
Read = tuple[Judgments, str]
"""Judgments, and by whom they were made."""
_STIMULI = ["anchor", "near", "far"]
_VOTES = Column(int, low=0, high=1e15, optional=True, needs="a whole number from 0 is needed")


def _requested(spec: Spec, files: list[Path], images: Images) -> Read:
    return Judgments(N, similarity=read_ratings(files[0], spec["key"])), BY_RATING


def _matrix(spec: Spec, files: list[Path], images: Images) -> Read:
    array = read_array(files[0], 2, spec["key"])
    similarity = _similarity(array, str(files[0]), images, spec["dissimilarity"])
    return Judgments(len(images), similarity=similarity), "a matrix of the group's similarities"


def _participants(spec: Spec, files: list[Path], images: Images) -> Read:
    if spec["file"] is not None:
        stack = read_array(files[0], 3, spec["key"]).values
        arrays = {f"{files[0]}: participant {i}": NamedArray(m) for i, m in enumerate(stack, 1)}
    else:
        arrays = {str(path): read_array(path, 2) for path in files}
    if len(arrays) < 2:
        raise DataError(
            f"{spec['file'] or spec['folder']}: {len(arrays)} participants; at least 2 are "
            "needed (one matrix is 'source: matrix')"
        )
    people = np.stack(
        [_similarity(a, where, images, spec["dissimilarity"]) for where, a in arrays.items()]
    )
    judgments = Judgments(len(images), similarity=people.mean(0), participants=people)
    return judgments, f"{len(people)} participants"


def _triplets(spec: Spec, files: list[Path], images: Images) -> Read:
    triplets, votes = read_triplets(files[0], images)
    judgments = Judgments(len(images), triplets=triplets, votes=votes)
    return judgments, f"{len(triplets)} triplets, {votes.sum()} votes"


def _soft_labels(spec: Spec, files: list[Path], images: Images) -> Read:
    """Counts or probabilities, [n, K]; each row is divided by its sum."""
    array, n = read_array(files[0], 2), len(images)
    labels = array.values
    if len(labels) != n or labels.shape[1] < 2:
        raise DataError(f"{files[0]}: shape {labels.shape}, need [{n}, K], K > 1")
    _check_order(str(files[0]), "row", array.rows, images)
    for wrong, what in (((labels < 0).any(1), "a negative value"), (labels.sum(1) == 0, "no mass")):
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(f"{files[0]}: row {row} (from 0) has {what}: {labels[row].tolist()}")
    labels = labels / labels.sum(1, keepdims=True)
    judgments = Judgments(n, soft_labels=labels, label_similarity=np.array(spec["similarity"]))
    return judgments, f"labels of {labels.shape[1]} categories, compared by {spec['similarity']}"


READERS = {
    "requested": _requested,
    "matrix": _matrix,
    "participants": _participants,
    "triplets": _triplets,
    "soft_labels": _soft_labels,
}
"""How the files of each form are read; the forms are those of `stages.study.stimuli`."""


def read_triplets(path: Path, images: Images) -> tuple[np.ndarray, np.ndarray]:
    """Triplets and their votes, by `majority_first`.

    Columns `anchor`, `near` and `far` ("anchor is closer to near than to far") hold indices (where
    every value is a whole number) or names of images. `votes` (1 if absent) and `votes_against` (0)
    count people. A DataError names the line and its value.

    Returns
    -------
    [T, 3] int64 anchor, near, far; [T, 2] int64 votes for and against.
    """
    schema = dict.fromkeys(_STIMULI, Column()) | {"votes": _VOTES, "votes_against": _VOTES}
    table = read_table(path, schema)
    absent = {name: i for i, name in ((1, "votes"), (0, "votes_against")) if name not in table}
    v = np.array(table.assign(**absent)[["votes", "votes_against"]], np.int64, order="C")
    t = _indices(path, table[_STIMULI].map(str.strip), images)
    for wrong, what in (
        (repeats_stimulus(t), "names a stimulus twice"),
        (v.sum(1) == 0, "has no votes"),
    ):
        if wrong.any():
            raise DataError(f"{path}: line {table.index[wrong][0]}: the triplet {what}")
    if (v[:, 0] == v[:, 1]).all():
        raise DataError(f"{path}: every triplet is tied, so that no agreement can be measured")
    return majority_first(t, v)


def _similarity(array: NamedArray, where: str, images: Images, dissimilarity: bool) -> np.ndarray:
    """[n, n] similarities, made exactly symmetric where only rounding had made them otherwise.

    Dissimilarities d become 1 - d, as for the 92 objects; no measure depends on the constant.
    """
    matrix, n = array.values, len(images)
    check_symmetric(matrix, (n, n), where, tolerance=1e-9)
    _check_order(where, "row", array.rows, images)
    _check_order(where, "column", array.columns, images)
    if array.rows and array.columns and array.rows != array.columns:
        raise DataError(f"{where}: rows and columns have different names or orders")
    matrix = (matrix + matrix.T) / 2
    if np.ptp(matrix[~np.eye(n, dtype=bool)]) == 0:
        raise DataError(f"{where}: every pair has {matrix[0, 1]}, so that nothing agrees with it")
    return 1 - matrix if dissimilarity else matrix


def _places(images: Images) -> dict[str, int]:
    """Index of each image by its file name, and by its name without extension if only it has it."""
    stems = Counter(PurePath(name).stem for name in images)
    places = {name: i for i, name in enumerate(images)}
    alone = {PurePath(k).stem: i for k, i in places.items() if stems[PurePath(k).stem] == 1}
    return alone | places


def _check_order(where: str, what: str, names: Sequence[str], images: Images) -> None:
    """Raise DataError where rows or columns have the images' names in another order than theirs."""
    places = _places(images)
    found = [places.get(name, places.get(PurePath(name).name)) for name in names]
    if all(place is None for place in found):
        return  # no names, or those of something else
    for i, (name, place) in enumerate(zip(names, found, strict=True)):
        at = f"{where}: {what} {i} (from 0) is '{name}'"
        if place is None:
            raise DataError(
                f"{at}, which is not an image's name, while others are" + suggest(name, places)
            )
        if i != place:
            raise DataError(f"{at}, image {i} in the order of names is '{list(images)[i]}'")


def _indices(path: Path, cells: pd.DataFrame, images: Images) -> np.ndarray:
    """[T, 3] stimuli by index; each different value is looked up once."""
    codes, texts = pd.factorize(cells.to_numpy(object).ravel())
    names, by_index = _places(images), all(re.fullmatch("[0-9]{1,15}", text) for text in texts)
    places = np.array([int(text) if by_index else names.get(text, -1) for text in texts])
    for i, (text, place) in enumerate(zip(texts, places, strict=True)):
        known = 0 <= place < len(images)
        if known and names.get(text, place) == place:
            continue
        row, column = divmod(int(np.flatnonzero(codes == i)[0]), 3)
        where = f"{path}: line {cells.index[row]}: {_STIMULI[column]}: '{text}'"
        if by_index and text in names:
            raise DataError(
                f"{where} is an index and also the name of image {names[text]}; give names with "
                "extension"
            )
        form = f"an index 0..{len(images) - 1}" if by_index else "the name of an image"
        raise DataError(f"{where} is not {form}" + ("" if by_index else suggest(text, names)))
    return places[codes].reshape(-1, 3)
