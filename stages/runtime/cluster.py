"""Jobs on a dask.distributed cluster (the optional extra `cluster`), through its executor.

When a dask worker dies its jobs are done elsewhere, up to four times; its nanny restarts it. A job
for which that was not enough is tried once more, alone, when all others are done: it may only have
waited behind the one that kills.
"""

import contextlib
import logging
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

from stages.runtime.errors import UnitError, UsageError
from stages.runtime.instructions import INSTRUCTIONS
from stages.runtime.jobs import Finished, Made, Task, death, work
from stages.runtime.source import ROOT, digest, file_digest, libraries_of

REACH = 10
"""Seconds within which a scheduler must answer."""
PATIENCE = 600
"""Seconds that jobs wait for a worker that can do them: a queue may have to start it first."""

CODE = digest(
    {p.relative_to(ROOT).as_posix(): file_digest(p) for p in sorted(ROOT.glob("stages/**/*.py"))}
)
"""Of all code that this process may have, as it was when it began: a worker that goes on while
files change has the old code in memory."""


def finished(
    tasks: Sequence[Task], address: str, resources: Mapping[str, float]
) -> Iterator[Finished]:
    """Each task as it finishes; resources are what a dask worker was started with, such as GPU=1.

    A UsageError if the scheduler cannot be reached, or its workers have another Python; a UnitError
    if it was lost, or no worker could do what is left for `PATIENCE` seconds.
    """
    with _client(address) as client:
        import cloudpickle  # which comes with distributed
        from distributed import KilledWorker

        executor = client.get_executor(pure=False, resources=dict(resources))
        running, suspects, tried = dict[Future[Made], Task](), deque[Task](), set[str]()

        def submit(task: Task, priority: int) -> None:
            sent = cloudpickle.dumps(task)  # unpacked by code that the worker is known to have
            future = executor.submit(_by_value(), sent, _made_with(task), priority=priority)
            running[future] = task

        for i, task in enumerate(tasks):
            submit(task, -i)
        asked = "".join(f' with --resources "{name}={n:g}"' for name, n in resources.items())
        lack, idle = f"the scheduler at {address} has no worker{asked}", 0  # for so many seconds
        while running:
            done, _ = wait(running, timeout=1, return_when=FIRST_COMPLETED)
            for future in done:
                if future.cancelled():
                    raise _lost(address)
                task, error = running.pop(future), future.exception()
                if not isinstance(error, KilledWorker):
                    yield task, error or future.result()
                elif task.name in tried:
                    died = error.allowed_failures + 1
                    yield task, death(f"the dask workers that ran it died, {died} in turn")
                else:
                    tried.add(task.name)
                    suspects.append(task)
            if not running and suspects:
                submit(suspects.popleft(), 0)
            idle = 0 if done or _can_work(client, address, resources) else idle + 1
            if idle == 1:
                print(f"{lack}; waiting {PATIENCE} s for one", file=sys.stderr)
            if idle > PATIENCE:
                late = f"none came within {PATIENCE} s; what is finished is kept"
                raise UnitError(f"{lack}, and {late}")


@contextlib.contextmanager
def _client(address: str) -> Iterator[Any]:
    """A connection to a scheduler whose workers have this Python, closed with the block."""
    try:
        import distributed
        from distributed.versions import VersionMismatchWarning
    except ModuleNotFoundError as error:
        raise UsageError(
            "compute.scheduler: a cluster needs the package 'distributed'; install the extra "
            "`cluster` of pyproject.toml, or set it to null"
        ) from error
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # faults are reported in one line
    warnings.simplefilter("ignore", VersionMismatchWarning)  # workers compare what counts
    try:
        client: Any = distributed.Client(address, timeout=REACH, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(
            f"compute.scheduler: no dask.distributed scheduler answers at {address} within "
            f"{REACH} s ({reason}); its address or null, for this machine, is allowed"
        ) from error
    try:
        here = "{}.{}".format(*sys.version_info)
        for worker, found in client.get_versions()["workers"].items():
            its = ".".join(found["host"]["python"].split(".")[:2])
            if its != here:  # it could not unpack what it is sent
                raise UsageError(f"dask worker {worker} has Python {its}; {here} is needed")
        yield client
    finally:
        client.close(timeout=1)


def _can_work(client: Any, address: str, resources: Mapping[str, float]) -> bool:
    """Whether any worker has what the jobs need."""
    try:
        workers = client.scheduler_info()["workers"].values()
    except OSError as error:
        raise _lost(address) from error
    return any(
        all(worker["resources"].get(name, 0) >= amount for name, amount in resources.items())
        for worker in workers
    )


def _lost(address: str) -> UnitError:
    kept = "what it finished is kept: run again for the rest"
    return UnitError(f"the scheduler at {address} was lost; {kept}")


def _made_with(task: Task) -> dict[str, str]:
    """What a job's result depends on beside its inputs, as this process has it."""
    return {
        "code": CODE,
        "instructions": INSTRUCTIONS,
        **libraries_of(task.job.call.func.__module__),
    }


def _by_value() -> Callable[[bytes, dict[str, str]], Made]:
    """`remote`, as a function that a scheduler or worker can unpack without this repository.

    So the scheduler needs none, and a worker without it says so instead of dying.
    """

    def on_worker(sent: bytes, made_with: dict[str, str]) -> Made:
        import importlib
        import sys

        if not Path("dvc.yaml").is_file():
            here = f"a dask worker runs in {Path.cwd()}"
            raise RuntimeError(f"{here}; start it in the repository's root")
        if "" not in sys.path:  # as where it was started by `dask worker`
            sys.path.insert(0, "")
        made: Made = importlib.import_module("stages.runtime.cluster").remote(sent, made_with)
        return made

    return on_worker


def remote(sent: bytes, made_with: Mapping[str, str]) -> Made:
    """Do a job on a dask worker; RuntimeError if it has other code or libraries."""
    import cloudpickle
    from distributed import get_worker

    here = f"dask worker {get_worker().address}"
    if get_worker().state.nthreads != 1:  # torch's seed, say, is one for all threads
        raise RuntimeError(f"{here} has several threads; start it with --nthreads 1")
    task: Task = cloudpickle.loads(sent)
    other = [
        f"{name} ({mine[:9]}, not {made_with.get(name, 'none')[:9]})"
        for name, mine in _made_with(task).items()
        if mine != made_with.get(name)
    ]
    if other:
        same = "bring it to the same commit and requirements, and start it again"
        raise RuntimeError(f"{here} has other {', '.join(other)}; {same}")
    return work(task)
