"""Top-1 and top-5 accuracy of each model on the robustness benchmarks: measured, and published.

Reads:  data/benchmarks/, benchmark_embeddings/, checkpoints/; published tables; the hub's weights
Writes: data/robustness.csv: model, benchmark, classifier, weights, images, top1, top5; the
        classifier is "readout" (linear, of networks trained here), "own" (the network's, where it
        has the benchmark's categories) or "published" (timm's tables)
        data/covariate.json: correlation of the covariate with top-1 on each benchmark; who lacks it
Params: models, embed, robustness; the study's models, benchmarks, covariate, paper and others
"""

from functools import partial

from stages.analysis.published import covariate_metrics
from stages.networks.classify import classify_folders
from stages.networks.embeddings import Embedding, left_out_of
from stages.networks.load import Machine
from stages.probes.readout import LabelledEmbedding, fooled, readout_accuracy
from stages.runtime.door import door
from stages.runtime.errors import DataError, report
from stages.runtime.files import write_json
from stages.runtime.jobs import Job, left_out, run
from stages.runtime.machine import device_of, place
from stages.runtime.tables import write_table
from stages.study.load import load
from stages.study.models import measured, models, sources
from stages.study.published import benchmark_rows

ROBUSTNESS = ("model", "benchmark", "classifier", "weights", "images", "top1", "top5")


def main() -> None:
    experiment = load()
    study, paths, params = experiment.study, experiment.paths, experiment.params
    folders = [name for name, benchmark in study.benchmarks.items() if benchmark.images]
    device = device_of(params.compute) if folders else "cpu"
    where = place(params.compute, device)
    jobs, benchmarks = {}, {"readout": study.made_benchmarks, "own": folders}

    def images(model: str, name: str, rows: list[int] | None = None) -> LabelledEmbedding:
        file = paths.embeddings_of("benchmarks") / f"{model}.safetensors"
        return LabelledEmbedding(Embedding(file, name), paths.labels_of(name), rows)

    adversarial = {
        name: fooled(images("reference", f"benchmarks/{name}"), paths.checkpoint("reference"))
        for name in study.pools
    }
    settings = params.robustness.readout.model_dump()
    without = left_out_of(paths.embeddings_of("benchmarks"))
    for model in (m.name for m in models(experiment) if m.recipe and m.name not in without):
        training, checkpoint = images(model, "training/readout"), paths.checkpoint(model)
        made = [images(model, f"benchmarks/{b}", adversarial.get(b)) for b in benchmarks["readout"]]
        call = partial(readout_accuracy, training, checkpoint, settings)
        jobs[model, "readout"] = Job(call, made)
    weights, failed = sources(experiment, measured(experiment)) if folders else ({}, {})
    machine = Machine(device, where.threads, params.embed.precision)
    indices = [paths.benchmarks / f"{name}.json" for name in folders]
    for model, source in weights.items():
        call = partial(classify_folders, source, params.embed.batch, machine)
        jobs[model, "own"] = Job(call, indices, source.size)
    results = run("robustness", jobs, where, failed)
    without |= left_out("robustness", results)
    rows = [
        {"model": model, "benchmark": benchmark} | row
        for (model, kind), accuracies in results.items()
        if model not in without
        for benchmark, classifiers in zip(benchmarks[kind], accuracies, strict=True)
        for row in classifiers
    ]
    published, absent = benchmark_rows(experiment)
    if not (rows := [*rows, *published]) and study.benchmarks:
        raise DataError(f"{experiment.file}: benchmarks: no accuracy of any model on any of them")
    write_table(paths.table("robustness"), rows, ROBUSTNESS)
    given, expected = study.covariate, study.paper.covariate_r if study.paper else {}
    found = covariate_metrics(rows, given.benchmark, given.classifier, expected)
    write_json(paths.data / "covariate.json", found | {"without_row": absent, "left_out": without})
    report("robustness", {m: f"no published row in {', '.join(b)}" for m, b in absent.items()})


if __name__ == "__main__":
    door(main)
