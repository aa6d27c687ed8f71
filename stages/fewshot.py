"""Few-shot transfer: n-shot accuracy of each model on each task with each head.

Reads:  data/embeddings/, data/tasks/; what is published, from the study's tables
Writes: data/fewshot.csv: model, weights, task, head, n, repeat, accuracy
        data/solvers.csv: the linear probe's accuracy by each solver, for one model
Params: seed, models, fewshot; the study's models, recipes, tasks
"""

from functools import partial
from itertools import product
from typing import Any

from stages.networks.embeddings import Embedding, embedded, weights_of
from stages.probes.fewshot import check_labels, fewshot_accuracy
from stages.probes.logistic import SOLVERS
from stages.runtime.door import door
from stages.runtime.jobs import Job, run
from stages.runtime.machine import place
from stages.runtime.tables import write_table
from stages.study.load import load
from stages.study.models import measured
from stages.study.published import fewshot

COST = {"linear": 4.0, "mlp1": 1.0, "mlp2": 1.0}
"""Relative, measured on 10 000 images in 2 048 dimensions and 100 classes."""
FEWSHOT = ("model", "weights", "task", "head", "n", "repeat", "accuracy")


def main() -> None:
    experiment = load()
    paths, p, seed = experiment.paths, experiment.params.fewshot, experiment.params.seed
    tasks = {name: paths.tasks / f"{name}.npz" for name in experiment.study.taught}
    for path in tasks.values():
        check_labels(path, p.n)
    models = [model.name for model in measured(experiment)] if tasks else []
    weights = weights_of(paths.embeddings, models)
    pairs = embedded(paths.embeddings, weights, "tasks", tasks)

    jobs: dict[tuple[Any, ...], Job] = {}
    for model, task in pairs:
        embedding = Embedding(paths.embeddings / f"{model}.safetensors", f"tasks/{task}")
        for head, repeat in product(p.heads, range(p.repeats)):
            settings = getattr(p, head).model_dump()
            call = partial(fewshot_accuracy, embedding, tasks[task], head, settings, seed, repeat)
            jobs[model, task, head, repeat] = Job(call, p.n, COST[head])
        for solver in SOLVERS if model == pairs[0][0] else ():
            settings = p.linear.model_dump() | {"solver": solver}
            call = partial(fewshot_accuracy, embedding, tasks[task], "linear", settings, seed, 0)
            jobs[task, solver] = Job(call, p.n, COST["linear"])
    accuracy = run("fewshot", jobs, place(experiment.params.compute))

    rows = [
        {"model": model, "weights": weights[model], "task": task, "head": head, "n": n}
        | {"repeat": repeat, "accuracy": accuracy[model, task, head, repeat][p.n.index(n)]}
        for (model, task), head, n, repeat in product(pairs, p.heads, sorted(p.n), range(p.repeats))
    ]
    rows += fewshot(experiment)
    write_table(paths.table("fewshot"), rows, FEWSHOT)
    compared = [
        {"model": model, "task": task, "n": n}
        | {solver: accuracy[task, solver][i] for solver in SOLVERS}
        for model, task in pairs
        if model == pairs[0][0]
        for i, n in enumerate(p.n)
    ]
    write_table(paths.table("solvers"), compared, ["model", "task", "n", *SOLVERS])


if __name__ == "__main__":
    door(main)
