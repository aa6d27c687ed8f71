"""Jobs in worker processes of this machine: a worker that dies or hangs fails its own job alone."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool

from pebble import ProcessExpired

from stages.runtime.work import Digests, Task
from stages.runtime.worker import Worker

TRIES = 3
"""Workers in turn that may die before they begin a job; then it fails."""


def finished(tasks: Sequence[Task], workers: int) -> Iterator[tuple[Task, Callable[[], Digests]]]:
    """Each task with a function that returns its result or raises, as they finish."""
    modules = {task.job.module for task in tasks}
    with _ended([Worker(modules) for _ in range(workers)]) as made:
        yield from finished_by(made, tasks)


def finished_by(
    workers: Sequence[Worker], tasks: Sequence[Task]
) -> Iterator[tuple[Task, Callable[[], Digests]]]:
    """`finished`, by given workers. A job that its worker did not live to begin is given to a new
    one, so that a worker killed while it has no job costs none."""
    left, idle = deque((task, 1) for task in tasks), list(workers)
    busy: dict[Future[Digests], tuple[Worker, Task, int]] = {}

    def begin() -> None:
        while left and idle:
            worker, (task, nth) = idle.pop(), left.popleft()
            busy[worker.begin(task)] = worker, task, nth

    begin()
    while busy:
        wait(busy, timeout=1, return_when=FIRST_COMPLETED)
        for future in [f for f, (worker, *_) in busy.items() if worker.ended(f)]:
            worker, task, nth = busy.pop(future)
            error = future.exception() if future.done() else BrokenProcessPool()
            if isinstance(error, BrokenProcessPool | ProcessExpired):
                worker.renew()
            again = isinstance(error, BrokenProcessPool) and nth < TRIES
            if again:
                left.appendleft((task, nth + 1))
            idle.append(worker)
            begin()
            if not again:
                yield task, _told(task, future, error)


@contextlib.contextmanager
def _ended(workers: Sequence[Worker]) -> Iterator[Sequence[Worker]]:
    """Workers that end with the block; at once where the block is left by an exception."""
    try:
        yield workers
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join()
    except BaseException:
        for worker in workers:
            worker.stop()
        raise
    finally:
        # Also one that a broken pool lost sight of: at its exit Python would wait for it, for ever.
        for process in multiprocessing.active_children():
            process.kill()


def _told(
    task: Task, future: Future[Digests], error: BaseException | None
) -> Callable[[], Digests]:
    """A future's result, with what a dead worker means in words."""

    def result() -> Digests:
        if isinstance(error, BrokenProcessPool):
            reason = f"{TRIES} workers in turn died before they began it"
        elif isinstance(error, ProcessExpired) and error.exitcode == -signal.SIGALRM:
            unit = next((u for u in task.wanted if task.job.keys[u] not in task.cache), "")
            reason = f"'{unit}' took longer than {task.limit:g} s (compute.limit)"
        elif isinstance(error, ProcessExpired):
            reason = f"its worker died (exit code {error.exitcode}; out of memory?)"
        else:
            return future.result()
        raise RuntimeError(f"{reason}; a rerun computes what is missing")

    return result
