"""Top-1 and top-5 accuracy of each model on the robustness benchmarks: measured, and published.

Reads:  data/<study>/benchmarks/ (images, indices of folders, published tables), checkpoints/,
        benchmark_embeddings/; where the study names image folders, weights from the hub
Writes: data/<study>/robustness.csv: model, benchmark, classifier, weights, images, top1, top5
        metrics/<study>/covariate.json: correlation of the covariate with top-1 on each benchmark
Params: models, embed, robustness; the study's models, recipes, reference, benchmarks, covariate,
        paper

`classifier` is "readout" (a linear readout of the pretraining categories, for every network trained
here), "own" (the network's, where it has those categories) or "published" (timm's tables, which
need no weights). The natural adversarial images are those of the pool on which the reference
network's own classifier fails.
"""

import json
import sys
from typing import Any

import numpy as np
import pandas as pd

from stages.inference.covariate import covariate_metrics
from stages.inference.published import published_rows
from stages.probes.fooled import fooled
from stages.runtime.door import door
from stages.runtime.errors import DataError
from stages.runtime.files import write_json, write_table
from stages.runtime.jobs import Job, payload, run
from stages.runtime.machine import device_of, place, plan_machine, resources
from stages.runtime.source import digest, file_digest, unit_key
from stages.sources.timm_tables import IMAGES, read_published
from stages.study.load import Experiment, load
from stages.study.weights import sources
from stages.study.zoo import measured, models
from stages.zoo.embeddings import tensor_digests

Row = dict[str, Any]


def main() -> None:
    experiment = load()
    names = {model.name: model.table for model in models(experiment)}
    published, absent = published_rows(names, published_tables(experiment))
    rows = [*embedded_rows(experiment), *folder_rows(experiment), *published]
    if not rows:
        raise DataError(f"{experiment.file}: benchmarks: no accuracy of any model on any of them")
    write_table(experiment.paths.table("robustness"), rows)
    study = experiment.study
    expected = study.paper.covariate_r if study.paper else {}
    metrics = covariate_metrics(
        rows, study.covariate.benchmark, study.covariate.classifier, expected
    )
    write_json(experiment.paths.metrics / "covariate.json", metrics | {"without_row": absent})
    for name, benchmarks in absent.items():
        print(f"robustness: {name}: no published row in {', '.join(benchmarks)}", file=sys.stderr)


def published_tables(experiment: Experiment) -> dict[str, tuple[pd.DataFrame, int]]:
    """The published results of each benchmark that names some, and how many images it has."""
    folder = experiment.paths.benchmarks
    return {
        name: (read_published(folder / f"{name}.csv"), IMAGES[benchmark.published])
        for name, benchmark in experiment.study.benchmarks.items()
        if benchmark.published
    }


def folder_rows(experiment: Experiment) -> list[Row]:
    """Accuracy of each model's own classifier on the study's image folders."""
    paths, embedding = experiment.paths, experiment.params.embed
    indices = {
        name: paths.benchmarks / f"{name}.json"
        for name, b in experiment.study.benchmarks.items()
        if b.images
    }
    if not indices:
        return []
    digests = {name: file_digest(path) for name, path in indices.items()}
    known, failed = sources(experiment, measured(experiment))
    device = device_of(experiment.params.compute)
    plan = plan_machine(device)
    machine = (device, embedding.precision, plan.threads)
    jobs = []
    for name, source in known.items():
        keys = {
            benchmark: unit_key(
                "own classifier",
                ["stages.zoo.classify", "stages.zoo.published"],
                ["numpy", "pillow", "timm", "torch", "torchvision"],
                network=source.identity(),
                index=indexed,
                settings=embedding.model_dump(),
            )
            for benchmark, indexed in digests.items()
        }
        args = (source, indices, embedding.batch, machine)
        size, needs = float(source.size), resources(device)
        jobs.append(Job(name, keys, "stages.zoo.units:classify_folders", args, size, needs))
    where = place(experiment.params.compute, plan.workers)
    run("robustness on image folders", jobs, where, failed)
    return [
        {"model": unit.name, "benchmark": name, **json.loads(payload(unit, name))}
        for unit in jobs
        for name in unit.keys
    ]


def embedded_rows(experiment: Experiment) -> list[Row]:
    """Accuracy on the images that the study makes itself, for networks trained here."""
    study, paths = experiment.study, experiment.paths
    if study.training is None:
        return []
    made = [name for name, b in study.benchmarks.items() if b.rendition or b.select]
    chosen = {name: selection(experiment, name) for name in ["clean", *made]}
    files = [*(paths.benchmarks / f"{name}.npz" for name in chosen), paths.training / "readout.npz"]
    labels = {path.stem: file_digest(path) for path in files}
    zoo = [model for model in models(experiment) if model.recipe]
    jobs = [job(experiment, model.name, chosen, labels) for model in zoo]
    run("robustness", jobs, place(experiment.params.compute))
    return [
        {"model": unit.name, "benchmark": name, **row}
        for unit in jobs
        for name in unit.keys
        for row in json.loads(payload(unit, name))
    ]


def selection(experiment: Experiment, benchmark: str) -> np.ndarray | None:
    """Rows of a benchmark that count: those on which the reference fails; None for all."""
    spec = experiment.study.benchmarks.get(benchmark)
    if spec is None or spec.select is None:
        return None
    paths = experiment.paths
    file = paths.benchmarks / f"{benchmark}.npz"
    rows = fooled(
        paths.embeddings_of("benchmarks") / "reference.safetensors",
        paths.checkpoints / "reference.safetensors",
        benchmark,
        file,
    )
    if len(rows) == 0:
        raise DataError(f"{file}: the reference network fails on no image; nothing is adversarial")
    return rows


def job(
    experiment: Experiment,
    model: str,
    chosen: dict[str, np.ndarray | None],
    labels: dict[str, str],
) -> Job:
    """One model's readout, applied to every benchmark."""
    paths = experiment.paths
    embeddings = paths.embeddings_of("benchmarks") / f"{model}.safetensors"
    checkpoint = paths.checkpoints / f"{model}.safetensors"
    digests = tensor_digests(
        embeddings, ["training/readout", *(f"benchmarks/{name}" for name in chosen)]
    )
    settings = experiment.params.robustness.readout.model_dump()
    keys = {
        name: unit_key(
            "robustness",
            ["stages.probes.readout"],
            ["numpy"],
            readout=[digests["training/readout"], labels["readout"]],
            benchmark=[digests[f"benchmarks/{name}"], labels[name]],
            rows=None if rows is None else digest(rows.tobytes()),
            classifier=file_digest(checkpoint),
            settings=settings,
        )
        for name, rows in chosen.items()
    }
    benchmarks = {name: (paths.benchmarks / f"{name}.npz", rows) for name, rows in chosen.items()}
    args = (embeddings, checkpoint, paths.training / "readout.npz", benchmarks, settings)
    return Job(model, keys, "stages.probes.readout:robustness", args)


if __name__ == "__main__":
    door(main)
