"""How many images a study has, before anything is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from stages.runtime.files import read_npz
from stages.sources.folders import class_files, image_files
from stages.sources.world import SUPERCLASSES
from stages.study.spec import Study

STIMULI = {"objects92": 92, "materials": 100, "animals": 120, "requested": 120}
CLASSES = {"digits": 10, "mnist": 10, "fashion_mnist": 10}
TASKS = {"digits": 1_797, "mnist": 10_000, "fashion_mnist": 10_000}
CIFAR100 = {"all": 100, "held_out": 40}


def image_counts(study: Study, per_class: int | None) -> dict[str, int]:
    """Images that each model must see, by set; not the benchmarks that are rendered here.

    Parameters
    ----------
    per_class : images a class that tasks keep (params.yaml's `tasks.per_class`).
    """
    return {
        **{f"stimuli/{name}": _stimuli(study, spec) for name, spec in study.stimuli.items()},
        **{f"tasks/{name}": _task(study, spec, per_class) for name, spec in study.tasks.items()},
        **{
            f"benchmarks/{name}": sum(map(len, class_files(Path(b.images), name, True).values()))
            for name, b in study.benchmarks.items()
            if b.images
        },
    }


def _stimuli(study: Study, spec: Any) -> int:
    if spec.source in STIMULI:
        return STIMULI[spec.source]
    if study.world and spec.source == "world":
        return len(spec.superclasses) * study.world.stimuli * spec.per_class
    return len(image_files(Path(spec.images), f"{spec.source}: images"))


def _task(study: Study, spec: Any, per_class: int | None) -> int:
    if spec.source == "npz":
        counts = np.unique(read_npz(Path(spec.file), "labels")[0], return_counts=True)[1]
        return int(np.minimum(counts, per_class or counts.max()).sum())
    if spec.source == "folder":
        folders = class_files(Path(spec.folder), "folder: folder").values()
        return sum(min(len(files), per_class or len(files)) for files in folders)
    if spec.source == "cifar100":
        return CIFAR100[spec.classes] * min(100, per_class or 100)
    if study.world and spec.source == "world":
        classes = len(SUPERCLASSES) * study.world.fewshot
        return classes * min(spec.per_class, per_class or spec.per_class)
    return min(TASKS[spec.source], CLASSES[spec.source] * (per_class or 10**9))
