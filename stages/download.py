"""Gets everything that the study needs: images, human judgments, tasks, benchmarks.

`python -m stages.download stimuli`, `tasks` or `benchmarks` (with the training images that
benchmarks are made from).

Reads:  public addresses (or $DATA_MIRROR), and your own files; the miniature world is simulated
Writes: data/stimuli/<set>/; data/tasks/<task>.npz; data/benchmarks/ and data/benchmarks/training/
Params: world, stimuli, tasks; the study's world, training, stimuli, tasks, benchmarks
"""

from functools import partial

from stages.runtime.door import door
from stages.runtime.files import replacing, unpack, write_json
from stages.runtime.jobs import Job, Kept, missing, run
from stages.runtime.machine import place
from stages.sources.datasets import made_from
from stages.sources.fetch import fetch
from stages.study import command
from stages.study.load import load
from stages.study.pieces import GROUPS, pieces


def main() -> None:
    group = command.group("download", GROUPS)
    experiment = load()
    jobs = {}
    for piece in pieces(experiment, group):
        job = Job(partial(made_from, [*piece.remotes, *piece.local], piece.make))
        for remote in piece.remotes if missing(job) else ():
            fetch(remote)
        jobs[piece.name] = job
    made = run(f"download {group}", jobs, place(experiment.params.compute), read=Kept.bytes)
    with replacing(experiment.paths.data / group) as folder:
        for files in made.values():
            unpack(files, folder)
        study = experiment.study.model_dump()
        write_json(folder / "_study.json", study[group])  # so that even an empty folder is there
        if group == "benchmarks":
            write_json(folder / "training" / "_study.json", study["training"])


if __name__ == "__main__":
    door(main)
