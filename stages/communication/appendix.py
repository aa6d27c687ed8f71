"""Appendix A: sensitivity to domain shift, and disagreement on adversarial examples.

The paper (Sucholutsky & Griffiths 2023) has three misprints. Definition 3.6 prints D_P as P(equal);
by Lemma A.4 it is the probability that two answers differ. Corollary A.2 prints σ_B1 < σ_B2 for the
student B1 that is nearer to ε = 0.5; that one is the more sensitive, as Theorem 3.9 and the text
before it require. And the expected maximum in the proof of Theorem A.5 is printed as the sum that
is the expected minimum.
"""

import numpy as np
import scipy

from stages.communication.game import answers, interval
from stages.runtime.random import rng_for
from stages.runtime.tables import Record


def shifted(
    epsilon: float,
    shift: float,
    seed: int,
    objects: int,
    dimensions: int,
    classes: int,
    worlds: int,
) -> Record:
    """Sensitivity of teacher and student, simulated: centroids move, and flips are independent.

    shift : standard deviation of the moves, in sides of the cube of objects and centroids.

    Returns means over worlds: σ_A of the `teacher`; σ_B of the `student` with its interval, beside
    it `expected` of the closed form, and `se`, the standard error of their difference.
    """
    teacher, student = np.empty(worlds), np.empty(worlds)
    for i in range(worlds):
        rng = rng_for(seed, "shift", shift, i)
        x, before = rng.random((objects, dimensions)), rng.random((classes, dimensions))
        after = before + shift * rng.normal(size=before.shape)
        seen = [answers(x, centroids) for centroids in (before, after)]
        flips = rng_for(seed, "shift", shift, i, epsilon)
        heard = [sides ^ (flips.random(sides.shape) < epsilon) for sides in seen]
        teacher[i], student[i] = np.mean(seen[0] != seen[1]), np.mean(heard[0] != heard[1])
    expected = sensitivity(teacher, epsilon)
    return {
        "epsilon": epsilon,
        "shift": shift,
        "teacher": float(teacher.mean()),
        **interval("student", student),
        "se": float(scipy.stats.sem(student - expected)),
        "worlds": worlds,
        "expected": float(expected.mean()),
    }


def sensitivity(teacher: np.ndarray, epsilon: float) -> np.ndarray:
    """σ_B of a student whose answers are the teacher's, each flipped independently.

    A triplet of the student's changes where the teacher's does or where one of two flips hits it,
    but not where both do: σ_B = σ_A (1 − 2ε)² + 2ε(1 − ε) (from Definition A.1), with ε = D_P.
    """
    once = 2 * epsilon * (1 - epsilon)
    return teacher * (1 - 2 * once) + once


def adversarial(
    epsilon: float, candidates: int, seed: int, objects: int, dimensions: int, worlds: int
) -> Record:
    """Disagreement on the object, of so many, on which teacher and student disagree most.

    Returns shares of the n(n−1)/2 triplets that relate an object to the shared ones: simulated mean
    with its interval, the expected maximum, and what the paper's formula gives.
    """
    largest, trials = np.empty(worlds), objects * (objects - 1) // 2
    for i in range(worlds):
        rng = rng_for(seed, "adversarial", candidates, i, epsilon)
        x, e = rng.random((objects, dimensions)), rng.random((candidates, dimensions))
        teacher = answers(x, e)
        student = teacher ^ (rng.random(teacher.shape) < epsilon)
        largest[i] = (teacher != student).sum(0).max() / trials
    return {
        "epsilon": epsilon,
        "candidates": candidates,
        **interval("disagreement", largest),
        "se": float(scipy.stats.sem(largest)),
        "worlds": worlds,
        "expected": expected_maximum(candidates, trials, epsilon) / trials,
        "printed": printed_expectation(candidates, trials, epsilon) / trials,
    }


def expected_maximum(draws: int, trials: int, p: float) -> float:
    """Expected largest of k draws from Bin(N, p): Σ_x 1 − F(x)^k over x = 0..N−1."""
    return float((1 - scipy.stats.binom.cdf(np.arange(trials), trials, p) ** draws).sum())


def printed_expectation(draws: int, trials: int, p: float) -> float:
    """Σ_x (1 − F(x))^k, as the proof of Theorem A.5 prints it: the expected *minimum*."""
    return float((scipy.stats.binom.sf(np.arange(trials), trials, p) ** draws).sum())
