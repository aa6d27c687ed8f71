"""studies/*.yaml: which models, human judgments, few-shot tasks and benchmarks a study has."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stages.sources.renditions import RENDITIONS
from stages.sources.timm_tables import CLASS_LISTS, IMAGES
from stages.study.entries import FeaturesModel, ModelEntry, TableFile, TrainedModels
from stages.study.params import Line, Positive, Strict
from stages.study.stimuli import FilePath, Name, PublishedValues, Stimuli, Task, one_of

CLASSES_OF = {name: name for name in CLASS_LISTS}
CLASSES_OF |= dict.fromkeys(("imagenet_sketch", "imagenet_v2"), "imagenet")
"""The classes that each published table is about; ReaL has labels of its own."""
ValuesFile = Annotated[str, Field(pattern=r"^studies/published/[^/\p{C}]+\.csv$", max_length=200)]


class WorldClasses(Strict):
    """Classes per superclass of the miniature world, for each use; no class has two uses."""

    pretraining: Positive
    fewshot: Positive
    stimuli: Positive


class Benchmark(Strict):
    """Images that the study makes (`rendition` or `select`), or `published` results and `images`:
    a folder of class folders, named by WordNet ids, of the classes that `classes` names."""

    rendition: Annotated[str, one_of(RENDITIONS)] | None = None
    select: Literal["reference_fails"] | None = None
    published: Annotated[str, one_of(IMAGES)] | None = None
    images: FilePath | None = None
    classes: Annotated[str, one_of(CLASS_LISTS)] | None = None
    facts: PublishedValues | None = None

    @property
    def made_here(self) -> bool:
        """Whether its images are made from the study's held-out training images."""
        return bool(self.rendition or self.select)

    @model_validator(mode="after")
    def _one(self) -> Self:
        kinds = [self.rendition, self.select, self.published or self.images, self.facts]
        about = CLASSES_OF.get(self.published or "")
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError(
                "a benchmark has one of 'rendition', 'select', 'facts', and 'published' or 'images'"
            )
        if (self.images is None) != (self.classes is None):
            raise ValueError("'images' and 'classes' come together")
        if self.published and self.images and about != self.classes:
            labels = f"classes '{about}'" if about else "other labels than class folders have"
            raise ValueError(f"published '{self.published}' is about {labels}")
        return self


class Training(Strict):
    """What networks are pretrained on (images per category; per_class null: all), and how long."""

    source: Literal["world", "cifar100"]
    per_class: Positive | None
    readout: Positive
    clean: Positive
    pool: Positive
    steps: Positive
    flip: bool


class Recipe(Strict):
    """How a network is trained; `pull` is λ of the loss, and `steps` 0 leaves it as initialised.

    `centred` double-centres what it pulls towards, or pushes away from. `kept` is for published
    networks: the share of their blocks, from the first on, that keep their weights.
    """

    kept: Annotated[float, Field(ge=0, le=1)] | None = None
    labels: Literal["categories", "superclasses", "nuisances", "shuffled"] = "categories"
    pull: Annotated[float, Field(ge=-100, le=100)] = 0.0
    centred: bool = False
    steps: Annotated[int, Field(ge=0)] | None = None

    @property
    def share(self) -> float | None:
        """The share of published blocks; None where the recipe trains a network here."""
        return 0.0 if self.steps == 0 else self.kept

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.kept is not None and self.model_fields_set != {"kept"}:
            raise ValueError("'kept' leaves nothing to train, and stands alone")
        return self


class Reference(Strict):
    """The network that natural adversarial images must fool; not one of the study's models."""

    architecture: Line
    recipe: Line


class Covariate(Strict):
    """What partial correlations control for: each model's top-1 on a benchmark, if any; with its
    square; with the kind of network, as the table of models has it."""

    benchmark: Line | None
    classifier: Literal["readout", "own", "published"] | None
    square: bool = False
    kind: bool = False


class Paper(Strict):
    """What the paper found: ImageNet top-1's r with top-1 on benchmarks; a file of all values."""

    covariate_r: dict[Name, float]
    values: ValuesFile | None


class Study(Strict):
    """A whole study. A section that it does not need is null, not absent: DVC reads it by name."""

    title: Line
    world: WorldClasses | None
    training: Training | None
    stimuli: Annotated[dict[Name, Stimuli], Field(min_length=1)]
    tasks: dict[Name, Task]
    benchmarks: dict[Name, Benchmark]
    covariate: Covariate
    recipes: dict[Name, Recipe]
    models: Annotated[list[ModelEntry], Field(min_length=1)]
    contrasts: TableFile | None
    reference: Reference | None
    paper: Paper | None

    @property
    def judged(self) -> dict[str, Stimuli]:
        """The stimulus sets on which likeness to people is measured here."""
        return {name: s for name, s in self.stimuli.items() if s.source != "published"}

    @property
    def judges(self) -> str:
        """Whose judgments those are."""
        simulated = [getattr(s, "simulated", False) for s in self.stimuli.values()]
        if all(simulated):
            return "simulated observers"
        return "people and simulated observers" if any(simulated) else "people"

    @property
    def taught(self) -> dict[str, Task]:
        """The tasks on which few-shot accuracy is measured here."""
        return {name: task for name, task in self.tasks.items() if task.source != "published"}

    @property
    def embeds(self) -> bool:
        """Whether networks are opened at all."""
        return bool(self.judged or self.taught or any(b.images for b in self.benchmarks.values()))

    @property
    def pools(self) -> list[str]:
        """Benchmarks of images on which the reference network fails."""
        return [name for name, b in self.benchmarks.items() if b.select]

    @property
    def made_benchmarks(self) -> list[str]:
        """The clean images, and benchmarks whose images the study makes itself."""
        made = [name for name, b in self.benchmarks.items() if b.made_here]
        return ["clean", *made] if self.training else []

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if problem := next(self._problems(), None):
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        """Contradictions between sections."""
        trained = [isinstance(entry, TrainedModels) for entry in self.models]
        sourced = (*self.stimuli.values(), *self.tasks.values(), self.training)
        if self.world is None and any(part and part.source == "world" for part in sourced):
            yield "source 'world' needs the section 'world'"
        here = all(isinstance(entry, TrainedModels | FeaturesModel) for entry in self.models)
        allowed = [("clean", "readout")] if self.training else []
        for name, b in self.benchmarks.items():
            if b.made_here and self.training is None:
                yield f"benchmark '{name}' needs the section 'training'"
            if b.select and self.reference is None:
                yield "'select: reference_fails' needs the section 'reference'"
            if (b.published or b.images) and here:
                yield "benchmarks: 'published' and 'images' are for published models"
            kinds = {"own": b.images, "published": b.published or b.facts, "readout": b.made_here}
            allowed += [(name, kind) for kind, there in kinds.items() if there]
        if not (self.tasks or self.benchmarks):
            yield "tasks, benchmarks: one of them is needed at least"
        if "clean" in self.benchmarks:
            yield "benchmarks: 'clean' is the name of the clean images themselves"
        if self.training is None and (any(trained) or self.reference):
            yield "networks trained here need the section 'training'"
        for name in self.paper.covariate_r if self.paper else ():
            if name not in self.benchmarks:
                yield f"paper: covariate_r: '{name}' is not among the benchmarks"
        c = self.covariate
        if (c.benchmark, c.classifier) not in [*allowed, (None, None)]:
            pairs = ", ".join(f"{name} ({kind})" for name, kind in allowed)
            yield (
                f"covariate: '{c.benchmark}' with classifier '{c.classifier}' is not measured for "
                f"every model; allowed: {pairs or 'none'}"
            )
