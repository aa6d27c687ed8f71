"""Seconds of a few-shot sweep of one model, beside scikit-learn and plain torch loops.

`python -m benchmarks.fewshot`: n of 1 5 10 20 40 80, five repeats, three heads, settings of
params.yaml, on made-up embeddings of CIFAR-100's shape; the linear probe also on the shapes of the
laptop's and the miniature's tasks. Probes run on the CPU alone.

Cells are measured in turns, ours and then the baseline, in one process of one thread, in seconds of
its processor time. Cheap cells are measured three times; a sweep's seconds are the means of each n,
times five. A ratio's range is over three rounds, each one measurement of every cell.

scikit-learn counts at the loosest of its tolerances at which its loss is no more than a millionth
above ours (each is tried), or at its tightest, with which accuracies are compared too. On two cores
ours is a job a core; the baseline is one process, with two threads where these are quicker. A head
is trained with three seeds on one split; beside the mean difference of its accuracies stands the
standard deviation of one accuracy over these seeds.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy
import yaml
from threadpoolctl import threadpool_limits

from benchmarks import probes
from benchmarks.rss import peak_mib
from benchmarks.sides import in_turns, spread, verdict
from stages.probes.sampling import shot_order, split
from stages.probes.units import evaluate, fewshot
from stages.runtime.random import rng_for
from stages.runtime.work import one_thread

ROUNDS, REPEATS, CORES = 3, 5, 2
GOAL, POINTS, MEMORY = 5.0, 0.3, 1.5  # times, percentage points, GB
EQUAL = 1e-6  # of the loss
FINE = (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 1e-6)  # tolerances of scikit-learn
OFTEN = dict.fromkeys((1, 5, 10, 20, 40, 80), ROUNDS)

Settings = dict[str, Any]


class Shape(NamedTuple):
    """A task: images, dimensions, classes; how often each n is measured; scikit-learn's tol."""

    name: str
    images: int
    width: int
    classes: int
    measured: dict[int, int]
    tolerances: tuple[float, ...]


BIG = Shape("CIFAR-100", 10_000, 2048, 100, OFTEN | {20: 2, 40: 1, 80: 1}, (1e-5, 1e-6))
SMALL = (
    Shape("laptop", 4_000, 384, 40, OFTEN, FINE),
    Shape("miniature", 1_800, 128, 18, OFTEN, FINE),
)


class Found(NamedTuple):
    """Seconds of each round, all n together, ours and the baseline's; accuracies, in points."""

    ours: np.ndarray
    baseline: np.ndarray
    apart: list[float]  # linear: each cell; a head: the mean of each n
    deviation: list[float]  # a head's, over seeds, of each n


def linear(shape: Shape, x: np.ndarray, y: np.ndarray, settings: Settings) -> Found:
    """The linear probe; each measurement is of another repeat."""
    sides, apart = np.zeros((2, ROUNDS)), []
    for n, measured in shape.measured.items():
        seconds = []
        for repeat in range(measured):
            order = shot_order(y, rng_for(0, "fewshot", "task", repeat))
            rows, rest = split(order, n, len(y))
            rng = np.random.default_rng(0)  # the linear probe draws nothing
            kept: list[Any] = []
            fits = [partial(probes.scikit, x, y, rows, rest, settings, t) for t in shape.tolerances]
            calls: list[partial[Any]] = [
                partial(evaluate, x, y, order, n, "linear", settings, rng),
                *fits,
            ]
            (ours,), *others = in_turns(
                1, *(partial(keep, kept, call) for call in calls), clock=time.process_time
            )
            bound = probes.our_loss(x[rows], y[rows], settings) + EQUAL
            losses = [own for _, own in kept[1:]]
            strict = next((i for i, own in enumerate(losses) if own <= bound), len(losses) - 1)
            seconds.append((ours, others[strict][0]))
            apart.append(100 * (kept[0] - kept[-1][0]))
        sides += np.resize(seconds, (ROUNDS, 2)).T
    return Found(sides[0], sides[1], apart, [])


def keep(kept: list[Any], call: partial[Any]) -> None:
    kept.append(call())


def head(shape: Shape, x: np.ndarray, y: np.ndarray, settings: Settings, name: str) -> Found:
    """A head, with other seeds in each measurement."""
    order = shot_order(y, rng_for(0, "fewshot", "task", 0))
    sides, apart, deviation = np.zeros((2, ROUNDS)), [], []
    for n in shape.measured:
        accuracies: list[float] = []
        for seed in range(ROUNDS):
            rng = rng_for(seed, "head")
            calls = (
                partial(evaluate, x, y, order, n, name, settings, rng),
                partial(probes.torch_head, x, y, order, n, settings, seed),
            )
            times = in_turns(
                1, *(partial(keep, accuracies, call) for call in calls), clock=time.process_time
            )
            sides[:, seed] += np.ravel(times)
        ours, other = 100 * np.reshape(accuracies, (ROUNDS, 2)).T
        apart.append(float(ours.mean() - other.mean()))
        deviation.append(float(np.sqrt((ours.var(ddof=1) + other.var(ddof=1)) / 2)))
    return Found(sides[0], sides[1], apart, deviation)


def line(name: str, ours: np.ndarray, other: np.ndarray, beside: str) -> None:
    mine, its = REPEATS * ours.mean(), REPEATS * other.mean()
    ratio = spread((other / ours).tolist(), 1)
    print(f"{name:24}{mine:9.2f}{its:10.2f}   {ratio:20}{beside}", flush=True)


def main() -> None:
    settings = yaml.safe_load(Path("params.yaml").read_text())["fewshot"]
    one_thread()
    print(f"{'a sweep, five repeats':24}{'ours, s':>9}{'baseline':>10}   ratio (from to)")
    x, y = probes.made_up(*BIG[1:4], 0)
    found = {"linear": linear(BIG, x, y, settings["linear"])}
    found |= {name: head(BIG, x, y, settings[name], name) for name in ("mlp1", "mlp2")}
    for name, (ours, other, apart, deviation) in found.items():
        line(f"{BIG.name} {name}", ours, other, told(apart, deviation))
    ours = np.sum([f.ours for f in found.values()], 0)
    other = np.sum([f.baseline for f in found.values()], 0)
    line(f"{BIG.name} whole", ours, other, "")
    two = CORES * float(np.median(other / ours)) / threads_gain(x, y, settings["linear"])
    print(
        f"on {CORES} cores, if workers halve ours, {two:.1f}: goal {GOAL:g} {verdict(two >= GOAL)}"
    )
    memory = peak_mib(worker, x, y, settings) * 2**20 / 1e9
    print(f"peak memory of a worker {memory:.2f} GB: goal {MEMORY} {verdict(memory <= MEMORY)}")
    for shape in SMALL:
        ours, other, apart, _ = linear(shape, *probes.made_up(*shape[1:4], 0), settings["linear"])
        ratio = float(np.median(other / ours))
        line(
            f"{shape.name} linear", ours, other, told(apart, []) + f"; goal 1 {verdict(ratio >= 1)}"
        )


def told(apart: list[float], deviation: list[float]) -> str:
    """How far accuracies are apart, and whether that is little enough."""
    if not deviation:
        worst = max(apart, key=abs)
        return f"worst cell {worst:+.2f} points: {verdict(abs(worst) <= POINTS)}"
    mean, scatter = float(np.mean(apart)), float(np.sqrt(np.mean(np.square(deviation))))
    return f"{mean:+.2f} points, over seeds {scatter:.2f}: {verdict(abs(mean) <= scatter)}"


def threads_gain(x: np.ndarray, y: np.ndarray, settings: Settings) -> float:
    """How much quicker, by the clock, the baseline's fit is with all cores' threads than with one.

    Ours runs a job a core instead.
    """
    rows, rest = split(shot_order(y, rng_for(0, "fewshot", "task", 0)), 20, len(y))

    def fit(threads: int) -> None:
        with threadpool_limits(threads):
            probes.scikit(x, y, rows, rest, settings, BIG.tolerances[-1])

    one, all_cores = in_turns(ROUNDS, partial(fit, 1), partial(fit, CORES))
    gain = min(one) / min(all_cores)
    print(f"the baseline's fit, n = 20: {CORES} threads {gain:.1f} times as fast as one")
    return max(gain, 1.0)


def worker(x: np.ndarray, y: np.ndarray, settings: dict[str, Settings]) -> None:
    """What a worker of the stage does, at the largest n."""
    with tempfile.TemporaryDirectory() as folder:
        files = (Path(folder) / "model.safetensors", Path(folder) / "task.npz")
        safetensors.numpy.save_file({"tasks/task": x}, files[0])
        np.savez(files[1], labels=y)
        for name in ("linear", "mlp1", "mlp2"):
            list(fewshot(*files, "task", name, settings[name], 0, {"cell": (80, 0)}, ["cell"]))


if __name__ == "__main__":
    start = time.perf_counter()
    main()
    print(f"{time.perf_counter() - start:.0f} s")
