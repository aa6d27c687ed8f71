"""Triplet judgments from a CSV: "anchor is closer to near than to far", with votes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from stages.runtime.errors import DataError, suggest
from stages.sources.folders import named
from stages.sources.guards import readable

STIMULI = ("anchor", "near", "far")
VOTES = ("votes", "votes_against")


def read_triplets(path: Path, images: Mapping[str, object]) -> tuple[np.ndarray, np.ndarray]:
    """Triplets and their votes.

    Columns `anchor`, `near` and `far` hold indices from 0 (where every value is a whole number) or
    names of images, with or without extension. `votes` (1 if absent) and `votes_against` (0) count
    people. Rows are turned so that the first count is the larger; equal counts are kept, and carry
    no bit when agreement is measured.

    Parameters
    ----------
    images : the stimuli by file name, in order.

    Returns
    -------
    [T, 3] int64 anchor, near, far; [T, 2] int64 votes for and against.

    Raises
    ------
    DataError
        Names the line and its value.
    """
    with readable(path, "CSV"):
        frame = pd.read_csv(
            path, dtype=str, na_filter=False, skip_blank_lines=False, encoding="utf-8-sig"
        )
    if not isinstance(frame.index, pd.RangeIndex):
        raise DataError(f"{path}: lines have more cells than the header, {list(frame.columns)}")
    frame.columns = frame.columns.str.strip()
    _check_columns(path, list(frame.columns))
    lines = np.arange(len(frame)) + 2  # the header is line 1
    blank = (frame == "").all(axis=1).to_numpy()
    frame, lines = frame[~blank], lines[~blank]
    if len(frame) == 0:
        raise DataError(f"{path}: holds no triplets")
    for name in STIMULI:
        empty = (frame[name].str.strip() == "").to_numpy()
        if empty.any():
            raise DataError(f"{path}: line {lines[empty][0]}: {name} '' is empty")
    t = _indices(path, frame, lines, images)
    v = np.stack([_counts(path, frame, lines, name, 1 - i) for i, name in enumerate(VOTES)], 1)
    twice = (t[:, 0] == t[:, 1]) | (t[:, 0] == t[:, 2]) | (t[:, 1] == t[:, 2])
    for wrong, what in ((twice, "names a stimulus twice"), (v.sum(1) == 0, "has no votes")):
        if wrong.any():
            raise DataError(f"{path}: line {lines[wrong][0]}: the triplet {what}")
    if (v[:, 0] == v[:, 1]).all():
        raise DataError(f"{path}: every triplet is tied: nothing can agree with that")
    turned = v[:, 1] > v[:, 0]
    t[turned] = t[turned][:, [0, 2, 1]]
    v[turned] = v[turned][:, ::-1]
    return t, v


def _check_columns(path: Path, columns: list[str]) -> None:
    allowed = (*STIMULI, *VOTES)
    for name in columns:
        if name not in allowed:
            raise DataError(
                f"{path}: column '{name}' is not one of {allowed}" + suggest(name, allowed)
            )
    for name in dict.fromkeys((*STIMULI, *columns)):
        if columns.count(name) != 1:
            raise DataError(
                f"{path}: column '{name}' is there {columns.count(name)} times, not once"
            )


def _indices(
    path: Path, frame: pd.DataFrame, lines: np.ndarray, images: Mapping[str, object]
) -> np.ndarray:
    """[T, 3] stimuli by index; each different value is looked up once."""
    cells = frame[list(STIMULI)].to_numpy(object)
    codes, values = pd.factorize(cells.ravel())
    texts = [str(value).strip() for value in values]
    names, by_index = named(images), all(re.fullmatch("[0-9]{1,15}", t) for t in texts)
    places = np.full(len(texts), -1)
    for i, text in enumerate(texts):
        if by_index:
            places[i] = int(text) if int(text) < len(images) else -1
            if names.get(text, places[i]) != places[i]:
                raise DataError(
                    f"{path}: line {lines[_row(codes, i)]}: '{text}' is an index and also the name "
                    f"of image {names[text]}; give names with extension"
                )
        else:
            places[i] = names.get(text, -1)
    found = places[codes].reshape(-1, 3)
    if (found < 0).any():
        row, column = np.argwhere(found < 0)[0]
        text = cells[row, column]
        form = f"an index 0..{len(images) - 1}" if by_index else "the name of an image"
        near = "" if by_index else suggest(text, names)
        raise DataError(
            f"{path}: line {lines[row]}: {STIMULI[column]} '{text}' is not {form}{near}"
        )
    return found


def _row(codes: np.ndarray, value: int) -> int:
    """The first row in which a value stands."""
    return int(np.flatnonzero(codes == value)[0]) // 3


def _counts(
    path: Path, frame: pd.DataFrame, lines: np.ndarray, name: str, default: int
) -> np.ndarray:
    """[T] one column of votes."""
    if name not in frame:
        return np.full(len(frame), default)
    text = frame[name].str.strip()
    wrong = ~text.str.fullmatch("[0-9]{1,15}").to_numpy(bool)
    if wrong.any():
        raise DataError(
            f"{path}: line {lines[wrong][0]}: {name} '{text[wrong].iloc[0]}' is not a whole number "
            "from 0"
        )
    return text.astype(np.int64).to_numpy(copy=True)
