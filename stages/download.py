"""Gets everything that the study needs: images, human judgments, tasks, benchmarks.

`python -m stages.download stimuli`, `tasks` or `benchmarks` (with the training images that
benchmarks are made from).

Reads:  public addresses (or $DATA_MIRROR), and files of one's own; the miniature world is drawn
Writes: data/<study>/stimuli/<set>/; tasks/<task>.npz; benchmarks/ and benchmarks/training/
Params: world, stimuli, tasks; the study's world, training, stimuli, tasks, benchmarks
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.runtime.door import door
from stages.runtime.files import replacing, unpack, write_json
from stages.runtime.jobs import Job, missing, payload, run
from stages.runtime.machine import place
from stages.runtime.source import file_digest, unit_key
from stages.sources.fetch import Remote, fetch
from stages.sources.own import local_files
from stages.sources.real import FILES
from stages.sources.timm_tables import CLASS_LISTS, TABLES
from stages.study import command
from stages.study.load import Experiment, load


def main() -> None:
    group = command.group("download", PIECES)
    experiment = load()
    work = list(PIECES[group](experiment))
    for job, remotes in work:
        for remote in remotes if missing(job) else ():
            fetch(remote)
    run(f"download {group}", [job for job, _ in work], place(experiment.params.compute))
    with replacing(experiment.paths.data / group) as folder:
        for job, _ in work:
            unpack(payload(job, job.name), folder)
        for name, section in sections(experiment, group).items():
            # So that even an empty folder is there: published models are trained on nothing.
            write_json(folder / name / "_study.json", section)


def sections(experiment: Experiment, group: str) -> dict[str, Any]:
    """What the study says of a group's files, by subfolder."""
    study = experiment.study.model_dump()
    both = {"": study[group], "training": study["training"]}
    return both if group == "benchmarks" else {"": study[group]}


Piece = tuple[Job, tuple[Remote, ...]]
Pieces = Iterator[Piece]


def stimulus_pieces(experiment: Experiment) -> Pieces:
    """One job a stimulus set, with the files that it needs."""
    for name, spec in experiment.study.stimuli.items():
        yield piece(experiment, "stimuli", name, spec)


def task_pieces(experiment: Experiment) -> Pieces:
    """One job a task."""
    for name, spec in experiment.study.tasks.items():
        yield piece(experiment, "task", name, spec)


def piece(
    experiment: Experiment, kind: str, name: str, spec: Any
) -> tuple[Job, tuple[Remote, ...]]:
    """A stimulus set or a task: drawn from the world, public, or files of one's own."""
    where = f"{experiment.file}: {'tasks' if kind == 'task' else kind}.{name}"
    own: dict[str, Any] = spec.model_dump(exclude={"source"})
    local = {str(path): file_digest(path) for path in local_files(spec.model_dump(), where)}
    if spec.source == "world":
        own |= world(experiment) | ({"name": name} if kind == "stimuli" else {})
    per_class = {"per_class": experiment.params.tasks.per_class} if kind == "task" else {}
    args = (name, spec.source, own, *per_class.values())
    return job(kind, f"{kind} {name}", args, FILES.get(spec.source, ()), local)


def benchmark_pieces(experiment: Experiment) -> Pieces:
    """Training images with the benchmarks made from them; published tables; indices of folders."""
    study = experiment.study
    if study.training:
        source = study.training.source
        arguments = study.training.model_dump(include={"per_class", "readout", "clean", "pool"})
        arguments |= world(experiment) if source == "world" else {}
        renditions = {k: b.rendition for k, b in study.benchmarks.items() if b.rendition}
        pools = sorted(k for k, b in study.benchmarks.items() if b.select)
        args = (source, arguments, renditions, pools)
        yield job("training", "training", args, FILES.get(source, ()), {})
    for name, b in study.benchmarks.items():
        if b.published:
            yield job(
                "published", f"published {name}", (name, b.published), (TABLES[b.published],), {}
            )
        if b.images and b.classes:
            yield index_piece(
                name, f"{experiment.file}: benchmarks.{name}.images", b.images, b.classes
            )


def index_piece(name: str, key: str, folder: str, classes: str) -> Piece:
    """The index of a folder of images, made anew when a file's size or date is another."""
    remotes = (CLASS_LISTS["imagenet"], CLASS_LISTS[classes])
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    local = {str(path): [path.stat().st_size, path.stat().st_mtime_ns] for path in files}
    return job("image_index", f"index {name}", (name, key, folder, classes), remotes, local)


def world(experiment: Experiment) -> dict[str, Any]:
    """Seed and classes of the miniature world, where the study has one."""
    classes = experiment.study.world
    if classes is None:
        return {}
    return {"seed": experiment.params.world.seed, "classes": classes.model_dump()}


def job(
    kind: str, name: str, args: tuple[Any, ...], remotes: tuple[Remote, ...], local: dict[str, Any]
) -> Piece:
    """A job whose only unit is its files, packed."""
    key = unit_key(
        f"download {kind}",
        ["stages.sources.units"],
        ["numpy", "pandas", "scipy", "pillow", "scikit-learn"],
        args=args,
        files={remote.url: remote.accepted for remote in remotes},
        local=local,
    )
    return Job(name, {name: key}, f"stages.sources.units:{kind}", args), remotes


PIECES = {"stimuli": stimulus_pieces, "tasks": task_pieces, "benchmarks": benchmark_pieces}

if __name__ == "__main__":
    door(main)
