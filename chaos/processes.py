"""Stages, their workers and clusters: killed, signalled, hanging or out of memory."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import cycle, islice, product

from chaos.disks import torn
from chaos.lab import Lab, Trial, inject
from chaos.outcomes import Outcome
from chaos.running import ORPHANS, Running, report, stage_command

KILLS, SHORT_KILLS = 100, 4
DVC = 10
"""Each so-manieth kill is of a stage that DVC runs, and DVC runs it again."""
WITHIN = 2.0
"""Seconds in which a stage must have ended after a signal that it can catch."""
SAID = {signal.SIGINT: "interrupted: ", signal.SIGTERM: "terminated: "}
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


def kills(lab: Lab) -> Iterator[Outcome]:
    """Kills, spread evenly over the stages; a row each for how the stage was run and killed."""
    rows = {
        (dvc, group): Outcome(f"kill -9 of a stage's {what}{', run by DVC' if dvc else ''}")
        for dvc in (False, True)
        for group, what in ((False, "main process"), (True, "processes"))
    }
    orphans = Outcome(f"kill -9 of its main process: its workers end within {ORPHANS:.0f} s")

    def kill(trial: Trial, running: Running, group: bool) -> bool:
        main = running.child(stage_command(trial.stage))
        if main is None:
            return False
        (os.killpg if group else os.kill)(running.pid if group else main, signal.SIGKILL)
        left = running.left_after()
        if not group:
            orphans.count(left, trial.stage)
        return True

    for i, stage in enumerate(stages_of(lab, SHORT_KILLS if lab.short else KILLS)):
        dvc = i % DVC == DVC - 1
        group = (i // DVC if dvc else i // len(lab.stages)) % 2 == 1
        # Alone, and not from what DVC has in its own cache.
        by_dvc = ["dvc", "repro", "--single-item", "--no-run-cache", stage.replace(" ", "@")]
        command, strike = by_dvc if dvc else None, partial(kill, group=group)
        lab.interrupted(stage, rows[dvc, group], strike, command=command, outputs=False)
    yield from (row for row in (*rows.values(), orphans) if row.injected)


def stages_of(lab: Lab, number: int) -> list[str]:
    """Names of stages, so many, each module as often as the others; groups of a module in turn."""
    modules: dict[str, list[str]] = {}
    for name in lab.stages:
        modules.setdefault(name.split()[0], []).append(name)
    turns = {module: cycle(names) for module, names in modules.items()}
    return [next(turns[module]) for module in islice(cycle(modules), number)]


def signals(lab: Lab) -> Iterator[Outcome]:
    """Each signal to every stage: to its main process or, as Ctrl-C does, to all its processes."""
    to = ((False, "a stage's main process"), (True, "all processes of a stage"))
    faults = [
        (f"{n.name} to {whom}: ends in {WITHIN:.0f} s, cleanly", partial(signalled, n, group))
        for n, (group, whom) in product(SAID, to)
    ]
    yield from inject(lab, faults, ("theory",) if lab.short else tuple(lab.stages))


def signalled(number: signal.Signals, group: bool, lab: Lab, stage: str, outcome: Outcome) -> None:
    """Signal a stage once, at a random moment from when its own code begins to run."""

    def strike(trial: Trial, running: Running) -> bool:
        (os.killpg if group else os.kill)(running.pid, number)
        code, left = running.ended(WITHIN), running.left_after()
        log, clear = running.log, "Traceback" not in running.log
        if code == 0 or (code == -number and log.strip() and clear):
            return False  # its work was done; Python was ending
        trial.problems += left if code == 128 + number else [f"ended with {code}", *left]
        if not clear or sum(line.startswith(SAID[number]) for line in log.splitlines()) != 1:
            trial.problems.append(f"no single clear line: {log[-300:]!r}")
        trial.compare(taken=False)
        return True

    lab.interrupted(stage, outcome, strike, ready=lambda r: r.catches(signal.SIGTERM))


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
    faults += [
        ("cluster: kill -9 of one of two workers", dask_worker_killed),
        ("cluster: kill -9 of the scheduler", scheduler_killed),
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
        trial.ends(running)
        return True

    lab.interrupted(stage, outcome, strike, ready=Running.workers)


def unit_fails(fault: str, on_cluster: bool, lab: Lab, stage: str, outcome: Outcome) -> None:
    """Bring a fault about at a random unit: its job fails and is said, and a rerun computes it."""
    units = sorted(lab.stages[stage].units)
    folders = Counter(unit[:2] for unit in units)
    chosen = str(lab.rng.choice([unit[:2] for unit in units if folders[unit[:2]] == 1]))
    dies = on_cluster and fault != "memory"
    with lab.trial(stage, outcome) as trial:
        site = trial.patched(SITE.format(fault=fault, folder=chosen))
        with trial.two_workers(on_cluster, UNIT_LIMIT=str(UNIT_LIMIT), **site) as where:
            running = trial.start(**where)
            trial.ends(
                running, (3,), "the dask workers that ran it died" if dies else FAULTS[fault][1]
            )
        if (failed := report(running.log).failed) != 1:
            trial.problems.append(f"{failed} jobs failed, not one")
        trial.problems += torn(trial.workspace)
        trial.rerun()


def dask_worker_killed(lab: Lab, stage: str, outcome: Outcome) -> None:
    """Kill a worker of a cluster: its jobs are done by the other."""

    def strike(trial: Trial, running: Running) -> bool:
        trial.members[1 + int(lab.rng.integers(2))].end()
        trial.compare(taken=trial.ends(running))
        return True

    lab.interrupted(stage, outcome, strike, outputs=False, on_cluster=True)


def scheduler_killed(lab: Lab, stage: str, outcome: Outcome) -> None:
    """Kill a cluster's scheduler: its loss is said, and a rerun here computes what is missing."""

    def strike(trial: Trial, running: Running) -> bool:
        scheduler, *workers = trial.members
        scheduler.end()
        trial.ends(running, (0, 1, 3), "scheduler")
        for worker in workers:  # which would go on with the units that they have
            worker.end()
        return True

    lab.interrupted(stage, outcome, strike, outputs=False, on_cluster=True)
