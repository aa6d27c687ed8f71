"""Embeds every image set with every model, at the penultimate layer.

`python -m stages.embed transfer` embeds the stimuli and the few-shot tasks, `benchmarks` the images
that robustness is measured on where networks are trained here.

Reads:  data/<study>/checkpoints/, and published weights from the hub;
        stimuli/ and tasks/, or benchmarks/
Writes: data/<study>/embeddings/<model>.safetensors: one tensor [N, D] float32 an image set, and
        index.json: which weights, their revision and digest, and whether they are trained;
        or the same in benchmark_embeddings/
Params: models, stimuli, embed; the study's models, recipes, reference, stimuli, tasks, benchmarks
"""

import dataclasses
import json
from pathlib import Path

from stages.runtime.door import door
from stages.runtime.files import replacing, write_json
from stages.runtime.jobs import Job, payload, payload_file, run
from stages.runtime.machine import device_of, place, plan_machine, resources
from stages.runtime.source import file_digest, folder_digest, unit_key
from stages.study import command
from stages.study.load import Experiment, load
from stages.study.weights import sources
from stages.study.zoo import Model, measured, reference
from stages.zoo.embeddings import ABOUT, write_embeddings
from stages.zoo.sources import Source


def main() -> None:
    group = command.group("embed", ("transfer", "benchmarks"))
    experiment = load()
    sets = image_sets(experiment, group)
    digests = {name: set_digest(path) for name, path in sets.items()}
    chosen = measured(experiment) if sets else []
    known, failed = sources(experiment, chosen)
    jobs = [job(experiment, m, known[m.name], sets, digests) for m in chosen if m.name in known]
    if group == "benchmarks" and experiment.study.reference:
        jobs.append(reference_job(experiment, sets, digests))
    compute = experiment.params.compute
    planned = plan_machine(device_of(compute)).workers
    run(f"embed {group}", jobs, place(compute, planned), failed)
    with replacing(experiment.paths.embeddings_of(group)) as folder:
        index = {model.name: entry(model, known[model.name]) for model in chosen}
        for unit in jobs:
            about = json.loads(payload(unit, ABOUT))
            index.setdefault(unit.name, {}).update(about)
            files = {s: payload_file(unit, s) for s in unit.keys if s != ABOUT}
            write_embeddings(folder / f"{unit.name}.safetensors", files, about)
        write_json(folder / "index.json", index)


def image_sets(experiment: Experiment, group: str) -> dict[str, Path]:
    """A group's image sets, by the name of their tensors: stimuli/x, tasks/x, ..."""
    study, paths = experiment.study, experiment.paths
    if group == "transfer":
        return {
            **{f"stimuli/{name}": paths.stimuli / name for name in study.stimuli},
            **{f"tasks/{name}": paths.tasks / f"{name}.npz" for name in study.tasks},
        }
    if study.training is None:
        return {}
    made = [name for name, b in study.benchmarks.items() if b.rendition or b.select]
    return {
        "training/readout": paths.training / "readout.npz",
        **{f"benchmarks/{name}": paths.benchmarks / f"{name}.npz" for name in ["clean", *made]},
    }


def set_digest(path: Path) -> str:
    """Digest of an image set: of a stimulus set the images alone, not the judgments."""
    if path.is_dir():
        return folder_digest(path / "images")
    folder = path.with_suffix("")
    return folder_digest(folder) if folder.is_dir() else file_digest(path)


def job(
    experiment: Experiment,
    model: Model,
    source: Source,
    sets: dict[str, Path],
    digests: dict[str, str],
) -> Job:
    """One model's embeddings of some image sets, and what its weights are."""
    embedding, device = experiment.params.embed, device_of(experiment.params.compute)
    identity = source.identity()
    keys = {
        name: unit_key(
            "embedding",
            ["stages.zoo.features", "stages.zoo.published"],
            ["numpy", "pillow", "timm", "torch", "torchvision"],
            network=identity,
            images=digests.get(name, ABOUT),
            settings=embedding.model_dump(),
        )
        for name in [ABOUT, *sets]
    }
    machine = (device, embedding.precision, plan_machine(device).threads)
    args = (source, sets, embedding.batch, machine)
    needs = resources(device)
    return Job(model.name, keys, "stages.zoo.units:embed_sets", args, cost(model, source), needs)


def reference_job(experiment: Experiment, sets: dict[str, Path], digests: dict[str, str]) -> Job:
    """The reference network's embeddings of the images that may fool it."""
    study, paths = experiment.study, experiment.paths
    pools = {f"benchmarks/{name}" for name, b in study.benchmarks.items() if b.select}
    source = Source(checkpoint=paths.checkpoints / "reference.safetensors")
    own = {name: path for name, path in sets.items() if name in pools}
    made = job(experiment, reference(experiment), source, own, digests)
    return dataclasses.replace(made, name="reference")


def cost(model: Model, source: Source) -> float:
    """Billions of multiply-adds an image; 0.15 for each million parameters where not known."""
    return model.row.gmacs if model.row and model.row.gmacs else 0.15 * source.size / 4e6


def entry(model: Model, source: Source) -> dict[str, object]:
    """What the index says of one model."""
    return {
        "architecture": model.architecture,
        "group": model.group,
        "source": "trained here" if model.recipe else "hub" if model.repo else "file of one's own",
        "files": source.record(),
    }


if __name__ == "__main__":
    door(main)
