"""Seconds and memory of exact triplet agreement, beside other ways to count, and its growth.

`python -m benchmarks.triplets`: 491 models of 120 stimuli; one model of 10 000, from embedding to
agreement; n from 100 to 10 000. One thread. Other ways: three loops, the definition; the signs of
all pairs, an anchor at a time; SciPy's Kendall's tau, an anchor at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.stats import kendalltau
from threadpoolctl import threadpool_limits

from benchmarks.sides import HEADER, Line, exponent, in_turns, peak_gb, seconds, verdict
from stages.similarity.concordance import concordance
from stages.similarity.matrices import similarity_matrix
from stages.similarity.measures import triplet

DIMENSIONS, REPEATS, MODELS, FEW, MANY = 512, 3, 491, 120, 10_000
FEW_GOAL, MANY_GOAL, MEMORY_GOAL = 2.0, 60.0, 2.0  # s, s, GB
SIZES = (100, 300, 1000, 3000)  # and MANY; the largest two once
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


def few() -> list[Line]:
    """All models of the paper on a set of its size."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(FEW, DIMENSIONS))
    human = similarity_matrix(points)
    models = [similarity_matrix(points + rng.normal(size=points.shape)) for _ in range(MODELS)]

    def compare(
        name: str, other: Callable[..., float], models: list[np.ndarray], human: np.ndarray
    ) -> Line:
        def of_all(measure: Callable[..., float]) -> list[float]:
            return [measure(model, human) for model in models]

        differ = float(np.abs(np.subtract(of_all(triplet), of_all(other))).max())
        taken, others = in_turns(REPEATS, partial(of_all, triplet), partial(of_all, other))
        goal = FEW_GOAL if len(models) == MODELS else None
        return Line(name, FEW, len(models), taken, others, differ, goal)

    return [
        compare("signs an anchor", by_signs, models, human),
        compare("signs an anchor, ratings", by_signs, models, np.rint(5 * human)),
        compare("three loops", by_loops, models[:1], human),
    ]


def embeddings(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings [n, D] of people and of a model, float32."""
    rng = np.random.default_rng(n)
    human = rng.normal(size=(n, DIMENSIONS)).astype(np.float32)
    return human, human + rng.normal(size=human.shape).astype(np.float32)


def from_embeddings(n: int) -> None:
    triplet(*map(similarity_matrix, embeddings(n)))


def by_scipy(human: np.ndarray, model: np.ndarray) -> Line:
    """SciPy beside ours on some of the anchors."""
    others = ~np.eye(MANY, dtype=bool)[:SAMPLE]
    rows = [m[:SAMPLE][others].reshape(SAMPLE, -1) for m in (model, human)]

    def taus() -> list[float]:
        return [kendalltau(x, y).statistic for x, y in zip(*rows, strict=True)]

    def ours() -> list[float]:
        counts = (concordance(x[None], y[None]) for x, y in zip(*rows, strict=True))
        return [agreed / untied for agreed, untied in counts]

    differ = float(np.abs(np.subtract(taus(), ours())).max())
    mine, its = in_turns(REPEATS, ours, taus)
    return Line(f"SciPy, {SAMPLE} anchors", MANY, 1, mine, its, differ)


def main() -> None:
    with threadpool_limits(1):
        print(f"Triplet agreement, one thread; the fastest of {REPEATS} repeats, one of n = {MANY}")
        print(HEADER)
        print(*few(), sep="\n", flush=True)
        (whole,) = in_turns(1, partial(from_embeddings, MANY))
        print(Line("from embeddings", MANY, 1, whole, goal=MANY_GOAL))
        gigabytes = peak_gb(from_embeddings, MANY)
        reached = verdict(gigabytes <= MEMORY_GOAL)
        print(f"its memory: {gigabytes:.2f} GB; goal {MEMORY_GOAL} GB {reached}", flush=True)
        taken = []
        for n in (*SIZES, MANY):
            human, model = map(similarity_matrix, embeddings(n))
            repeats = REPEATS if n <= SIZES[1] else 1
            taken.append(min(in_turns(repeats, partial(triplet, model, human))[0]))
        print(by_scipy(human, model))
        cells = "".join(f"{n:>8}: {seconds(t)}" for n, t in zip((*SIZES, MANY), taken, strict=True))
        print(
            f"triplets of n stimuli{cells}; seconds grow as n^{exponent((*SIZES, MANY), taken):.2f}"
        )


if __name__ == "__main__":
    main()
