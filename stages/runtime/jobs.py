"""Runs a stage's units: asks the artifact cache for each, computes those that are missing.

A *unit* is one result with a name and a key. A *job* is a bundle of units that one worker computes
together (all shots and repeats of one model on one task, say). Results never depend on how many
workers there are: each runs one thread, and each unit draws from a generator seeded by its name.
"""

from __future__ import annotations

import functools
import importlib
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import threadpoolctl
from tqdm import tqdm

from stages.runtime.cache import Cache
from stages.runtime.errors import DataError, UnitError, UsageError
from stages.runtime.machine import cores


@dataclass(frozen=True)
class Job:
    """Units that are computed together.

    Attributes
    ----------
    keys : unit name -> key in the artifact cache.
    compute : ``module:function``, imported by workers only, so that a stage that finds everything
        in the cache imports neither torch nor timm. ``function(*args, wanted=[...])`` yields
        (unit, payload) for each wanted unit, bytes or a file that holds them; each payload is kept
        as soon as it is yielded.
    cost : relative; the most expensive job starts first, and the time left is told by it.
    """

    name: str
    keys: Mapping[str, str]
    compute: str
    args: tuple[Any, ...]
    cost: float = 1.0


@dataclass
class Report:
    """What became of a stage's units. Printed at its end."""

    stage: str
    units: int = 0
    cached: int = 0
    computed: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def line(self) -> str:
        return (
            f"{self.stage}: {self.units} units, {self.cached} from the cache, {self.computed} "
            f"computed, {sum(map(bool, self.failed))} failed, {self.seconds:.1f} s"
        )


def worker_count(asked: int | None) -> int:
    """`$WORKERS`, else the number asked for, else one for each core this process may use."""
    if "WORKERS" in os.environ:
        text = os.environ["WORKERS"]
        if not text.isdecimal() or int(text) < 1:
            raise UsageError(f"$WORKERS: '{text}'; a whole number from 1 is allowed")
        return int(text)
    return asked or cores()


def one_thread() -> None:
    """One BLAS, OpenMP and torch thread in this process: faster in a pool, and repeatable."""
    threadpoolctl.threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _work(job: Job, wanted: Sequence[str], cache: Cache) -> int:
    module, _, function = job.compute.partition(":")
    compute = getattr(importlib.import_module(module), function)
    one_thread()
    done = 0
    for unit, payload in compute(*job.args, wanted=wanted):
        cache.put(job.keys[unit], payload)
        done += 1
    if done != len(wanted):
        raise RuntimeError(f"{job.name}: {done} of {len(wanted)} units came back")
    return done


def missing(job: Job) -> list[str]:
    """Units of a job that the artifact cache does not hold."""
    cache = Cache()
    return [name for name, key in job.keys.items() if key not in cache]


def payload(job: Job, unit: str) -> bytes:
    """A finished unit's payload."""
    with payload_file(job, unit) as stream:
        return stream.read()


def payload_file(job: Job, unit: str) -> BinaryIO:
    """A finished unit's payload as a file to read from, for those larger than memory."""
    stream = Cache().open(job.keys[unit])
    if stream is None:
        raise DataError(f"artifact cache: '{job.name}' / '{unit}' vanished while the stage ran")
    return stream


def run(
    stage: str, jobs: Sequence[Job], workers: int, failed: Mapping[str, str] | None = None
) -> Report:
    """Make sure that the cache holds every unit of every job.

    Parameters
    ----------
    stage : name for the report.
    jobs : the work.
    workers : number of processes; 1 runs everything in this process.
    failed : reasons for work that could not even be planned, by name; reported with the rest.

    Raises
    ------
    UnitError
        After everything else has finished, when a job failed: names each with its reason.
    """
    start, cache, report = time.monotonic(), Cache(), Report(stage)
    report.failed.update(failed or {})
    todo: list[tuple[Job, list[str]]] = []
    for job in jobs:
        wanted = missing(job)
        report.units += len(job.keys)
        report.cached += len(job.keys) - len(wanted)
        if wanted:
            todo.append((job, wanted))
    todo.sort(key=lambda item: -item[0].cost)
    with _progress(stage, todo) as bar:
        costs = {job.name: _cost(job, wanted) for job, wanted in todo}
        for name, result in _results(todo, workers, cache):
            if isinstance(result, int):
                report.computed += result
            else:
                report.failed[name] = f"{type(result).__name__}: {result}"
            bar.set_postfix_str(f"{report.cached + report.computed} of {report.units} units")
            bar.update(costs[name])
    report.seconds = time.monotonic() - start
    print(report.line(), file=sys.stderr)
    if report.failed:
        reasons = "; ".join(f"{name} ({reason})" for name, reason in report.failed.items())
        total = len(jobs) + len(failed or {})
        raise UnitError(f"{stage}: {len(report.failed)} of {total} jobs failed: {reasons}")
    return report


def _progress(stage: str, todo: Sequence[tuple[Job, list[str]]]) -> tqdm:
    """A bar over the cost of what is to be done, so that its time left is that of the work left."""
    form = (
        "{desc}: {percentage:3.0f} % of the work |{bar}| {elapsed} gone, {remaining} left{postfix}"
    )
    total = sum(_cost(job, wanted) for job, wanted in todo)
    return tqdm(total=total, desc=stage, bar_format=form, smoothing=0, disable=None)


def _cost(job: Job, wanted: Sequence[str]) -> float:
    """The part of a job's cost that its missing units are."""
    return job.cost * len(wanted) / len(job.keys)


def _results(
    todo: list[tuple[Job, list[str]]], workers: int, cache: Cache
) -> Iterator[tuple[str, int | Exception]]:
    """(job name, units computed or the exception that ended it) for each job, as they finish."""
    if workers == 1:
        for job, wanted in todo:
            yield job.name, _outcome(functools.partial(_work, job, wanted, cache))
        return
    if not todo:
        return
    context = multiprocessing.get_context("forkserver")
    # Imported once, by the server from which workers are forked.
    modules = {job.compute.partition(":")[0] for job, _ in todo}
    context.set_forkserver_preload(sorted({"stages.runtime.jobs", *modules}))
    with ProcessPoolExecutor(min(workers, len(todo)), mp_context=context) as pool:
        futures: dict[Future[int], str] = {
            pool.submit(_work, job, wanted, cache): job.name for job, wanted in todo
        }
        try:
            for future in as_completed(futures):
                yield futures[future], _outcome(future.result)
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _outcome(call: Callable[[], int]) -> int | Exception:
    """A job's result, or the exception that ended it: one failing job does not end the study."""
    try:
        return call()
    except BrokenProcessPool:
        return RuntimeError("its worker died (out of memory?); a rerun computes what is missing")
    except Exception as error:  # noqa: BLE001 - every reason is reported, and the stage fails
        return error
