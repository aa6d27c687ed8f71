"""kill -9 of a stage at random moments, of its main process or of all its processes."""

from __future__ import annotations

import os
import signal
from itertools import cycle, islice

from chaos.lab import Lab, torn
from chaos.outcomes import Outcome
from chaos.running import LIMIT, Running, stage_command, within
from tests.conftest import Workspace

KILLS, SHORT_KILLS = 100, 4
DVC = 10
"""Each so-manieth kill is of a stage that DVC runs, and DVC runs it again."""
ORPHANS = 10.0
"""Seconds after which no process may be left of a stage whose main process was killed."""
TRIES = 20


def kills(lab: Lab) -> list[Outcome]:
    """Kills, spread evenly over the stages; a row each for how the stage was run and killed."""
    number = SHORT_KILLS if lab.short else KILLS
    rows = {
        (dvc, group): Outcome(f"kill -9 of a stage's {what}{', run by DVC' if dvc else ''}")
        for dvc in (False, True)
        for group, what in ((False, "main process"), (True, "processes"))
    }
    orphans = Outcome(f"kill -9 of its main process: its workers end within {ORPHANS:.0f} s")
    for i, stage in enumerate(stages_of(lab, number)):
        dvc = i % DVC == DVC - 1
        group = (i // DVC if dvc else i // len(lab.stages)) % 2 == 1
        with lab.copy(stage, outputs=False) as workspace:
            command = dvc_command(stage) if dvc else stage_command(stage)
            left = killed(lab, workspace, stage, command, group)
            if not group:
                orphans.count([f"{stage}: {left} processes left"] if left else [])
            outcome = rows[dvc, group]
            problems = torn(workspace)
            outcome.count(problems + lab.rerun(workspace, stage, outcome, *command))
    return [*(row for row in rows.values() if row.injected), orphans]


def stages_of(lab: Lab, number: int) -> list[str]:
    """Names of stages, so many, each module as often as the others; groups of a module in turn."""
    modules: dict[str, list[str]] = {}
    for name in lab.stages:
        modules.setdefault(name.split()[0], []).append(name)
    turns = {module: cycle(names) for module, names in modules.items()}
    return [next(turns[module]) for module in islice(cycle(modules), number)]


def dvc_command(stage: str) -> list[str]:
    """The stage alone through DVC, which may have a run of it in its own cache."""
    return ["dvc", "repro", "--single-item", "--no-run-cache", stage.replace(" ", "@")]


def killed(lab: Lab, workspace: Workspace, stage: str, command: list[str], group: bool) -> int:
    """Run a stage and kill it at a random moment; how many processes outlive it for long.

    Where it has ended before the moment comes, it starts anew from the same state.
    """
    whole = stage_command(stage)
    for missed in range(TRIES):
        running = Running(workspace, command, WORKERS="2")
        within(LIMIT, lambda: running.child(whole) or running.process.poll() is not None)  # noqa: B023
        ended = running.ended(lab.moment(stage, missed))
        main = running.child(whole)
        if ended is None and main is not None:
            if group:
                os.killpg(running.pid, signal.SIGKILL)
            else:
                os.kill(main, signal.SIGKILL)
            return running.left_after(ORPHANS)
        running.end()
        lab.forget(workspace, stage)
    raise RuntimeError(f"{stage}: always ended before it could be killed")
