"""The artifact cache and its disk: full, read-only, a file, shared; its files damaged; clocks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from chaos.disks import PAGE, full_disk, read_only
from chaos.lab import (
    Injection,
    Lab,
    Trial,
    cache_of,
    digests,
    inject,
    torn,
    unfinished,
    units_of,
)
from chaos.outcomes import Outcome
from chaos.running import Running, last_line, report, stage_command
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

Damage = Callable[[bytes, np.random.Generator], bytes]


def flip(content: bytes, bit: int) -> bytes:
    """The content with one bit the other way."""
    flipped = bytearray(content)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


DAMAGES: dict[str, Damage] = {
    "cut to nothing": lambda content, _: b"",
    "cut to 10 bytes": lambda content, _: content[:10],
    "cut to its digest": lambda content, _: content[:DIGEST],
    "cut to half": lambda content, _: content[: len(content) // 2],
    "short of its last byte": lambda content, _: content[:-1],
    "with a byte more": lambda content, _: content + b"\0",
    "with a bit of its digest flipped": lambda content, rng: flip(
        content, int(rng.integers(DIGEST * 8))
    ),
    "with a bit of its payload flipped": lambda content, rng: flip(
        content, int(rng.integers(DIGEST * 8, len(content) * 8))
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
    whole, units = cache_of(trial.lab.whole), trial.lab.stages[trial.stage].units
    pages = sum(-(-(whole / name).stat().st_size // PAGE) for name in units) // 2
    with full_disk(trial.cache, pages):
        yield
        if not trial.units:
            trial.problems.append("no unit was kept that there was room for")


def full_outputs(trial: Trial) -> AbstractContextManager[None]:
    """No room for outputs: the old ones stay."""
    return full_disk(trial.workspace.root / "data")


def only_read(trial: Trial) -> AbstractContextManager[None]:
    """Nothing is to be written to a cache that holds everything; else what is missing is lost."""
    return read_only(trial.cache)


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
                trial.fails(self.said, *([] if self.units else [str(trial.cache)]))
            trial.problems += torn(trial.workspace) + unfinished(trial.workspace)
            trial.compare(taken=False)  # the old outputs stay
            trial.rerun()


def shared(lab: Lab, stage: str, outcome: Outcome) -> None:
    """The same units, computed by two runs in two workspaces."""
    with lab.trial(stage, outcome, outputs=False) as trial:
        one = trial.workspace
        shutil.copytree(one.root, one.root.with_name("other"), symlinks=True)
        other = Workspace(one.root.with_name("other"), trial.cache)
        other.environment["WORKERS"] = one.environment["WORKERS"]
        for run in [Running(workspace, stage_command(stage)) for workspace in (one, other)]:
            if (code := run.finish()) != 0:
                trial.problems.append(f"ended with {code}: {last_line(run.log)}")
            trial.workspace = run.workspace
            trial.compare(taken=code == 0)
            outcome.recomputed += max(report(run.log).computed, 0)
        if set(units_of(one)) != set(units_of(lab.whole)):
            trial.problems.append("the cache holds other units than undisturbed")
        trial.problems += torn(one) + unfinished(one)


FULL = "No space left on device"
FAULTS: dict[str, Injection] = {
    "full disk under the cache, half-way through a stage": Fault(full_cache, False, True, FULL),
    "full disk under the outputs": Fault(full_outputs, True, True, FULL),
    "read-only cache that holds every unit": Fault(only_read),
    "read-only cache that lacks units": Fault(only_read, False, True, "Read-only file system"),
    "cache folder that is a file": Fault(no_folder, False, True, "Not a directory"),
    "two runs on one cache at once": shared,
    "temporary files of killed writes, left in the cache": Fault(left_over),
    "files dated up to ten years back or ahead": Fault(dated),
    "clock that jumps by up to a day at every look": Fault(clock, units=False),
}


def damaged(lab: Lab, stage: str, rows: dict[str, Outcome]) -> None:
    """Damage up to half of a stage's units, at random, each in another way. Each must be said,
    computed again and as it was before; the others must come from the cache."""
    with lab.copy(stage, units=True, outputs=False) as workspace:
        held, units = units_of(workspace), sorted(lab.stages[stage].units)
        chosen = lab.rng.permutation(units)[: max(1, len(units) // 2)].tolist()
        kinds = dict(zip(chosen, cycle(lab.rng.permutation(list(DAMAGES)).tolist()), strict=False))
        right = {name: held[name].read_bytes() for name in chosen}
        for name, kind in kinds.items():
            held[name].write_bytes(DAMAGES[kind](right[name], lab.rng))
        running = Running(workspace, stage_command(stage))
        code = running.finish()
        whole = [] if code == 0 else [f"ended with {code}: {last_line(running.log)}"]
        if report(running.log).computed != len(chosen):
            whole.append(f"{len(chosen)} units were damaged, it says {report(running.log)}")
        if digests(workspace) != lab.digests:
            whole.append("other outputs than undisturbed")
        for name, kind in kinds.items():
            problems = [] if f"{held[name]} is damaged" in running.log else ["not said"]
            now = held[name].read_bytes() if held[name].is_file() else b""
            problems += rows[kind].compare(now == right[name], taken=code == 0)
            rows[kind].recomputed += not problems
            rows[kind].count(whole + problems, stage)
