"""Few-shot transfer: n-shot accuracy of each model on each task with each head.

Reads:  data/<study>/embeddings/, tasks/
Writes: data/<study>/fewshot.csv: model, weights, task, head, n, repeat, accuracy
Params: seed, models, fewshot; the study's models, recipes, tasks
"""

import itertools
import json
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import numpy as np

from stages.runtime.door import door
from stages.runtime.errors import DataError, UsageError
from stages.runtime.files import read_npz, write_table
from stages.runtime.jobs import Job, payload, run
from stages.runtime.machine import place
from stages.runtime.source import digest, unit_key
from stages.sources.guards import check_npz
from stages.study.load import Experiment, load
from stages.study.zoo import measured
from stages.zoo.embeddings import tensor_digests, weights_of

# Relative, measured on 10 000 images in 2 048 dimensions and 100 classes. Decides nothing but which
# jobs start first and what the progress bar expects.
COST = {"linear": 4.0, "mlp1": 1.0, "mlp2": 1.0}


def main() -> None:
    experiment = load()
    labels = {name: task_labels(experiment, name) for name in experiment.study.tasks}
    names = [model.name for model in measured(experiment)]
    jobs = [job for name in names for job in jobs_of(experiment, name, labels)]
    weights = weights_of(experiment.paths.embeddings, names)
    run("fewshot", jobs, place(experiment.params.compute))
    rows = []
    for _, repeats in itertools.groupby(jobs, lambda unit: unit.name.split(" ")[:3]):
        rows += sorted(
            (row for unit in repeats for row in rows_of(unit, weights)), key=itemgetter("n")
        )
    write_table(experiment.paths.table("fewshot"), rows)


def rows_of(unit: Job, weights: dict[str, str]) -> Iterator[dict[str, Any]]:
    """A finished job's rows, one for each n."""
    model, task, head, _ = unit.name.split(" ")
    for name, (n, repeat) in unit.args[6].items():
        row = {"model": model, "weights": weights[model], "task": task, "head": head, "n": n}
        yield {**row, "repeat": repeat, "accuracy": json.loads(payload(unit, name))}


def task_labels(experiment: Experiment, task: str) -> str:
    """Digest of a task's labels, after checking that every n leaves images to test on."""
    path = experiment.paths.tasks / f"{task}.npz"
    check_npz(path)
    (labels,) = read_npz(path, "labels")
    if labels.ndim != 1 or labels.dtype.kind != "i" or len(labels) == 0 or labels.min() < 0:
        raise DataError(f"{path}: labels are {labels.dtype} {labels.shape}; [N] from 0 are needed")
    smallest = int(np.unique(labels, return_counts=True)[1].min())
    for n in experiment.params.fewshot.n:
        if n >= smallest:
            raise UsageError(
                f"params.yaml: fewshot.n: {n}; the smallest class of {path} has {smallest} images, "
                f"so that 1 to {smallest - 1} are allowed"
            )
    return digest(labels.astype(np.int64).tobytes())


def jobs_of(experiment: Experiment, model: str, labels: dict[str, str]) -> list[Job]:
    """One job for each task, head and repeat of a model, with a unit for each n."""
    p, paths = experiment.params.fewshot, experiment.paths
    embeddings = paths.embeddings / f"{model}.safetensors"
    digests = tensor_digests(embeddings, [f"tasks/{task}" for task in labels])
    jobs = []
    for task, labelled in labels.items():
        for head, repeat in itertools.product(p.heads, range(p.repeats)):
            settings = getattr(p, head).model_dump()
            cells = {f"n={n},repeat={repeat}": (n, repeat) for n in p.n}
            keys = {
                name: unit_key(
                    "few-shot accuracy",
                    ["stages.probes.units"],
                    ["numpy"],
                    embedding=digests[f"tasks/{task}"],
                    labels=labelled,
                    task=task,
                    head=head,
                    settings=settings,
                    seed=experiment.params.seed,
                    cell=cell,
                )
                for name, cell in cells.items()
            }
            file, seed = paths.tasks / f"{task}.npz", experiment.params.seed
            args = (embeddings, file, task, head, settings, seed, cells)
            name = f"{model} {task} {head} {repeat}"
            jobs.append(Job(name, keys, "stages.probes.units:fewshot", args, COST[head]))
    return jobs


if __name__ == "__main__":
    door(main)
