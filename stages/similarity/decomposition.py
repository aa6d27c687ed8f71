"""Pearson alignment in two parts, and the least that a representation can have: docs/theory.md.

Over the pairs i ≠ j of n stimuli, a similarity matrix K is its mean, plus how similar each stimulus
is to the others in general, a_i + a_j, plus a rest whose rows sum to 0 (U-centring; Székely &
Rizzo 2014, doi:10.1214/14-AOS1255). The parts are orthogonal, so Pearson's r is a sum of two: of
the rests (`centred`, the unbiased HSIC of Song et al. 2012 on r's scale) and of general
similarity (`typicality`).
"""

import numpy as np

from stages.similarity.matrices import pairs
from stages.similarity.measures import pearson
from stages.similarity.resample import LARGEST

PARTS = ("centred", "typicality", "bound", "floor", "eigenvalue")
"""What `decomposition` returns."""


def decomposition(model: np.ndarray, human: np.ndarray) -> dict[str, float]:
    """Parts and bounds of Pearson alignment, all on the scale of r; none where pairs are missing.

    model, human : [n, n] similarity matrices, n > 2; ValueError where r is undefined. NaN in
    `human` is what nobody judged: without a pair the parts are not orthogonal, so that there are
    none; without the diagonal there is no `eigenvalue`. The bounds hold where the model's is
    positive semidefinite once double-centred: cosine, dot, Pearson and negative Euclidean
    similarity are (Schoenberg 1938, doi:10.2307/1989894).

    Returns
    -------
    centred, typicality : r is their sum.
    bound : the least `centred` of any such matrix with the model's self-similarities and spread
        (Proposition 2); of more than `LARGEST` stimuli what Cauchy and Schwarz allow.
    floor : the least r over a population, -sqrt(share of human variance that is typicality)
        (Proposition 1), if human similarity is a kernel and these stimuli are the population.
    eigenvalue : the lowest of the double-centred human matrix, as a share of the largest; not of
        more than `LARGEST` stimuli. Unlike the bounds it depends on the human self-similarities.
    """
    if np.isnan(pairs(human)).any():
        return {}
    n, r = len(human), pearson(model, human)
    whole = not np.isnan(human.diagonal()).any()
    if not whole:  # the bounds hold whatever it is: r does not depend on it
        human = human.copy()
        np.fill_diagonal(human, pairs(human).mean())
    a, b = general(model), general(human)
    norms = [np.sqrt(n * (n - 1)) * pairs(matrix).std() for matrix in (model, human)]
    of_model, of_human = (2 * (n - 2) * (g @ g) / s**2 for g, s in zip((a, b), norms, strict=True))
    scale = norms[0] * norms[1]
    typicality = 2 * (n - 2) * float(a @ b) / scale
    bound = -np.sqrt(max(0.0, 1 - of_model) * max(0.0, 1 - of_human))
    found = {"centred": r - typicality, "typicality": typicality, "floor": -np.sqrt(of_human)}
    if n <= LARGEST:
        d, e = self_similarity(model), self_similarity(human)
        values = eigenvalues(human)
        least = values[0] * d.sum() - n / (n - 2) * (d @ e)
        least += d.sum() * e.sum() / ((n - 1) * (n - 2))
        bound = max(bound, least / scale)
        if whole:
            found["eigenvalue"] = values[0] / (np.abs(values).max() or 1.0)
    found["bound"] = bound
    return {name: float(found[name]) for name in PARTS if name in found}


def general(matrix: np.ndarray) -> np.ndarray:
    """a [n]: how similar each stimulus is to the others in general, over i ≠ j; they sum to 0."""
    sums = matrix.sum(1) - matrix.diagonal()
    return np.asarray((sums - sums.mean()) / (len(matrix) - 2))


def self_similarity(matrix: np.ndarray) -> np.ndarray:
    """[n] the diagonal of the double-centred matrix."""
    means = matrix.mean(1)
    return np.asarray(matrix.diagonal() - 2 * means + means.mean())


def eigenvalues(matrix: np.ndarray) -> np.ndarray:
    """[n-1] of the double-centred matrix, rising; without the 0 of the constant vector."""
    n, means = len(matrix), matrix.mean(1)
    centred = matrix - means - means[:, None] + means.mean()
    # The constant vector gets an eigenvalue above all others.
    return np.linalg.eigvalsh(centred + np.abs(centred).sum(1).max() / n + 1 / n)[:-1]
