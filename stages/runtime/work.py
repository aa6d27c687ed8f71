"""A job, and how a process does it: the same wherever the process is."""

from __future__ import annotations

import copy
import importlib
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import threadpoolctl

from stages.runtime.cache import Cache

Digests = dict[str, str]
"""SHA-256 of each unit's payload, by the unit's name."""


@dataclass(frozen=True)
class Job:
    """Units that are computed together.

    Attributes
    ----------
    keys : unit name -> key in the artifact cache.
    compute : ``module:function``, imported by workers only, so that a stage that finds everything
        in the cache imports neither torch nor timm. ``function(*args, wanted=[...])`` yields
        (unit, payload) for each wanted unit in their order, bytes or a file that holds them; each
        payload is kept as soon as it is yielded.
    args : its first arguments; paths are relative to the repository's root.
    cost : relative; the most expensive job starts first, and the time left is told by it.
    resources : what a dask worker must have been started with to be given this job.
    """

    name: str
    keys: Mapping[str, str]
    compute: str
    args: tuple[Any, ...]
    cost: float = 1.0
    resources: Mapping[str, float] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """The module that computes it."""
        return self.compute.partition(":")[0]


@dataclass(frozen=True)
class Task:
    """What a process is given: a job, its units that are missing, where they go.

    limit : seconds that each unit may take, counted from the one before; None for no limit.
    """

    job: Job
    wanted: Sequence[str]
    cache: Cache
    limit: float | None = None


def work(task: Task) -> Digests:
    """Compute a job's missing units and keep them in the artifact cache.

    With a limit, a unit that takes longer ends this process by SIGALRM, wherever it hangs: for
    processes of a pool alone.
    """
    job = task.job
    compute = getattr(importlib.import_module(job.module), job.compute.partition(":")[2])
    one_thread()
    made: Digests = {}
    try:
        _alarm(task.limit)
        for unit, payload in compute(*job.args, wanted=task.wanted):
            made[unit] = task.cache.put(job.keys[unit], payload)
            _alarm(task.limit)
    except Exception as error:
        raise _portable(error) from error
    finally:
        _alarm(task.limit and 0)
    if len(made) != len(task.wanted):
        raise RuntimeError(f"{job.name}: {len(made)} of {len(task.wanted)} units came back")
    return made


def _portable(error: Exception) -> Exception:
    """An error that another process can take: itself, or its type and text where it cannot be made
    anew from what it holds, which would break the pool that carries it."""
    try:
        return copy.deepcopy(error)
    except Exception:  # noqa: BLE001 - whatever its own constructor raises
        return RuntimeError(f"{type(error).__name__}: {error}")


def _alarm(seconds: float | None) -> None:
    """Send this process SIGALRM in so many seconds, or not at all."""
    if seconds is not None:
        signal.setitimer(signal.ITIMER_REAL, seconds)


def one_thread() -> None:
    """One BLAS, OpenMP and torch thread in this process: faster in a pool, and repeatable."""
    threadpoolctl.threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
