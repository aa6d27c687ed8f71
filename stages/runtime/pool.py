"""Jobs in worker processes of this machine: a worker that dies or hangs fails its own job alone."""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver, resource_tracker

from pebble import ProcessExpired, ProcessPool

from stages.runtime.work import Digests, Task, work


def finished(tasks: Sequence[Task], workers: int) -> Iterator[tuple[Task, Callable[[], Digests]]]:
    """Each task with a function that returns its result or raises, as they finish."""
    with _ended(make_pool(workers, {task.job.module for task in tasks})) as pool:
        futures: dict[Future[Digests], Task] = {pool.schedule(work, (t,)): t for t in tasks}
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], _told(futures[future], future)


def in_pool(pool: ProcessPool, task: Task) -> Digests:
    """A task's result from a pool, waited for."""
    return _told(task, pool.schedule(work, (task,)))()


def make_pool(workers: int, modules: set[str]) -> ProcessPool:
    """A pool of processes forked from a server that has imported the modules once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(sorted({__name__, *modules}))
    # A Ctrl-C is this process's to handle: the server and its workers would each tell of it.
    resource_tracker.ensure_running()  # it would lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return ProcessPool(workers, context=context, initializer=_end_with_parent)


def _end_with_parent() -> None:
    """End this worker when the process that it works for is gone, even by SIGKILL."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextlib.contextmanager
def _ended(pool: ProcessPool) -> Iterator[ProcessPool]:
    """A pool that ends with the block; at once where the block is left by an exception."""
    try:
        yield pool
        pool.stop()
        pool.join()
    except BaseException:
        pool.stop()
        raise
    finally:
        # Also one that a broken pool lost sight of: at its exit Python would wait for it, for ever.
        for process in multiprocessing.active_children():
            process.kill()


def _told(task: Task, future: Future[Digests]) -> Callable[[], Digests]:
    """A future's result, with what a dead worker means in words."""

    def result() -> Digests:
        try:
            return future.result()
        except ProcessExpired as error:
            if error.exitcode == -signal.SIGALRM:
                unit = next((u for u in task.wanted if task.job.keys[u] not in task.cache), "")
                reason = f"'{unit}' took longer than {task.limit:g} s (compute.limit)"
            else:
                reason = f"its worker died (exit code {error.exitcode}; out of memory?)"
        except BrokenProcessPool:
            reason = "its worker died before it began"
        raise RuntimeError(f"{reason}; a rerun computes what is missing")

    return result
