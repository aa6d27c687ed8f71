"""Jobs in worker processes of this machine, by the standard library's ProcessPoolExecutor.

A worker that dies (killed, out of memory, over the time limit) breaks its pool. The jobs that were
handed out then are tried again in a new pool, one at a time; one that breaks it twice more fails,
and the others go on.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext

from stages.runtime.jobs import Finished, Made, Task, death, work
from stages.runtime.source import modules_of


def finished(tasks: Sequence[Task], workers: int) -> Iterator[Finished]:
    """Each task as it finishes.

    Two tasks a worker are handed out, so that none waits for work. When a worker dies these are
    tried again, one at a time; a task whose worker dies again twice fails.
    """
    context = serve({task.job.call.func.__module__ for task in tasks})
    left, suspects, tried = deque(tasks), deque[Task](), set[str]()
    running = dict[Future[Made], Task]()
    new_pool = partial(ProcessPoolExecutor, workers, context, initializer=_end_with_parent)
    pool = new_pool()
    try:
        while left or suspects or running:
            queue, most = (suspects, 1) if suspects else (left, 2 * workers)
            while queue and len(running) < most:
                task = queue.popleft()
                running[_begin(pool, task)] = task
            processes = multiprocessing.active_children()
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            if any(isinstance(future.exception(), BrokenProcessPool) for future in done):
                wait(running)  # the whole pool is broken
                pool.shutdown()
                pool, done = new_pool(), set(running)
            codes = {process.exitcode for process in processes} - {None, 0, -signal.SIGTERM}
            for future in done:
                task, error = running.pop(future), future.exception()
                if not isinstance(error, BrokenProcessPool):
                    yield task, error or future.result()
                elif len(done) == 1 and (task.name in tried or -signal.SIGALRM in codes):
                    yield task, death(_reason(task.limit, codes))
                else:
                    suspects.append(task)
                    tried |= {task.name} if len(done) == 1 else set()
        pool.shutdown()
    finally:
        # Also one that a broken pool lost sight of: at its exit Python would wait for it.
        for process in multiprocessing.active_children():
            process.kill()


def _begin(pool: ProcessPoolExecutor, task: Task) -> Future[Made]:
    try:
        return pool.submit(work, task)
    except BrokenProcessPool as error:  # a worker died while it had no job
        future = Future[Made]()
        future.set_exception(error)
        return future


def _reason(limit: float | None, codes: set[int | None]) -> str:
    """What a worker's exit code means."""
    if -signal.SIGALRM in codes:
        return f"a result took longer than {limit:g} s (compute.limit)"
    code = ", ".join(map(str, codes)) or "unknown"
    return f"its worker died (exit code {code}; out of memory?)"


def serve(modules: set[str]) -> ForkServerContext:
    """Start the server that workers are forked from; it imports once what their jobs will need.

    That is all code of the repository that can be reached from the modules, and with it the
    libraries; and what this process has imported, for each worker runs the main module's file anew.
    """
    context = multiprocessing.get_context("forkserver")
    loaded = {name for name in list(sys.modules) if name.startswith("stages.")}
    reached = {r for name in modules if name.startswith("stages.") for r in modules_of(name)}
    context.set_forkserver_preload(sorted(loaded | reached | modules))
    # A Ctrl-C is this process's to handle: the server and its workers would each report it.
    resource_tracker.ensure_running()  # it would lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def _end_with_parent() -> None:
    """End this worker when the process that it works for is gone, even by SIGKILL."""

    def watch() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
