"""Your own files of human judgments, read and matched to the images that were judged.

Rows, columns, pairs and triplets say which image they are about as `stages.sources.names` allows.
What was decided or is missing is told in `Read.notes`, for provenance and the report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.runtime.errors import DataError
from stages.runtime.tables import Column, read_table
from stages.sources.arrays import NamedArray, read_labels, read_matrices
from stages.sources.cells import read_cells
from stages.sources.human import Judgments, majority_first, mean_of, repeats_stimulus
from stages.sources.judged import BY_RATING, N, from_table, read_ratings
from stages.sources.matched import Placed, looked_up, missing, ordered, places_of, symmetric
from stages.sources.names import Order, natural

Spec = Mapping[str, Any]
"""The declaration of a stimulus set. `order` : its own, or the names of a list, or None."""
_STIMULI = ["anchor", "near", "far"]
_VOTES = Column(int, low=0, high=1e15, optional=True, needs="a whole number from 0 is needed")


@dataclass(frozen=True)
class Read:
    """Judgments, by whom they were made, and sentences on how they were read."""

    judgments: Judgments
    judged_by: str
    notes: Sequence[str] = ()


def _requested(spec: Spec, files: list[Path], images: list[str]) -> Read:
    array = NamedArray(read_ratings(files[0], spec["key"])[None])
    ((matrix, notes),) = ordered(array, files[0], images, spec["order"]).values()
    return Read(Judgments(N, similarity=matrix), BY_RATING, [*notes, *missing(matrix)])


def _matrix(spec: Spec, files: list[Path], images: list[str]) -> Read:
    array = read_matrices(files[0], len(images), spec["key"])
    placed = ordered(array, files[0], images, spec["order"])
    return _group(spec, placed, "a matrix of the group's similarities")


def _participants(spec: Spec, files: list[Path], images: list[str]) -> Read:
    names, placed = [], dict[str, Placed]()
    for path in sorted(files, key=lambda path: natural(path.name)):
        array = read_matrices(path, len(images), spec["key"], people=spec["file"] is not None)
        placed |= ordered(array, path, images, spec["order"])
        names.append(path.name)
    if spec["file"] is None and len(placed) > len(names):
        raise DataError(f"{spec['folder']}: holds {len(placed)} matrices; one a file is allowed")
    return _panel(spec, placed, [] if spec["file"] else names)


def _triplets(spec: Spec, files: list[Path], images: list[str]) -> Read:
    triplets, votes, notes = read_triplets(files[0], images, spec["order"])
    judgments = Judgments(len(images), triplets=triplets, votes=votes)
    return Read(judgments, f"{len(triplets)} triplets, {votes.sum()} votes", notes)


def _pairs(spec: Spec, files: list[Path], images: list[str]) -> Read:
    """A rating a row, of a pair in either order; repeats are averaged, by participant if told."""
    path, rating = files[0], Column(float, low=-1e300, high=1e300, needs="a number is needed")
    lines, notes = read_cells(path)
    schema = {"first": Column(), "second": Column(), "rating": rating}
    table = read_table(path, schema | {"participant": Column(optional=True)}, lines=lines)
    pair, how = looked_up(path, table[["first", "second"]], images, spec["order"])
    rows = np.column_stack([pair + 1, table["rating"]])
    how += f"; ratings are from {table['rating'].min():g} to {table['rating'].max():g}"
    named = "participant" in table
    who = table["participant"].map(str.strip) if named else table["first"].map(lambda _: "")
    names, placed = sorted(who.unique(), key=natural), dict[str, Placed]()
    for name in names:
        mine, where = rows[who == name], f"{path}: participant '{name}'" if name else str(path)
        again = len(mine) - len(np.unique(np.sort(mine[:, :2], 1), axis=0))
        told = [f"{again} of {len(mine)} ratings repeat a pair: their mean"] if again else []
        if alike := int((mine[:, 0] == mine[:, 1]).sum()):
            told.append(
                f"{alike} ratings are of an image with itself: alignment has no use for them"
            )
        placed[where] = from_table(mine, len(images), where, np.nan), [*notes, how, *told]
    if named:
        return _panel(spec, placed, names)
    return _group(spec, placed, f"{len(rows)} ratings of pairs")


def _group(spec: Spec, placed: Mapping[str, Placed], judged_by: str) -> Read:
    """Judgments of a group, from its one matrix."""
    if len(placed) > 1:
        raise DataError(f"{spec['file']}: {len(placed)} matrices; 'source: participants' has many")
    ((where, one),) = placed.items()
    matrix, notes = symmetric(where, one, spec["dissimilarity"])
    return Read(Judgments(len(matrix), similarity=matrix), judged_by, [*notes, *missing(matrix)])


def _panel(spec: Spec, placed: Mapping[str, Placed], names: Sequence[str]) -> Read:
    """Participants' judgments from a matrix of each; names : of the participants, if they have."""
    if len(placed) < 2:
        raise DataError(
            f"{spec['file'] or spec['folder']}: {len(placed)} participants; at least 2 are "
            "needed (one matrix is 'source: matrix')"
        )
    read = [symmetric(where, one, spec["dissimilarity"]) for where, one in placed.items()]
    people, notes = np.stack([one for one, _ in read]), [note for _, told in read for note in told]
    told = [f"{note} ({notes.count(note)} participants)" for note in dict.fromkeys(notes)]
    group, absent = mean_of(people), np.isnan(people[:, *np.triu_indices(people.shape[1], 1)])
    if absent.any():
        most = int(absent.sum(1).argmax())
        told.append(
            f"{absent.sum()} of {absent.size} judgments of pairs are missing, most of participant "
            f"p{most + 1:02d} ({absent[most].sum()}); each pair's mean is over those who judged it"
        )
    told += missing(group)
    if names:
        told.append(", ".join(f"p{i:02d} is {name}" for i, name in enumerate(names, 1)))
    judgments = Judgments(len(group), similarity=group, participants=people)
    return Read(judgments, f"{len(people)} participants", told)


def _soft_labels(spec: Spec, files: list[Path], images: list[str]) -> Read:
    """Counts or probabilities, [n, K]; each row is divided by its sum."""
    array, where = read_labels(files[0], images), str(files[0])
    places, how = places_of(array.rows, images, spec["order"], where, "row")
    labels = array.values[np.argsort(places)]
    for wrong, what in (
        (np.isnan(labels).any(1), "an empty cell (0 is none)"),
        ((labels < 0).any(1), "a negative value"),
        (labels.sum(1) == 0, "no mass"),
    ):
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(f"{where}: image '{images[row]}' has {what}: {labels[row].tolist()}")
    labels = labels / labels.sum(1, keepdims=True)
    similarity = spec["similarity"]
    by = f"labels of {labels.shape[1]} categories, compared by {similarity}"
    judgments = Judgments(len(images), soft_labels=labels, label_similarity=np.array(similarity))
    return Read(judgments, by, [*array.notes, how])


READERS = {
    "requested": _requested,
    "matrix": _matrix,
    "participants": _participants,
    "pairs": _pairs,
    "triplets": _triplets,
    "soft_labels": _soft_labels,
}
"""How the files of each form are read; the forms are those of `stages.study.stimuli`."""


def read_triplets(
    path: Path, images: Sequence[str], order: Order = None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """[T, 3] triplets, [T, 2] their votes, by `majority_first`, and notes on how they were read.

    Columns `anchor`, `near` and `far` ("anchor is closer to near than to far") hold names of images
    or indices. `votes` (1 if absent) and `votes_against` (0) count people. A triplet in several
    rows has all their votes. A DataError names the line and its value.
    """
    schema = dict.fromkeys(_STIMULI, Column()) | {"votes": _VOTES, "votes_against": _VOTES}
    lines, notes = read_cells(path)
    table = read_table(path, schema, lines=lines)
    absent = {name: i for i, name in ((1, "votes"), (0, "votes_against")) if name not in table}
    v = np.array(table.assign(**absent)[["votes", "votes_against"]], np.int64, order="C")
    t, how = looked_up(path, table[_STIMULI], images, order)
    for wrong, what in (
        (repeats_stimulus(t), "names a stimulus twice"),
        (v.sum(1) == 0, "has no votes"),
    ):
        if wrong.any():
            raise DataError(f"{path}: line {table.index[wrong][0]}: the triplet {what}")
    t, v = majority_first(*_once(t, v))
    if (v[:, 0] == v[:, 1]).all():
        raise DataError(f"{path}: every triplet is tied, so that no agreement can be measured")
    notes.append(how)
    if len(t) < len(table):
        notes.append(f"{len(table)} rows are {len(t)} triplets; votes are added")
    if tied := int((v[:, 0] == v[:, 1]).sum()):
        notes.append(f"{tied} of {len(t)} triplets are tied and carry no bit")
    return t, v, notes


def _once(t: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each triplet once, as in its first row, with the votes of all rows that ask the same."""
    asked = np.column_stack([t[:, 0], np.sort(t[:, 1:], axis=1)])
    _, first, which = np.unique(asked, axis=0, return_index=True, return_inverse=True)
    turned = t[:, 1] != t[first[which], 1]
    votes = np.zeros((len(first), 2), np.int64)
    np.add.at(votes, which, np.where(turned[:, None], v[:, ::-1], v))
    by_row = np.argsort(first)
    return t[first[by_row]], votes[by_row]
