"""kill -9, SIGINT and SIGTERM of a stage at random moments: of its main process, or of all."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from itertools import cycle, islice, product

from chaos.lab import Lab, Trial, inject
from chaos.outcomes import Outcome
from chaos.running import Running, stage_command

KILLS, SHORT_KILLS = 100, 4
DVC = 10
"""Each so-manieth kill is of a stage that DVC runs, and DVC runs it again."""
ORPHANS = 10.0
"""Seconds after which no process may be left of a stage whose main process was killed."""
WITHIN = 2.0
"""Seconds in which a stage must have ended after a signal that it can catch."""
SAID = {signal.SIGINT: "interrupted: ", signal.SIGTERM: "terminated: "}


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
        left = running.left_after(ORPHANS)
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
        code, left = running.ended(WITHIN), running.left_after(ORPHANS)
        told = running.log.strip() and "Traceback" not in running.log
        if code == 0 or (code == -number and told):  # its work was done; Python was ending
            return False
        trial.problems += [] if code == 128 + number else [f"ended with {code}"]
        trial.problems += left
        said = [line for line in running.log.splitlines() if line.startswith(SAID[number])]
        if len(said) != 1 or "Traceback" in running.log:
            trial.problems.append(f"no single clear line: {running.log[-300:]!r}")
        trial.compare(taken=False)
        return True

    lab.interrupted(stage, outcome, strike, ready=lambda r: r.catches(signal.SIGTERM))
