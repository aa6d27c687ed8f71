"""What of a study is real and what is simulated, in words, from its YAML.

Of models it tells what the study has, whichever of them params.yaml lets take part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from stages.study.spec import Benchmark, Grid, LocalModel, Study

_T = TypeVar("_T")

WORLD = "a procedural world"
TASKS = {
    "digits": "real handwritten digits (scikit-learn)",
    "mnist": "real handwritten digits (MNIST)",
    "fashion_mnist": "real photographs of clothes (Fashion-MNIST)",
    "cifar100": "real photographs (CIFAR-100)",
    "folder": "own images",
    "npz": "own images",
}
STIMULI = {
    "objects92": "judged by 16 people (Mur et al. 2013)",
    "materials": "triplets judged by people (Lagunas et al. 2019)",
    "animals": "rated in pairs by people (Peterson et al. 2018)",
    "requested": "rated in pairs by people (Peterson et al. 2018)",
}
TRAINING = {"world": f"images of {WORLD}", "cifar100": "real photographs (CIFAR-100)"}


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
    judged = _together(
        "Judgments of similarity",
        study.stimuli.items(),
        lambda s: (
            (f"simulated observers of {WORLD}", "simulated")
            if s.source == "world"
            else (STIMULI[s.source], "real")
            if s.source in STIMULI
            else ("own simulated judgments", "simulated")
            if getattr(s, "simulated", False)
            else ("own judgments of people", "real")
        ),
    )
    tasks = _together(
        "Few-shot tasks",
        study.tasks.items(),
        lambda t: (
            (f"new classes of {WORLD}", "simulated")
            if t.source == "world"
            else (TASKS[t.source], "real")
        ),
    )
    benchmarks = _together(
        "Benchmarks of robustness", study.benchmarks.items(), lambda b: _benchmark(study, b)
    )
    return [*_models(study), *judged, *tasks, *benchmarks]


def _models(study: Study) -> list[Made]:
    grids = [model for model in study.models if isinstance(model, Grid)]
    if not grids or study.training is None:
        own = tuple(model.name for model in study.models if isinstance(model, LocalModel))
        lines = [Made("Models", own, "networks with weights of one's own", "own")] if own else []
        if len(own) < len(study.models):
            origin = "published networks with their published weights"
            lines.append(Made("Models", (), origin, "published"))
        return lines
    recipes = tuple(dict.fromkeys(name for grid in grids for name in grid.recipes))
    architectures = {name for grid in grids for name in grid.architectures}
    untrained = tuple(name for name in recipes if study.recipes[name].steps == 0)
    trained = tuple(name for name in recipes if name not in untrained)
    origin = (
        f"small networks of {len(architectures)} architectures, trained here by recipes that set "
        f"alignment on purpose, on {TRAINING[study.training.source]}"
    )
    parts = [Made("Models", trained, origin, "trained here")]
    if untrained:
        parts.append(
            Made("Models", untrained, "the same, left as they were initialised", "untrained")
        )
    return parts


def _benchmark(study: Study, benchmark: Benchmark) -> tuple[str, str]:
    """Origin of a benchmark's images or results, and what the images are."""
    if benchmark.published and benchmark.images:
        return "published results, and measured on own copies of the images", "real"
    if benchmark.published:
        return "published results of each model (timm)", "published"
    if benchmark.images:
        return "measured on own copies of the images", "real"
    source = study.training.source if study.training else "world"
    kind = "rendered otherwise" if benchmark.rendition else "that a reference network gets wrong"
    return f"{TRAINING[source]}, {kind}", "simulated" if source == "world" else "real"


def _together(
    part: str, members: Iterable[tuple[str, _T]], kind: Callable[[_T], tuple[str, str]]
) -> list[Made]:
    """Members of one kind as one line, in the order of their first."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, spec in members:
        found.setdefault(kind(spec), []).append(name)
    return [Made(part, tuple(names), origin, word) for (origin, word), names in found.items()]
