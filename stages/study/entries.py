"""The forms of a study's `models`: networks trained here, published ones (of timm's,
on the hub, in packages), your own, and features that are given as files."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from stages.study.params import Line, Lines, Strict
from stages.study.stimuli import FilePath, path_to
from stages.study.tables import NAME, REVISION

ModelName = Annotated[str, Field(pattern=f"^{NAME}$")]
TableFile = Annotated[str, Field(pattern=r"^studies/models/[^/\p{C}]+\.csv$", max_length=200)]


class TrainedModels(Strict):
    """Every architecture (a name of timm's) with every recipe, trained here."""

    architectures: Lines
    recipes: Lines


class ModelTable(Strict):
    """Listed models; what they are called, and their families, in words."""

    table: TableFile
    called: Line = "models"
    family: Line = "timm family"


class TimmPatterns(Strict):
    """Published models by patterns of timm's `architecture.tag`; * stands for anything."""

    timm: Lines


class HubModel(Strict):
    """A timm model in a repository on the hub: model.safetensors beside a config.json."""

    name: ModelName
    hub: Annotated[str, Field(pattern=f"^{NAME}/{NAME}$")]
    revision: Annotated[str, Field(pattern=f"^{REVISION}$", max_length=200)] | None = None


class LocalModel(Strict):
    """A timm model of your own: a safetensors file, and a timm config.json."""

    name: ModelName
    weights: Annotated[Line, path_to(".safetensors")]
    config: Annotated[Line, path_to(".json")]


class PackageModel(Strict):
    """A network whose weights are a file in a Python package; whole, and by other recipes."""

    name: ModelName
    package: Annotated[
        Line, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.+!_-]*$")
    ]
    file: Annotated[Line, path_to(".pth", ".pt", ".bin")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    architecture: Line
    recipes: list[Line] = Field(default_factory=list)


class FeaturesModel(Strict):
    """Any model at all, by its features: a folder with a file for each image set of the study.

    `order` : of rows without names, where it is not plain.
    """

    name: ModelName
    features: FilePath
    family: Line = "own"
    weights: Literal["trained", "untrained"] = "trained"
    order: Literal["natural", "lexicographic"] | None = None


def _form(entry: Any) -> str:
    """The key that tells which form a `models` entry has."""
    keys = vars(entry) if isinstance(entry, Strict) else entry if isinstance(entry, dict) else ()
    forms = ("table", "timm", "hub", "package", "features", "weights")
    return next((form for form in forms if form in keys), "architectures")


ModelEntry = Annotated[
    Annotated[TrainedModels, Tag("architectures")]
    | Annotated[ModelTable, Tag("table")]
    | Annotated[TimmPatterns, Tag("timm")]
    | Annotated[HubModel, Tag("hub")]
    | Annotated[LocalModel, Tag("weights")]
    | Annotated[PackageModel, Tag("package")]
    | Annotated[FeaturesModel, Tag("features")],
    Discriminator(_form),
]
