"""Where a report comes from: what of its study is real; parameters, inputs, libraries, revision."""

import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stages.report.words import WORDS, fill
from stages.runtime.instructions import INSTRUCTIONS
from stages.runtime.source import file_digest, libraries
from stages.study.entries import FeaturesModel, LocalModel, PackageModel, TrainedModels
from stages.study.spec import Benchmark, Study
from stages.study.stimuli import Published, Stimuli

LIBRARIES = ("numpy", "scipy", "pandas", "torch", "timm", "dvc", "scikit-learn", "matplotlib")
MACHINE = ("compute",)
"""Sections of parameters that never change a result, and so are left out."""

_ONE_EACH = (LocalModel, PackageModel, FeaturesModel)
_FORMS = dict(zip(_ONE_EACH, ("models own", "models package", "models features"), strict=True))


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
    """Models, judgments, tasks and benchmarks of a study, those of one origin together.

    Of models it tells what the study has, whichever of them params.yaml lets take part.
    """
    images = WORDS["made"][f"images {study.training.source if study.training else 'world'}"]
    grids = [model for model in study.models if isinstance(model, TrainedModels)]
    architectures = len({name for grid in grids for name in grid.architectures})
    made = []
    for part, members in (
        ("Models", _models(study, grids)),
        ("Judgments of similarity", {n: _judged(s) for n, s in study.judged.items()}),
        ("Likeness to people", _published(study.stimuli, study.judged)),
        ("Few-shot tasks", {n: f"tasks {task.source}" for n, task in study.taught.items()}),
        ("Few-shot tasks", _published(study.tasks, study.taught)),
        ("Benchmarks of robustness", {n: _measured(b) for n, b in study.benchmarks.items()}),
    ):
        for key in dict.fromkeys(members.values()):
            about = WORDS["made"].get(key, {"kind": "published", "origin": key})
            names = tuple(name for name in members if name and members[name] == key)
            text = fill(about["origin"], images=images["origin"], architectures=architectures)
            made.append(Made(part, names, text, about.get("kind") or images["kind"]))
    return made


def _models(study: Study, grids: Sequence[TrainedModels]) -> dict[str, str]:
    """Recipes of networks trained here, untrained ones last; models that have an entry each, by
    name; other published ones, which are many, without names."""
    recipes = dict.fromkeys(name for grid in grids for name in grid.recipes)
    untrained = {name: study.recipes[name].steps == 0 for name in recipes}
    ordered = sorted(recipes, key=lambda name: untrained[name])
    found = {name: f"models {'un' * untrained[name]}trained" for name in ordered}
    rest = [model for model in study.models if not isinstance(model, TrainedModels)]
    found |= {model.name: _FORMS[type(model)] for model in rest if isinstance(model, _ONE_EACH)}
    many = any(not isinstance(model, _ONE_EACH) for model in rest)
    return found | ({"": "models published"} if many else {})


def _published(every: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, str]:
    """Origin of what others published, in words."""
    return {name: origin(facts) for name, facts in every.items() if name not in measured}


def origin(facts: Published) -> str:
    """What a published table has, from whom, and under which licence."""
    return f"{facts.words} ({facts.citation}; licence: {facts.licence})"


def _judged(stimuli: Stimuli) -> str:
    if f"stimuli {stimuli.source}" in WORDS["made"]:
        return f"stimuli {stimuli.source}"
    return f"stimuli {'simulated' if getattr(stimuli, 'simulated', False) else 'own'}"


def _measured(benchmark: Benchmark) -> str:
    if facts := benchmark.facts:
        return origin(facts)
    ways = ("rendition", "select", "published", "images")
    return " ".join(["benchmarks", *(way for way in ways if getattr(benchmark, way))])


def provenance(
    root: Path, study: str, inputs: Sequence[Path], params: Mapping[str, Any]
) -> dict[str, Any]:
    """All that says where a report comes from; the same for the same code and inputs.

    root : the repository's root. inputs : tables that were analysed, inside of it; one that cannot
        be read is a DataError. params : section -> its values, as JSON has them.
    """
    return {
        "study": study,
        "python": platform.python_version(),
        "revision": revision(root, study),
        "instructions": INSTRUCTIONS,
        "params": {
            name: yaml.safe_dump(value, sort_keys=False, allow_unicode=True).removesuffix("...\n")
            for name, value in params.items()
            if name not in MACHINE
        },
        "inputs": {path.relative_to(root).as_posix(): file_digest(path) for path in inputs},
        "libraries": libraries(*LIBRARIES),
    }


def revision(root: Path, study: str) -> str:
    """The last commit that changed what the study's results follow from, and whether that changed.

    That is code that any stage of dvc.yaml depends on, and the study's YAML; params.yaml's values
    stand in the report. Not HEAD, which every commit of results moves: a run of the committed tree
    gives the committed report. A shallow clone does not know, and says so.
    """
    if _git(root, "rev-parse", "--is-inside-work-tree") != "true":
        return "not in git"
    pipeline = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))
    deps = [dep for stage in pipeline["stages"].values() for dep in stage.get("do", stage)["deps"]]
    code = sorted({dep for dep in deps if dep.startswith(("stages/", "studies/"))})
    sources = ["--", *code, f"studies/{study}.yaml", "dvc.yaml"]
    if _git(root, "rev-parse", "--is-shallow-repository") == "true":
        commit = "unknown in a shallow clone"
    else:
        commit = _git(root, "log", "-1", "--format=%H", *sources) or "no commit yet"
    changed = _git(root, "status", "--porcelain", *sources)
    return f"{commit}, with uncommitted changes" if changed else commit


def _git(root: Path, *words: str) -> str:
    """What a git command says, or nothing where it fails or there is no git."""
    command = ["git", "--no-optional-locks", *words]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
