"""Embeds every image set with every model, at the penultimate layer.

Reads:  data/<study>/checkpoints/, stimuli/, tasks/, training/readout.npz, benchmarks/
Writes: data/<study>/embeddings/<model>.safetensors: one tensor [N, D] float32 an image set
Params: models, embed; the study's models, recipes, reference, benchmarks
"""

from pathlib import Path

import safetensors.numpy

from stages.runtime.door import door
from stages.runtime.files import from_npy, replacing
from stages.runtime.jobs import Job, payload, run, worker_count
from stages.runtime.source import file_digest, folder_digest, unit_key
from stages.study.load import Experiment, load
from stages.study.zoo import models


def main() -> None:
    experiment = load()
    sets = image_sets(experiment)
    digests = {
        name: folder_digest(path / "images") if path.is_dir() else file_digest(path)
        for name, path in sets.items()
    }
    wanted = {model.name: list(sets) for model in models(experiment)}
    if experiment.study.reference:
        pools = [name for name, b in experiment.study.benchmarks.items() if b.select]
        wanted["reference"] = [f"benchmarks/{name}" for name in pools]
    jobs = [
        job(experiment, name, {s: sets[s] for s in own}, digests) for name, own in wanted.items()
    ]
    run("embed", jobs, worker_count(experiment.params.compute.workers))
    with replacing(experiment.paths.embeddings) as folder:
        for unit in jobs:
            tensors = {name: from_npy(payload(unit, name)) for name in unit.keys}
            safetensors.numpy.save_file(tensors, folder / f"{unit.name}.safetensors")


def image_sets(experiment: Experiment) -> dict[str, Path]:
    """Every image set of the study, by the name of its tensor: stimuli/x, tasks/x, ..."""
    study, paths = experiment.study, experiment.paths
    return {
        **{f"stimuli/{name}": paths.stimuli / name for name in study.stimuli},
        **{f"tasks/{name}": paths.tasks / f"{name}.npz" for name in study.tasks},
        "training/readout": paths.training / "readout.npz",
        "benchmarks/clean": paths.benchmarks / "clean.npz",
        **{f"benchmarks/{name}": paths.benchmarks / f"{name}.npz" for name in study.benchmarks},
    }


def job(experiment: Experiment, name: str, sets: dict[str, Path], digests: dict[str, str]) -> Job:
    """One model's embeddings of some image sets."""
    checkpoint = experiment.paths.checkpoints / f"{name}.safetensors"
    weights = file_digest(checkpoint)
    batch, device = experiment.params.embed.batch, experiment.params.compute.device
    keys = {
        unit: unit_key(
            "embedding",
            ["stages.zoo.features"],
            ["numpy", "pillow", "timm", "torch", "torchvision"],
            weights=weights,
            images=digests[unit],
            batch=batch,
        )
        for unit in sets
    }
    args = (checkpoint, sets, batch, device)
    return Job(name, keys, "stages.zoo.units:embed_sets", args, cost=checkpoint.stat().st_size)


if __name__ == "__main__":
    door(main)
