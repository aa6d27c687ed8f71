"""SIGINT and SIGTERM at random moments, to a stage or, as Ctrl-C does, to all its processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

from chaos.kills import ORPHANS
from chaos.lab import Lab, torn
from chaos.outcomes import Outcome
from chaos.running import LIMIT, Running, catches, stage_command, within

WITHIN = 2.0
"""Seconds in which a stage must have ended."""
TRIES = 20
SAID = {signal.SIGINT: "interrupted: ", signal.SIGTERM: "terminated: "}


def signals(lab: Lab) -> Iterator[Outcome]:
    """Each signal to every stage, in both ways."""
    stages = ("theory",) if lab.short else tuple(lab.stages)
    for number in SAID:
        for group in (False, True):
            to = "all processes of a stage" if group else "a stage's main process"
            outcome = Outcome(f"{number.name} to {to}: ends in {WITHIN:.0f} s, cleanly")
            for stage in stages:
                problems = signalled(lab, stage, number, group, outcome)
                outcome.count([f"{stage}: {problem}" for problem in problems])
            yield outcome


def signalled(
    lab: Lab, stage: str, number: signal.Signals, group: bool, outcome: Outcome
) -> list[str]:
    """Signal a stage once, at a random moment from when its own code begins to run."""
    for missed in range(TRIES):
        with lab.copy(stage) as workspace:
            running = Running(workspace, stage_command(stage), WORKERS="2")
            within(LIMIT, lambda: catches(running.pid, signal.SIGTERM))  # noqa: B023
            if running.ended(lab.moment(stage, missed)) is not None:
                continue
            (os.killpg if group else os.kill)(running.pid, number)
            code = running.ended(WITHIN)
            left = running.left_after(ORPHANS)
            told = running.log.strip() and "Traceback" not in running.log
            if code == 0 or (code == -number and told):  # its work was done; Python was ending
                continue
            problems = [] if code == 128 + number else [f"ended with {code}"]
            problems += [f"{left} processes left"] if left else []
            said = [line for line in running.log.splitlines() if line.startswith(SAID[number])]
            if len(said) != 1 or "Traceback" in running.log:
                problems.append(f"no single clear line: {running.log[-300:]!r}")
            problems += outcome.compare(lab.same(workspace), taken=False)
            return problems + torn(workspace) + lab.rerun(workspace, stage, outcome)
    raise RuntimeError(f"{stage}: always ended before it could be signalled")
