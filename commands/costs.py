"""How long jobs take on several equal workers: of one machine, and of several GPUs, simulated."""

import timeit

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.runtime.errors import DataError
from stages.runtime.machine import cores
from stages.sources.fetch import fetch
from stages.sources.timm_tables import THROUGHPUT, read_throughput

Costs = NDArray[np.float64]
GPU_WORKERS = (1, 8, 64)
SHARE = 0.6
"""Share of a matrix product's speed that networks reach in float32, one worker per core: seven
architectures reached 0.24 (EfficientNet-B0) to 0.72 (ViT-Ti)."""


def loads(costs: Costs, workers: int, priority: Costs | None = None) -> Costs:
    """Time that each worker is busy when whoever is free takes the next job; the unit is as given.

    Jobs [n] start in falling order of `priority` [n], by default the longest first. On m workers
    the makespan (the largest load) is then at most 4/3 - 1/(3m) of the shortest possible one, and
    by any priority at most 2 - 1/m of it (Graham 1969, doi:10.1137/0117039).
    """
    busy = np.zeros(workers)
    for job in np.argsort(-(costs if priority is None else priority), kind="stable"):
        busy[busy.argmin()] += costs[job]
    return busy


def lower_bound(costs: Costs, workers: int) -> float:
    """No schedule of jobs [n] on m workers is shorter than this.

    The largest of: an equal share of all work; the longest job; and the m-th and the next longest
    together, because two of the m + 1 longest jobs share a worker.
    """
    falling = -np.sort(-costs)
    pair = falling[workers - 1 : workers + 1].sum() if len(costs) > workers else 0.0
    return float(max(costs.sum() / workers, falling[:1].sum(), pair))


def enough(costs: Costs) -> int:
    """The fewest workers with which all jobs take no longer than the longest one."""
    return next(m for m in range(1, len(costs) + 1) if loads(costs, m).max() <= costs.max())


def times(rows: pd.DataFrame, images: int) -> list[str]:
    """Hours of embedding, in total and of the longest models."""
    try:
        table, lines = read_throughput(fetch(THROUGHPUT)), []
    except DataError as error:
        table, lines = pd.DataFrame(columns=["rate", "size"]), [f"  no hours of a GPU: {error}"]
    # Throughput was measured at one input size; time goes as its area.
    rate, size = table.reindex(rows["timm_2022"]).to_numpy(float).T
    speed = matrix_speed()
    hours = pd.DataFrame({"GPU hours": images / rate * (rows["input_size"] / size) ** 2 / 3600})
    hours["CPU hours"] = 2 * rows["gmacs"] * images / (SHARE * speed) / 3600
    gpu, slow = hours["GPU hours"].dropna(), list(rows.index[hours["GPU hours"].isna()])
    by = "CPU hours" if slow else "GPU hours"
    longest = hours.sort_values(by, ascending=False, kind="stable")[:10]
    lines += [
        f"one GPU     {gpu.sum():.2f} h (as published for an RTX 3090, mixed precision)",
        f"this CPU    {hours['CPU hours'].sum():,.0f} h on {cores()} cores (a matrix product does "
        f"{speed:.0f} billion operations a second now; networks {SHARE:.0%} of that)",
    ]
    if len(gpu) and slow:
        lines.append(f"  not counted on a GPU: no throughput published for {', '.join(slow)}")
    lines += ["longest first:", *longest.to_string(float_format="{:,.2f}".format).splitlines()]
    return lines + (simulated(gpu, rows["gmacs"][gpu.index]) if len(gpu) else [])


def simulated(gpu: pd.Series, gmacs: pd.Series) -> list[str]:
    """Embedding on several GPU workers: one job per model; whoever is free takes the next.

    gpu : hours by model. gmacs : multiply-adds per image, by which `embed` orders its jobs.
    """
    hours, order = gpu.to_numpy(), gmacs.to_numpy()
    table = pd.DataFrame({"workers": GPU_WORKERS})
    table["makespan h"] = [loads(hours, m).max() for m in GPU_WORKERS]
    table["lower bound h"] = [lower_bound(hours, m) for m in GPU_WORKERS]
    table["ratio"] = table["makespan h"] / table["lower bound h"]
    table["efficiency"] = hours.sum() / table["workers"] / table["makespan h"]
    later = max([loads(hours, m, order).max() for m in GPU_WORKERS] / table["makespan h"]) - 1
    return [
        f"simulated: embedding {len(gpu)} models on several such GPUs, longest model first",
        *table.to_string(index=False, float_format="{:.3f}".format).splitlines(),
        f"  more workers than {enough(hours)} gain nothing: {gpu.idxmax()} alone takes "
        f"{gpu.max():.2f} h",
        f"  by multiply-adds, as stage embed orders them: at most {later:.2%} longer",
        "  left out: downloads, loading of weights and images, start of workers, few-shot learning",
    ]


def matrix_speed(n: int = 1024, runs: int = 10) -> float:
    """Billions of floating-point operations a second of a float32 matrix product, all cores."""
    x = np.ones((n, n), np.float32)
    seconds = timeit.repeat(lambda: x @ x, repeat=2, number=runs)[1]  # the first warms up
    return runs * 2 * n**3 / seconds / 1e9
