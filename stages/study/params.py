"""params.yaml: every parameter, its type and range. Comments beside the keys say what each does."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from stages.runtime.machine import ADDRESS

Measure = Literal["pearson", "spearman", "triplet"]
Similarity = Literal["cosine", "dot", "pearson", "euclidean"]
HeadName = Literal["linear", "mlp1", "mlp2"]
Line = Annotated[str, Field(pattern=r"^\P{C}*$", max_length=1000)]
"""Text of one line: no control characters, nor what turns the direction of writing."""
Positive = Annotated[int, Field(ge=1, le=1_000_000_000)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


class Strict(BaseModel):
    """Unknown keys, conversions between types and NaN are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def possible_path(path: str) -> str:
    """A path none of whose parts is longer than file systems allow."""
    for part in path.split("/"):
        if len(part.encode()) > 255:
            raise ValueError(f"a name of {len(part.encode())} bytes; at most 255 are allowed")
    return path


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


class World(Strict):
    seed: Annotated[int, Field(ge=0)]


class Models(Strict):
    include: Annotated[list[Line], Field(min_length=1)]
    exclude: list[Line]
    limit: Positive | None


class StimulusSets(Strict):
    exclude: list[Line]


class Tasks(Strict):
    per_class: Positive | None


class Pretrain(Strict):
    batch: Annotated[int, Field(ge=8, le=4096)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Annotated[float, Field(ge=0, le=1)]


class Embed(Strict):
    batch: Positive
    precision: Literal["float32", "float16", "bfloat16"]


class Align(Strict):
    similarity: Similarity
    bootstraps: Annotated[int, Field(ge=100, le=1_000_000)]


class Linear(Strict):
    C: Annotated[float, Field(gt=0)]
    tolerance: Annotated[float, Field(gt=0, le=0.1)]
    max_iterations: Positive


class Head(Strict):
    dropout: Annotated[float, Field(ge=0, lt=1)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    steps: Positive
    batch: Positive


class HiddenHead(Head):
    hidden: Positive


class Fewshot(Strict):
    n: Annotated[list[Positive], BeforeValidator(_listed), Field(min_length=1)]
    repeats: Annotated[int, Field(ge=1, le=10_000)]
    heads: Annotated[list[HeadName], Field(min_length=1)]
    linear: Linear
    mlp1: Head
    mlp2: HiddenHead

    @model_validator(mode="after")
    def _unique(self) -> Fewshot:
        for name, values in (("n", self.n), ("heads", self.heads)):
            if len(set(values)) < len(values):
                raise ValueError(f"'{name}' names a value twice: {values}")
        return self


class Robustness(Strict):
    readout: Linear


Objects = Annotated[int, Field(ge=3, le=64)]
Positions = Annotated[int, Field(ge=100, le=1_000_000)]
Worlds = Annotated[int, Field(ge=2)]


class Game(Strict):
    objects: Annotated[list[Objects], BeforeValidator(_listed), Field(min_length=1)]
    dimensions: Annotated[list[Positive], BeforeValidator(_listed), Field(min_length=1)]
    confidence: Annotated[float, Field(gt=0.5, le=0.99)]
    limit: Positive
    positions: Positions
    worlds: Worlds
    runs: Positive


class Classes(Strict):
    objects: Objects
    dimensions: Positive
    classes: Annotated[int, Field(ge=2)]
    answers: Positive
    spread: Annotated[float, Field(gt=0)]
    tests: Positive
    positions: Positions
    worlds: Worlds

    @model_validator(mode="after")
    def _room(self) -> Classes:
        if self.classes > self.positions:
            raise ValueError(
                f"'classes' is {self.classes}; at most one a position, {self.positions}, is allowed"
            )
        return self


class Shift(Strict):
    sizes: Annotated[
        list[Annotated[float, Field(ge=0)]], BeforeValidator(_listed), Field(min_length=1)
    ]
    objects: Objects
    dimensions: Positive
    classes: Positive
    worlds: Worlds


class Adversarial(Strict):
    candidates: Annotated[list[Positive], BeforeValidator(_listed), Field(min_length=1)]
    objects: Objects
    dimensions: Positive
    worlds: Worlds


class Theory(Strict):
    epsilon: Annotated[
        list[Annotated[float, Field(ge=0, le=1)]], BeforeValidator(_listed), Field(min_length=1)
    ]
    game: Game
    fewshot: Classes
    shift: Shift
    adversarial: Adversarial

    @model_validator(mode="after")
    def _unique(self) -> Theory:
        lists: dict[str, list[float]] = {
            "epsilon": self.epsilon,
            "game.objects": [*self.game.objects],
            "game.dimensions": [*self.game.dimensions],
            "shift.sizes": self.shift.sizes,
            "adversarial.candidates": [*self.adversarial.candidates],
        }
        for name, values in lists.items():
            if len(set(values)) < len(values):
                raise ValueError(f"'{name}' names a value twice: {values}")
        return self


class Analyze(Strict):
    measure: Measure
    group_size: Positive
    confidence: Fraction
    family: Literal["group", "architecture"]
    bootstraps: Annotated[int, Field(ge=1000, le=1_000_000)]


class Compute(Strict):
    workers: Positive | None
    scheduler: Annotated[str, Field(pattern=ADDRESS)] | None
    limit: Annotated[float, Field(gt=0)] | None
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")]


class Params(Strict):
    study: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    seed: Annotated[int, Field(ge=0)]
    world: World
    models: Models
    stimuli: StimulusSets
    tasks: Tasks
    pretrain: Pretrain
    embed: Embed
    align: Align
    fewshot: Fewshot
    robustness: Robustness
    theory: Theory
    analyze: Analyze
    compute: Compute
