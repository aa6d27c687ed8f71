"""Sides of a claim, measured in turn: the machine's moods meet all alike."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median

import torch


def one_core() -> None:
    """Keep this process to one core and one thread, which is what a stage's worker has."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)


def in_turn(
    sides: list[Callable[[], object]], repeats: int, clock: Callable[[], float] = time.process_time
) -> list[list[float]]:
    """Seconds of each side in each repeat, after one run of each that does not count.

    Parameters
    ----------
    clock : seconds of processor time by default, all threads together: with one core that is the
        time it takes on a machine that does nothing else. Where a GPU works, `time.perf_counter`.
    """
    seconds: list[list[float]] = [[] for _ in sides]
    for repeat in range(repeats + 1):
        for side, kept in zip(sides, seconds, strict=True):
            start = clock()
            side()
            if repeat:
                kept.append(clock() - start)
    return seconds


def spread(ratios: list[float]) -> str:
    """Median of the repeats' ratios, and the smallest and largest."""
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def verdict(ratios: list[float], goal: float) -> str:
    """Whether the median reaches a goal."""
    return f"goal {goal}: {'reached' if median(ratios) >= goal else 'NOT reached'}"
