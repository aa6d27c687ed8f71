"""Files in the artifact cache: cut, with flipped bits, left over; and clocks that jump."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import numpy as np

from chaos.caches import over_stages, stages_of
from chaos.lab import Lab, cache_of, last_line, report, units_of
from chaos.outcomes import Outcome
from chaos.running import LIMIT, Running, stage_command

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


def files(lab: Lab) -> Iterator[Outcome]:
    """Every damage to cache files, then what is beside them, then clocks."""
    rows = {name: Outcome(f"cache file {name}") for name in DAMAGES}
    for stage in stages_of(lab):
        for _ in range(1 if lab.short else ROUNDS):
            damaged(lab, stage, rows)
    yield from rows.values()
    yield over_stages(lab, "temporary files of killed writes, left in the cache", left_over)
    yield over_stages(lab, "files dated up to ten years back or ahead", dated)
    yield over_stages(lab, "clock that jumps by up to a day at every look", clock)


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
        code = running.ended(LIMIT)
        running.end()
        whole = [] if code == 0 else [f"ended with {code}: {last_line(running.log)}"]
        if report(running.log).computed != len(chosen):
            whole.append(f"{len(chosen)} units were damaged, it says {report(running.log)}")
        if not lab.same(workspace):
            whole.append("other outputs than undisturbed")
        for name, kind in kinds.items():
            problems = [] if f"{held[name]} is damaged" in running.log else ["not said"]
            now = held[name].read_bytes() if held[name].is_file() else b""
            problems += rows[kind].compare(now == right[name], taken=code == 0)
            rows[kind].count([f"{stage}: {p}" for p in whole + problems], not problems)


def left_over(lab: Lab, stage: str, outcome: Outcome) -> list[str]:
    """Each unit has a half-written one beside it."""
    with lab.copy(stage, units=True, outputs=False) as workspace:
        for path in units_of(workspace).values():
            (path.parent / f".tmp-{path.name[:8]}").write_bytes(path.read_bytes()[:-1])
        return lab.rerun(workspace, stage, outcome)


def dated(lab: Lab, stage: str, outcome: Outcome) -> list[str]:
    """Dates of files say nothing: those of the cache and of the study are random."""
    with lab.copy(stage, units=True, outputs=False) as workspace:
        for top in (cache_of(workspace), workspace.root / "data"):
            for path in sorted(top.rglob("*")):
                date = path.stat().st_mtime + float(lab.rng.uniform(-SPREAD, SPREAD))
                os.utime(path, (date, date))
        return lab.rerun(workspace, stage, outcome)


def clock(lab: Lab, stage: str, outcome: Outcome) -> list[str]:
    """The clock of the stage and its workers jumps; a limit of time a unit does not misfire."""
    with lab.copy(stage, outputs=False) as workspace:
        site = Path(workspace.root.parent) / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(CLOCK)
        workspace.environment |= {"PYTHONPATH": str(site), "UNIT_LIMIT": "600", "WORKERS": "2"}
        return lab.rerun(workspace, stage, outcome)
