"""Sides of a claim, measured in turns: the machine's moods meet all alike. And how that is told."""

import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from stages.runtime.instructions import INSTRUCTIONS
from stages.runtime.machine import one_thread

CPUINFO = Path("/proc/cpuinfo")
HEADER = (
    f"{'what':34}{'n':>7}{'models':>8}{'ours':>10}{'baseline':>10}"
    f"{'ratio (from to)':>27}{'differs by':>12}{'goal':>7}"
)


@dataclass(frozen=True)
class Line:
    """One line of the table: the fastest repeat of each side, and the ratio of each turn.

    ours, baseline : seconds of each repeat, the repeats of both sides in turns. difference : the
    largest of their results. goal : at most so many seconds for the fastest repeat.
    """

    what: str
    n: int
    models: int
    ours: Sequence[float]
    baseline: Sequence[float] = ()
    difference: float | None = None
    goal: float | None = None

    def __str__(self) -> str:
        baseline = ratio = differs = goal = "-"
        if self.baseline:
            baseline = seconds(min(self.baseline))
            ratio = spread(np.divide(self.baseline, self.ours).tolist(), 1)
        if self.difference is not None:
            differs = f"{self.difference:.0e}"
        if self.goal is not None:
            goal = seconds(self.goal) + " " + verdict(min(self.ours) <= self.goal)
        return (
            f"{self.what:34}{self.n:7}{self.models:8}{seconds(min(self.ours)):>10}"
            f"{baseline:>10}{ratio:>27}{differs:>12}   {goal}"
        )


def one_core() -> None:
    """Keep this process to one core and one thread, which is what a stage's worker has."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    one_thread()


def in_turns(
    repeats: int,
    *sides: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
    warm: bool = False,
) -> tuple[list[float], ...]:
    """Seconds of each repeat of each side, one repeat of every side after the other.

    clock : `time.process_time` for seconds of processor time, all threads together: with one core
        that is the time it takes on a machine that does nothing else.
    warm : one more run of each comes first and does not count.
    """
    taken: tuple[list[float], ...] = tuple([] for _ in sides)
    for repeat in range(-int(warm), repeats):
        for side, found in zip(sides, taken, strict=True):
            start = clock()
            side()
            if repeat >= 0:
                found.append(clock() - start)
    return taken


def peak_gb(call: Callable[..., object], *args: Any) -> float:
    """Peak memory, GB, of a process that calls a function of a module, in one thread."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=one_thread) as pool:
        pool.submit(call, *args).result()
        # Not getrusage: its peak counts what the parent had before exec.
        status = pool.submit(Path("/proc/self/status").read_text).result().splitlines()
    return next(int(line.split()[1]) * 1024e-9 for line in status if line.startswith("VmHWM"))


def exponent(sizes: Sequence[int], taken: Sequence[float]) -> float:
    """Of the least-squares power law by which seconds grow with the size."""
    return float(np.polyfit(np.log(sizes), np.log(taken), 1)[0])


def spread(ratios: Sequence[float], decimals: int = 2) -> str:
    """Median of the repeats' ratios, and the smallest and largest."""
    middle, least, most = (f"{f(ratios):.{decimals}f}" for f in (median, min, max))
    return f"{middle} ({least} to {most})"


def verdict(met: bool) -> str:
    return "reached" if met else "NOT reached"


def seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 0.1 else f"{1000 * value:.2g} ms"


def where() -> str:
    """The machine, its processor, the instruction set that results are made with, and its load."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.is_file() else []
    named = {key.strip(): value.strip() for key, _, value in (one.partition(":") for one in lines)}
    widest = [name for name in ("avx2", "avx512f") if name in named.get("flags", "").split()]
    name = named.get("model name", platform.machine())
    return (
        f"{platform.system()}, {os.cpu_count()} cores of {name} ({' '.join(widest)}), "
        f"instructions: {INSTRUCTIONS}, load {os.getloadavg()[0]:.1f}"
    )


def timed(main: Callable[[], None]) -> None:
    """Say where a benchmark runs, run it, and say how long it took."""
    print(where(), flush=True)
    (taken,) = in_turns(1, main)
    print(f"{taken[0]:.0f} s")
