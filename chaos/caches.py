"""The artifact cache and the disk that it lies on: full, read-only, a file, shared, damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

from chaos.disks import PAGE, AbsentError, filled, read_only, small_disk
from chaos.lab import Lab, cache_of, last_line, one_line, report, torn, unfinished, units_of
from chaos.outcomes import Outcome
from chaos.running import LIMIT, Running, stage_command
from tests.conftest import Workspace

CODES = (2, 3)
"""Exit codes of data that cannot be read or written, and of units that failed."""
Fault = Callable[[Lab, str, Outcome], list[str]]
"""Injects a fault into a stage; counts in the outcome, and returns what did not hold."""
MEGABYTES = 64


def caches(lab: Lab) -> Iterator[Outcome]:
    """Every fault of the cache's place; what is in its files is another family."""
    for title, fault in FAULTS.items():
        yield over_stages(lab, title, fault)


def over_stages(lab: Lab, title: str, fault: Fault) -> Outcome:
    """Inject a fault once into each of some stages."""
    outcome = Outcome(title)
    try:
        for stage in stages_of(lab):
            problems = fault(lab, stage, outcome)
            outcome.count([f"{stage}: {problem}" for problem in problems])
    except AbsentError as error:
        outcome.absent = str(error)
    return outcome


def stages_of(lab: Lab) -> tuple[str, ...]:
    """Stages that the faults are tried on: units of some rows, of a number, of embeddings."""
    return ("theory",) if lab.short else ("theory", "fewshot", "embed transfer")


def full_cache(lab: Lab, stage: str, outcome: Outcome) -> list[str]:
    """Room for half of the units: the others are missed in one line, and computed when there is."""
    sizes = [(cache_of(lab.whole) / name).stat().st_size for name in lab.stages[stage].units]
    pages = sum(-(-size // PAGE) for size in sizes) // 2
    with lab.copy(stage) as workspace, small_disk(cache_of(workspace), MEGABYTES):
        with filled(cache_of(workspace), pages):
            problems = fails(workspace, stage, "No space left on device")
        problems += torn(workspace) + unfinished(workspace)
        if not lab.stages[stage].units & set(units_of(workspace)):
            problems.append("no unit was kept that there was room for")
        return problems + lab.rerun(workspace, stage, outcome)


def full_outputs(lab: Lab, stage: str, outcome: Outcome) -> list[str]:
    """No room for outputs: the old ones stay."""
    with (
        lab.copy(stage, units=True) as workspace,
        small_disk(workspace.root / "data", MEGABYTES),
    ):
        with filled(workspace.root / "data", 0):
            problems = ends_badly(workspace, stage, "No space left on device")
        problems += outcome.compare(lab.same(workspace), taken=False)
        return problems + lab.rerun(workspace, stage, outcome)


def only_read(lab: Lab, stage: str, outcome: Outcome) -> list[str]:
    """Nothing is to be written to the cache, so that it need not be writable."""
    with lab.copy(stage, units=True, outputs=False) as workspace, read_only(cache_of(workspace)):
        return lab.rerun(workspace, stage, outcome)


def only_read_missing(lab: Lab, stage: str, outcome: Outcome) -> list[str]:
    """What is missing cannot be kept, and the old outputs stay."""
    with lab.copy(stage) as workspace:
        with read_only(cache_of(workspace)):
            problems = fails(workspace, stage, "Read-only file system")
        problems += outcome.compare(lab.same(workspace), taken=False)
        return problems + lab.rerun(workspace, stage, outcome)


def no_folder(lab: Lab, stage: str, outcome: Outcome) -> list[str]:
    """A slip in ARTIFACT_CACHE: the file is left alone."""
    with lab.copy(stage) as workspace:
        root = cache_of(workspace)
        aside = root.rename(root.with_name("aside"))
        root.write_text("no folder")
        problems = fails(workspace, stage, "Not a directory")
        if root.read_text() != "no folder":
            problems.append("the file was changed")
        root.unlink()
        aside.rename(root)
        return problems + lab.rerun(workspace, stage, outcome)


def shared(lab: Lab, stage: str, outcome: Outcome) -> list[str]:
    """The same units, computed by two runs in two workspaces."""
    with lab.copy(stage, outputs=False) as one:
        shutil.copytree(one.root, one.root.with_name("other"), symlinks=True)
        other = Workspace(one.root.with_name("other"), cache_of(one))
        other.environment["WORKERS"] = one.environment["WORKERS"]
        runs = [Running(workspace, stage_command(stage)) for workspace in (one, other)]
        problems = []
        for run, workspace in zip(runs, (one, other), strict=True):
            if (code := run.ended(LIMIT)) != 0:
                problems.append(f"ended with {code}: {last_line(run.log)}")
            run.end()
            problems += outcome.compare(lab.same(workspace), taken=code == 0)
            outcome.recomputed += max(report(run.log).computed, 0)
        if set(units_of(one)) != set(units_of(lab.whole)):
            problems.append("the cache holds other units than undisturbed")
        return problems + torn(one) + unfinished(one)


FAULTS: dict[str, Fault] = {
    "full disk under the cache, half-way through a stage": full_cache,
    "full disk under the outputs": full_outputs,
    "read-only cache that holds every unit": only_read,
    "read-only cache that lacks units": only_read_missing,
    "cache folder that is a file": no_folder,
    "two runs on one cache at once": shared,
}


def fails(workspace: Workspace, stage: str, reason: str) -> list[str]:
    """Run a stage; problems where it does not end with one line, the cache and the reason in it."""
    return ends_badly(workspace, stage, reason, str(cache_of(workspace)))


def ends_badly(workspace: Workspace, stage: str, *words: str) -> list[str]:
    """Run a stage; problems where it does not end with one clear line and a code of failure."""
    running = Running(workspace, stage_command(stage))
    code = running.ended(LIMIT)
    running.end()
    problems = [] if code in CODES else [f"ended with {code}"]
    return problems + one_line(running.log, *words)
