"""Appendix A: sensitivity to domain shift, and disagreement on adversarial examples.

The paper has two slips here. Corollary A.2 prints σ_B1 < σ_B2 for the student B1 that is nearer to
ε = 0.5; that one is the more sensitive, as Theorem 3.9 and the text before it want it. And the
expected maximum in the proof of Theorem A.5 is printed as the sum that is the expected minimum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import binom

from stages.communication.spread import interval, standard_error
from stages.communication.worlds import answers
from stages.runtime.random import rng_for

Record = dict[str, Any]


def sensitivity(teacher: np.ndarray | float, epsilon: np.ndarray | float) -> np.ndarray:
    """σ_B of a student whose answers are the teacher's, each flipped with probability ε, anew.

    A triplet of the student's changes where the teacher's does or where one of two flips hits it,
    but not where both do: σ_B = σ_A (1 − 2ε)² + 2ε(1 − ε) (from Definition A.1).

    Parameters
    ----------
    teacher : σ_A. epsilon : D_P of the two.
    """
    once = 2 * np.asarray(epsilon, float) * (1 - np.asarray(epsilon, float))
    changed: np.ndarray = np.asarray(teacher) * (1 - 2 * once) + once
    return changed


def expected_maximum(draws: int, trials: int, p: float) -> float:
    """Expected largest of k draws from Bin(N, p): Σ_x 1 − F(x)^k over x = 0..N−1."""
    cdf = binom.cdf(np.arange(trials), trials, p)
    return float((1 - cdf**draws).sum())


def printed_expectation(draws: int, trials: int, p: float) -> float:
    """Σ_x (1 − F(x))^k, as the proof of Theorem A.5 prints it: the expected *minimum*."""
    return float((binom.sf(np.arange(trials), trials, p) ** draws).sum())


def shifted(
    epsilon: float,
    shift: float,
    objects: int,
    dimensions: int,
    classes: int,
    worlds: int,
    seed: int,
) -> Record:
    """σ_A and σ_B, simulated: centroids move, and the student's flips are drawn anew.

    Parameters
    ----------
    shift : standard deviation of the moves, in sides of the cube of objects and centroids.

    Returns
    -------
    Means over worlds; σ_B with its interval, beside it `expected` of the closed form, and `se`, the
    standard error of their difference.
    """
    teacher, student = np.empty(worlds), np.empty(worlds)
    for i in range(worlds):
        rng = rng_for(seed, "shift", shift, i)
        x, before = rng.random((objects, dimensions)), rng.random((classes, dimensions))
        after = before + shift * rng.normal(size=before.shape)
        seen = [answers(x, centroids) for centroids in (before, after)]
        flips = rng_for(seed, "shift", shift, i, epsilon)
        heard = [told ^ (flips.random(told.shape) < epsilon) for told in seen]
        teacher[i], student[i] = np.mean(seen[0] != seen[1]), np.mean(heard[0] != heard[1])
    mean, low, high = interval(student)
    expected = sensitivity(teacher, epsilon)
    names = {"epsilon": epsilon, "shift": shift, "teacher": float(teacher.mean())}
    return {
        **names,
        "student": mean,
        "low": low,
        "high": high,
        "se": standard_error(student - expected),
        "worlds": worlds,
        "expected": float(expected.mean()),
    }


def adversarial(
    epsilon: float, candidates: int, objects: int, dimensions: int, worlds: int, seed: int
) -> Record:
    """Disagreement on the object, of so many, on which teacher and student disagree most.

    Returns
    -------
    As shares of the n(n−1)/2 triplets that relate an object to the shared ones: simulated mean with
    its interval, the expected maximum, and what the paper's formula gives.
    """
    largest, trials = np.empty(worlds), objects * (objects - 1) // 2
    for i in range(worlds):
        rng = rng_for(seed, "adversarial", candidates, i, epsilon)
        x, e = rng.random((objects, dimensions)), rng.random((candidates, dimensions))
        teacher = answers(x, e)
        student = teacher ^ (rng.random(teacher.shape) < epsilon)
        largest[i] = (teacher != student).sum(0).max() / trials
    mean, low, high = interval(largest)
    return {
        "epsilon": epsilon,
        "candidates": candidates,
        "disagreement": mean,
        "low": low,
        "high": high,
        "se": standard_error(largest),
        "worlds": worlds,
        "expected": expected_maximum(candidates, trials, epsilon) / trials,
        "printed": printed_expectation(candidates, trials, epsilon) / trials,
    }
