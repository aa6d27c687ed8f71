"""params.yaml: every parameter, its type and range. Comments beside the keys say what each does."""

from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from stages.runtime.machine import ADDRESS

Line = Annotated[str, Field(pattern=r"^\P{C}*$", max_length=1000)]
"""Text of one line: no control characters, and none that change the direction of writing."""
Lines = Annotated[list[Line], Field(min_length=1)]
Positive = Annotated[int, Field(ge=1, le=1_000_000_000)]
_T = TypeVar("_T")


class Strict(BaseModel):
    """Refuses unknown keys, conversions between types, and NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _distinct(values: list[_T]) -> list[_T]:
    for i, value in enumerate(values):
        if value in values[:i]:
            raise ValueError(f"duplicate value {value!r}; each value is allowed once")
    return values


Several = Annotated[
    list[_T],
    BeforeValidator(lambda value: value if isinstance(value, list) else [value]),
    Field(min_length=1),
    AfterValidator(_distinct),
]
"""One value or a list of different values."""
Share = Annotated[float, Field(ge=0, le=1)]
Objects = Annotated[int, Field(ge=3, le=64)]
Positions = Annotated[int, Field(ge=100, le=1_000_000)]
Worlds = Annotated[int, Field(ge=2)]
Seed = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0, le=1)]


class WorldSection(Strict):
    seed: Seed


class ModelsSection(Strict):
    include: Lines
    exclude: list[Line]
    limit: Positive | None
    table: Literal[2022, 2026]


class StimuliSection(Strict):
    exclude: list[Line]


class TasksSection(Strict):
    per_class: Positive | None


class PretrainSection(Strict):
    batch: Annotated[int, Field(ge=8, le=4096)]
    learning_rate: Rate
    weight_decay: Share


class EmbedSection(Strict):
    batch: Positive
    precision: Literal["float32", "float16", "bfloat16"]


class AlignSection(Strict):
    features: Literal["raw", "centred", "zscored"]
    similarity: Literal["cosine", "dot", "pearson", "euclidean"]
    bootstraps: Annotated[int, Field(ge=100, le=1_000_000)]


class LinearSection(Strict):
    solver: Literal["fast", "scikit-learn"]
    C: Annotated[float, Field(gt=0)]
    tolerance: Annotated[float, Field(gt=0, le=0.1)]
    max_iterations: Positive


class HeadSection(Strict):
    dropout: Annotated[float, Field(ge=0, lt=1)]
    learning_rate: Rate
    weight_decay: Share
    steps: Positive
    batch: Positive


class HiddenHeadSection(HeadSection):
    hidden: Positive


class FewshotSection(Strict):
    n: Several[Positive]
    repeats: Annotated[int, Field(ge=1, le=10_000)]
    heads: Several[Literal["linear", "mlp1", "mlp2"]]
    linear: LinearSection
    mlp1: HeadSection
    mlp2: HiddenHeadSection


class RobustnessSection(Strict):
    readout: LinearSection


class GameSection(Strict):
    objects: Several[Objects]
    dimensions: Several[Positive]
    confidence: Annotated[float, Field(gt=0.5, le=0.99)]
    limit: Positive
    positions: Positions
    worlds: Worlds
    runs: Positive


class ClassesSection(Strict):
    objects: Objects
    dimensions: Positive
    classes: Annotated[int, Field(ge=2)]
    answers: Positive
    spread: Annotated[float, Field(gt=0)]
    tests: Positive
    positions: Positions
    worlds: Worlds

    @model_validator(mode="after")
    def _room(self) -> Self:
        if self.classes > self.positions:
            raise ValueError(
                f"'classes' is {self.classes}; at most {self.positions}, one per position, are "
                "allowed"
            )
        return self


class ShiftSection(Strict):
    sizes: Several[Annotated[float, Field(ge=0)]]
    objects: Objects
    dimensions: Positive
    classes: Positive
    worlds: Worlds


class AdversarialSection(Strict):
    candidates: Several[Positive]
    objects: Objects
    dimensions: Positive
    worlds: Worlds


class ReachSection(Strict):
    stimuli: Several[Annotated[int, Field(ge=4, le=1000)]]
    dimensions: Positive
    width: Annotated[float, Field(gt=0)]
    held_out: Annotated[int, Field(ge=4, le=1000)]
    worlds: Worlds


class TheorySection(Strict):
    epsilon: Several[Share]
    game: GameSection
    fewshot: ClassesSection
    shift: ShiftSection
    adversarial: AdversarialSection
    reach: ReachSection


class AnalyzeSection(Strict):
    measure: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")] | None
    group_size: Positive
    confidence: Annotated[float, Field(gt=0, lt=1)]
    family: Literal["group", "architecture"]
    bootstraps: Annotated[int, Field(ge=1000, le=1_000_000)]


class ComputeSection(Strict):
    workers: Positive | None
    scheduler: Annotated[str, Field(pattern=ADDRESS)] | None
    limit: Annotated[float, Field(gt=0)] | None
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")]
    instructions: Literal["portable", "native"]


class Params(Strict):
    study: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    seed: Seed
    world: WorldSection
    models: ModelsSection
    stimuli: StimuliSection
    tasks: TasksSection
    pretrain: PretrainSection
    embed: EmbedSection
    align: AlignSection
    fewshot: FewshotSection
    robustness: RobustnessSection
    theory: TheorySection
    analyze: AnalyzeSection
    compute: ComputeSection
