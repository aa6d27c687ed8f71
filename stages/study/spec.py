"""studies/*.yaml: which models, human judgments, few-shot tasks and benchmarks a study has."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from stages.sources.renditions import RENDITIONS
from stages.study.params import Line, Positive, Strict
from stages.study.stimuli import FilePath, Name, Stimuli, Task
from stages.study.table import NAME, REVISION

Count = Annotated[int, Field(ge=0)]
Labels = Literal["categories", "superclasses", "nuisances", "shuffled"]
Rendition = Literal["edges", "silhouettes", "posterised", "mosaic"]
Table = Literal[
    "imagenet", "imagenet_a", "imagenet_r", "imagenet_sketch", "imagenet_real", "imagenet_v2"
]
ClassList = Literal["imagenet", "imagenet_a", "imagenet_r"]
CLASSES_OF = {
    "imagenet": "imagenet",
    "imagenet_a": "imagenet_a",
    "imagenet_r": "imagenet_r",
    "imagenet_sketch": "imagenet",
    "imagenet_v2": "imagenet",
}
"""The classes that each published table is about; ReaL has labels of its own."""
ModelName = Annotated[str, Field(pattern=f"^{NAME}$", max_length=100)]
TableFile = Annotated[str, Field(pattern=r"^studies/models/[^/\p{C}]+\.csv$", max_length=200)]

assert set(RENDITIONS) == set(Rendition.__args__)  # type: ignore[attr-defined]  # noqa: S101


class WorldClasses(Strict):
    """Classes a superclass has in the miniature world, for each use; they never mix."""

    pretraining: Positive
    fewshot: Positive
    stimuli: Positive


class Benchmark(Strict):
    """Images on which top-1 and top-5 are measured, or the published results on them.

    One of: `rendition` (the clean images rendered otherwise), `select` (unseen images on which the
    reference network fails), or `published` (a table of timm's) and `images` (a folder of class
    folders, named by their WordNet ids, measured with each model's own classifier), or both.
    `classes` says which of ImageNet's classes the images may have.
    """

    rendition: Rendition | None = None
    select: Literal["reference_fails"] | None = None
    published: Table | None = None
    images: FilePath | None = None
    classes: ClassList | None = None

    @model_validator(mode="after")
    def _one(self) -> Benchmark:
        kinds = [self.rendition, self.select, self.published or self.images]
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError(
                "a benchmark has one of 'rendition', 'select', and 'published' or 'images'"
            )
        if (self.images is None) != (self.classes is None):
            raise ValueError("'images' and 'classes' come together")
        if self.published and self.images and CLASSES_OF.get(self.published) != self.classes:
            raise ValueError(
                f"published '{self.published}' is about classes '{CLASSES_OF[self.published]}'"
                if self.published in CLASSES_OF
                else f"published '{self.published}' is about other labels than class folders have"
            )
        return self


class Training(Strict):
    """What networks are pretrained on, and how long.

    `per_class` images of each pretraining category are trained on (null: all there are), the first
    `readout` of them also fit the linear readout. Of each category's held-out images, `clean` are
    the clean test set, and `pool` others are where natural adversarial ones are sought.
    """

    source: Literal["world", "cifar100"]
    per_class: Positive | None
    readout: Positive
    clean: Positive
    pool: Positive
    steps: Positive
    flip: bool


class Recipe(Strict):
    """How a network is trained. `steps` 0 leaves it as initialised.

    With `pull` λ the loss is cross-entropy + λ (1 − r), r the correlation of the batch's cosine
    similarities with a target similarity of the training images: λ > 0 pulls, λ < 0 pushes away.
    """

    labels: Labels = "categories"
    pull: Annotated[float, Field(ge=-100, le=100)] = 0.0
    steps: Count | None = None


class Grid(Strict):
    """Every architecture (a name of timm's) with every recipe, trained here."""

    architectures: Annotated[list[Line], Field(min_length=1)]
    recipes: Annotated[list[Line], Field(min_length=1)]


class ModelTable(Strict):
    """Published models listed in a CSV file below studies/models, where DVC sees its changes."""

    table: TableFile


class TimmPatterns(Strict):
    """Published models by patterns of timm's `architecture.tag`; * stands for anything."""

    timm: Annotated[list[Line], Field(min_length=1)]


class HubModel(Strict):
    """A timm model of a repository on the hub: model.safetensors beside a config.json."""

    name: ModelName
    hub: Annotated[str, Field(pattern=f"^{NAME}/{NAME}$", max_length=200)]
    revision: Annotated[str, Field(pattern=f"^{REVISION}$", max_length=200)] | None = None


class LocalModel(Strict):
    """A timm model of one's own: a safetensors file, and a timm config.json beside it."""

    name: ModelName
    weights: Annotated[FilePath, Field(pattern=r"^\P{C}*\.safetensors$")]
    config: Annotated[FilePath, Field(pattern=r"^\P{C}*\.json$")]


def _form(entry: Any) -> str:
    """Which form of a `models` entry its keys say it has."""
    keys = entry.model_dump() if isinstance(entry, Strict) else entry
    forms = ("table", "timm", "hub", "weights")
    if not isinstance(keys, dict):
        return "grid"
    return next((form for form in forms if form in keys), "grid")


Models = Annotated[
    Annotated[Grid, Tag("grid")]
    | Annotated[ModelTable, Tag("table")]
    | Annotated[TimmPatterns, Tag("timm")]
    | Annotated[HubModel, Tag("hub")]
    | Annotated[LocalModel, Tag("weights")],
    Discriminator(_form),
]


class Reference(Strict):
    """The network that natural adversarial images must fool; not a member of the zoo."""

    architecture: Line
    recipe: Line


class Covariate(Strict):
    """What partial correlations are given: each model's top-1 on a benchmark.

    In the paper it is published ImageNet top-1; for networks trained here, a linear readout of the
    clean images.
    """

    benchmark: Line
    classifier: Literal["readout", "own", "published"]


class Paper(Strict):
    """What the paper found, to stand beside what is found here.

    `covariate_r`: Pearson correlation of ImageNet top-1 with top-1 on a benchmark (Appendix C).
    `values`: a CSV file below studies/published of all its values, where DVC sees its changes.
    """

    covariate_r: dict[Name, float]
    values: (
        Annotated[str, Field(pattern=r"^studies/published/[^/\p{C}]+\.csv$", max_length=200)] | None
    )


class Study(Strict):
    """A whole study. A section that it does not need is null, not absent: DVC reads it by name.

    `contrasts`: a CSV file below studies/models of pairs of models that differ in one factor only.
    """

    title: Line
    simulated: bool
    world: WorldClasses | None
    training: Training | None
    stimuli: Annotated[dict[Name, Stimuli], Field(min_length=1)]
    tasks: Annotated[dict[Name, Task], Field(min_length=1)]
    benchmarks: dict[Name, Benchmark]
    covariate: Covariate
    recipes: dict[Name, Recipe]
    models: Annotated[list[Models], Field(min_length=1)]
    contrasts: TableFile | None
    reference: Reference | None
    paper: Paper | None

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        pieces = [*self.stimuli.values(), *self.tasks.values(), self.training]
        if self.world is None and any(p is not None and p.source == "world" for p in pieces):
            raise ValueError("source 'world' needs the section 'world'")
        if self.reference is None and any(b.select for b in self.benchmarks.values()):
            raise ValueError("'select: reference_fails' needs the section 'reference'")
        if "clean" in self.benchmarks:
            raise ValueError("benchmarks: 'clean' is the name of the clean images themselves")
        if self.training is None:
            self._untrained()
        grids = [isinstance(model, Grid) for model in self.models]
        if any(grids) and not all(grids):
            raise ValueError(
                "models: networks trained here and published ones are not in one study, for no "
                "benchmark measures both"
            )
        if any(grids) and any(b.published or b.images for b in self.benchmarks.values()):
            raise ValueError("benchmarks: 'published' and 'images' are for published models")
        if self.training and not any(grids):
            raise ValueError("training: must be null, for no network is trained here")
        self._simulated()
        self._covariate()
        for name in self.paper.covariate_r if self.paper else ():
            if name not in self.benchmarks:
                raise ValueError(f"paper: covariate_r: '{name}' is not among the benchmarks")
        return self

    def _simulated(self) -> None:
        """Simulated judgments are called simulated, in whatever study they are."""
        made = [
            name
            for name, spec in self.stimuli.items()
            if spec.source == "world" or getattr(spec, "simulated", False)
        ]
        if made and not self.simulated:
            raise ValueError(f"simulated: must be true, for judgments of '{made[0]}' are simulated")

    def _untrained(self) -> None:
        """Without training images there is nothing to train on, to render or to choose from."""
        made = [name for name, b in self.benchmarks.items() if b.rendition or b.select]
        grids = [model for model in self.models if isinstance(model, Grid)]
        if made or grids or self.reference:
            wanting = [*(f"benchmark '{name}'" for name in made)]
            wanting += ["networks trained here"] if grids or self.reference else []
            raise ValueError(f"{wanting[0]} needs the section 'training'")

    def _covariate(self) -> None:
        c = self.covariate
        allowed: dict[str, list[str]] = {"clean": ["readout"]} if self.training else {}
        for name, b in self.benchmarks.items():
            kinds = {"published": b.published, "own": b.images, "readout": b.rendition or b.select}
            allowed[name] = [kind for kind, there in kinds.items() if there]
        if c.classifier not in allowed.get(c.benchmark, []):
            pairs = [
                f"{name} ({kind})" for name, kinds in allowed.items() for kind in sorted(kinds)
            ]
            raise ValueError(
                f"covariate: '{c.benchmark}' with classifier '{c.classifier}' is not measured for "
                f"every model; allowed: {', '.join(pairs) or 'none'}"
            )
