"""High, mid and low: the models with the highest, nearest-to-mean and lowest alignment."""

from __future__ import annotations

import numpy as np
import pandas as pd

GROUPS = ("high", "mid", "low")


def groups(alignment: pd.Series, size: int) -> dict[str, list[str]]:
    """Names of the `size` models with highest, nearest-to-the-mean and lowest alignment.

    Parameters
    ----------
    alignment : one value a model, indexed by name. Ties go to the name that sorts first.
    """
    ordered = alignment.sort_index()
    distance = (ordered - ordered.mean()).abs()

    def first(values: np.ndarray) -> list[str]:
        return [str(name) for name in ordered.index[np.argsort(values, kind="stable")[:size]]]

    return {
        "high": first(-ordered.to_numpy()),
        "mid": first(distance.to_numpy()),
        "low": first(ordered.to_numpy()),
    }
