"""Checks params.yaml and the study before anything else runs.

Reads:  params.yaml, studies/
Writes: data/<study>/checked.txt (always the same, so that nothing reruns because of it)

Every other stage comes after this one, so a wrong value leaves all earlier outputs untouched.
"""

from stages.runtime.door import door
from stages.runtime.errors import UsageError
from stages.runtime.files import write_bytes
from stages.sources.own import local_files
from stages.study.load import Experiment, load
from stages.study.zoo import check_tables, models


def main() -> None:
    experiment = load()
    check_tables(experiment)
    chosen = models(experiment)
    absent = {model.name: model.absent for model in chosen if model.absent}
    check_groups(experiment, len(chosen) - len(absent))
    for section in ("stimuli", "tasks"):
        for name, spec in getattr(experiment.study, section).items():
            local_files(spec.model_dump(), f"{experiment.file}: {section}.{name}")
    text = f"params.yaml and {experiment.file} are valid\n"
    write_bytes(experiment.paths.data / "checked.txt", text.encode())
    print(f"check: study '{experiment.params.study}', {len(chosen)} models")
    for name, reason in absent.items():
        print(f"check: {name}: no weights ({reason}); it counts in the published tables alone")


def check_groups(experiment: Experiment, count: int) -> None:
    """High, mid and low groups must not overlap, and a correlation needs some models."""
    size = experiment.params.analyze.group_size
    if count < max(3 * size, 6):
        raise UsageError(
            f"params.yaml: analyze.group_size: {size} with {count} models; high, mid and low must "
            f"not overlap: at most {count // 3} is allowed, and at least 6 models"
        )


if __name__ == "__main__":
    door(main)
