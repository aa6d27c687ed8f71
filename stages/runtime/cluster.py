"""Jobs on a dask.distributed cluster: each in a process of its own beside the dask worker.

So a job that hangs, crashes or runs out of memory ends that process and not the dask worker, and
fails as it would on one machine. A dask worker that is lost has its jobs done elsewhere.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import multiprocessing
import queue
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import distributed
from distributed.protocol.serialize import serialize_bytes
from distributed.versions import VersionMismatchWarning

from stages.runtime.errors import UnitError, UsageError
from stages.runtime.pool import finished_by
from stages.runtime.source import ROOT, digest, file_digest, libraries
from stages.runtime.work import Digests, Task
from stages.runtime.worker import Worker

REACH = 10
"""Seconds within which a scheduler must answer."""
PATIENCE = 600
"""Seconds that jobs wait for a worker that can do them: a queue may have to start it first."""
PACKAGES = ("numpy", "pandas", "pillow", "scikit-learn", "scipy", "timm", "torch", "torchvision")
"""Libraries in the keys of units."""

CODE = digest(
    {p.relative_to(ROOT).as_posix(): file_digest(p) for p in sorted(ROOT.glob("stages/**/*.py"))}
)
"""Of all code that this process may have, as it was when it began: a worker that goes on while
files change has the old code in memory."""

_own = threading.local()


def finished(tasks: Sequence[Task], address: str) -> Iterator[tuple[Task, Callable[[], Digests]]]:
    """Each task with a function that returns its result or raises, as they finish.

    Raises
    ------
    UsageError
        The scheduler cannot be reached.
    UnitError
        The scheduler was lost, or no worker could do what is left for `PATIENCE` seconds.
    """
    done: queue.SimpleQueue[distributed.Future] = queue.SimpleQueue()
    with _client(address) as client:
        left = {}
        for rank, task in enumerate(tasks):
            sent = serialize_bytes((task, fingerprint()))
            future = client.submit(
                _by_value(), sent, pure=False, priority=-rank, resources=task.job.resources
            )
            left[future.key] = (future, task)
            future.add_done_callback(done.put)
        idle = _Idle(address)
        while left:
            try:
                future = done.get(timeout=1)
            except queue.Empty:
                idle.check(client, [task.job.resources for _, task in left.values()])
                continue
            if future.cancelled():
                raise _lost(address)
            idle.since = None
            yield left.pop(future.key)[1], functools.partial(_told, future)


def _lost(address: str) -> UnitError:
    kept = "what it finished is kept: run again for the rest"
    return UnitError(f"the scheduler at {address} was lost; {kept}")


@contextlib.contextmanager
def _client(address: str) -> Iterator[distributed.Client]:
    """A connection to a scheduler, closed with the block."""
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # faults are told in one line
    warnings.simplefilter("ignore", VersionMismatchWarning)  # `remote` compares what counts
    try:
        client = distributed.Client(address, timeout=REACH, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(
            f"compute.scheduler: no dask.distributed scheduler answers at {address} within "
            f"{REACH} s ({reason}); its address or null, for this machine, is allowed"
        ) from error
    try:
        _same_python(client)
        yield client
    finally:
        client.close(timeout=1)


def _same_python(client: distributed.Client) -> None:
    """Raise UsageError where a worker has another Python: it could not unpack what it is sent."""
    mine = "{}.{}".format(*sys.version_info)
    versions: Any = client.get_versions()
    for worker, found in versions["workers"].items():
        its = ".".join(found["host"]["python"].split(".")[:2])
        if its != mine:
            raise UsageError(f"dask worker {worker} has Python {its}; {mine}, as here, is allowed")


class _Idle:
    """Sees to it that nobody waits for workers without being told, or for ever."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.since: float | None = None

    def check(self, client: distributed.Client, needs: Sequence[Mapping[str, float]]) -> None:
        """Say it when no worker has what any job needs; after `PATIENCE` seconds it is an error."""
        try:
            workers = client.scheduler_info()["workers"].values()
        except OSError as error:
            raise _lost(self.address) from error
        if any(_has(worker["resources"], need) for worker in workers for need in needs):
            self.since = None
            return
        asked = "".join(f' with --resources "{k}={n:g}"' for k, n in needs[0].items())
        lack = f"the scheduler at {self.address} has no worker{asked}"
        if self.since is None:
            self.since = time.monotonic()
            print(f"{lack}; waiting {PATIENCE} s for one", file=sys.stderr)
        elif time.monotonic() - self.since > PATIENCE:
            raise UnitError(f"{lack}, and none came within {PATIENCE} s; what is finished is kept")


def _has(offer: Mapping[str, float], need: Mapping[str, float]) -> bool:
    return all(offer.get(name, 0) >= amount for name, amount in need.items())


def _told(future: distributed.Future) -> Digests:
    """A future's result, with what a lost worker means in words."""
    try:
        made: Digests = future.result()
    except distributed.KilledWorker as error:
        raise RuntimeError(
            f"the dask workers that ran it died, {error.allowed_failures + 1} in turn; "
            "a rerun computes what is missing"
        ) from error
    return made


def fingerprint() -> dict[str, str]:
    """What a job's result depends on beside its inputs: code and libraries of this process."""
    return {"code": CODE, **libraries(*PACKAGES)}


def _by_value() -> Callable[[bytes], Digests]:
    """`remote`, as a function that a scheduler or worker can unpack without this repository.

    So the scheduler needs none, and a worker without it says so instead of dying.
    """

    def work_on(sent: bytes) -> Digests:
        import importlib
        from pathlib import Path

        from distributed.protocol.serialize import deserialize_bytes

        try:
            here = importlib.import_module("stages.runtime.cluster")
        except ModuleNotFoundError as error:
            raise RuntimeError(
                f"a dask worker in {Path.cwd()} cannot import {error.name}; start it in the "
                "repository's root by `python -m distributed.cli.dask_worker`"
            ) from error
        made: Digests = here.remote(*deserialize_bytes(sent))
        return made

    return work_on


def remote(task: Task, made_from: Mapping[str, str]) -> Digests:
    """Do a job on a dask worker, in a process of its own.

    Raises
    ------
    RuntimeError
        The worker runs elsewhere than in the repository, or has other code or libraries.
    """
    here = f"dask worker {distributed.get_worker().address}"
    if not Path("dvc.yaml").is_file():
        raise RuntimeError(f"{here} runs in {Path.cwd()}; start it in the repository's root")
    own = fingerprint()
    pairs = [(name, mine, made_from.get(name, "none")) for name, mine in own.items()]
    other = [f"{name} ({a[:9]}, not {b[:9]})" for name, a, b in pairs if a != b]
    if other:
        same = "bring it to the same commit and requirements, and start it again"
        raise RuntimeError(f"{here} has other {', '.join(other)}; {same}")
    [(_, result)] = finished_by([_own_worker(task.job.module)], [task])
    return result()


def _own_worker(module: str) -> Worker:
    """The process of this thread of the dask worker; made on first use."""
    if not hasattr(_own, "worker"):
        # A nanny's worker is daemonic, which forbids children; these end with their parent.
        multiprocessing.current_process().daemon = False
        worker = Worker({module})
        multiprocessing.util.Finalize(None, worker.stop, exitpriority=100)
        multiprocessing.util.Finalize(None, worker.join, exitpriority=99)
        _own.worker = worker
    made: Worker = _own.worker
    return made
