"""Stimulus sets and few-shot tasks as studies/*.yaml declares them, your own included.

Paths of your own files are relative to the repository's root; `stages/sources/own.py` reads them.
"""

from collections.abc import Collection
from pathlib import PurePath
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from stages.sources.human import LABEL_SIMILARITIES
from stages.sources.world import SUPERCLASSES
from stages.study.params import Line, Positive, Strict

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=100)]


def one_of(names: Collection[str]) -> AfterValidator:
    """Allows the names that another module lists."""

    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"should be one of {list(names)}")
        return name

    return AfterValidator(check)


def path_to(*formats: str) -> AfterValidator:
    """Allows paths to files of some formats (any, if none is given) that a file system can hold."""

    def check(path: str) -> str:
        longest = max(len(part.encode()) for part in path.split("/"))
        if longest > 255:
            raise ValueError(f"a name of {longest} bytes; at most 255 are allowed")
        if formats and PurePath(path).suffix.lower() not in formats:
            raise ValueError(f"'{path}'; {', '.join(formats)} are allowed")
        return path

    return AfterValidator(check)


_Text = Annotated[Line, Field(min_length=1)]
FilePath = Annotated[_Text, path_to()]


class Published(Strict):
    """A table of what others published of models, and what it is; `model` and the like: columns."""

    table: Annotated[
        str, Field(pattern=r"^studies/(published|files)/[^/\p{C}]+\.csv$", max_length=200)
    ]
    model: Line = "model"
    words: Annotated[Line, Field(min_length=1)]
    citation: Line
    licence: Line


class PublishedValues(Published):
    """A value a model."""

    value: Line


class PublishedLikeness(PublishedValues):
    """Of its likeness to people; `words` are what that is called everywhere."""

    source: Literal["published"]


class WorldStimuli(Strict):
    """Objects of some superclasses, judged by simulated observers.

    `use` is of the objects' classes; those of networks' training are "pretraining".
    """

    simulated: ClassVar[bool] = True

    source: Literal["world"]
    use: Literal["stimuli", "pretraining"] = "stimuli"
    superclasses: Annotated[list[Annotated[str, one_of(SUPERCLASSES)]], Field(min_length=1)]
    per_class: Positive
    observers: Positive
    disagreement: Annotated[float, Field(ge=0, le=3)]
    noise: Annotated[float, Field(ge=0, le=10)]


class PublicStimuli(Strict):
    source: Literal["objects92", "materials", "animals"]


class RequestedStimuli(Strict):
    """One of the six sets of Peterson et al. (2018), which its authors give on request."""

    source: Literal["requested"]
    category: Literal["automobiles", "fruits", "furniture", "various", "vegetables", "animals"]
    folder: FilePath | None = None
    key: Line | None = None
    order: FilePath | None = None


class OwnStimuli(Strict):
    """Your own set: a folder of images.

    `order` : of rows without names, where it is not plain: natural, lexicographic, or a file that
    lists the images.
    """

    images: FilePath
    order: FilePath | None = None
    simulated: bool = False
    citation: Line = ""


class OwnMatrices(OwnStimuli):
    """Similarities, or dissimilarities d, which become 1 - d; `key` names a MATLAB variable."""

    file: FilePath | None = None
    key: Line | None = None
    dissimilarity: bool = False

    @model_validator(mode="after")
    def _matlab(self) -> Self:
        if self.key is not None and PurePath(self.file or "").suffix.lower() != ".mat":
            raise ValueError(f"'key' is '{self.key}'; only a MATLAB file (.mat) has one")
        return self


class Matrix(OwnMatrices):
    source: Literal["matrix"]
    file: Annotated[_Text, path_to(".csv", ".npy", ".mat")]


class Participants(OwnMatrices):
    """One matrix per participant: an array [P, n, n] in a `file`, or files in a `folder`."""

    source: Literal["participants"]
    file: Annotated[_Text, path_to(".npy", ".mat")] | None = None
    folder: FilePath | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.file is None) == (self.folder is None):
            raise ValueError("participants are either in a 'file' or in a 'folder'")
        return self


class Triplets(OwnStimuli):
    """Judgments "anchor is closer to near than to far"."""

    source: Literal["triplets"]
    file: Annotated[_Text, path_to(".csv")]


class Pairs(OwnStimuli):
    """Ratings of pairs, one a row: columns first, second, rating; participant is optional."""

    source: Literal["pairs"]
    file: Annotated[_Text, path_to(".csv")]
    dissimilarity: bool = False


class SoftLabels(OwnStimuli):
    """People's distribution over K categories for each image: [n, K]."""

    source: Literal["soft_labels"]
    file: Annotated[_Text, path_to(".csv", ".npy")]
    similarity: Annotated[str, one_of(LABEL_SIMILARITIES)] = "hellinger"


Stimuli = Annotated[
    PublishedLikeness
    | WorldStimuli
    | PublicStimuli
    | RequestedStimuli
    | Matrix
    | Participants
    | Pairs
    | Triplets
    | SoftLabels,
    Field(discriminator="source"),
]


class WorldTask(Strict):
    """Classes of the world that no network was trained on."""

    source: Literal["world"]
    style: Literal["painted", "drawn"]
    per_class: Positive


class PublicTask(Strict):
    """A public test set; `per_class` keeps the first images of each class."""

    source: Literal["digits", "mnist", "fashion_mnist"]
    per_class: Positive | None = None


class Cifar100Task(Strict):
    """CIFAR-100's test set: the 40 classes not pretrained on here, or all 100, as in the paper."""

    per_class: Positive | None = None
    source: Literal["cifar100"]
    classes: Literal["held_out", "all"] = "held_out"


class FolderTask(Strict):
    source: Literal["folder"]
    folder: FilePath


class NpzTask(Strict):
    """An NPZ with `images` uint8 [N, H, W, 3] or [N, H, W], and `labels` [N], integer or text."""

    source: Literal["npz"]
    file: Annotated[_Text, path_to(".npz")]


class PublishedTask(Published):
    """n-shot accuracies: a row a model and head, in columns that are called by their n."""

    source: Literal["published"]
    head: Line = "head"


Task = Annotated[
    PublishedTask | WorldTask | PublicTask | Cifar100Task | FolderTask | NpzTask,
    Field(discriminator="source"),
]


def most_per_class(task: Task, asked: int | None) -> int | None:
    """Images of a class that a task keeps, by the study and params.yaml (`asked`); None: all."""
    return min(filter(None, (getattr(task, "per_class", None), asked)), default=None)
