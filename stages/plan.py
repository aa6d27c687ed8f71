"""What a study would cost: downloads, disk, images, GPU and CPU hours. Runs nothing.

`python -m stages.plan open` plans a study; without a name, that of params.yaml.

Reads:  params.yaml, studies/, the hub's cache; timm's published throughput (downloaded once)
Writes: nothing

GPU hours are those of the published throughput table (one RTX 3090, mixed precision), scaled to
each model's input size by its area. CPU hours are multiply-adds over what a matrix product reaches
on this machine just now, at the share of it that networks reach. Several GPU workers are simulated.
"""

import math
import textwrap
import time

import numpy as np
import pandas as pd

from stages.runtime.door import door
from stages.runtime.errors import DataError
from stages.runtime.machine import cores
from stages.sources.fetch import fetch
from stages.sources.timm_tables import THROUGHPUT, read_throughput
from stages.study import command
from stages.study.load import load
from stages.study.schedule import loads, lower_bound
from stages.study.sizes import image_counts
from stages.study.table import Row
from stages.study.zoo import Model, models
from stages.zoo.hub import WEIGHTS, cached

SHARE = 0.6
"""Of a matrix product's speed, what networks reach in float32, a worker a core: seven architectures
reached 0.24 (EfficientNet-B0) to 0.72 (ViT-Ti) of it."""

GPU_WORKERS = (1, 8, 64)
"""Numbers of workers that are simulated."""


def main() -> None:
    experiment = load(study=command.study("plan"))
    chosen = models(experiment)
    sets = image_counts(experiment.study, experiment.params.tasks.per_class)
    images = sum(sets.values())
    print(f"plan: study '{experiment.params.study}', {len(chosen)} models, {images:,} images each")
    for name, count in sets.items():
        print(f"  {count:>9,}  {name}")
    known = [(model, model.row) for model in chosen if model.row and not model.absent]
    for line in [*left_out(chosen), *sizes(known, images), *times(known, images)]:
        print(textwrap.fill(line, 99, subsequent_indent=" " * 12, break_on_hyphens=False))
    print("not counted: few-shot learning, which runs on the CPU")


def left_out(chosen: list[Model]) -> list[str]:
    """Models that the figures below do not count, and why."""
    trained = [model.name for model in chosen if model.recipe]
    unknown = [m.name for m in chosen if not m.recipe and not m.absent and not m.row]
    lines = [f"  not counted: {m.name}: no weights ({m.absent})" for m in chosen if m.absent]
    if trained:
        lines.append(f"  not counted: {len(trained)} networks that are trained here")
    if unknown:
        lines.append(
            f"  not counted: {len(unknown)} whose size no table tells: {', '.join(unknown)}"
        )
    return lines


def sizes(known: list[tuple[Model, Row]], images: int) -> list[str]:
    """Download and disk."""
    there = [(m, r) for m, r in known if m.repo and cached(m.repo, m.revision, WEIGHTS)]
    total, kept = (sum(4 * row.parameters for _, row in rows) for rows in (known, there))
    features = sum(4 * images * row.features for _, row in known)
    return [
        f"weights     {gigabytes(total - kept)} to download for {len(known) - len(there)} models; "
        f"{len(there)} are in the hub's cache ({gigabytes(kept)})",
        f"embeddings  {gigabytes(features)} in data/, as much again in the artifact cache",
    ]


def times(known: list[tuple[Model, Row]], images: int) -> list[str]:
    """Hours of embedding, in all and of the longest models."""
    try:
        table = read_throughput(fetch(THROUGHPUT))
    except DataError as error:
        print(f"  not counted: hours of a GPU: {error}")
        table = pd.DataFrame()
    gpu = {m.name: hours_on_gpu(r, table, images) for m, r in known if r.timm_2022 in table.index}
    slow = [m.name for m, _ in known if m.name not in gpu]
    speed = matrix_speed()
    cpu = {m.name: 2 * r.gmacs * images / (SHARE * speed) / 3600 for m, r in known}
    lines = [
        f"one GPU     {sum(gpu.values()):.2f} h (as published for an RTX 3090, mixed precision)",
        f"this CPU    {sum(cpu.values()):,.0f} h on {cores()} cores (a matrix product does "
        f"{speed:.0f} billion operations a second now; networks {SHARE:.0%} of that)",
    ]
    if slow and gpu:
        lines.append(f"  not counted on a GPU: no throughput published for {', '.join(slow)}")
    lines.append("longest first:")
    ranked = sorted(cpu, key=lambda name: -(cpu if slow else gpu)[name])
    for name in ranked[:10]:
        lines.append(f"  {gpu.get(name, 0):6.2f} h GPU  {cpu[name]:8,.1f} h CPU  {name}")
    return [*lines, *simulated(gpu, {m.name: r.gmacs for m, r in known})] if gpu else lines


def simulated(gpu: dict[str, float], gmacs: dict[str, float]) -> list[str]:
    """Embedding on several GPU workers: a model is one job, and who is free takes the next.

    Parameters
    ----------
    gpu : hours of each model. gmacs : multiply-adds an image, by which `embed` orders its jobs.
    """
    hours, order = np.array(list(gpu.values())), np.array([gmacs[name] for name in gpu])
    lines = [
        f"simulated: embedding {len(gpu)} models on several such GPUs, longest model first",
        "  workers  makespan  lower bound   ratio  efficiency",
    ]
    for workers in GPU_WORKERS:
        makespan, least = loads(hours, workers).max(), lower_bound(hours, workers)
        lines.append(
            f"  {workers:7}  {makespan:6.2f} h  {least:9.2f} h  {makespan / least:6.3f}  "
            f"{hours.sum() / workers / makespan:10.0%}"
        )
    later = max(loads(hours, m, order).max() / loads(hours, m).max() for m in GPU_WORKERS)
    name = max(gpu, key=lambda name: gpu[name])
    return [
        *lines,
        f"  more workers than {enough(hours)} gain nothing: {name} alone takes {gpu[name]:.2f} h",
        f"  by multiply-adds, as stage embed orders them: at most {later - 1:.2%} longer",
        "  left out: downloads, loading of weights and images, start of workers, few-shot learning",
    ]


def enough(hours: np.ndarray) -> int:
    """The fewest workers with which all takes no longer than the longest job."""
    longest = hours.max()
    fewest = math.ceil(hours.sum() / longest * (1 - 1e-9))
    return next(m for m in range(fewest, len(hours) + 1) if loads(hours, m).max() <= longest)


def hours_on_gpu(row: Row, table: pd.DataFrame, images: int) -> float:
    """Hours for so many images; throughput was measured at one input size, time goes as area."""
    rate, size = table.loc[row.timm_2022].to_numpy(float)
    return float(images / rate * (row.input_size / size) ** 2 / 3600)


def matrix_speed(n: int = 1024, seconds: float = 0.3) -> float:
    """Billions of floating-point operations a second of a float32 matrix product, all cores."""
    x = np.ones((n, n), np.float32)
    x @ x
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        x @ x
        done += 1
    return done * 2 * n**3 / (time.perf_counter() - start) / 1e9


def gigabytes(size: float) -> str:
    """Bytes as gigabytes (10^9)."""
    return f"{size / 1e9:.1f} GB"


if __name__ == "__main__":
    door(main)
