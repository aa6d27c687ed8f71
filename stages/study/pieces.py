"""The pieces of a study's data: the call that makes each, and the files that it reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stages.sources import datasets
from stages.sources.fetch import FILES, Remote
from stages.sources.image_folders import benchmark_files
from stages.sources.own import local_files
from stages.sources.timm_tables import CLASS_LISTS
from stages.study.experiment import Experiment
from stages.study.stimuli import most_per_class

GROUPS = ("stimuli", "tasks", "benchmarks")


@dataclass(frozen=True)
class Piece:
    """A stimulus set, a task, or a part of the benchmarks.

    make : returns its files, packed. remotes : downloads that it reads.
    local : your own files that it reads.
    """

    name: str
    make: partial[bytes]
    remotes: tuple[Remote, ...] = ()
    local: tuple[Any, ...] = ()


def pieces(experiment: Experiment, group: str) -> Iterator[Piece]:
    """The pieces of a group: one a stimulus set or task, or those of the benchmarks."""
    if group == "benchmarks":
        yield from _benchmarks(experiment)
        return
    study = experiment.study
    for name, spec in (study.judged if group == "stimuli" else study.taught).items():
        own = spec.model_dump(exclude={"source"})
        own |= experiment.world if spec.source == "world" else {}
        local = local_files(spec.model_dump(), f"{experiment.file}: {group}.{name}")
        if group == "stimuli":
            own |= {"name": name} if spec.source == "world" else {}
            kind, make = "stimuli", partial(datasets.stimuli, name, spec.source, own)
        else:
            most = most_per_class(study.taught[name], experiment.params.tasks.per_class)
            if spec.source != "world":
                own.pop("per_class", None)
            kind, make = "task", partial(datasets.task, name, spec.source, own, most)
        yield Piece(f"{kind} {name}", make, FILES.get(spec.source, ()), tuple(local))


def _benchmarks(experiment: Experiment) -> Iterator[Piece]:
    """Training images with the benchmarks made from them; published tables; indices of folders."""
    study = experiment.study
    if study.training:
        source = study.training.source
        arguments = study.training.model_dump(include={"per_class", "readout", "clean", "pool"})
        arguments |= experiment.world if source == "world" else {}
        renditions = {k: b.rendition for k, b in study.benchmarks.items() if b.rendition}
        make = partial(datasets.training, source, arguments, renditions, sorted(study.pools))
        yield Piece("training", make, FILES.get(source, ()))
    for name, b in study.benchmarks.items():
        if b.images and b.classes:
            key = f"{experiment.file}: benchmarks.{name}.images"
            stats = [(str(p), p.stat()) for p in benchmark_files(Path(b.images), key)]
            seen = tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
            make = partial(datasets.image_index, name, key, b.images, b.classes)
            lists = (CLASS_LISTS["imagenet"], CLASS_LISTS[b.classes])
            yield Piece(f"index {name}", make, lists, seen)
