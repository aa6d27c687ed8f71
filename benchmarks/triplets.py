"""Seconds and memory of exact triplet agreement, beside other ways to count, and its growth.

`python -m benchmarks.triplets`: 491 models of 120 stimuli; one model of 10 000, from embedding to
agreement; n from 100 to 10 000. One thread. Other ways: three loops, the definition; the signs of
all pairs, an anchor at a time; SciPy's Kendall's tau, an anchor at a time.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.stats import kendalltau
from threadpoolctl import threadpool_limits

from benchmarks.sides import HEADER, Line, exponent, in_turns, peak_gb, seconds, timed, verdict
from stages.similarity.matrices import similarity_matrix
from stages.similarity.measures import concordance, triplet

DIMENSIONS, REPEATS, MODELS, FEW, MANY = 512, 3, 491, 120, 10_000
FEW_GOAL, MANY_GOAL, MEMORY_GOAL = 2.0, 60.0, 2.0  # s, s, GB
SIZES = (100, 300, 1000, 3000, MANY)
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


def by_signs(model: np.ndarray, human: np.ndarray, apart: np.ndarray | None = None) -> float:
    """The signs of all pairs of others, an anchor at a time.

    apart : [n, n] which stimuli are others than the anchor; without it all but itself.
    """
    apart = ~np.eye(len(human), dtype=bool) if apart is None else apart
    agreed = decided = 0
    for row_m, row_h, others in zip(model, human, apart, strict=True):
        rows = row_m[others], row_h[others]
        sign_m, sign_h = (np.sign(r[:, None] - r).astype(np.int8) for r in rows)
        agreed += int((sign_m * sign_h).sum(dtype=np.int64))
        decided += int(np.count_nonzero(sign_h))
    return 0.5 + 0.5 * agreed / decided


def few(name: str, other: Callable[..., float], count: int, steps: int = 0) -> Line:
    """Models of the paper on a set of its size; `steps` of ratings, of which many tie."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(FEW, DIMENSIONS))
    human = similarity_matrix(points)
    models = [similarity_matrix(points + rng.normal(size=points.shape)) for _ in range(count)]
    judged = np.rint(steps * human) if steps else human

    def of_all(measure: Callable[..., float]) -> list[float]:
        return [measure(model, judged) for model in models]

    differ = float(np.abs(np.subtract(of_all(triplet), of_all(other))).max())
    taken, others = in_turns(REPEATS, partial(of_all, triplet), partial(of_all, other))
    goal = FEW_GOAL if count == MODELS else None
    return Line(name, FEW, count, taken, others, differ, goal)


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
        print(few("signs an anchor", by_signs, MODELS))
        print(few("signs an anchor, ratings", by_signs, MODELS, steps=5))
        print(few("three loops", by_loops, 1), flush=True)
        (whole,) = in_turns(1, partial(from_embeddings, MANY))
        print(Line("from embeddings", MANY, 1, whole, goal=MANY_GOAL))
        gigabytes = peak_gb(from_embeddings, MANY)
        reached = verdict(gigabytes <= MEMORY_GOAL)
        print(f"its memory: {gigabytes:.2f} GB; goal {MEMORY_GOAL} GB {reached}", flush=True)
        taken = []
        for n in SIZES:
            human, model = map(similarity_matrix, embeddings(n))
            repeats = REPEATS if n < 1000 else 1
            taken.append(min(in_turns(repeats, partial(triplet, model, human))[0]))
        print(by_scipy(human, model))
        cells = "".join(f"{n:>8}: {seconds(t)}" for n, t in zip(SIZES, taken, strict=True))
        print(f"triplets of n stimuli{cells}; seconds grow as n^{exponent(SIZES, taken):.2f}")


if __name__ == "__main__":
    timed(main)
