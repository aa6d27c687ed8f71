"""Seconds and memory of exact triplet agreement, beside other ways to count, and its growth.

`python -m benchmarks.triplets`: 491 models of 120 stimuli; one model of 10 000, in a process of its
own, from embedding to agreement; n from 100 to 10 000. One thread. Other ways: three loops, the
definition; the signs of all pairs, an anchor at a time; SciPy's Kendall's tau, an anchor at a time;
and, if it is installed, rsatoolbox's Kendall's tau-a of the same matrices, which compares all pairs
with all pairs: another statistic, of the same use.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.stats import kendalltau
from threadpoolctl import threadpool_limits

from benchmarks.sides import HEADER, Line, in_turns, seconds, verdict
from stages.similarity.concordance import concordance
from stages.similarity.matrices import similarity_matrix
from stages.similarity.measures import triplet

DIMENSIONS, REPEATS, MODELS, FEW, MANY = 512, 3, 491, 120, 10_000
FEW_GOAL, MANY_GOAL, MEMORY_GOAL = 2.0, 60.0, 2.0  # s, s, GB
SIZES = (100, 300, 1000, 3000)  # and MANY; the largest two once
LOOPS_UP_TO, SIGNS_UP_TO, TOOLBOX_UP_TO = 100, 1000, 3000
SAMPLE = 100  # anchors of MANY that SciPy counts


def by_loops(model: np.ndarray, human: np.ndarray) -> float:
    """Definition 3.2 and Remark 3.3 of Sucholutsky & Griffiths (2023) as three loops."""
    agreed, decided = 0.0, 0
    for i in range(len(human)):
        for j in range(len(human)):
            for k in range(j + 1, len(human)):
                if i in (j, k) or human[i, j] == human[i, k]:
                    continue
                decided += 1
                if model[i, j] == model[i, k]:
                    agreed += 0.5
                else:
                    agreed += (model[i, j] > model[i, k]) == (human[i, j] > human[i, k])
    return agreed / decided


def by_signs(model: np.ndarray, human: np.ndarray) -> float:
    """The signs of all pairs of others, an anchor at a time."""
    agreed = decided = 0
    for i in range(len(human)):
        row_m, row_h = np.delete(model[i], i), np.delete(human[i], i)
        sign_m, sign_h = (np.sign(r[:, None] - r).astype(np.int8) for r in (row_m, row_h))
        agreed += int((sign_m * sign_h).sum(dtype=np.int64))
        decided += int(np.count_nonzero(sign_h))
    return 0.5 + 0.5 * agreed / decided


def tau_a(model: np.ndarray, human: np.ndarray) -> float:
    """rsatoolbox's Kendall's tau-a of the matrices as dissimilarities."""
    rdm = importlib.import_module("rsatoolbox.rdm")
    once = np.triu_indices(len(human), 1)
    first, second = (rdm.RDMs(1 - m[once][None]) for m in (model, human))
    return float(rdm.compare(first, second, "tau-a")[0, 0])


def few() -> list[Line]:
    """All models of the paper on a set of its size."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(FEW, DIMENSIONS))
    human = similarity_matrix(points)
    models = [similarity_matrix(points + rng.normal(size=points.shape)) for _ in range(MODELS)]

    def of_all(measure: Callable[..., float], human: np.ndarray) -> list[float]:
        return [measure(model, human) for model in models]

    lines = []
    for name, judged in (("", human), (", ratings", np.rint(5 * human))):
        ours, other = partial(of_all, triplet, judged), partial(of_all, by_signs, judged)
        differ = float(np.abs(np.subtract(ours(), other())).max())
        taken, others = in_turns(REPEATS, ours, other)
        lines.append(Line("signs an anchor" + name, FEW, MODELS, taken, others, differ, FEW_GOAL))
    differ = abs(triplet(models[0], human) - by_loops(models[0], human))
    sides = (partial(f, models[0], human) for f in (triplet, by_loops))
    taken, others = in_turns(REPEATS, *sides)
    lines.append(Line("three loops", FEW, 1, taken, others, differ))
    return lines


def many() -> dict[str, float]:
    """Seconds and memory of one model of many stimuli, in this process and from its start."""
    rng = np.random.default_rng(0)
    human = rng.normal(size=(MANY, DIMENSIONS)).astype(np.float32)
    model = human + rng.normal(size=human.shape).astype(np.float32)
    start = time.perf_counter()
    model, human = similarity_matrix(model), similarity_matrix(human)
    made = time.perf_counter()
    triplet(model, human)
    done = time.perf_counter()
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    others = ~np.eye(MANY, dtype=bool)[:SAMPLE]
    rows = [m[:SAMPLE][others].reshape(SAMPLE, -1) for m in (model, human)]

    def taus() -> list[float]:
        return [kendalltau(x, y).statistic for x, y in zip(*rows, strict=True)]

    def ours() -> list[float]:
        counts = (concordance(x[None], y[None]) for x, y in zip(*rows, strict=True))
        return [agreed / untied for agreed, untied in counts]

    differ = float(np.abs(np.subtract(taus(), ours())).max())
    (scipy,) = in_turns(REPEATS, taus)
    return {
        "matrices": made - start,
        "triplet": done - made,
        "gigabytes": gigabytes,
        "scipy": min(scipy) * MANY / SAMPLE,
        "difference": differ,
    }


def growth(largest: float) -> None:
    """Seconds at each n, and the exponent of n in them; `largest` are those of MANY."""
    ways = {"ours": (triplet, MANY), "loops": (by_loops, LOOPS_UP_TO)}
    ways |= {"signs": (by_signs, SIGNS_UP_TO)}
    if importlib.util.find_spec("rsatoolbox"):
        ways |= {"rsatoolbox tau-a": (tau_a, TOOLBOX_UP_TO)}
    else:
        print("rsatoolbox is not installed: left out")
    found: dict[str, list[float]] = {way: [] for way in ways}
    for n in SIZES:
        points = np.random.default_rng(n).normal(size=(2, n, DIMENSIONS))
        human, model = similarity_matrix(points[0]), similarity_matrix(points.sum(0))
        sides = {way: f for way, (f, most) in ways.items() if n <= most}
        repeats = REPEATS if n <= SIZES[1] else 1
        taken = in_turns(repeats, *(partial(f, model, human) for f in sides.values()))
        for way, times in zip(sides, taken, strict=True):
            found[way].append(min(times))
    found["ours"].append(largest)
    sizes = np.array([*SIZES, MANY])
    print(f"{'n':18}" + "".join(f"{n:>10}" for n in sizes) + "   seconds grow as n^")
    for way, times in found.items():
        cells = "".join(f"{seconds(t):>10}" for t in times) + 10 * " " * (len(sizes) - len(times))
        print(f"{way:18}{cells}   {exponent(sizes, times)}")


def exponent(sizes: np.ndarray, times: list[float]) -> str:
    if len(times) < 2:
        return "-"
    return f"{np.polyfit(np.log(sizes[: len(times)]), np.log(times), 1)[0]:.2f}"


def main() -> None:
    with threadpool_limits(1):
        if sys.argv[1:] == ["many"]:
            print(json.dumps(many()))
            return
        print(f"Triplet agreement, one thread; the fastest of {REPEATS} repeats, one of n = {MANY}")
        print(HEADER)
        print(*few(), sep="\n", flush=True)
        command = [sys.executable, "-m", "benchmarks.triplets", "many"]
        one = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        whole, taken = one["matrices"] + one["triplet"], one["triplet"]
        print(Line("SciPy an anchor", MANY, 1, [taken], [one["scipy"]], one["difference"]))
        print(Line("the same from embeddings", MANY, 1, [whole], goal=MANY_GOAL))
        memory = one["gigabytes"]
        print(
            f"its memory: {memory:.2f} GB; goal {MEMORY_GOAL} GB {verdict(memory <= MEMORY_GOAL)}"
        )
        print(f"SciPy counted {SAMPLE} anchors; its seconds are scaled up\n", flush=True)
        growth(taken)


if __name__ == "__main__":
    main()
