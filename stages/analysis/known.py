"""What is found of outcomes that not all models have: each over the models that do."""

from collections.abc import Callable

import numpy as np

from stages.analysis.outcomes import outcome_name
from stages.analysis.results import Results
from stages.runtime.errors import DataError
from stages.runtime.tables import Record

FEWEST = 6
"""With fewer models nothing is correlated."""
Find = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], list[Record]]


def over_known(
    x: np.ndarray, Y: np.ndarray, controls: np.ndarray, family: np.ndarray, find: Find
) -> list[Record]:
    """What `find(x, Y, controls, family)` says of each outcome, over models that have it and x.

    x : [M]. Y : [M, K]. NaN is unknown. controls : [M, C], all known. family : [M] integers, which
    `find` gets as 0..G-1. Raises DataError where fewer than `FEWEST` models have both.
    """
    known = np.isfinite(x)[:, None] & np.isfinite(Y)
    if known.all():
        return find(x, Y, controls, family)
    if known.sum(0).min() < FEWEST:
        raise DataError(f"fewer than {FEWEST} models have both a measure and an outcome")
    patterns, which = np.unique(known, axis=1, return_inverse=True)
    found: dict[int, Record] = {}
    for number, rows in enumerate(patterns.T):
        columns = np.flatnonzero(which.ravel() == number)
        codes = np.unique(family[rows], return_inverse=True)[1]
        some = find(x[rows], Y[np.ix_(rows, columns)], controls[rows], codes)
        found |= dict(zip(columns.tolist(), some, strict=True))
    return [found[k] for k in range(Y.shape[1])]


def unknown(results: Results) -> list[str]:
    """A sentence for each measure and outcome that some models lack."""
    every = {name: results.alignment[name] for name in results.measures}
    every |= {outcome_name(o.labels): o.values for o in results.outcomes}
    counts = {name: int(values.isna().sum()) for name, values in every.items()}
    of = len(results.models)
    return [f"{count} of {of} have no value of {name}." for name, count in counts.items() if count]
