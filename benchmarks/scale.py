"""Where units run: what a unit costs beside its work, and what two workers gain.

`python -m benchmarks.scale`, in minutes: in this process, in worker processes of this machine, and
on a dask.distributed cluster of two workers on 127.0.0.1, in turns, each run from an empty artifact
cache. Units that do nothing tell the overhead; few-shot units on drawn embeddings the speed-up, and
that every place makes the same bytes. Workers have imported what units need, as a stage's fork
server does once and a cluster's workers on their first job; that is not counted. The best that two
workers can gain is 2, where two cores are free; what else the machine does takes from it.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import safetensors.numpy

from stages.runtime.cache import Cache
from stages.runtime.files import npz_bytes
from stages.runtime.jobs import Job, run
from stages.runtime.machine import Place
from stages.runtime.source import digest
from stages.study.load import load

UNITS = 500
REPEATS = 3
MODELS, IMAGES, FEATURES = 4, 1000, 256
N, DRAWS = (1, 5, 20), 2


def main() -> None:
    from distributed.deploy.subprocess import SubprocessCluster  # else each worker imports it

    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stderr(io.StringIO()):
        os.environ["OMP_NUM_THREADS"] = "1"
        cluster = SubprocessCluster(
            n_workers=2,
            worker_kwargs={"nthreads": 1, "dashboard": False},
            scheduler_kwargs={"dashboard": False},
            silence_logs=50,
        )
        with cluster:
            places = {
                "in-process": Place(1),
                "2 workers": Place(2),
                "2 dask workers": Place(scheduler=cluster.scheduler_address),
            }
            print(f"{'':44}" + "".join(f"{place:>17}" for place in places))
            speed_up(Path(name), places)
            overhead(Path(name), places)


def overhead(folder: Path, places: dict[str, Place]) -> None:
    """Lines of what a stage and each of its units cost where units do nothing."""
    one, many = idle(1), idle(UNITS)
    taken = in_turns(folder, places, one, many)
    start, each = {}, {}
    for place, (first, all_of) in taken.items():
        start[place] = [1000 * t for t in first]
        rest = zip(first, all_of, strict=True)
        each[place] = [1000 * (t - f) / (UNITS - 1) for f, t in rest]
    line("a stage of one unit that does nothing, ms", start)
    line("each unit more, ms", each)


def speed_up(folder: Path, places: dict[str, Place]) -> None:
    """Lines of seconds and speed-up on few-shot units, and whether digests are equal."""
    jobs = fewshot(folder)
    taken = {place: times for place, (times,) in in_turns(folder, places, jobs).items()}
    line(f"{sum(len(job.keys) for job in jobs)} few-shot units, s", taken)
    alone = taken["in-process"]
    gain = {p: [a / t for a, t in zip(alone, own, strict=True)] for p, own in taken.items()}
    line("times as fast as in-process", gain)
    kept = [digests(folder / place, jobs) for place in places]
    assert None not in kept[0].values()
    print(f"{'digests equal':44}{'yes' if kept[0] == kept[1] == kept[2] else 'NO':>17}")


def in_turns(
    folder: Path, places: dict[str, Place], *work: Sequence[Job]
) -> dict[str, list[list[float]]]:
    """Seconds of each repeat of each list of jobs, places in turns; one round is not counted."""
    taken: dict[str, list[list[float]]] = {place: [[] for _ in work] for place in places}
    for repeat in range(REPEATS + 1):
        for name, place in places.items():
            for jobs, found in zip(work, taken[name], strict=True):
                with empty_cache(folder / name):
                    start = time.perf_counter()
                    run("benchmark", jobs, place)
                    seconds = time.perf_counter() - start
                if repeat:
                    found.append(seconds)
    return taken


@contextlib.contextmanager
def empty_cache(folder: Path) -> Iterator[None]:
    """An artifact cache with nothing in it; what a block put there stays until the next."""
    for file in folder.rglob("*"):
        if file.is_file():
            file.unlink()
    os.environ["ARTIFACT_CACHE"] = str(folder)
    yield


def digests(folder: Path, jobs: Sequence[Job]) -> dict[str, str | None]:
    """SHA-256 of every unit in an artifact cache."""
    return {key: Cache(folder).digest(key) for job in jobs for key in job.keys.values()}


def line(what: str, values: dict[str, list[float]]) -> None:
    """A line of medians and, below, of ranges."""
    print(f"{what:44}" + "".join(f"{median(v):>17.2f}" for v in values.values()))
    spans = (f"({min(v):.2f} - {max(v):.2f})" for v in values.values())
    print(f"{'':44}" + "".join(f"{span:>17}" for span in spans), flush=True)


def idle(count: int) -> list[Job]:
    """Jobs of one unit each that does nothing."""
    names = [f"idle {i}" for i in range(count)]
    return [Job(name, {"unit": digest(name)}, "benchmarks.idle:nothing", ()) for name in names]


def fewshot(folder: Path) -> list[Job]:
    """The few-shot stage's jobs for drawn embeddings of ten classes: a model and head a job."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), IMAGES // 10)
    (folder / "task.npz").write_bytes(npz_bytes(labels=labels))
    params = load().params.fewshot
    cells = {f"n={n},repeat={r}": (n, r) for n in N for r in range(DRAWS)}
    jobs = []
    for model in range(MODELS):
        centres = rng.standard_normal((10, FEATURES), np.float32)
        drawn = centres[labels] + 3 * rng.standard_normal((IMAGES, FEATURES), np.float32)
        file = folder / f"{model}.safetensors"
        safetensors.numpy.save_file({"tasks/drawn": drawn}, file)
        for head in ("linear", "mlp1", "mlp2"):
            keys = {cell: digest([model, head, cell]) for cell in cells}
            settings = getattr(params, head).model_dump()
            args = (file, folder / "task.npz", "drawn", head, settings, 0, cells)
            jobs.append(Job(f"{model} {head}", keys, "stages.probes.units:fewshot", args))
    return jobs


if __name__ == "__main__":
    main()
