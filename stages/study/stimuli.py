"""Stimulus sets and few-shot tasks as studies/*.yaml declares them: the project's, and one's own.

One's own files are named by paths relative to the repository's root. What each form's file holds is
said in its class, and read in `stages/sources/own.py`.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from stages.sources.human import LABEL_SIMILARITIES
from stages.sources.world import SUPERCLASSES
from stages.study.params import Line, Positive, Strict, possible_path

Superclass = Literal["discs", "boxes", "stars", "flowers", "bars", "rings"]
LabelSimilarity = Literal["hellinger", "cosine", "jensen_shannon"]
Category = Literal["automobiles", "fruits", "furniture", "various", "vegetables", "animals"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=100)]
FilePath = Annotated[Line, Field(min_length=1), AfterValidator(possible_path)]

assert set(SUPERCLASSES) == set(Superclass.__args__)  # type: ignore[attr-defined]  # noqa: S101
assert set(LABEL_SIMILARITIES) == set(LabelSimilarity.__args__)  # type: ignore[attr-defined]  # noqa: S101


class WorldStimuli(Strict):
    """Objects of some superclasses, judged by simulated observers."""

    source: Literal["world"]
    superclasses: Annotated[list[Superclass], Field(min_length=1)]
    per_class: Positive
    observers: Positive
    disagreement: Annotated[float, Field(ge=0, le=3)]
    noise: Annotated[float, Field(ge=0, le=10)]


class Objects92(Strict):
    """92 objects judged by 16 people (Mur et al. 2013)."""

    source: Literal["objects92"]


class Materials(Strict):
    """100 materials, triplet judgments (Lagunas et al. 2019)."""

    source: Literal["materials"]


class Animals(Strict):
    """120 animals, mean ratings 0 to 10 (Peterson et al. 2018): the published one of the six."""

    source: Literal["animals"]


class Requested(Strict):
    """One of the six sets of Peterson et al. (2018) as its authors give it on request.

    `folder` (by default studies/files/requested/<category>) holds their MATLAB file and 120 images.
    `key` names the variable, where the file holds several that may be meant.
    """

    source: Literal["requested"]
    category: Category
    folder: FilePath | None = None
    key: Line | None = None


class Own(Strict):
    """What every set of one's own has: a folder of images, whose sorted names give their order."""

    images: FilePath
    simulated: bool = False
    citation: Line = ""


class Matrix(Own):
    """A matrix [n, n] of similarities, or of dissimilarities d, which become 1 - d.

    `file` is CSV (names of rows and columns may be there), NPY, or MATLAB, where `key` names the
    variable if the file holds several square ones.
    """

    source: Literal["matrix"]
    file: FilePath
    key: Line | None = None
    dissimilarity: bool = False

    @model_validator(mode="after")
    def _formats(self) -> Matrix:
        _known(self.file, self.key, ".csv", ".npy", ".mat")
        return self


class Participants(Own):
    """One matrix a participant: an array [P, n, n] in a `file`, or a `folder` of matrices.

    The file is NPY or MATLAB; the folder holds a CSV or NPY a participant, in the order of their
    sorted names. The group's similarity is the mean.
    """

    source: Literal["participants"]
    file: FilePath | None = None
    folder: FilePath | None = None
    key: Line | None = None
    dissimilarity: bool = False

    @model_validator(mode="after")
    def _one(self) -> Participants:
        if (self.file is None) == (self.folder is None):
            raise ValueError("participants are either in a 'file' or in a 'folder'")
        _known(self.file or "", self.key, ".npy", ".mat")
        return self


class Triplets(Own):
    """Judgments "anchor is closer to near than to far": a CSV of these columns.

    Each names a stimulus by index from 0 or by image name. Optional columns `votes` and
    `votes_against` count people for and against.
    """

    source: Literal["triplets"]
    file: FilePath

    @model_validator(mode="after")
    def _formats(self) -> Triplets:
        _known(self.file, None, ".csv")
        return self


class SoftLabels(Own):
    """People's distribution over K categories for each image: CSV or NPY [n, K].

    `similarity` says how two distributions p and q are compared: hellinger affinity (the
    Bhattacharyya coefficient, sum sqrt(p q)), cosine, or 1 - Jensen-Shannon divergence in bits.
    """

    source: Literal["soft_labels"]
    file: FilePath
    similarity: LabelSimilarity = "hellinger"

    @model_validator(mode="after")
    def _formats(self) -> SoftLabels:
        _known(self.file, None, ".csv", ".npy")
        return self


def _known(file: str, key: str | None, *allowed: str) -> None:
    """Raise ValueError where a file's format is not an allowed one, or a key is of no use."""
    suffix = PurePath(file).suffix.lower()
    if file and suffix not in allowed:
        raise ValueError(f"'file' is '{file}'; {', '.join(allowed)} are allowed")
    if key is not None and suffix != ".mat":
        raise ValueError(f"'key' is '{key}'; only a MATLAB file (.mat) has one")


Stimuli = Annotated[
    WorldStimuli
    | Objects92
    | Materials
    | Animals
    | Requested
    | Matrix
    | Participants
    | Triplets
    | SoftLabels,
    Field(discriminator="source"),
]


class WorldTask(Strict):
    """Classes of the world that no network was trained on."""

    source: Literal["world"]
    style: Literal["painted", "drawn"]
    per_class: Positive


class PlainTask(Strict):
    """A labelled test set as its authors gave it."""

    source: Literal["digits", "mnist", "fashion_mnist"]


class Cifar100Task(Strict):
    """CIFAR-100's test set: the 40 classes not pretrained on here, or all 100, as in the paper."""

    source: Literal["cifar100"]
    classes: Literal["held_out", "all"] = "held_out"


class FolderTask(Strict):
    """A folder of class folders with images of any size; sorted folder names give the labels."""

    source: Literal["folder"]
    folder: FilePath


class NpzTask(Strict):
    """An NPZ with `images` uint8 [N, H, W, 3] or [N, H, W], and `labels` [N], integer or text."""

    source: Literal["npz"]
    file: FilePath

    @model_validator(mode="after")
    def _formats(self) -> NpzTask:
        _known(self.file, None, ".npz")
        return self


Task = Annotated[
    WorldTask | PlainTask | Cifar100Task | FolderTask | NpzTask, Field(discriminator="source")
]
