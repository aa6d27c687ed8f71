"""Mean over independent worlds, and how sure it is."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import t as student

LEVEL = 0.95


def standard_error(values: np.ndarray) -> float:
    """Standard error of the mean of W >= 2 independent values."""
    return float(values.std(ddof=1) / math.sqrt(len(values)))


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean of W independent values, and its 95 % interval by Student's t.

    Raises
    ------
    ValueError
        Fewer than two values, which tell nothing of their spread.
    """
    if len(values) < 2:
        raise ValueError("an interval needs at least two worlds")
    mean = float(values.mean())
    half = float(student.ppf((1 + LEVEL) / 2, len(values) - 1)) * standard_error(values)
    return mean, mean - half, mean + half
