"""Workers and schedulers that die, hang or run out of memory in the middle of a stage."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

from chaos.lab import Lab, Trial, inject, torn
from chaos.outcomes import Outcome
from chaos.running import (
    Cluster,
    Running,
    cluster_of_two,
    last_line,
    one_line,
    report,
    stage_command,
)
from chaos.stops import ORPHANS
from tests.conftest import Workspace

UNIT_LIMIT = 3.0
"""Seconds that a unit may take where one hangs."""
ROUNDS = 3
# In each process of the stage, by way of PYTHONPATH: units that are about to be kept in one folder
# of the cache bring the fault about, at every try.
SITE = """
import ctypes, os, resource, signal, tempfile

FAULT, FOLDER = {fault!r}, {folder!r}
real = tempfile.mkstemp


def mkstemp(*args, prefix=None, dir=None, **kwargs):
    if prefix == ".tmp-" and os.path.basename(dir) == FOLDER:
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
    return real(*args, prefix=prefix, dir=dir, **kwargs)


tempfile.mkstemp = mkstemp
"""
FAULTS = {
    "killed": ("is killed for its memory (SIGKILL)", "worker died"),
    "memory": ("asks for more memory than it may have", "MemoryError"),
    "hangs": (f"hangs, {UNIT_LIMIT:.0f} s a unit being allowed", "took longer than 3 s"),
}
"""By name: in words, and what a stage says of it. A dask worker dies of all but MemoryError."""


def cluster(lab: Lab) -> Iterator[Outcome]:
    """Faults of the workers of one machine, then those of a cluster on 127.0.0.1."""
    faults = [("kill -9 of a worker process at a random moment", worker_killed)]
    faults += [
        (f"worker process that {title}", partial(unit_fails, fault, False))
        for fault, (title, _) in FAULTS.items()
    ]
    if lab.short:  # a cluster takes long to start
        yield from inject(lab, faults, ["theory"])
        return
    members = (("worker", "one of two workers"), ("scheduler", "the scheduler"))
    faults += [
        (f"cluster: kill -9 of {title}", partial(member_killed, what)) for what, title in members
    ]
    yield from inject(lab, faults, ["fewshot"] * ROUNDS)
    faults = [
        (f"cluster: unit that {title}", partial(unit_fails, fault, True))
        for fault, (title, _) in FAULTS.items()
    ]
    yield from inject(lab, faults, ["fewshot"])


def worker_killed(lab: Lab, stage: str, outcome: Outcome) -> None:
    """Kill one worker of a stage: its job is tried again, so that nothing is missing."""

    def strike(trial: Trial, running: Running) -> bool:
        workers = running.workers()
        if not workers:
            return False
        with suppress(ProcessLookupError):  # it has just ended by itself: nothing to survive
            os.kill(int(lab.rng.choice(workers)), signal.SIGKILL)
        trial.problems += ends(running, 0)
        return True

    lab.interrupted(stage, outcome, strike, ready=Running.workers)


def unit_fails(fault: str, on_cluster: bool, lab: Lab, stage: str, outcome: Outcome) -> None:
    """Bring a fault about at a random unit: its job fails and is said, and a rerun computes it."""
    units = sorted(lab.stages[stage].units)
    folders = Counter(unit[:2] for unit in units)
    chosen = lab.rng.choice([unit[:2] for unit in units if folders[unit[:2]] == 1])
    with lab.trial(stage, outcome) as trial, ExitStack() as stack:
        site = trial.patched(SITE.format(fault=fault, folder=str(chosen)))
        where = site | {"WORKERS": "2", "UNIT_LIMIT": str(UNIT_LIMIT)}
        said = FAULTS[fault][1]
        if on_cluster:
            where["SCHEDULER"] = stack.enter_context(
                cluster_of_two(trial.workspace, **site)
            ).address
            said = said if fault == "memory" else "the dask workers that ran it died"
        trial.problems += ends(Running(trial.workspace, stage_command(stage), **where), 3, said)
        trial.problems += torn(trial.workspace)
        trial.rerun()


def member_killed(what: str, lab: Lab, stage: str, outcome: Outcome) -> None:
    """Kill a member of a cluster: a worker's jobs are done by the other, a scheduler's loss is said
    and a rerun on this machine computes what is missing."""
    made: list[Cluster] = []

    @contextmanager
    def around(workspace: Workspace) -> Iterator[dict[str, str]]:
        with cluster_of_two(workspace) as found:
            made.append(found)
            yield {"SCHEDULER": found.address}

    def strike(trial: Trial, running: Running) -> bool:
        scheduler, *workers = made[-1].members
        victim = scheduler if what == "scheduler" else workers[int(lab.rng.integers(2))]
        victim.end()
        code = running.finish()
        if what == "worker":
            if code != 0:
                trial.problems.append(f"ended with {code}: {last_line(running.log)}")
            trial.compare(taken=code == 0)
        else:
            trial.problems += [] if code in (0, 1, 3) else [f"ended with {code}"]
            trial.problems += one_line(running.log, "scheduler") if code else []
        made[-1].end()
        return True

    lab.interrupted(stage, outcome, strike, ready=lambda _: True, outputs=False, around=around)


def ends(running: Running, code: int, *said: str) -> list[str]:
    """Wait for a stage that a fault is in; problems where it hangs, ends otherwise than by the
    code, says something else, leaves processes, or fails other jobs than one."""
    found = running.ended()
    problems = running.left_after(ORPHANS)
    if found != code:
        return [*problems, f"ended with {found}: {last_line(running.log)}"]
    if not code:
        return problems
    if (failed := report(running.log).failed) != 1:
        problems.append(f"{failed} jobs failed, not one")
    return problems + one_line(running.log, *said)
