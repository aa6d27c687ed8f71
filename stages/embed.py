"""Embeds every image set with every model, at the penultimate layer.

`python -m stages.embed transfer` embeds the stimuli and the few-shot tasks, `benchmarks` the images
that robustness is measured on where networks are trained here.

Reads:  data/checkpoints/, and published weights from the hub;
        data/stimuli/ and data/tasks/, or data/benchmarks/
Writes: data/embeddings/<model>.safetensors: one tensor [N, D] float32 an image set, and index.json:
        which weights, their revision and digest, and whether they are trained, or why a model is
        left out;
        or the same in data/benchmark_embeddings/
Params: models, stimuli, embed; the study's models, recipes, reference, stimuli, tasks, benchmarks
"""

from functools import partial
from typing import Any

from stages.networks.embed import embed_sets
from stages.networks.embeddings import write_embeddings
from stages.networks.load import Machine, Source, training_state
from stages.runtime.door import door
from stages.runtime.errors import UnitError
from stages.runtime.files import replacing, write_json
from stages.runtime.jobs import Job, left_out, run
from stages.runtime.machine import device_of, place
from stages.study import command
from stages.study.load import load
from stages.study.models import measured, sources


def main() -> None:
    group = command.group("embed", ("transfer", "benchmarks"))
    experiment = load()
    paths, p = experiment.paths, experiment.params.embed
    sets = experiment.image_sets(group)
    models = {model.name: model for model in measured(experiment)} if sets else {}
    weights, failed = sources(experiment, list(models.values()))
    wanted = {name: list(sets) for name in weights}
    if group == "benchmarks" and experiment.study.reference:
        weights["reference"] = Source(paths.checkpoint("reference"))
        wanted["reference"] = [f"benchmarks/{name}" for name in experiment.study.pools]

    device = device_of(experiment.params.compute)
    where = place(experiment.params.compute, device)
    machine = Machine(device, where.threads, p.precision)
    jobs: dict[tuple[str, str], Job] = {}
    for name, source in weights.items():
        row = models[name].row if name in models else None
        # Billions of multiply-adds an image; 0.15 for each million parameters where not known.
        cost = row.gmacs if row and row.gmacs else 0.15 * source.size / 4e6
        images = [sets[key] for key in wanted[name]]
        jobs[name, "embeddings"] = Job(partial(embed_sets, source, p.batch, machine), images, cost)
        jobs[name, "weights"] = Job(partial(training_state, source), cost=0)
    kept = run(f"embed {group}", jobs, where, failed, read=lambda result: result)
    without = left_out(f"embed {group}", kept)
    if "reference" in without or without.keys() == weights.keys() != set():
        reasons = "; ".join(f"{name} ({reason})" for name, reason in without.items())
        raise UnitError(f"embed {group}: models that cannot be left out: {reasons}")

    index: dict[str, Any] = {}
    with replacing(paths.embeddings_of(group)) as folder:
        for name, source in weights.items():
            if name in without:
                index[name] = {"left_out": without[name]}
                continue
            about = {"weights": kept[name, "weights"].json()}
            index[name] = (models[name].about(source) if name in models else {}) | about
            found = zip(wanted[name], kept[name, "embeddings"], strict=True)
            tensors = {tensor: embedding.open() for tensor, embedding in found}
            write_embeddings(folder / f"{name}.safetensors", tensors, about)
        write_json(folder / "index.json", index)
    print(f"embed {group}: {len(weights) - len(without)} networks, {len(sets)} image sets")


if __name__ == "__main__":
    door(main)
