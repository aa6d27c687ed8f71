"""The few-shot sweep on a GPU beside one core of the same machine: the engine's own code, by CuPy.

`python -m benchmarks.fewshot_gpu`: n of 1 5 10 20 40 80, one repeat, three heads, settings of
params.yaml, on embeddings of CIFAR-100's shape as in benchmarks.fewshot. The stage's probes are
NumPy and run on the CPU alone; here NumPy is replaced by CuPy (which requirements.txt does not
have) in the modules of the engine. Random numbers of heads are drawn on the GPU, so that heads
agree within the scatter over seeds alone.
"""

import contextlib
import importlib
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks import probes
from benchmarks.fewshot import MEASURED, POINTS, order_of, results_in_turns
from benchmarks.sides import spread, timed, verdict
from stages.probes import fewshot, heads, logistic
from stages.runtime.machine import one_thread
from stages.runtime.random import rng_for
from stages.study.load import read_yaml

ROUNDS = 3  # of the GPU's side, after one that does not count


class Namespace:
    """CuPy where the engine says `np`."""

    def __init__(self, cupy: ModuleType) -> None:
        self._cupy = cupy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cupy, name)

    def take(self, a: Any, indices: Any, axis: int, out: Any, mode: str) -> Any:
        """CuPy knows no mode: it wraps, and indices of the engine are always within."""
        return self._cupy.take(a, indices, axis, out=out)


class Draws:
    """What heads ask of a generator, drawn on the GPU."""

    def __init__(self, cupy: ModuleType, seed: int) -> None:
        self._cupy, self._random = cupy, cupy.random.RandomState(seed)
        self.random, self.permutation = self._random.random_sample, self._random.permutation

    def integers(self, low: int, high: int, size: int, dtype: Any, endpoint: bool) -> Any:
        """Words of 64 random bits, as four of 16."""
        drawn = self._random.randint(0, 1 << 16, 4 * size)
        return drawn.astype(self._cupy.uint16).view(dtype)


@contextlib.contextmanager
def engine_on(cupy: ModuleType) -> Iterator[None]:
    """Have the engine compute with CuPy."""
    with contextlib.ExitStack() as stack:
        for module in (fewshot, heads, logistic):
            stack.enter_context(patch.object(module, "np", Namespace(cupy)))
        yield


def main() -> None:
    try:
        cupy = importlib.import_module("cupy")
    except ImportError:
        cupy = None
    if cupy is None or not cupy.cuda.is_available():
        print("few-shot on a GPU: left out, for there is no GPU here, or no CuPy")
        return
    settings = read_yaml(Path("params.yaml"))["fewshot"]
    one_thread()
    x, y = probes.made_up()
    order = order_of(y)
    there = [cupy.asarray(array) for array in (x, y, order)]
    name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    print(f"{'one repeat, ' + name:34}{'core, s':>9}{'GPU, s':>9}   ratio (from to)")
    whole = np.zeros(ROUNDS + 1)
    for head in ("linear", "mlp1", "mlp2"):
        seconds, apart = np.zeros(ROUNDS + 1), []
        for n in MEASURED:
            call = partial(fewshot.evaluate, n=n, head=head, settings=settings[head])
            (accuracy,), (taken,) = results_in_turns(
                partial(call, x, y, order, rng=rng_for(0, "head")), clock=time.perf_counter
            )
            seconds[0] += taken
            calls = [partial(call, *there, rng=Draws(cupy, seed)) for seed in range(ROUNDS + 1)]
            with engine_on(cupy):  # an accuracy is on the CPU, so that all has been computed
                found, times = results_in_turns(*calls, clock=time.perf_counter)
            seconds[1:] += times[1:]
            apart += [100 * (other - accuracy) for other in found[1:]]
        whole += seconds
        worst = max(apart, key=abs)
        told = f"worst {worst:+.2f} points, mean {np.mean(apart):+.2f}"
        if head == "linear":
            told += f": {verdict(abs(worst) <= POINTS)}"
        line(head, seconds, told)
    line("whole", whole, "")


def line(name: str, seconds: np.ndarray, beside: str) -> None:
    ratios = spread((seconds[0] / seconds[1:]).tolist(), 1)
    print(f"{name:34}{seconds[0]:9.2f}{np.median(seconds[1:]):9.2f}   {ratios:20}{beside}")


if __name__ == "__main__":
    timed(main)
