"""Gets everything that the study needs: images, human judgments, tasks, benchmarks.

Reads:  public addresses (or $DATA_MIRROR); the miniature world is drawn, and reads nothing
Writes: data/<study>/stimuli/<set>/, tasks/<task>.npz, training/, benchmarks/
Params: world; the study's world, training, stimuli, tasks, benchmarks
"""

import shutil
from collections.abc import Iterator
from typing import Any

from stages.runtime.door import door
from stages.runtime.files import replacing, unpack
from stages.runtime.jobs import Job, missing, payload, run, worker_count
from stages.runtime.source import unit_key
from stages.sources.fetch import fetch
from stages.sources.real import FILES
from stages.study.load import Experiment, load

FOLDERS = ("stimuli", "tasks", "training", "benchmarks")


def main() -> None:
    experiment = load()
    work = list(pieces(experiment))
    for job, source in work:
        for remote in FILES.get(source, ()) if missing(job) else ():
            fetch(remote)
    run("download", [job for job, _ in work], worker_count(experiment.params.compute.workers))
    with replacing(experiment.paths.data / "fresh") as fresh:
        for job, _ in work:
            unpack(payload(job, job.name), fresh)
    for folder in FOLDERS:
        shutil.rmtree(experiment.paths.data / folder, ignore_errors=True)
        (experiment.paths.data / "fresh" / folder).replace(experiment.paths.data / folder)
    (experiment.paths.data / "fresh").rmdir()


def pieces(experiment: Experiment) -> Iterator[tuple[Job, str]]:
    """One job for each piece of the study's data, with the name of its source."""
    study = experiment.study
    world = {}
    if study.world:
        world = {"seed": experiment.params.world.seed, "classes": study.world.model_dump()}
    counts = study.training.model_dump(include={"per_class", "readout", "clean", "pool"})
    source = study.training.source
    renditions = {k: b.rendition for k, b in study.benchmarks.items() if b.rendition}
    pools = sorted(k for k, b in study.benchmarks.items() if b.select)
    arguments = {**world, **counts} if source == "world" else counts
    yield _job("training", source, (source, arguments, renditions, pools)), source
    for kind, specs in (("stimuli", study.stimuli), ("task", study.tasks)):
        for name, spec in specs.items():
            own: dict[str, Any] = {}
            if spec.source == "world":
                own = {**world, **spec.model_dump(exclude={"source"})}
                own |= {"name": name} if kind == "stimuli" else {}
            yield _job(kind, spec.source, (name, spec.source, own)), spec.source


def _job(kind: str, source: str, args: tuple[Any, ...]) -> Job:
    key = unit_key(
        f"download {kind}",
        ["stages.sources.units"],
        ["numpy", "scipy", "pillow", "scikit-learn"],
        args=args,
        files={remote.url: remote.accepted for remote in FILES.get(source, ())},
    )
    name = kind if kind == "training" else f"{kind} {args[0]}"
    return Job(name, {name: key}, f"stages.sources.units:{kind}", args)


if __name__ == "__main__":
    door(main)
