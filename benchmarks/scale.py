"""Where units run: what a unit costs beside its work, and what two workers gain.

`python -m benchmarks.scale`, in minutes: in this process, in worker processes of this machine, and
on a dask.distributed cluster of two workers on 127.0.0.1, in turns, each run from an empty artifact
cache. Units that do nothing tell the overhead; few-shot units on drawn embeddings the speed-up, and
that every place makes the same bytes. Workers have imported what units need, as a stage's fork
server does once and a cluster's workers on their first job; that is not counted. The best that two
workers can gain is 2, where two cores are free; what else the machine does takes from it.
"""

import contextlib
import io
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import safetensors.numpy

from benchmarks.sides import timed
from stages.networks.embeddings import Embedding
from stages.probes.fewshot import fewshot_accuracy
from stages.runtime.cache import Cache
from stages.runtime.files import npz_bytes
from stages.runtime.jobs import Job, run
from stages.runtime.machine import Place
from stages.study.load import load
from tests import jobs

UNITS = 500
REPEATS = 3
MODELS, IMAGES, FEATURES = 4, 1000, 256
N, DRAWS = (1, 5, 20), 2


def main() -> None:
    from distributed.deploy.subprocess import SubprocessCluster  # else each worker imports it

    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stderr(io.StringIO()):
        folder = Path(name)
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
            print(f"{'':44}" + "".join(f"{place:>26}" for place in places))
            work = fewshot(folder)
            keys = [key for job in work.values() for key in job.keys]
            (taken,) = in_turns(folder, places, work)
            line(f"{len(keys)} few-shot units, s", taken)
            line("times as fast as in-process", taken[0] / taken)
            kept = [[Cache(folder / place).digest(key) for key in keys] for place in places]
            assert None not in kept[0]
            print(f"{'digests equal':44}{'yes' if kept[0] == kept[1] == kept[2] else 'NO':>26}")
            idle = [{str(i): Job(partial(jobs.returned, i)) for i in range(n)} for n in (1, UNITS)]
            one, many = 1000 * in_turns(folder, places, *idle)
            line("a stage of one unit that does nothing, ms", one)
            line("each unit more, ms", (many - one) / (UNITS - 1))


def in_turns(folder: Path, places: dict[str, Place], *work: Mapping[str, Job]) -> np.ndarray:
    """Seconds [jobs, place, repeat], places in turns; one round is not counted."""
    taken = np.zeros((len(work), len(places), REPEATS + 1))
    for repeat, (p, name), (w, asked) in product(
        range(REPEATS + 1), enumerate(places), enumerate(work)
    ):
        shutil.rmtree(folder / name, ignore_errors=True)
        os.environ["ARTIFACT_CACHE"] = str(folder / name)
        start = time.perf_counter()
        run("benchmark", asked, places[name])
        taken[w, p, repeat] = time.perf_counter() - start
    return taken[:, :, 1:]


def line(what: str, values: np.ndarray) -> None:
    """The median of the repeats of each place, and the range."""
    cells = (f"{np.median(v):.2f} ({v.min():.2f}-{v.max():.2f})" for v in values)
    print(f"{what:44}" + "".join(f"{cell:>26}" for cell in cells), flush=True)


def fewshot(folder: Path) -> dict[str, Job]:
    """The few-shot stage's jobs for drawn embeddings of ten classes."""
    rng = np.random.default_rng(0)
    labels, task = np.repeat(np.arange(10), IMAGES // 10), folder / "task.npz"
    task.write_bytes(npz_bytes(labels=labels))
    params, made = load().params.fewshot, {}
    for model in range(MODELS):
        centres = rng.standard_normal((10, FEATURES), np.float32)
        drawn = centres[labels] + 3 * rng.standard_normal((IMAGES, FEATURES), np.float32)
        embedding = Embedding(folder / f"{model}.safetensors", "tasks/drawn")
        safetensors.numpy.save_file({"tasks/drawn": drawn}, embedding.file)
        for head, repeat in product(("linear", "mlp1", "mlp2"), range(DRAWS)):
            settings = getattr(params, head).model_dump()
            call = partial(fewshot_accuracy, embedding, task, head, settings, 0, repeat)
            made[f"{model} {head} {repeat}"] = Job(call, N)
    return made


if __name__ == "__main__":
    timed(main)
