"""Similarity judgments in one form, wherever they come from.

A *stimulus set* is a folder: `images/` (their sorted names give the order), `judgments.npz` and
`provenance.json`. Judgments come as any of

    similarity    [n, n]     the group's similarities
    participants  [P, n, n]  one matrix of similarities a participant
    triplets      [T, 3]     "anchor is closer to near than to far"; votes [T, 2] for and against
    soft_labels   [n, K]     people's distribution over K categories for each stimulus, with
                             label_similarity: how two distributions are compared

NaN stands where nobody judged: pairs that were left out, and diagonals.
"""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image

from stages.runtime.errors import DataError
from stages.runtime.files import npz_bytes, read_arrays, read_json
from stages.runtime.guards import readable

LABEL_SIMILARITIES = ("hellinger", "cosine", "jensen_shannon")
"""How soft labels may be compared; `stages.similarity.matrices` computes them."""


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
        return {k: v for k, v in vars(self).items() if k != "n" and v is not None}

    def check(self, where: str) -> Self:
        """Raise DataError where shapes, ranges or values are wrong; `where` names the file."""
        if problem := next(self._problems(), None):
            raise DataError(f"{where}: {problem}")
        return self

    def _problems(self) -> Iterator[str]:
        """What is wrong, if what came before is right."""
        if not {"similarity", "triplets", "soft_labels"} & self.arrays().keys():
            yield "neither a similarity matrix nor triplets nor soft labels"
        for name in ("similarity", "participants"):
            matrix = getattr(self, name)
            if matrix is not None:
                people = matrix.shape[:1] if name == "participants" else ()
                yield from _unsymmetric(matrix, (*people, self.n, self.n), name)
        if self.triplets is not None:
            yield from _wrong_triplets(self.triplets, self.votes, self.n)
        if self.soft_labels is not None or self.label_similarity is not None:
            yield from _wrong_labels(self.soft_labels, self.label_similarity, self.n)


def _wrong_triplets(t: np.ndarray, v: np.ndarray | None, n: int) -> Iterator[str]:
    if t.ndim != 2 or t.shape[1] != 3 or v is None or v.shape != (len(t), 2):
        yield "triplets must be [T, 3] with votes [T, 2]"
    elif len(t) == 0 or t.dtype.kind not in "iu" or v.dtype.kind not in "iu":
        yield f"triplets and votes are {len(t)} of {t.dtype} and {v.dtype}"
    elif t.min() < 0 or t.max() >= n:
        yield f"triplets name stimuli {t.min()}..{t.max()}, allowed 0..{n - 1}"
    elif repeats_stimulus(t).any():
        yield "a triplet names one stimulus twice"
    elif v.min() < 0 or not v.any(1).all():
        yield "votes must be counts, at least one a triplet"


def _wrong_labels(p: np.ndarray | None, name: np.ndarray | None, n: int) -> Iterator[str]:
    if p is None or p.ndim != 2 or len(p) != n or p.shape[1] < 2:
        yield f"soft labels have shape {None if p is None else p.shape}, need [{n}, K], K > 1"
    elif p.dtype.kind not in "fiu":
        yield f"soft labels are {p.dtype}; numbers are needed"
    elif not (p >= 0).all() or not np.allclose(p.sum(1), 1, rtol=0, atol=1e-9):
        yield "each row of soft labels must be a distribution"
    elif name is None or str(name) not in LABEL_SIMILARITIES:
        yield f"label_similarity is {name}, allowed: {LABEL_SIMILARITIES}"


def _unsymmetric(matrix: np.ndarray, shape: tuple[int, ...], name: str) -> Iterator[str]:
    """What is wrong with a matrix, or a stack, that must be symmetric, finite or NaN."""
    if matrix.shape != shape or matrix.dtype.kind not in "fiu" or matrix.size == 0:
        need = f"{shape[-1]} stimuli need {shape}"
        yield f"{name}: {matrix.dtype} of shape {matrix.shape}; {need}"
    other = np.swapaxes(matrix, -1, -2)
    for wrong, needs in (
        (np.isinf(matrix), "finite is allowed"),
        ((matrix != other) & ~(np.isnan(matrix) & np.isnan(other)), "not symmetric"),
    ):
        if wrong.any():
            place = tuple(np.argwhere(wrong)[0].tolist())
            yield f"{name}: {matrix[place]} at {place} (from 0): {needs}"
    if np.isnan(matrix).all():
        yield f"{name}: nobody judged any pair"


def repeats_stimulus(triplets: np.ndarray) -> np.ndarray:
    """[T] whether a triplet names a stimulus twice."""
    a, b, c = triplets.T
    return (a == b) | (a == c) | (b == c)


def majority_first(triplets: np.ndarray, votes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn triplets [T, 3] and votes [T, 2] in place, so that no vote for is fewer than against.

    Ties are kept; they do not count when agreement is measured.
    """
    turned = votes[:, 1] > votes[:, 0]
    triplets[turned] = triplets[turned][:, [0, 2, 1]]
    votes[turned] = votes[turned][:, ::-1]
    return triplets, votes


def mean_of(people: np.ndarray) -> np.ndarray:
    """[n, n] the mean of matrices [P, n, n] over those who judged a pair; NaN where nobody did."""
    judged = ~np.isnan(people)
    if judged.all():
        return np.asarray(people.mean(0))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(people, 0) / judged.sum(0))


def stimulus_files(
    images: Mapping[str, bytes], judgments: Judgments, provenance: Mapping[str, Any]
) -> dict[str, bytes]:
    """The files of a stimulus set's folder, by relative path."""
    return {
        **{f"images/{name}": content for name, content in images.items()},
        "judgments.npz": npz_bytes(**judgments.arrays()),
        "provenance.json": (json.dumps(provenance, indent=2) + "\n").encode(),
    }


def read_judgments(folder: Path) -> Judgments:
    """Read and check a stimulus set's judgments."""
    path = folder / "judgments.npz"
    arrays, allowed = read_arrays(path), {field.name for field in fields(Judgments)} - {"n"}
    if not set(arrays) <= allowed:
        raise DataError(f"{path}: holds {sorted(arrays)}; allowed are {sorted(allowed)}")
    return Judgments(len(image_paths(folder)), **arrays).check(str(path))


def how_read(folder: Path) -> list[str]:
    """Sentences on how a stimulus set's files were read and what is missing; of your own files."""
    path = folder / "provenance.json"
    with readable(path, "provenance"):
        return [str(note) for note in dict(read_json(path)).get("read", [])]


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
