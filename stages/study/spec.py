"""studies/*.yaml: which models, human judgments, few-shot tasks and benchmarks a study has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stages.sources.renditions import RENDITIONS
from stages.sources.world import SUPERCLASSES
from stages.study.params import Positive, Strict

Count = Annotated[int, Field(ge=0)]
Labels = Literal["categories", "superclasses", "nuisances", "shuffled"]
Superclass = Literal["discs", "boxes", "stars", "flowers", "bars", "rings"]
Rendition = Literal["edges", "silhouettes", "posterised", "mosaic"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]

assert set(SUPERCLASSES) == set(Superclass.__args__)  # type: ignore[attr-defined]  # noqa: S101
assert set(RENDITIONS) == set(Rendition.__args__)  # type: ignore[attr-defined]  # noqa: S101


class WorldClasses(Strict):
    """Classes a superclass has in the miniature world, for each use; they never mix."""

    pretraining: Positive
    fewshot: Positive
    stimuli: Positive


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


Stimuli = Annotated[WorldStimuli | Objects92 | Materials, Field(discriminator="source")]


class WorldTask(Strict):
    """Classes of the world that no network was trained on."""

    source: Literal["world"]
    style: Literal["painted", "drawn"]
    per_class: Positive


class PlainTask(Strict):
    """A labelled test set as its authors gave it; of CIFAR-100 the classes kept for few-shot."""

    source: Literal["digits", "cifar100", "mnist", "fashion_mnist"]


Task = Annotated[WorldTask | PlainTask, Field(discriminator="source")]


class Benchmark(Strict):
    """Clean images rendered otherwise, or unseen ones on which the reference network fails."""

    rendition: Rendition | None = None
    select: Literal["reference_fails"] | None = None

    @model_validator(mode="after")
    def _one(self) -> Benchmark:
        if (self.rendition is None) == (self.select is None):
            raise ValueError("a benchmark has either 'rendition' or 'select'")
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
    """Every architecture (a name of timm's) with every recipe."""

    architectures: Annotated[list[str], Field(min_length=1)]
    recipes: Annotated[list[str], Field(min_length=1)]


class Reference(Strict):
    """The network that natural adversarial images must fool; not a member of the zoo."""

    architecture: str
    recipe: str


class Study(Strict):
    """A whole study. A section that it does not need is null, not absent: DVC reads it by name."""

    title: str
    simulated: bool
    world: WorldClasses | None
    training: Training
    stimuli: Annotated[dict[Name, Stimuli], Field(min_length=1)]
    tasks: Annotated[dict[Name, Task], Field(min_length=1)]
    benchmarks: dict[Name, Benchmark]
    recipes: Annotated[dict[Name, Recipe], Field(min_length=1)]
    models: Annotated[list[Grid], Field(min_length=1)]
    reference: Reference | None

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        pieces = [*self.stimuli.values(), *self.tasks.values(), self.training]
        if self.world is None and any(piece.source == "world" for piece in pieces):
            raise ValueError("source 'world' needs the section 'world'")
        if self.reference is None and any(b.select for b in self.benchmarks.values()):
            raise ValueError("'select: reference_fails' needs the section 'reference'")
        if "clean" in self.benchmarks:
            raise ValueError("benchmarks: 'clean' is the name of the clean images themselves")
        return self
