"""A process of this machine that does one job at a time.

It is a pebble pool of its own. Workers of one pool share a pipe and its locks: one that is killed
while it holds these, or has no job, fails the jobs of all others or lets them wait for ever.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext

from pebble import ProcessPool

from stages.runtime.work import Digests, Task, work


class Worker:
    """A process, started with its first job.

    Parameters
    ----------
    modules : what it has imported when it starts.
    """

    def __init__(self, modules: Iterable[str]) -> None:
        self._modules = set(modules)
        self._pool, self._stopped = _pool(self._modules), False

    def begin(self, task: Task) -> Future[Digests]:
        """A job's result; `BrokenProcessPool` where the process did not live to begin it."""
        try:
            return self._pool.schedule(work, (task,))
        except RuntimeError as error:  # it died while it had no job
            future: Future[Digests] = Future()
            future.set_exception(BrokenProcessPool(str(error)))
            return future

    def ended(self, future: Future[Digests]) -> bool:
        """Whether a job has a result, or never will: what a pool is given as it breaks is lost."""
        return future.done() or not self._pool.active

    def renew(self) -> None:
        """Take a new process and new locks, for the old one may have died with these."""
        self._pool.stop()
        self._pool.join()
        if not self._stopped:
            self._pool = _pool(self._modules)

    def stop(self) -> None:
        """End the process, whatever it does."""
        self._stopped = True
        self._pool.stop()

    def join(self) -> None:
        """Wait until it has ended."""
        self._pool.join()


def serve(modules: Iterable[str]) -> ForkServerContext:
    """Start the server that processes are forked from, which imports the modules once.

    Also what of the project this process has imported: each worker runs the main module's file
    anew, under another name, and would import all that it imports.
    """
    context = multiprocessing.get_context("forkserver")
    project = __name__.partition(".")[0]
    loaded = {name for name in list(sys.modules) if name.partition(".")[0] == project}
    context.set_forkserver_preload(sorted(loaded.union(modules)))
    # A Ctrl-C is this process's to handle: the server and its workers would each tell of it.
    resource_tracker.ensure_running()  # it would lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def _pool(modules: Iterable[str]) -> ProcessPool:
    """A pool of one process."""
    return ProcessPool(1, context=serve(modules), initializer=_end_with_parent)


def _end_with_parent() -> None:
    """End this worker when the process that it works for is gone, even by SIGKILL."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
