"""Embeds every image set with every model, at the penultimate layer.

`python -m stages.embed transfer` embeds the stimuli and the few-shot tasks, `benchmarks` the images
that robustness is measured on where networks are trained here.

Reads:  data/checkpoints/, published weights from the hub, features of models that are given as
        files; data/stimuli/ and data/tasks/, or data/benchmarks/
Writes: data/embeddings/<model>.safetensors: one tensor [N, D] float32 an image set, and index.json:
        which weights, their revision and digest, whether they are trained, which sets a model
        lacks, or why it is left out; or the same in data/benchmark_embeddings/
Params: models, stimuli, embed; the study's models, recipes, reference, stimuli, tasks, benchmarks
"""

from functools import partial
from typing import Any

from stages.networks.embed import embed_sets
from stages.networks.embeddings import write_embeddings
from stages.networks.given import given_features
from stages.networks.load import Machine, Source, training_state
from stages.runtime.door import door
from stages.runtime.errors import UnitError
from stages.runtime.files import replacing, write_json
from stages.runtime.jobs import Job, left_out, run
from stages.runtime.machine import device_of, place
from stages.study import command
from stages.study.load import load
from stages.study.models import measured, reference
from stages.study.weights import given_files, sources


def main() -> None:
    group = command.group("embed", ("transfer", "benchmarks"))
    experiment = load()
    study, paths, p = experiment.study, experiment.paths, experiment.params.embed
    sets = experiment.image_sets(group)
    models = {model.name: model for model in measured(experiment)} if sets else {}
    weights, failed = sources(experiment, list(models.values()))
    wanted = {name: list(sets) for name in weights}
    outside = reference(study, experiment.file) if group == "benchmarks" else None
    if outside:
        models["reference"], weights["reference"] = outside, Source(paths.checkpoint("reference"))
        wanted["reference"] = [f"benchmarks/{name}" for name in study.pools]

    device = device_of(experiment.params.compute)
    where = place(experiment.params.compute, device)
    machine = Machine(device, where.threads, p.precision)
    jobs: dict[tuple[str, str], Job] = {}
    for name, source in weights.items():
        call, cost = partial(embed_sets, source, p.batch, machine), models[name].cost(source.size)
        jobs[name, "embeddings"] = Job(call, [sets[key] for key in wanted[name]], cost)
        jobs[name, "weights"] = Job(partial(training_state, source), cost=0)
    given = given_files(experiment, models.values())
    for name, files in given.items():
        wanted[name] = [key for key in sets if key in files]
        items = [{"features": files[key], "images": sets[key]} for key in wanted[name]]
        jobs[name, "embeddings"] = Job(partial(given_features, models[name].order), items)
    kept = run(f"embed {group}", jobs, where, failed, read=lambda result: result)
    without = left_out(f"embed {group}", kept)
    if "reference" in without or without.keys() == wanted.keys() != set():
        raise UnitError(f"embed {group}: models that cannot be left out: {without}")

    index: dict[str, Any] = {name: {"left_out": reason} for name, reason in without.items()}
    with replacing(paths.embeddings_of(group)) as folder:
        for name in (name for name in wanted if name not in without):
            about = {"weights": models[name].state or kept[name, "weights"].json()}
            index[name] = models[name].about | about
            if name in given:
                index[name]["lacks"] = [s for s in experiment.every_set if s not in given[name]]
            else:
                index[name]["files"] = weights[name].record()
            found = zip(wanted[name], kept[name, "embeddings"], strict=True)
            tensors = {tensor: embedding.open() for tensor, embedding in found}
            write_embeddings(folder / f"{name}.safetensors", tensors, about)
        write_json(folder / "index.json", index)
    print(f"embed {group}: {len(wanted) - len(without)} models, {len(sets)} image sets")


if __name__ == "__main__":
    door(main)
