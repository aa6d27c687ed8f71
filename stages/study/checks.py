"""What is known of a study before any work: files, limits, models that cannot take part."""

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from stages.networks.published import IMAGENET, Config, read_config
from stages.runtime.errors import UsageError
from stages.similarity.measures import MEASURES
from stages.sources.image_folders import benchmark_files
from stages.sources.labelled import check_shots
from stages.sources.own import local_files
from stages.study.experiment import Experiment
from stages.study.models import Model
from stages.study.sizes import smallest_class

LEAST = 5
"""Models: with fewer, a partial correlation with one covariate has no interval."""


def check_count(count: int) -> None:
    """So many models must suffice for correlations."""
    if count < LEAST:
        raise UsageError(
            f"params.yaml: models: {count} models have all that is needed; at least {LEAST} must"
        )


def check_measure(experiment: Experiment) -> None:
    """Some stimulus set must support the measure that plots show; triplets support their own."""
    wanted, allowed = experiment.params.analyze.measure, set[str]()
    for name, spec in experiment.study.stimuli.items():
        own = {name} if spec.source == "published" else set(MEASURES)
        allowed |= {"triplet"} if spec.source in ("materials", "triplets") else own
    if wanted is not None and wanted not in allowed:
        raise UsageError(
            f"params.yaml: analyze.measure: no stimulus set of this study supports '{wanted}'; "
            f"allowed: {sorted(allowed)}"
        )


def check_files(experiment: Experiment) -> None:
    """Files of one's own must be there; all that are not are named at once."""
    study, file, missing = experiment.study, experiment.file, []
    calls: list[partial[Any]] = [
        partial(local_files, spec.model_dump(), f"{file}: {section}.{name}")
        for section, sets in (("stimuli", study.judged), ("tasks", study.taught))
        for name, spec in sets.items()
    ] + [
        partial(benchmark_files, Path(benchmark.images), f"{file}: benchmarks.{name}.images")
        for name, benchmark in study.benchmarks.items()
        if benchmark.images is not None
    ]
    for call in calls:
        try:
            call()
        except UsageError as error:
            missing.append(str(error))
    if missing:
        raise UsageError("; ".join(missing))


def check_tasks(experiment: Experiment) -> None:
    """The smallest class of every task must have an image to test on beside `fewshot.n`."""
    for name, task in experiment.study.taught.items():
        smallest = smallest_class(experiment.study, task, experiment.params.tasks.per_class)
        check_shots(experiment.params.fewshot.n, smallest, f"task '{name}'")


def unsuited(
    experiment: Experiment, models: Collection[Model], given: Mapping[str, Mapping[str, Path]]
) -> dict[str, str]:
    """Models that the analysis will leave out, as far as is known before any work, and why.

    given : of `given_files`. UsageError where they leave none.
    """
    study, covariate = experiment.study, experiment.study.covariate
    benchmarks = study.benchmarks.values()
    kinds = {b.published and not b.images and "published" for b in benchmarks}
    kinds |= {b.images and not b.published and "own" for b in benchmarks}
    source = study.benchmarks.get(covariate.benchmark or "")
    own = {None if source and source.facts else covariate.classifier}
    sets = {f"stimuli/{name}" for name in study.judged}
    if covariate.classifier == "readout":
        sets |= {"training/readout", f"benchmarks/{covariate.benchmark}"}
    found = {}
    for model in models:
        needed = own | kinds if model.classifies else own
        config = read_config(model.config) if model.config else Config("", {}, {}, "")
        channels = config.pretrained.get("input_size", (3,))[0]
        classes = (config.pretrained | config.arguments).get("num_classes", IMAGENET)
        if model.absent:
            found[model.name] = f"no weights ({model.absent})"
        elif model.given and (lacks := sorted(sets - given[model.name].keys())):
            found[model.name] = f"no features of {', '.join(lacks)}"
        elif "published" in needed and not model.table:
            found[model.name] = "the published tables have no row of it"
        elif channels != 3:
            found[model.name] = f"channels of its input: {channels}, not 3"
        elif "own" in needed and not model.classifies:
            found[model.name] = "its own classifier, if it has one, is not of ImageNet's classes"
        elif "own" in needed and classes != IMAGENET:
            found[model.name] = f"its classifier has {classes} classes, not ImageNet's {IMAGENET}"
    if len(found) == len(models):
        which = f"'{covariate.benchmark}' with classifier '{covariate.classifier}'"
        reasons = "; ".join(f"{name}: {reason}" for name, reason in found.items())
        raise UsageError(f"{experiment.file}: covariate: no model has {which}: {reasons}")
    return found
