"""How many images a study has: of each set, and of a task's smallest class."""

import math
from collections.abc import Collection
from pathlib import Path

import numpy as np

from stages.runtime.files import read_npz
from stages.sources.folders import class_files, image_files
from stages.sources.world import SUPERCLASSES
from stages.study.spec import Study
from stages.study.stimuli import OwnStimuli, Stimuli, Task, most_per_class

STIMULI = {"objects92": 92, "materials": 100, "animals": 120, "requested": 120}
SMALLEST = {"digits": 174, "mnist": 892, "fashion_mnist": 1_000}  # images of a class
TASKS = {"digits": 1_797, "mnist": 10_000, "fashion_mnist": 10_000}  # of ten classes each


def image_counts(study: Study, per_class: int | None) -> dict[str, int]:
    """Images that each model must see, by set; not the benchmarks that are rendered here.

    per_class : images per class that tasks keep (params.yaml's `tasks.per_class`); None for all.
    """
    counts = {f"stimuli/{name}": _stimuli(study, spec) for name, spec in study.judged.items()}
    for name, task in study.taught.items():
        most = most_per_class(task, per_class) or math.inf
        kept = sum(min(size, most) for size in _class_sizes(study, task))
        counts[f"tasks/{name}"] = round(kept)
    for name, b in study.benchmarks.items():
        if b.images:
            counts[f"benchmarks/{name}"] = sum(
                map(len, class_files(Path(b.images), name, True).values())
            )
    return counts


def _stimuli(study: Study, spec: Stimuli) -> int:
    if isinstance(spec, OwnStimuli):
        return len(image_files(Path(spec.images), f"{spec.source}: images"))
    if study.world and spec.source == "world":
        return len(spec.superclasses) * study.world.stimuli * spec.per_class
    return STIMULI[spec.source]


def _class_sizes(study: Study, task: Task) -> Collection[float]:
    """Images of each class of a task; on average, where the task is a public set of ten classes."""
    if task.source == "npz":
        labels = read_npz(Path(task.file), "labels")[0]
        return list(np.unique(labels, return_counts=True)[1])
    if task.source == "folder":
        return [len(files) for files in class_files(Path(task.folder), "folder: folder").values()]
    if task.source == "cifar100":
        return [100] * (100 if task.classes == "all" else 40)
    if study.world and task.source == "world":
        return [task.per_class] * (len(SUPERCLASSES) * study.world.fewshot)
    return [TASKS[task.source] / 10] * 10


def smallest_class(study: Study, task: Task, per_class: int | None) -> int:
    """Images of a task's smallest class; `per_class` as in `image_counts`."""
    public = SMALLEST.get(task.source)
    sizes = [public] if public else _class_sizes(study, task)
    return int(min(*sizes, most_per_class(task, per_class) or math.inf))
