"""The artifact cache and its disk: full, read-only, a file, shared; its files damaged; clocks."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from chaos.disks import PAGE, full_disk, read_only, torn, unfinished, units_of
from chaos.lab import FAILURE, Injection, Lab, Trial, inject
from chaos.outcomes import Outcome
from chaos.running import Running, report, stage_command
from tests.conftest import Workspace

DIGEST = 32
"""Bytes of a cache file before its payload."""
SPREAD = 10 * 365 * 86400.0
"""Seconds that files are dated into the past or the future."""
CLOCK = '''
"""A clock that jumps by up to a day, back and forth, while the program runs."""

import random
import time

real, jumps = time.time, random.Random()
time.time = lambda: real() + jumps.choice((-86400, -3600, 0, 3600, 86400))
'''

ROUNDS = 2


def flipped(content: bytes, start: int, end: int, rng: np.random.Generator) -> bytes:
    """The content with one bit of its bytes from start to end the other way."""
    bit, changed = int(rng.integers(start * 8, end * 8)), bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


DAMAGES: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "cut to nothing": lambda content, _: b"",
    "cut to 10 bytes": lambda content, _: content[:10],
    "cut to its digest": lambda content, _: content[:DIGEST],
    "cut to half": lambda content, _: content[: len(content) // 2],
    "short of its last byte": lambda content, _: content[:-1],
    "with a byte more": lambda content, _: content + b"\0",
    "with a bit of its digest flipped": lambda content, rng: flipped(content, 0, DIGEST, rng),
    "with a bit of its payload flipped": lambda content, rng: flipped(
        content, DIGEST, len(content), rng
    ),
}


def caches(lab: Lab) -> Iterator[Outcome]:
    """Every fault of the cache's place, of what is beside its files and of clocks, once in each of
    some stages; then every damage to its files."""
    stages = ("theory",) if lab.short else ("theory", "fewshot", "embed transfer")
    yield from inject(lab, FAULTS.items(), stages)
    rows = {name: Outcome(f"cache file {name}") for name in DAMAGES}
    for stage in stages:
        for _ in range(1 if lab.short else ROUNDS):
            damaged(lab, stage, rows)
    yield from rows.values()


@contextmanager
def full_cache(trial: Trial) -> Iterator[None]:
    """Room for half of the units: the others are missed in one line, and computed when there is."""
    held, units = units_of(trial.lab.whole), trial.lab.stages[trial.stage].units
    pages = sum(-(-held[name].stat().st_size // PAGE) for name in units) // 2
    with full_disk(trial.cache, pages):
        yield
        if not trial.units:
            trial.problems.append("no unit was kept that there was room for")


@contextmanager
def no_folder(trial: Trial) -> Iterator[None]:
    """A slip in ARTIFACT_CACHE: the file is left alone."""
    aside = trial.cache.rename(trial.cache.with_name("aside"))
    trial.cache.write_text("no folder")
    yield
    if trial.cache.read_text() != "no folder":
        trial.problems.append("the file was changed")
    trial.cache.unlink()
    aside.rename(trial.cache)


@contextmanager
def left_over(trial: Trial) -> Iterator[None]:
    """Each unit has a half-written one beside it."""
    for path in units_of(trial.workspace).values():
        (path.parent / f".tmp-{path.name[:8]}").write_bytes(path.read_bytes()[:-1])
    yield


@contextmanager
def dated(trial: Trial) -> Iterator[None]:
    """Dates of files say nothing: those of the cache and of the study are random."""
    for top in (trial.cache, trial.workspace.root / "data"):
        for path in sorted(top.rglob("*")):
            date = path.stat().st_mtime + float(trial.lab.rng.uniform(-SPREAD, SPREAD))
            os.utime(path, (date, date))
    yield


@contextmanager
def clock(trial: Trial) -> Iterator[None]:
    """The clock of the stage and its workers jumps; a limit of time a unit does not misfire."""
    site = trial.patched(CLOCK)
    trial.workspace.environment |= site | {"UNIT_LIMIT": "600", "WORKERS": "2"}
    yield


@dataclass(frozen=True)
class Fault:
    """A fault of the surroundings of a stage.

    brings : about the fault, while its block runs. units, outputs : whether the stage's are there
    before. said : what a stage says that cannot go on; it then runs again without the fault. Where
    there is nothing to say it must run well.
    """

    brings: Callable[[Trial], AbstractContextManager[None]]
    units: bool = True
    outputs: bool = False
    said: str = ""

    def __call__(self, lab: Lab, stage: str, outcome: Outcome) -> None:
        with lab.trial(stage, outcome, self.units, self.outputs) as trial:
            with self.brings(trial):
                if not self.said:
                    trial.rerun()
                    return
                trial.ends(
                    trial.start(), FAILURE, self.said, "" if self.units else str(trial.cache)
                )
            trial.problems += torn(trial.workspace) + unfinished(trial.workspace)
            trial.compare(taken=False)  # the old outputs stay
            trial.rerun()


def shared(lab: Lab, stage: str, outcome: Outcome) -> None:
    """The same units, computed by two runs in two workspaces."""
    with lab.trial(stage, outcome, outputs=False) as trial:
        one = trial.workspace
        other = Workspace(one.root.with_name("other"), trial.cache)
        shutil.copytree(one.root, other.root, symlinks=True)
        other.environment["WORKERS"] = one.environment["WORKERS"]
        runs = [Running(workspace, stage_command(stage)) for workspace in (one, other)]
        for run in runs:
            trial.workspace = run.workspace
            trial.compare(taken=trial.ends(run))
            outcome.recomputed += max(report(run.log).computed, 0)
        if set(units_of(one)) != set(units_of(lab.whole)):
            trial.problems.append("the cache holds other units than undisturbed")
        trial.problems += torn(one) + unfinished(one)


FULL, LOCKED = "No space left on device", "Read-only file system"
FAULTS: dict[str, Injection] = {
    "full disk under the cache, half-way through a stage": Fault(full_cache, False, True, FULL),
    "full disk under the outputs": Fault(
        lambda trial: full_disk(trial.workspace.root / "data"), True, True, FULL
    ),
    "read-only cache that holds every unit": Fault(lambda trial: read_only(trial.cache)),
    "read-only cache that lacks units": Fault(
        lambda trial: read_only(trial.cache), False, True, LOCKED
    ),
    "cache folder that is a file": Fault(no_folder, False, True, "Not a directory"),
    "two runs on one cache at once": shared,
    "temporary files of killed writes, left in the cache": Fault(left_over),
    "files dated up to ten years back or ahead": Fault(dated),
    "clock that jumps by up to a day at every look": Fault(clock, units=False),
}


def damaged(lab: Lab, stage: str, rows: dict[str, Outcome]) -> None:
    """Damage up to half of a stage's units, at random, each in another way. Each must be said,
    computed again and as it was before; the others must come from the cache."""
    with lab.trial(stage, Outcome(""), units=True, outputs=False) as trial:
        held, units = units_of(trial.workspace), sorted(lab.stages[stage].units)
        chosen = lab.rng.permutation(units)[: max(1, len(units) // 2)].tolist()
        kinds = dict(zip(chosen, cycle(lab.rng.permutation(list(DAMAGES)).tolist()), strict=False))
        right = {name: held[name].read_bytes() for name in chosen}
        for name, kind in kinds.items():
            held[name].write_bytes(DAMAGES[kind](right[name], lab.rng))
        running = trial.start()
        well = trial.ends(running)
        trial.compare(taken=well)
        if report(running.log).computed != len(chosen):
            trial.problems.append(f"{len(chosen)} damaged, it says {report(running.log)}")
        for name, kind in kinds.items():
            problems = [] if f"{held[name]} is damaged" in running.log else ["not said"]
            now = held[name].read_bytes() if held[name].is_file() else b""
            problems += rows[kind].compare(now == right[name], taken=well)
            rows[kind].recomputed += not problems
            rows[kind].count(trial.problems + problems, stage)
