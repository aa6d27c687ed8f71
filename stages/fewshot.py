"""Few-shot transfer: n-shot accuracy of each model on each task with each head.

Reads:  data/<study>/embeddings/, tasks/
Writes: data/<study>/fewshot.csv: model, weights, task, head, n, repeat, accuracy
Params: seed, models, fewshot; the study's models, recipes, tasks
"""

import json

import numpy as np

from stages.runtime.door import door
from stages.runtime.errors import UsageError
from stages.runtime.files import read_npz, write_table
from stages.runtime.jobs import Job, payload, run, worker_count
from stages.runtime.source import digest, unit_key
from stages.study.load import Experiment, load
from stages.study.zoo import measured
from stages.zoo.embeddings import tensor_digests, weights_of


def main() -> None:
    experiment = load()
    labels = {name: task_labels(experiment, name) for name in experiment.study.tasks}
    jobs = [j for model in measured(experiment) for j in jobs_of(experiment, model.name, labels)]
    run("fewshot", jobs, worker_count(experiment.params.compute.workers))
    weights = weights_of(experiment.paths.embeddings)
    rows = []
    for unit in jobs:
        model, task, head = unit.name.split(" ")
        for name, (n, repeat) in unit.args[6].items():
            accuracy = json.loads(payload(unit, name))
            row = {"model": model, "weights": weights[model], "task": task, "head": head, "n": n}
            rows.append({**row, "repeat": repeat, "accuracy": accuracy})
    write_table(experiment.paths.table("fewshot"), rows)


def task_labels(experiment: Experiment, task: str) -> str:
    """Digest of a task's labels, after checking that every n leaves images to test on."""
    path = experiment.paths.tasks / f"{task}.npz"
    (labels,) = read_npz(path, "labels")
    smallest = int(np.bincount(labels).min())
    for n in experiment.params.fewshot.n:
        if n >= smallest:
            raise UsageError(
                f"params.yaml: fewshot.n: {n}; the smallest class of {path} has {smallest} images, "
                f"so that 1 to {smallest - 1} are allowed"
            )
    return digest(labels.astype(np.int64).tobytes())


def jobs_of(experiment: Experiment, model: str, labels: dict[str, str]) -> list[Job]:
    """One job for each task and head of a model, with a unit for each n and repeat."""
    p, paths = experiment.params.fewshot, experiment.paths
    embeddings = paths.embeddings / f"{model}.safetensors"
    digests = tensor_digests(embeddings, [f"tasks/{task}" for task in labels])
    cells = {f"n={n},repeat={r}": (n, r) for n in p.n for r in range(p.repeats)}
    jobs = []
    for task, labelled in labels.items():
        for head in p.heads:
            settings = getattr(p, head).model_dump()
            keys = {
                name: unit_key(
                    "few-shot accuracy",
                    ["stages.probes.units"],
                    ["numpy", "scikit-learn", "torch"],
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
            jobs.append(Job(f"{model} {task} {head}", keys, "stages.probes.units:fewshot", args))
    return jobs


if __name__ == "__main__":
    door(main)
