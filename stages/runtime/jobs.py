"""Runs a stage's units: asks the artifact cache for each, computes those that are missing.

A *unit* is one result with a name and a key. A *job* is a bundle of units that one worker computes
together (all shots and repeats of one model on one task, say). Jobs run in this process, in worker
processes of this machine, or on a dask.distributed cluster. Results never depend on where: each
worker runs one thread, and each unit draws from a generator seeded by its name.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from tqdm import tqdm

from stages.runtime.cache import Cache, CacheError
from stages.runtime.errors import DataError, UnitError
from stages.runtime.machine import Place
from stages.runtime.work import Digests, Job, Task, work


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
            f"computed, {len(self.failed)} failed, {self.seconds:.1f} s"
        )


def expect(module: str, where: Place) -> None:
    """Have the server of worker processes import what jobs will need, beside this process's work.

    Nothing where there will be no such processes.
    """
    if where.scheduler is None and where.in_processes:
        from stages.runtime.worker import serve

        serve({module})


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
    stage: str, jobs: Sequence[Job], place: Place, failed: Mapping[str, str] | None = None
) -> Report:
    """Make sure that the cache holds every unit of every job.

    Parameters
    ----------
    stage : name for the report.
    jobs : the work.
    place : where it is done.
    failed : reasons for work that could not even be planned, by name; reported with the rest.

    Raises
    ------
    UnitError
        After everything else has finished, when a job failed: names each with its reason. At once
        when the scheduler is lost.
    UsageError
        The scheduler cannot be reached.
    CacheError
        The artifact cache cannot be read or written; at once.
    """
    start, cache, report = time.monotonic(), Cache(), Report(stage)
    report.failed.update(failed or {})
    todo: list[Task] = []
    for job in jobs:
        wanted = missing(job)
        report.units += len(job.keys)
        report.cached += len(job.keys) - len(wanted)
        if wanted:
            todo.append(Task(job, wanted, cache, place.limit))
    todo.sort(key=lambda task: -task.job.cost)
    with _progress(stage, todo) as bar:
        for task, result in _finished(todo, place):
            try:
                report.computed += _kept(task, result())
            except CacheError:
                raise  # every other job would say the same
            except Exception as error:  # noqa: BLE001 - every reason is told, and the stage fails
                report.failed[task.job.name] = f"{type(error).__name__}: {error}".removesuffix(": ")
            bar.set_postfix_str(f"{report.cached + report.computed} of {report.units} units")
            bar.update(_cost(task))
    report.seconds = time.monotonic() - start
    print(report.line(), file=sys.stderr)
    if report.failed:
        reasons = "; ".join(f"{name} ({reason})" for name, reason in report.failed.items())
        total = len(jobs) + len(failed or {})
        raise UnitError(f"{stage}: {len(report.failed)} of {total} jobs failed: {reasons}")
    return report


def _finished(todo: Sequence[Task], place: Place) -> Iterator[tuple[Task, Callable[[], Digests]]]:
    """Each task with a function that returns its result or raises, as they finish.

    The engines are imported by stages that have something to compute.
    """
    if not todo:
        return
    if place.scheduler:
        from stages.runtime import cluster

        yield from cluster.finished(todo, place.scheduler)
    elif place.in_processes:
        from stages.runtime import pool

        yield from pool.finished(todo, min(place.workers, len(todo)))
    else:
        for task in todo:
            yield task, functools.partial(work, task)


def _kept(task: Task, made: Digests) -> int:
    """The number of units made, after checking that the artifact cache of this process has them."""
    for unit, digest in made.items():
        if task.cache.digest(task.job.keys[unit]) != digest:
            raise DataError(
                f"'{unit}' was computed and is not in {task.cache.root}: the worker has another "
                "artifact cache; $ARTIFACT_CACHE must name a folder that all machines share"
            )
    return len(made)


def _progress(stage: str, todo: Sequence[Task]) -> tqdm:
    """A bar over the cost of what is to be done, so that its time left is that of the work left."""
    form = (
        "{desc}: {percentage:3.0f} % of the work |{bar}| {elapsed} gone, {remaining} left{postfix}"
    )
    total = sum(map(_cost, todo))
    return tqdm(total=total, desc=stage, bar_format=form, smoothing=0, disable=None)


def _cost(task: Task) -> float:
    """The part of a job's cost that its missing units are."""
    return task.job.cost * len(task.wanted) / len(task.job.keys)
