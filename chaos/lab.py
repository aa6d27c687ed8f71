"""A small study that has run undisturbed once, and copies of it to inject faults into."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chaos.disks import AbsentError, cache_of, torn, units_of
from chaos.outcomes import Outcome
from chaos.running import (
    LIMIT,
    Cluster,
    Running,
    end_all,
    last_line,
    one_line,
    report,
    stage_command,
    within,
)
from tests.conftest import STAGES, Workspace, make_workspace

SHORT = ("download stimuli", "theory")
"""Stages that need neither torch nor what others made."""
TRIES = 20
FAILURE = (2, 3)
"""Exit codes of data that cannot be read or written, and of units that failed."""


@dataclass(frozen=True)
class Stage:
    """What a stage did undisturbed: seconds, units it added to the cache (paths in it), outputs."""

    seconds: float
    units: frozenset[str]
    outputs: frozenset[str]


class Lab:
    """The study, run stage by stage.

    Parameters
    ----------
    folder : where it and its copies go. short : a few stages, each fault a few times.
    """

    def __init__(self, folder: Path, short: bool) -> None:
        self.folder, self.short = folder, short
        self.rng = np.random.default_rng(0)
        self.whole = make_workspace(folder / "whole")
        self.whole.environment["WORKERS"] = "2"
        self.whole.git()
        self._run("check")
        self.stages = {name: self._run(name) for name in (SHORT if short else STAGES)}
        self.digests = digests(self.whole)

    def _run(self, name: str) -> Stage:
        units, outputs = set(units_of(self.whole)), set(digests(self.whole))
        start = time.monotonic()
        done = self.whole.stage(name)
        seconds = time.monotonic() - start
        if done.returncode:
            raise RuntimeError(f"{name}, undisturbed: {done.stderr}")
        made = set(units_of(self.whole)) - units, set(digests(self.whole)) - outputs
        return Stage(seconds, *map(frozenset, made))

    @contextlib.contextmanager
    def trial(
        self, stage: str, outcome: Outcome, units: bool = False, outputs: bool = True
    ) -> Iterator[Trial]:
        """One injection into a copy of the study, counted when the block ends.

        The copy's cache is without the stage's units unless they are asked for, and its folders are
        without the stage's outputs where they are not.
        """
        folder = self.folder / "copy"
        shutil.copytree(self.folder / "whole", folder, symlinks=True)
        workspace = Workspace(folder / "repository", folder / "cache")
        workspace.environment["WORKERS"] = "1" if self.short else "2"  # the sooner it has started
        # DVC would take outputs that it knows of from its own cache.
        gone = [workspace.root / "dvc.lock"]
        gone += [] if units else [cache_of(workspace) / name for name in self.stages[stage].units]
        gone += [] if outputs else [workspace.root / name for name in self.stages[stage].outputs]
        for path in gone:
            path.unlink(missing_ok=True)
        trial = Trial(self, stage, workspace, outcome)
        try:
            yield trial
        finally:
            end_all()
            shutil.rmtree(folder, ignore_errors=True)
        if not trial.missed:
            outcome.count(trial.problems, stage)

    def interrupted(
        self,
        stage: str,
        outcome: Outcome,
        strike: Callable[[Trial, Running], bool],
        *,
        command: list[str] | None = None,
        ready: Callable[[Running], object] | None = None,
        outputs: bool = True,
        on_cluster: bool = False,
    ) -> None:
        """Run a stage and strike at a random moment from when it is ready, each time in a new copy
        until a fault could be injected; then run it again.

        Parameters
        ----------
        strike : injects the fault; false where it could not.
        command : what runs the stage, if not its own command.
        """
        own = stage_command(stage)
        begun = ready or (lambda running: running.child(own))
        for missed in range(TRIES):
            with (
                self.trial(stage, outcome, outputs=outputs) as trial,
                trial.two_workers(on_cluster) as where,
            ):
                running = Running(trial.workspace, command or own, **where)
                within(LIMIT, lambda: begun(running) or running.process.poll() is not None)  # noqa: B023
                # The earlier the more were missed: it may be faster now than undisturbed.
                moment = float(self.rng.uniform(0, self.stages[stage].seconds * 0.8**missed))
                trial.missed = running.ended(moment) is not None or not strike(trial, running)
                if not trial.missed:
                    trial.problems += torn(trial.workspace)
                    trial.rerun(*(command or own))
                    return
        raise RuntimeError(f"{stage}: always ended before a fault could be injected")


@dataclass
class Trial:
    """One injection of a fault into a stage, and what did not hold after it.

    members : of the cluster that runs the stage, if any: the scheduler and two workers.
    missed : whether the stage ended before the fault could be injected.
    """

    lab: Lab
    stage: str
    workspace: Workspace
    outcome: Outcome
    problems: list[str] = field(default_factory=list)
    members: list[Running] = field(default_factory=list)
    missed: bool = False

    @property
    def cache(self) -> Path:
        return cache_of(self.workspace)

    @property
    def units(self) -> frozenset[str]:
        """Those of the stage that are in the cache."""
        return self.lab.stages[self.stage].units & set(units_of(self.workspace))

    def patched(self, code: str) -> dict[str, str]:
        """Environment by which every Python process runs some code when it starts."""
        site = self.workspace.root.parent / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(code)
        return {"PYTHONPATH": str(site)}

    @contextlib.contextmanager
    def two_workers(self, on_cluster: bool, **environment: str) -> Iterator[dict[str, str]]:
        """Environment by which two workers run the stage, of this machine or of a cluster on it."""
        if not on_cluster:
            yield environment | {"WORKERS": "2"}
            return
        with Cluster(self.workspace, 2, **environment) as cluster:
            self.members = cluster.members
            yield environment | {"SCHEDULER": cluster.address}

    def start(self, *command: str, **environment: str) -> Running:
        """Run the stage, by its own command if not by another."""
        return Running(self.workspace, command or stage_command(self.stage), **environment)

    def ends(self, running: Running, codes: tuple[int, ...] = (0,), *words: str) -> bool:
        """Whether a run ends well. It must end with one of the codes, leave no process and, where
        it fails, say so in one clear line with these words."""
        code = running.ended()
        self.problems += running.left_after()
        if code not in codes:
            self.problems.append(f"ended with {code}: {last_line(running.log)}")
        elif code:
            self.problems += one_line(running.log, *words)
        return code == 0

    def compare(self, taken: bool) -> None:
        """Outputs must have the undisturbed digests; others are accepted bad data where `taken`."""
        same = digests(self.workspace) == self.lab.digests
        self.problems += self.outcome.compare(same, taken)

    def rerun(self, *command: str) -> None:
        """Run the stage again after a fault: it must end well, compute what was missing and nothing
        else, and give the undisturbed outputs."""
        known, held = self.lab.stages[self.stage].units, self.units
        running = self.start(*command)
        if not self.ends(running):
            return
        self.compare(taken=True)
        if known:
            done, missing = report(running.log), len(known - held)
            self.outcome.recomputed += done.computed
            if done.computed != missing or done.cached != done.units - missing:
                self.problems.append(f"{missing} units were missing, the rerun says {done}")


Injection = Callable[[Lab, str, Outcome], None]
"""Injects a fault into a stage, and counts it in the outcome."""


def inject(
    lab: Lab, faults: Iterable[tuple[str, Injection]], stages: Iterable[str]
) -> Iterator[Outcome]:
    """Every fault once in each of the stages."""
    for title, fault in faults:
        outcome = Outcome(title)
        try:
            for stage in stages:
                fault(lab, stage, outcome)
        except AbsentError as error:
            outcome.absent = str(error)
        yield outcome


def digests(workspace: Workspace) -> dict[str, str]:
    """Digests of all outputs by path; not of what a write that failed left beside its output."""
    return {
        name: hashlib.sha256(content).hexdigest()
        for name, content in workspace.outputs().items()
        if not (Path(name).name.startswith(".") and name.endswith(".new"))
    }
