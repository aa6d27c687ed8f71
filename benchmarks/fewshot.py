"""Seconds of a few-shot sweep of one model, beside scikit-learn and plain torch loops.

`python -m benchmarks.fewshot`: n of 1 5 10 20 40 80, five repeats, three heads, settings of
params.yaml, on made-up embeddings of CIFAR-100's shape. Probes run on the CPU alone.

Cells are measured in turns, ours and then the baseline, in one process of one thread, in seconds of
its processor time. Cheap cells are measured three times; a sweep's seconds are the means of each n,
times five. A ratio's range is over three rounds, each one measurement of every cell.

scikit-learn counts at the loosest of its tolerances at which its loss is no more than a millionth
above ours (each is tried), or at its tightest, with which accuracies are compared too. On two cores
ours is a job a core; the baseline is one process, with two threads where these are quicker. A head
is trained with three seeds on one split; beside the mean difference of its accuracies stands the
standard deviation of one accuracy over these seeds.
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from threadpoolctl import threadpool_limits

from benchmarks import probes
from benchmarks.sides import in_turns, peak_gb, spread, timed, verdict
from stages.networks.embeddings import Embedding
from stages.probes.fewshot import evaluate, fewshot_accuracy, shot_order
from stages.runtime.machine import one_thread
from stages.runtime.random import rng_for
from stages.study.load import read_yaml

ROUNDS, REPEATS, CORES = 3, 5, 2
GOAL, POINTS, MEMORY = 5.0, 0.3, 1.5  # times, percentage points, GB
EQUAL = 1e-6  # of the loss
TOLERANCES = (1e-5, 1e-6)  # of scikit-learn
MEASURED = {1: ROUNDS, 5: ROUNDS, 10: ROUNDS, 20: 2, 40: 1, 80: 1}
"""How often each n is measured, with the linear probe."""

Settings = dict[str, Any]


def results_in_turns(
    *sides: Callable[[], Any], clock: Callable[[], float] = time.process_time
) -> tuple[list[Any], list[float]]:
    """What each side gives, and the seconds that it takes."""
    results: list[Any] = []
    calls = [lambda side=side: results.append(side()) for side in sides]
    seconds = in_turns(1, *calls, clock=clock)
    return results, [one for (one,) in seconds]


def order_of(y: np.ndarray, repeat: int = 0) -> np.ndarray:
    """The order in which a repeat takes the images of each class."""
    return shot_order(y, rng_for(0, "fewshot", "task", repeat))


def linear(x: np.ndarray, y: np.ndarray, settings: Settings) -> tuple[np.ndarray, str]:
    """The linear probe; each measurement is of another repeat.

    Returns seconds [2, rounds] of all n together, ours and the baseline's, and in words how far
    accuracies are apart.
    """
    sides, apart = np.zeros((2, ROUNDS)), []
    for n, measured in MEASURED.items():
        seconds = []
        for repeat in range(measured):
            order, rng = order_of(y, repeat), np.random.default_rng(0)  # the probe draws nothing
            (ours, *others), (taken, *times) = results_in_turns(
                partial(evaluate, x, y, order, n, "linear", settings, rng),
                *(partial(probes.scikit, x, y, order, n, settings, t) for t in TOLERANCES),
            )
            bound = probes.our_loss(x, y, order, n, settings) + EQUAL
            enough = [time for time, (_, loss) in zip(times, others, strict=True) if loss <= bound]
            seconds.append((taken, [*enough, times[-1]][0]))
            apart.append(100 * (ours - others[-1][0]))
        sides += np.resize(seconds, (ROUNDS, 2)).T
    worst = max(apart, key=abs)
    return sides, f"worst cell {worst:+.2f} points: {verdict(abs(worst) <= POINTS)}"


def head(x: np.ndarray, y: np.ndarray, settings: Settings, name: str) -> tuple[np.ndarray, str]:
    """A head, with other seeds in each measurement; the same as of the linear probe."""
    order, sides = order_of(y), np.zeros((2, ROUNDS))
    accuracies = np.zeros((len(MEASURED), 2, ROUNDS))
    for i, n in enumerate(MEASURED):
        for seed in range(ROUNDS):
            accuracies[i, :, seed], seconds = results_in_turns(
                partial(evaluate, x, y, order, n, name, settings, rng_for(seed, "head")),
                partial(probes.torch_head, x, y, order, n, settings, seed),
            )
            sides[:, seed] += seconds
    ours, other = 100 * accuracies.mean((0, 2))
    scatter = 100 * float(np.sqrt(accuracies.var(2, ddof=1).mean()))
    reached = verdict(abs(ours - other) <= scatter)
    return sides, f"{ours - other:+.2f} points, over seeds {scatter:.2f}: {reached}"


def line(name: str, sides: np.ndarray, beside: str) -> None:
    ours, other = sides
    mine, its = REPEATS * ours.mean(), REPEATS * other.mean()
    ratio = spread((other / ours).tolist(), 1)
    print(f"{name:24}{mine:9.2f}{its:10.2f}   {ratio:20}{beside}", flush=True)


def main() -> None:
    settings = read_yaml(Path("params.yaml"))["fewshot"]
    one_thread()
    print(f"{'a sweep, five repeats':24}{'ours, s':>9}{'baseline':>10}   ratio (from to)")
    x, y = probes.made_up()
    found = {"linear": linear(x, y, settings["linear"])}
    found |= {name: head(x, y, settings[name], name) for name in ("mlp1", "mlp2")}
    for name, (sides, beside) in found.items():
        line(name, sides, beside)
    ours, other = whole = np.sum([sides for sides, _ in found.values()], 0)
    line("whole", whole, "")
    two = CORES * float(np.median(other / ours)) / threads_gain(x, y, settings["linear"])
    reached = verdict(two >= GOAL)
    print(f"on {CORES} cores, if workers halve ours, {two:.1f}: goal {GOAL:g} {reached}")
    memory = peak_gb(worker, x, y, settings)
    print(f"peak memory of a worker {memory:.2f} GB: goal {MEMORY} {verdict(memory <= MEMORY)}")


def threads_gain(x: np.ndarray, y: np.ndarray, settings: Settings) -> float:
    """How much quicker, by the clock, the baseline's fit is with all cores' threads than with one.

    Ours runs a job a core instead.
    """
    order = order_of(y)

    def fit(threads: int) -> None:
        with threadpool_limits(threads):
            probes.scikit(x, y, order, 20, settings, TOLERANCES[-1])

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
            embedding = Embedding(files[0], "tasks/task")
            list(fewshot_accuracy(embedding, files[1], name, settings[name], 0, 0, each=[80]))


if __name__ == "__main__":
    timed(main)
