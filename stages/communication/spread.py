"""Mean over independent worlds, and how sure it is."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import t as student

LEVEL = 0.95


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
    half = float(student.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1))
    half /= math.sqrt(len(values))
    return mean, mean - half, mean + half
