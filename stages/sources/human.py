"""Similarity judgments in one form, wherever they come from.

A *stimulus set* is a folder: `images/` (their sorted names give the order), `judgments.npz` and
`provenance.json`. Judgments come as any of

    similarity    [n, n]     the group's similarities
    participants  [P, n, n]  one matrix of similarities a participant
    triplets      [T, 3]     "anchor is closer to near than to far"; votes [T, 2] for and against
    soft_labels   [n, K]     people's distribution over K categories for each stimulus, with
                             label_similarity: how two distributions are compared
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stages.runtime.errors import DataError
from stages.runtime.files import npz_bytes, open_npz, read_json
from stages.sources.guards import check_npz, readable
from stages.sources.matlab import read_matlab

LABEL_SIMILARITIES = ("hellinger", "cosine", "jensen_shannon")
"""How soft labels may be compared; `stages.similarity.labels` computes them."""


@dataclass(frozen=True)
class Judgments:
    """Judgments of n stimuli; see the module's docstring for shapes."""

    n: int
    similarity: np.ndarray | None = None
    participants: np.ndarray | None = None
    triplets: np.ndarray | None = None
    votes: np.ndarray | None = None
    soft_labels: np.ndarray | None = None
    label_similarity: np.ndarray | None = None  # [] one name of LABEL_SIMILARITIES

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that are there, by name."""
        named = {
            "similarity": self.similarity,
            "participants": self.participants,
            "triplets": self.triplets,
            "votes": self.votes,
            "soft_labels": self.soft_labels,
            "label_similarity": self.label_similarity,
        }
        return {name: array for name, array in named.items() if array is not None}

    def check(self, where: str) -> Judgments:
        """Raise DataError where shapes, ranges or values are wrong; `where` names the file."""
        if self.similarity is None and self.triplets is None and self.soft_labels is None:
            raise DataError(f"{where}: neither a similarity matrix nor triplets nor soft labels")
        for name, dimensions in (("similarity", 2), ("participants", 3)):
            array = getattr(self, name)
            if array is None:
                continue
            if array.dtype.kind not in "fiu" or array.ndim != dimensions or array.size == 0:
                raise DataError(f"{where}: {name} is {array.dtype} {array.shape}")
            if array.shape[-2:] != (self.n, self.n):
                raise DataError(f"{where}: {name} has shape {array.shape} for {self.n} stimuli")
            if not np.isfinite(array).all():
                bad = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
                raise DataError(f"{where}: {name} holds {array[bad]} at {bad}; finite is allowed")
            if not np.array_equal(array, np.swapaxes(array, -1, -2)):
                raise DataError(f"{where}: {name} is not symmetric")
        if self.triplets is not None:
            self._check_triplets(where)
        if self.soft_labels is not None or self.label_similarity is not None:
            self._check_labels(where)
        return self

    def _check_triplets(self, where: str) -> None:
        t, v = self.triplets, self.votes
        if t is None or t.ndim != 2 or t.shape[1] != 3 or v is None or v.shape != (len(t), 2):
            raise DataError(f"{where}: triplets must be [T, 3] with votes [T, 2]")
        if len(t) == 0 or t.dtype.kind not in "iu" or v.dtype.kind not in "iu":
            raise DataError(f"{where}: triplets and votes are {len(t)} of {t.dtype} and {v.dtype}")
        if t.min() < 0 or t.max() >= self.n:
            raise DataError(
                f"{where}: triplets name stimuli {t.min()}..{t.max()}, allowed 0..{self.n - 1}"
            )
        if ((t[:, 0] == t[:, 1]) | (t[:, 0] == t[:, 2]) | (t[:, 1] == t[:, 2])).any():
            raise DataError(f"{where}: a triplet names one stimulus twice")
        if v.min() < 0 or (v.sum(1) == 0).any():
            raise DataError(f"{where}: votes must be counts, at least one a triplet")

    def _check_labels(self, where: str) -> None:
        p, name = self.soft_labels, self.label_similarity
        if p is None or p.ndim != 2 or len(p) != self.n or p.shape[1] < 2:
            shape = None if p is None else p.shape
            raise DataError(f"{where}: soft labels have shape {shape}, need [{self.n}, K], K > 1")
        if p.dtype.kind not in "fiu":
            raise DataError(f"{where}: soft labels are {p.dtype}; numbers are needed")
        if not (p >= 0).all() or not np.allclose(p.sum(1), 1, rtol=0, atol=1e-9):
            raise DataError(f"{where}: each row of soft labels must be a distribution")
        if name is None or str(name) not in LABEL_SIMILARITIES:
            raise DataError(f"{where}: label_similarity is {name}, allowed: {LABEL_SIMILARITIES}")


def stimulus_files(
    images: Mapping[str, bytes], judgments: Judgments, provenance: Mapping[str, Any]
) -> dict[str, bytes]:
    """The files of a stimulus set's folder, by relative path."""
    text = json.dumps(provenance, indent=2) + "\n"
    return {
        **{f"images/{name}": content for name, content in images.items()},
        "judgments.npz": npz_bytes(**judgments.arrays()),
        "provenance.json": text.encode(),
    }


def read_judgments(folder: Path) -> Judgments:
    """Read and check a stimulus set's judgments."""
    path = folder / "judgments.npz"
    check_npz(path)
    with open_npz(path) as archive:
        arrays = {name: archive[name] for name in archive}
    allowed = {field.name for field in fields(Judgments)} - {"n"}
    if not set(arrays) <= allowed:
        raise DataError(f"{path}: holds {sorted(arrays)}; allowed are {sorted(allowed)}")
    return Judgments(len(image_paths(folder)), **arrays).check(str(path))


def read_provenance(folder: Path) -> dict[str, Any]:
    """Where a stimulus set comes from: source, citation, whether it is simulated."""
    content = read_json(folder / "provenance.json")
    return dict(content)


def image_paths(folder: Path) -> list[Path]:
    """The stimuli in order."""
    paths = sorted((folder / "images").glob("*"))
    if len(paths) < 3:
        raise DataError(f"{folder / 'images'}: {len(paths)} images; at least 3 are needed")
    return paths


def png(image: np.ndarray) -> bytes:
    """[H, W, 3] uint8 as PNG, without loss."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def read_92objects(rdms: Path, objects: Path) -> tuple[list[np.ndarray], Judgments]:
    """92 objects judged by 16 people (Mur et al. 2013, doi:10.3389/fpsyg.2013.00128).

    Dissimilarities become similarities by subtraction from 1; the group's is the mean over people.

    Returns
    -------
    92 images [175, 175, 3] uint8, and judgments with `participants` [16, 92, 92].
    """
    (cells,) = read_matlab(rdms, "rdms_behav_92")
    with readable(rdms, "judgments of 92 objects"):
        people = 1 - np.stack([np.asarray(cell["RDM"], np.float64) for cell in cells.flat])
        people = (people + people.transpose(0, 2, 1)) / 2
    (stimuli,) = read_matlab(objects, "stimuli_92objs")
    with readable(objects, "images of 92 objects"):
        images = [np.asarray(item["image"], np.uint8) for item in stimuli.flat]
    judgments = Judgments(len(images), similarity=people.mean(0), participants=people)
    return images, judgments.check(str(rdms))


def read_materials(*answers: Path, n: int = 100) -> Judgments:
    """Material appearance triplets (Lagunas et al. 2019, doi:10.1145/3306346.3323036).

    Each answer is [reference, a, b] with votes for a and for b. Rows are turned so that the first
    count is the larger; equal counts are kept, and carry no bit when agreement is measured.
    """
    triplets, votes = [], []
    for path in answers:
        with readable(path, "answers"):
            content = read_json(path)
            triplets.append(_integers(content["answers"]).reshape(-1, 3))
            votes.append(_integers(content["agreement"]).reshape(-1, 2))
        if len(triplets[-1]) != len(votes[-1]):
            raise DataError(f"{path}: {len(triplets[-1])} answers, {len(votes[-1])} agreements")
    t, v = np.concatenate(triplets), np.concatenate(votes)
    turned = v[:, 1] > v[:, 0]
    t[turned] = t[turned][:, [0, 2, 1]]
    v[turned] = v[turned][:, ::-1]
    return Judgments(n, triplets=t, votes=v).check(str(answers[0]))


def _integers(values: Any) -> np.ndarray:
    """Lists of whole numbers as an array; nothing is rounded or read from text."""
    array = np.asarray(values)
    if array.dtype.kind != "i":
        raise ValueError(f"whole numbers are needed, not {array.dtype}")
    return array.astype(np.int64)


def read_matrix_set(path: Path, key: str = "simMatrix") -> Judgments:
    """A set in the MATLAB form of Peterson et al. (2018): one matrix of mean ratings 0 to 10."""
    (matrix,) = read_matlab(path, key)
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu":
        raise DataError(f"{path}: {key} is {matrix.dtype} {matrix.shape}; [n, n] is needed")
    matrix = matrix.astype(np.float64)
    return Judgments(len(matrix), similarity=matrix).check(f"{path}: {key}")
