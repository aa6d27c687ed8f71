"""Runs a stage's jobs: takes from the artifact cache what is there, computes what is missing.

A *job* is a call of a plain function. Its result is kept in the artifact cache under a key that
follows from the function's code and its arguments (`stages.runtime.source`). A function that makes
several results from shared work takes a last argument `each`, a list of items, and yields one
result for each item in order; each is kept by itself, and the function gets the missing ones only.

Jobs run in this process, in worker processes of this machine, or on a dask.distributed cluster.
Results never depend on where: each computes in one thread, from seeds among a job's arguments.
"""

import contextlib
import functools
import json
import signal
import sys
import time
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from tqdm import tqdm

from stages.runtime.cache import Cache, CacheError
from stages.runtime.errors import DataError, UnitError, UnsuitableError
from stages.runtime.machine import Place, one_thread
from stages.runtime.source import keys_of

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Job:
    """A call whose results are kept.

    call : a module's function and its arguments; paths are relative to the repository's root. It
        returns, or yields for each item, a JSON-able value, bytes, or the path of a file to copy.
    each : items, for a function that makes one result for each; None for a single result.
    cost : relative to other jobs. The most expensive one starts first.
    """

    call: functools.partial[Any]
    each: Sequence[Any] | None = None
    cost: float = 1.0

    @functools.cached_property
    def keys(self) -> list[str]:
        """The key of each result in the artifact cache."""
        return keys_of(self.call, self.each)


@dataclass(frozen=True)
class Kept:
    """A result in the artifact cache; `verified` if it was found whole before the stage began."""

    key: str
    name: str
    verified: bool

    def open(self) -> BinaryIO:
        """A file to read the result from, for results larger than memory."""
        stream = Cache().open(self.key, self.verified)
        if stream is None:
            raise DataError(f"artifact cache: a result of '{self.name}' vanished; run again")
        return stream

    def bytes(self) -> bytes:
        with self.open() as stream:
            return stream.read()

    def json(self) -> Any:
        return json.loads(self.bytes())


@dataclass(frozen=True)
class Task:
    """What a worker is given: a job, which of its results are missing, and where they go.

    limit : seconds for each result, if any."""

    name: str
    job: Job
    missing: Sequence[int]
    cache: Cache
    limit: float | None = None


EVERY = 30
"""Seconds between two lines of progress, where there is no terminal to draw a bar in."""
Made = dict[str, str] | BaseException
"""SHA-256 of each result of a job by its key, or why the job failed: as a UnitError, in words."""
Finished = tuple[Task, Made]


def run(
    stage: str,
    jobs: Mapping[Key, Job],
    place: Place,
    failed: Mapping[str, str] | None = None,
    read: Callable[[Kept], Any] = Kept.json,
) -> dict[Key, Any]:
    """The results of all jobs by name: for a job with `each` a list, in the order of its items.

    stage : its name, for the report on stderr. place : where missing results are computed.
    jobs : by name: a text, or a tuple such as (model, task), of which errors show the parts.
    failed : reasons for jobs that could not even be planned, by name; reported with the others.
    read : what is made of a result: its JSON by default, `Kept.bytes`, or the `Kept` itself.

    A job that raised UnsuitableError has that error in the place of its results; see `left_out`.

    Raises UnitError, which names all that failed, and why, after all others (at once if a scheduler
    is lost); UsageError if a scheduler, CacheError if the artifact cache cannot be reached.
    """
    start, cache, failures = time.monotonic(), Cache(), dict(failed or {})
    unsuitable: dict[str, UnsuitableError] = {}  # by key, which jobs may share
    tasks, planned, made = [], set[str](), set[str]()
    for name, job in jobs.items():
        absent = []
        for i, key in enumerate(job.keys):
            if key not in planned and key not in cache:
                absent.append(i)
            planned.add(key)  # a result that is asked for twice is computed once
        if absent:
            tasks.append(Task(_text(name), job, absent, cache, place.limit))
    tasks.sort(key=lambda task: -task.job.cost)
    total, cached = len(planned), len(planned) - sum(len(task.missing) for task in tasks)
    form = "{desc}: {percentage:3.0f} % |{bar}| {elapsed} elapsed, {remaining} left{postfix}"
    whole = sum(map(_cost, tasks))  # so that the time left is that of the work left
    bar, told = tqdm(None, stage, whole, bar_format=form, smoothing=0, disable=None), start
    with bar, contextlib.closing(_finished(tasks, place)) as finished:
        for task, found in finished:
            if isinstance(found, CacheError):
                raise found  # every other job would fail for the same reason
            if isinstance(found, UnsuitableError):
                unsuitable |= dict.fromkeys((task.job.keys[i] for i in task.missing), found)
            elif isinstance(found, BaseException):
                failures[task.name] = _reason(found)
            elif any(cache.digest(key) != digest for key, digest in found.items()):
                failures[task.name] = (
                    f"a result of '{task.name}' was computed and is not in {cache.root}: the "
                    "worker has another artifact cache; $ARTIFACT_CACHE must name a folder that "
                    "all machines share"
                )
            else:
                made |= found.keys()
            bar.set_postfix_str(so_far := f"{cached + len(made)} of {total} units")
            bar.update(_cost(task))
            if bar.disable and time.monotonic() - told > EVERY:
                told = time.monotonic()
                print(f"{stage}: {so_far}, {told - start:.0f} s", file=sys.stderr)
    units = f"{total} units, {cached} from the cache, {len(made)} computed, {len(failures)} failed"
    print(f"{stage}: {units}, {time.monotonic() - start:.1f} s", file=sys.stderr)
    if failures:
        by = {why: [n for n, w in failures.items() if w == why] for why in failures.values()}
        reasons = "; ".join(f"{', '.join(names)} ({why})" for why, names in by.items())
        total = len(jobs) + len(failed or {})
        raise UnitError(f"{stage}: {len(failures)} of {total} jobs failed: {reasons}")
    results: dict[Key, Any] = {}
    for name, job in jobs.items():
        if unfit := unsuitable.keys() & set(job.keys):
            results[name] = unsuitable[unfit.pop()]
            continue
        kept = [read(Kept(key, _text(name), verified=key not in made)) for key in job.keys]
        results[name] = kept[0] if job.each is None else kept
    return results


def left_out(stage: str, results: Mapping[tuple[str, str], Any]) -> dict[str, str]:
    """Models whose job raised UnsuitableError, each named on stderr, and why.

    results : of `run`, by model and what is asked of it.
    """
    found = {m: str(r) for (m, _), r in results.items() if isinstance(r, UnsuitableError)}
    for name, reason in found.items():
        print(f"{stage}: {name} is left out: {reason}", file=sys.stderr)
    return found


def _text(name: Hashable) -> str:
    return " ".join(map(str, name)) if isinstance(name, tuple) else str(name)


def warm(place: Place, *modules: str) -> None:
    """Have workers import what jobs will need, while this process goes on with its own work."""
    if place.in_processes:
        from stages.runtime import workers

        workers.serve(set(modules))


def missing(job: Job) -> bool:
    """Whether the artifact cache lacks a result of a job."""
    return any(key not in Cache() for key in job.keys)


def _finished(tasks: Sequence[Task], place: Place) -> Generator[Finished, None, None]:
    """Each task as it finishes. A stage that has nothing to compute imports no engine."""
    if tasks and place.scheduler:
        from stages.runtime import cluster

        yield from cluster.finished(tasks, place.scheduler, place.resources)
    elif tasks and place.in_processes:
        from stages.runtime import workers

        yield from workers.finished(tasks, min(place.workers, len(tasks)))
    else:
        for task in tasks:
            yield task, work(task)


def work(task: Task) -> Made:
    """Compute a job's missing results and keep them.

    With a limit, a result that takes longer ends this process by SIGALRM, wherever it hangs.
    """
    call, items, made = task.job.call, task.job.each, dict[str, str]()
    one_thread()
    try:
        signal.setitimer(signal.ITIMER_REAL, task.limit or 0)
        results = [call()] if items is None else call(each=[items[i] for i in task.missing])
        for i, result in zip(task.missing, results, strict=True):
            if not isinstance(result, bytes | Path):
                result = json.dumps(result, allow_nan=False).encode()
            key = task.job.keys[i]
            made[key] = task.cache.put(key, result)
            signal.setitimer(signal.ITIMER_REAL, task.limit or 0)
    except (CacheError, UnsuitableError) as error:
        return error
    except Exception as error:  # noqa: BLE001 - every reason is reported, the stage fails
        return UnitError(_reason(error))  # its own class may not travel between processes
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return made


def death(reason: str) -> UnitError:
    """Why the job of a worker that died has failed."""
    return UnitError(f"{reason}; a rerun computes what is missing")


def _reason(error: BaseException) -> str:
    named = "" if isinstance(error, UnitError) else f"{type(error).__name__}: "
    return f"{named}{error}".removesuffix(": ")


def _cost(task: Task) -> float:
    """The part of a job's cost that its missing results are."""
    return task.job.cost * len(task.missing) / len(task.job.keys)
