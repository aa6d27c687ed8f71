"""What of a study is real and what is simulated, in words, from its YAML.

Of models it tells what the study has, whichever of them params.yaml lets take part.
"""

from __future__ import annotations

from dataclasses import dataclass

from stages.report.words import fill, words
from stages.study.spec import Benchmark, LocalModel, Study, TrainedModels
from stages.study.stimuli import Stimuli


@dataclass(frozen=True)
class Made:
    """A part of the study: its members of one origin, and in a word what they are.

    `kind` : simulated, real, trained here, untrained, published or own.
    """

    part: str
    names: tuple[str, ...]
    origin: str
    kind: str


def made_of(study: Study) -> list[Made]:
    """Models, judgments, tasks and benchmarks of a study, those of one origin together."""
    images = words()["made"][f"images {study.training.source if study.training else 'world'}"]
    architectures = {
        name
        for model in study.models
        if isinstance(model, TrainedModels)
        for name in model.architectures
    }
    found = [("Models", key, names) for key, names in _models(study).items()]
    for part, members in (
        ("Judgments of similarity", {n: _judged(s) for n, s in study.stimuli.items()}),
        ("Few-shot tasks", {n: f"tasks {task.source}" for n, task in study.tasks.items()}),
        ("Benchmarks of robustness", {n: _benchmark(b) for n, b in study.benchmarks.items()}),
    ):
        for key in dict.fromkeys(members.values()):
            found.append((part, key, [name for name in members if members[name] == key]))
    made = []
    for part, key, names in found:
        about = words()["made"][key]
        kind = about.get("kind") or images["kind"]
        origin = fill(about["origin"], images=images["origin"], architectures=len(architectures))
        made.append(Made(part, tuple(names), origin, kind))
    return made


def _models(study: Study) -> dict[str, list[str]]:
    """Recipes of networks trained here and of untrained ones; else your own and published ones."""
    grids = [model for model in study.models if isinstance(model, TrainedModels)]
    if grids and study.training:
        recipes = dict.fromkeys(name for grid in grids for name in grid.recipes)
        untrained = [name for name in recipes if study.recipes[name].steps == 0]
        trained = [name for name in recipes if name not in untrained]
        return {"models trained": trained} | ({"models untrained": untrained} if untrained else {})
    own = [model.name for model in study.models if isinstance(model, LocalModel)]
    published: dict[str, list[str]] = {"models published": []}
    return ({"models own": own} if own else {}) | (
        published if len(own) < len(study.models) else {}
    )


def _judged(stimuli: Stimuli) -> str:
    if f"stimuli {stimuli.source}" in words()["made"]:
        return f"stimuli {stimuli.source}"
    return f"stimuli {'simulated' if getattr(stimuli, 'simulated', False) else 'own'}"


def _benchmark(benchmark: Benchmark) -> str:
    kinds = ["published"] * bool(benchmark.published) + ["images"] * bool(benchmark.images)
    return " ".join(
        ["benchmarks", *(kinds or ["rendition" if benchmark.rendition else "selected"])]
    )
