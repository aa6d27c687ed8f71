"""Seconds of the bootstrap over stimuli, beside a loop that draws, cuts and measures.

`python -m benchmarks.bootstrap`: one model, 120 stimuli, 1 000 resamples, the three measures, of
human similarities without ties and of ratings in steps. One thread.
"""

from functools import partial

import numpy as np
from scipy.stats import pearsonr, spearmanr
from threadpoolctl import threadpool_limits

from benchmarks.sides import HEADER, Line, in_turns, timed
from benchmarks.triplets import by_signs
from stages.similarity import resample
from stages.similarity.matrices import similarity_matrix
from stages.similarity.measures import MEASURES

N, RESAMPLES, DIMENSIONS, REPEATS = 120, 1000, 512, 5
LOOPED = 100  # of the resamples; the loop's seconds are scaled up to all
GOAL = 0.2  # s, all three measures


def loop(measure: str, model: np.ndarray, human: np.ndarray, w: np.ndarray) -> np.ndarray:
    """[B] the measure of each resample, one after the other, without pairs of copies."""
    found = []
    for counts in w:
        drawn = np.repeat(np.arange(len(counts)), counts)
        apart = drawn[:, None] != drawn
        one, other = model[np.ix_(drawn, drawn)], human[np.ix_(drawn, drawn)]
        if measure == "triplet":
            found.append(by_signs(one, other, apart))
        else:
            x, y = (m[np.triu(apart, 1)] for m in (one, other))
            both = pearsonr(x, y) if measure == "pearson" else spearmanr(x, y)
            found.append(both.statistic)
    return np.array(found)


def main() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(N, DIMENSIONS))
    model = similarity_matrix(points + rng.normal(size=points.shape))
    human = similarity_matrix(points)
    w = resample.multiplicities(N, RESAMPLES, rng)
    print(f"{RESAMPLES} resamples of {N} stimuli, one thread; the fastest of {REPEATS} repeats;")
    print(f"baseline: draw, cut and measure, in a loop over {LOOPED} of them, scaled up")
    print(HEADER)
    with threadpool_limits(1):
        ratings = np.rint(10 * (human - human.min()) / np.ptp(human))  # with many ties
        for name, judged in (("", human), (", ratings 0 to 10", ratings)):
            lines = [compare(m, name, model, judged, w) for m in MEASURES]
            ours = np.sum([line.ours for line in lines], 0).tolist()
            baseline = np.sum([line.baseline for line in lines], 0).tolist()
            worst = max(line.difference or 0.0 for line in lines)
            whole = Line("all three" + name, N, 1, ours, baseline, worst, GOAL)
            print(*lines, whole, sep="\n", flush=True)


def compare(measure: str, name: str, model: np.ndarray, human: np.ndarray, w: np.ndarray) -> Line:
    ours = partial(getattr(resample, measure), model, human, w)
    baseline = partial(loop, measure, model, human, w[:LOOPED])
    difference = float(np.abs(ours()[:LOOPED] - baseline()).max())
    taken, looped = in_turns(REPEATS, ours, baseline)
    scaled = [t * len(w) / LOOPED for t in looped]
    return Line(measure + name, N, 1, taken, scaled, difference)


if __name__ == "__main__":
    timed(main)
