"""Two ways to do one thing, timed in turns, and the table that shows them side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

HEADER = (
    f"{'what':34}{'n':>7}{'models':>8}{'ours':>10}{'baseline':>10}"
    f"{'ratio (from - to)':>27}{'differs by':>12}{'goal':>7}"
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
            ratios = np.divide(self.baseline, self.ours)
            baseline = seconds(min(self.baseline))
            ratio = f"{np.median(ratios):.1f} ({ratios.min():.1f} - {ratios.max():.1f})"
        if self.difference is not None:
            differs = f"{self.difference:.0e}"
        if self.goal is not None:
            goal = seconds(self.goal) + " " + reached(min(self.ours), self.goal)
        return (
            f"{self.what:34}{self.n:7}{self.models:8}{seconds(min(self.ours)):>10}"
            f"{baseline:>10}{ratio:>27}{differs:>12}   {goal}"
        )


def in_turns(repeats: int, *sides: Callable[[], object]) -> tuple[list[float], ...]:
    """Seconds of each repeat of each side, one repeat of every side after the other."""
    taken: tuple[list[float], ...] = tuple([] for _ in sides)
    for _ in range(repeats):
        for side, found in zip(sides, taken, strict=True):
            start = time.perf_counter()
            side()
            found.append(time.perf_counter() - start)
    return taken


def reached(value: float, goal: float) -> str:
    return "reached" if value <= goal else "NOT reached"


def seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 0.1 else f"{1000 * value:.2g} ms"
