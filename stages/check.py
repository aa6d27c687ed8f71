"""Checks params.yaml and the study before anything else runs.

Reads:  params.yaml, studies/
Writes: data/checked.txt (always the same, so that nothing reruns because of it)

Every other stage comes after this one, so a wrong value leaves all earlier outputs untouched.
"""

from pathlib import Path

from stages.runtime.door import door
from stages.runtime.errors import UsageError
from stages.runtime.files import write_bytes
from stages.sources.own import local_files
from stages.study.load import Experiment, check_tables, load
from stages.study.models import check_groups, models


def main() -> None:
    experiment = load()
    check_tables(experiment)
    chosen = models(experiment)
    absent = {model.name: model.absent for model in chosen if model.absent}
    check_groups(experiment.params.analyze.group_size, len(chosen) - len(absent))
    check_measure(experiment)
    check_files(experiment)
    write_bytes(experiment.paths.data / "checked.txt", b"params.yaml and its study are valid\n")
    print(f"check: study '{experiment.params.study}', {len(chosen)} models")
    for name, reason in absent.items():
        print(f"check: {name}: no weights ({reason}); it counts in the published tables alone")


def check_files(experiment: Experiment) -> None:
    """Files of one's own must be there; all that are not are named at once."""
    missing = []
    for section in ("stimuli", "tasks"):
        for name, spec in getattr(experiment.study, section).items():
            try:
                local_files(spec.model_dump(), f"{experiment.file}: {section}.{name}")
            except UsageError as error:
                missing.append(str(error))
    for name, benchmark in experiment.study.benchmarks.items():
        if benchmark.images is not None and not Path(benchmark.images).is_dir():
            key = f"{experiment.file}: benchmarks.{name}.images"
            missing.append(f"{key}: '{benchmark.images}' is no folder")
    if missing:
        raise UsageError("; ".join(missing))


def check_measure(experiment: Experiment) -> None:
    """Some stimulus set must support the measure that plots show; triplets support their own."""
    wanted = experiment.params.analyze.measure
    sources = {spec.source for spec in experiment.study.stimuli.values()}
    if wanted != "triplet" and sources <= {"materials", "triplets"}:
        raise UsageError(
            f"params.yaml: analyze.measure: no stimulus set of this study supports '{wanted}'; "
            "allowed: ['triplet']"
        )


if __name__ == "__main__":
    door(main)
