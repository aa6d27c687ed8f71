"""How long jobs take on several workers alike, by simulation, and how long they must take."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.float64]


def loads(costs: Costs, workers: int, priority: Costs | None = None) -> Costs:
    """Time that each worker is busy when whoever is free takes the next job (list scheduling).

    Parameters
    ----------
    costs : [n] time each job takes, 0 or more.
    workers : m, at least 1.
    priority : [n] jobs are started in falling order of it, equal ones in the order given. Without
        it the longest is started first (LPT).

    Returns
    -------
    [m] in the unit of `costs`; the largest is the makespan. By LPT that is at most 4/3 - 1/(3m) of
    the shortest makespan there is, and by any priority at most 2 - 1/m of it.

    Source: Graham (1969), Bounds on multiprocessing timing anomalies, doi:10.1137/0117039.
    """
    order = np.argsort(-(costs if priority is None else priority), kind="stable")
    free = [(0.0, worker) for worker in range(workers)]
    for job in order:
        time, worker = free[0]
        heapq.heapreplace(free, (time + float(costs[job]), worker))
    return np.array([time for time, _ in sorted(free, key=lambda entry: entry[1])])


def lower_bound(costs: Costs, workers: int) -> float:
    """No schedule is shorter than this.

    It is the largest of: an equal share of all the work; the longest job; and the m-th and the next
    longest together, for of the m + 1 longest jobs two share a worker.

    Parameters
    ----------
    costs : [n] time each job takes. workers : m, at least 1.
    """
    falling = -np.sort(-costs)
    pair = falling[workers - 1 : workers + 1].sum() if len(costs) > workers else 0.0
    return float(max(costs.sum() / workers, falling[:1].sum(), pair))
