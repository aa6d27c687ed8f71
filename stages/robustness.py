"""Top-1 and top-5 accuracy of each model on the robustness benchmarks: measured, and published.

Reads:  data/benchmarks/, benchmark_embeddings/, checkpoints/; published tables; the hub's weights
Writes: data/robustness.csv: model, benchmark, classifier, weights, images, top1, top5; classifier
        is "readout" (linear), "own" (the network's) or "published" (timm's tables)
        data/covariate.json: correlation of the covariate with top-1 on each benchmark; who lacks it
Params: models, embed, robustness; the study's models, benchmarks, covariate, paper and others
"""

from functools import partial
from itertools import chain

from stages.analysis.published import covariate_metrics
from stages.networks.classify import classify_folders
from stages.networks.embeddings import Embedding, embedded, left_out_of, weights_of
from stages.networks.load import Machine
from stages.probes.readout import LabelledEmbedding, fooled, readout_accuracy
from stages.runtime.door import door
from stages.runtime.errors import DataError, report
from stages.runtime.files import write_json
from stages.runtime.jobs import Job, left_out, run
from stages.runtime.machine import device_of, place
from stages.runtime.tables import write_table
from stages.study.load import load
from stages.study.models import measured
from stages.study.published import benchmark_rows
from stages.study.weights import sources

ROBUSTNESS = ("model", "benchmark", "classifier", "weights", "images", "top1", "top5")


def main() -> None:
    experiment = load()
    study, paths, params = experiment.study, experiment.paths, experiment.params
    folders = [name for name, benchmark in study.benchmarks.items() if benchmark.images]
    device = device_of(params.compute) if folders else "cpu"
    where, embeddings = place(params.compute, device), paths.embeddings_of("benchmarks")
    jobs: dict[tuple[str, str], Job] = {}

    def images(model: str, name: str, rows: list[int] | None = None) -> LabelledEmbedding:
        file = embeddings / f"{model}.safetensors"
        return LabelledEmbedding(Embedding(file, name), paths.labels_of(name), rows)

    judge = paths.checkpoint("reference")
    fooling = {b: fooled(images("reference", f"benchmarks/{b}"), judge) for b in study.pools}
    settings, chosen = params.robustness.readout.model_dump(), measured(experiment)
    own = {m.name: paths.checkpoint(m.name) for m in chosen if m.recipe}
    weights = weights_of(embeddings, [m.name for m in chosen] if study.training else [])
    pairs = embedded(embeddings, weights, "benchmarks", study.made_benchmarks)
    for model, _ in embedded(embeddings, weights, "training", ["readout"]):
        each = [images(m, f"benchmarks/{b}", fooling.get(b)) for m, b in pairs if m == model]
        given = (images(model, "training/readout"), weights[model], own.get(model), settings)
        jobs[model, "readout"] = Job(partial(readout_accuracy, *given), each)
    known, failed = sources(experiment, [m for m in chosen if folders and m.classifies])
    machine = Machine(device, where.threads, params.embed.precision)
    for model, source in known.items():
        call = partial(classify_folders, source, params.embed.batch, machine)
        indices = [paths.benchmarks / f"{name}.json" for name in folders]
        jobs[model, "own"] = Job(call, indices, source.size)
    results = run("robustness", jobs, where, failed)
    without = left_out_of(embeddings) | left_out("robustness", results)
    rows = [
        {"model": model} | row
        for (model, _), accuracies in results.items()
        if model not in without
        for row in chain(*accuracies)
    ]
    published, absent = benchmark_rows(experiment)
    if not (rows := [*rows, *published]) and study.benchmarks:
        raise DataError(f"{experiment.file}: benchmarks: no accuracy of any model on any of them")
    write_table(paths.table("robustness"), rows, ROBUSTNESS)
    c, expected = study.covariate, study.paper.covariate_r if study.paper else {}
    found = covariate_metrics(rows, c.benchmark, c.classifier, expected)
    write_json(paths.data / "covariate.json", found | {"without_row": absent, "left_out": without})
    report("robustness", {m: f"no published row in {', '.join(b)}" for m, b in absent.items()})


if __name__ == "__main__":
    door(main)
