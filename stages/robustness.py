"""Top-1 and top-5 accuracy of each model on clean images and on the robustness benchmarks.

Reads:  data/<study>/embeddings/, checkpoints/, training/readout.npz, benchmarks/
Writes: data/<study>/robustness.csv: model, benchmark, classifier, images, top1, top5
Params: models, robustness; the study's models, recipes, reference, benchmarks

`classifier` is "readout" (a linear readout of the pretraining categories, for every model alike) or
"own" (the network's, where it was trained on the categories). The natural adversarial images are
those of the pool on which the reference network's own classifier fails.
"""

import json

import numpy as np

from stages.probes.fooled import fooled
from stages.runtime.door import door
from stages.runtime.errors import DataError
from stages.runtime.files import write_table
from stages.runtime.jobs import Job, payload, run, worker_count
from stages.runtime.source import digest, file_digest, unit_key
from stages.study.load import Experiment, load
from stages.study.zoo import models
from stages.zoo.embeddings import tensor_digests


def main() -> None:
    experiment = load()
    names = ["clean", *experiment.study.benchmarks]
    chosen = {name: selection(experiment, name) for name in names}
    files = [experiment.paths.benchmarks / f"{name}.npz" for name in names]
    files.append(experiment.paths.training / "readout.npz")
    labels = {path.stem: file_digest(path) for path in files}
    jobs = [job(experiment, model.name, chosen, labels) for model in models(experiment)]
    run("robustness", jobs, worker_count(experiment.params.compute.workers))
    rows = [
        {"model": unit.name, "benchmark": name, **row}
        for unit in jobs
        for name in unit.keys
        for row in json.loads(payload(unit, name))
    ]
    write_table(experiment.paths.table("robustness"), rows)


def selection(experiment: Experiment, benchmark: str) -> np.ndarray | None:
    """Rows of a benchmark that count: those on which the reference fails; None for all."""
    spec = experiment.study.benchmarks.get(benchmark)
    if spec is None or spec.select is None:
        return None
    paths = experiment.paths
    file = paths.benchmarks / f"{benchmark}.npz"
    rows = fooled(
        paths.embeddings / "reference.safetensors",
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
    embeddings = paths.embeddings / f"{model}.safetensors"
    checkpoint = paths.checkpoints / f"{model}.safetensors"
    digests = tensor_digests(
        embeddings, ["training/readout", *(f"benchmarks/{name}" for name in chosen)]
    )
    settings = experiment.params.robustness.readout.model_dump()
    keys = {
        name: unit_key(
            "robustness",
            ["stages.probes.readout"],
            ["numpy", "scikit-learn"],
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
