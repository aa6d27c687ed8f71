"""Workers and schedulers that die, hang or run out of memory in the middle of a stage."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from chaos.kills import ORPHANS
from chaos.lab import Lab, last_line, one_line, report, torn
from chaos.outcomes import Outcome
from chaos.running import LIMIT, Running, stage_command, within
from tests.conftest import Workspace

UNIT_LIMIT = 3.0
"""Seconds that a unit may take where one hangs."""
ROUNDS, TRIES = 3, 20
# In each process of the stage, by way of PYTHONPATH: the n-th unit that is about to be kept, of all
# processes together, brings the fault about, once.
SITE = """
import ctypes, os, resource, signal, tempfile

FAULT, NTH, FOLDER = {fault!r}, {nth}, {folder!r}
real = tempfile.mkstemp


def first(name):
    try:
        os.close(os.open(os.path.join(FOLDER, name), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def mkstemp(*args, prefix=None, **kwargs):
    if prefix == ".tmp-" and next(i for i in range(10_000) if first(str(i))) == NTH:
        if FAULT == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif FAULT == "hangs":
            ctypes.PyDLL(None).sleep(10_000)  # with Python's lock held
        else:
            soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
            resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, hard))
            try:
                bytes(2 << 30)
            finally:
                resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    return real(*args, prefix=prefix, **kwargs)


tempfile.mkstemp = mkstemp
"""
FAULTS = {
    "killed": ("is killed for its memory (SIGKILL)", "worker died"),
    "memory": ("asks for more memory than it may have", "MemoryError"),
    "hangs": (f"hangs, {UNIT_LIMIT:.0f} s a unit being allowed", "took longer than 3 s"),
}


def cluster(lab: Lab) -> Iterator[Outcome]:
    """Faults of the workers of one machine, then those of a cluster on 127.0.0.1."""
    stage = "theory" if lab.short else "fewshot"
    rounds = range(1 if lab.short else ROUNDS)
    outcome = Outcome("kill -9 of a worker process at a random moment")
    for _ in rounds:
        outcome.count(worker_killed(lab, stage, outcome))
    yield outcome
    for fault, (title, said) in FAULTS.items():
        outcome = Outcome(f"worker process that {title}")
        for _ in rounds:
            outcome.count(unit_fails(lab, stage, fault, said, outcome))
        yield outcome
    if lab.short:  # a cluster takes long to start
        return
    for what, title in (("worker", "one of two workers"), ("scheduler", "the scheduler")):
        outcome = Outcome(f"cluster: kill -9 of {title}")
        for _ in rounds:
            outcome.count(member_killed(lab, stage, what, outcome))
        yield outcome
    for fault, (title, said) in FAULTS.items():
        outcome = Outcome(f"cluster: unit that {title}")
        outcome.count(unit_fails(lab, stage, fault, said, outcome, on_cluster=True))
        yield outcome


def worker_killed(lab: Lab, stage: str, outcome: Outcome) -> list[str]:
    """Kill one worker of a stage: what failed is said, and a rerun computes it."""
    for missed in range(TRIES):
        with lab.copy(stage) as workspace:
            running = Running(workspace, stage_command(stage), WORKERS="2")
            within(LIMIT, lambda: running.workers() or running.process.poll() is not None)  # noqa: B023
            ended = running.ended(lab.moment(stage, missed))
            workers = running.workers()
            if ended is not None or not workers:
                running.end()
                continue
            with suppress(ProcessLookupError):  # it has just ended by itself: nothing to survive
                os.kill(int(lab.rng.choice(workers)), signal.SIGKILL)
            problems = ends(running, "worker died")
            return problems + torn(workspace) + lab.rerun(workspace, stage, outcome)
    raise RuntimeError(f"{stage}: no worker could be killed")


def unit_fails(
    lab: Lab, stage: str, fault: str, said: str, outcome: Outcome, on_cluster: bool = False
) -> list[str]:
    """Bring a fault about at a random unit: its job fails and is said, and a rerun computes it."""
    nth = int(lab.rng.integers(len(lab.stages[stage].units)))
    with lab.copy(stage) as workspace, ExitStack() as stack:
        site, marks = workspace.root.parent / "site", workspace.root.parent / "marks"
        for folder in (site, marks):
            folder.mkdir()
        filled = SITE.format(fault=fault, nth=nth, folder=str(marks))
        (site / "sitecustomize.py").write_text(filled)
        where = {"PYTHONPATH": str(site), "WORKERS": "2", "UNIT_LIMIT": str(UNIT_LIMIT)}
        if on_cluster:
            found = stack.enter_context(members(workspace, 2, PYTHONPATH=str(site)))
            where["SCHEDULER"] = found[0]
        problems = ends(Running(workspace, stage_command(stage), **where), said, code=3)
        return problems + torn(workspace) + lab.rerun(workspace, stage, outcome)


def member_killed(lab: Lab, stage: str, what: str, outcome: Outcome) -> list[str]:
    """Kill a member of a cluster: a worker's jobs are done by the other, a scheduler's loss is said
    and a rerun on this machine computes what is missing."""
    for missed in range(TRIES):
        with lab.copy(stage, outputs=False) as workspace, members(workspace, 2) as found:
            address, scheduler, *workers = found
            running = Running(workspace, stage_command(stage), SCHEDULER=address)
            if running.ended(lab.moment(stage, missed)) is not None:
                running.end()
                continue
            victim = scheduler if what == "scheduler" else workers[int(lab.rng.integers(2))]
            victim.end()
            code = running.ended(LIMIT)
            running.end()
            if what == "worker":
                problems = [] if code == 0 else [f"ended with {code}: {last_line(running.log)}"]
                problems += outcome.compare(lab.same(workspace), taken=code == 0)
            else:
                problems = [] if code in (0, 1, 3) else [f"ended with {code}"]
                problems += one_line(running.log, "scheduler") if code else []
            for member in (scheduler, *workers):
                member.end()
            return problems + torn(workspace) + lab.rerun(workspace, stage, outcome)
    raise RuntimeError(f"{stage}: always ended before its {what} could be killed")


def ends(running: Running, said: str, code: int | None = None) -> list[str]:
    """Wait for a stage that a fault is in; problems where it hangs, says nothing, or leaves
    processes, or fails other jobs than one. Without a code it may also end well, where the worker
    had no job."""
    found = running.ended(LIMIT)
    left = running.left_after(ORPHANS)
    problems = [f"{left} processes left"] if left else []
    if found == 0 and code is None:
        return problems
    if found != (code or 3):
        return [*problems, f"ended with {found}: {last_line(running.log)}"]
    if (failed := report(running.log).failed) != 1:
        problems.append(f"{failed} jobs failed, not one")
    return problems + one_line(running.log, said)


@contextmanager
def members(
    workspace: Workspace, workers: int, **environment: str
) -> Iterator[tuple[str, Running, *tuple[Running, ...]]]:
    """A scheduler and dask workers on 127.0.0.1: its address, and each as a running command."""
    folder = workspace.root.parent / "dask"
    folder.mkdir()
    file = folder / "scheduler.json"
    place = ("--host", "127.0.0.1", "--no-dashboard")
    started = []

    def start(what: str, *words: str) -> Running:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *words, *place]
        member = Running(workspace, command, **environment)
        started.append(member)
        return member

    try:
        scheduler = start("scheduler", "--port", "0", "--scheduler-file", str(file))
        if not within(LIMIT, lambda: file.is_file() and file.read_text()):
            raise RuntimeError(f"no scheduler: {scheduler.log}")
        address = json.loads(file.read_text())["address"]
        words = ("--nthreads", "1", "--local-directory", str(folder))
        found = [start("worker", address, *words) for _ in range(workers)]
        for member in found:
            if not within(LIMIT, lambda: "Registered to" in member.log):  # noqa: B023
                raise RuntimeError(f"no worker: {member.log}")
        yield (address, scheduler, *found)
    finally:
        for member in started:
            member.end()
