"""A small study that has run undisturbed once, and copies of it to inject faults into."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chaos.outcomes import Outcome
from chaos.running import LIMIT, Running, end_all, stage_command
from tests.conftest import STAGES, Workspace, make_workspace

SHORT = ("download stimuli", "theory")
"""Stages that need neither torch nor what others made."""

_REPORT = re.compile(r": (\d+) units, (\d+) from the cache, (\d+) computed, (\d+) failed")


@dataclass(frozen=True)
class Stage:
    """What a stage did undisturbed: seconds, units it added to the cache (paths in it), outputs."""

    name: str
    seconds: float
    units: frozenset[str]
    outputs: frozenset[str]


class Counted(NamedTuple):
    """A stage's report: units, from the cache, computed, jobs failed."""

    units: int
    cached: int
    computed: int
    failed: int


class Lab:
    """The study, run stage by stage.

    Parameters
    ----------
    folder : where it and its copies go. short : a few stages, each fault a few times.
    """

    def __init__(self, folder: Path, short: bool) -> None:
        self.folder, self.short = folder, short
        self.rng = np.random.default_rng(0)
        self.whole = make_workspace(folder / "whole" / "repository", folder / "whole" / "cache")
        self.whole.environment["WORKERS"] = "2"
        self.whole.git()
        self.stages = {name: self._run(name) for name in ("check", *(SHORT if short else STAGES))}
        del self.stages["check"]
        self.digests = digests(self.whole)

    def _run(self, name: str) -> Stage:
        units, outputs = set(units_of(self.whole)), set(digests(self.whole))
        start = time.monotonic()
        done = self.whole.stage(name)
        seconds = time.monotonic() - start
        if done.returncode:
            raise RuntimeError(f"{name}, undisturbed: {done.stderr}")
        added = frozenset(set(units_of(self.whole)) - units)
        return Stage(name, seconds, added, frozenset(set(digests(self.whole)) - outputs))

    @contextlib.contextmanager
    def copy(self, stage: str, units: bool = False, outputs: bool = True) -> Iterator[Workspace]:
        """A copy of the study, its cache without the stage's units unless they are asked for, and
        its folders without the stage's outputs where they are not."""
        folder = self.folder / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder / "whole", folder, symlinks=True)
        workspace = Workspace(folder / "repository", folder / "cache")
        workspace.environment["WORKERS"] = "1" if self.short else "2"  # the sooner it has started
        self.forget(workspace, stage, units, outputs)
        try:
            yield workspace
        finally:
            end_all()
            shutil.rmtree(folder, ignore_errors=True)

    def forget(
        self, workspace: Workspace, stage: str, units: bool = False, outputs: bool = False
    ) -> None:
        """Remove a stage's units and outputs, but for those to be kept, and what DVC knows of them:
        it would take them from its own cache."""
        (workspace.root / "dvc.lock").unlink(missing_ok=True)
        for name in () if units else self.stages[stage].units:
            (cache_of(workspace) / name).unlink(missing_ok=True)
        for name in () if outputs else self.stages[stage].outputs:
            (workspace.root / name).unlink(missing_ok=True)

    def same(self, workspace: Workspace) -> bool:
        """Whether a workspace's outputs have the undisturbed digests."""
        return digests(workspace) == self.digests

    def moment(self, stage: str, missed: int) -> float:
        """A random moment of a stage, seconds after its start; the earlier the more were missed,
        for the machine may be less busy than when the stage ran undisturbed."""
        return float(self.rng.uniform(0, self.stages[stage].seconds * 0.8**missed))

    def rerun(self, workspace: Workspace, stage: str, outcome: Outcome, *command: str) -> list[str]:
        """Run a stage again after a fault: it must end well, compute what was missing and nothing
        else, and give the undisturbed outputs. Counts what was computed, and returns problems."""
        known = self.stages[stage]
        held = known.units & set(units_of(workspace))
        running = Running(workspace, command or stage_command(stage))
        code = running.ended(LIMIT)
        running.end()
        if code != 0:
            return [f"{stage}: the rerun ended with {code}: {last_line(running.log)}"]
        problems = outcome.compare(self.same(workspace))
        if known.units:
            done, missing = report(running.log), len(known.units - held)
            outcome.recomputed += done.computed
            if done.computed != missing or done.cached != done.units - missing:
                problems.append(f"{missing} units were missing, the rerun says {done}")
        return [f"{stage}: {problem}" for problem in problems]


def cache_of(workspace: Workspace) -> Path:
    """A workspace's artifact cache."""
    return Path(workspace.environment["ARTIFACT_CACHE"])


def units_of(workspace: Workspace) -> dict[str, Path]:
    """Files under a key in a workspace's cache, by their path in it."""
    root = cache_of(workspace)
    found = sorted(path for path in root.glob("??/*") if not path.name.startswith("."))
    return {path.relative_to(root).as_posix(): path for path in found}


def torn(workspace: Workspace) -> list[str]:
    """Files under a key that are not whole, as problems: a digest and the payload that it is of."""
    found = []
    for name, path in units_of(workspace).items():
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            found.append(f"{name} is half-written")
    return found


def unfinished(workspace: Workspace) -> list[str]:
    """Temporary files in the cache, as problems."""
    return [f"{path.name} is left" for path in cache_of(workspace).rglob(".tmp-*")]


def digests(workspace: Workspace) -> dict[str, str]:
    """Digests of all outputs by path; not of what a write that failed left beside its output."""
    return {
        name: hashlib.sha256(content).hexdigest()
        for name, content in workspace.outputs().items()
        if not (Path(name).name.startswith(".") and name.endswith(".new"))
    }


def report(log: str) -> Counted:
    """The numbers of a stage's reports together; analyze has one of ceilings, one of figures."""
    found = [map(int, numbers) for numbers in _REPORT.findall(log)]
    return Counted(*map(sum, zip(*found, strict=True))) if found else Counted(-1, -1, -1, -1)


def last_line(log: str) -> str:
    """The last line that a stage printed."""
    return (log.strip().splitlines() or ["nothing printed"])[-1]


def one_line(log: str, *words: str) -> list[str]:
    """Problems where a stage's end is not one clear line, with all these words in it."""
    errors = [line for line in log.splitlines() if line.startswith("error: ")]
    if "Traceback" in log or len(errors) != 1:
        return [f"no single clear line: {last_line(log)}"]
    missing = [word for word in words if word not in errors[0]]
    return [f"'{word}' is not in: {errors[0]}" for word in missing]
