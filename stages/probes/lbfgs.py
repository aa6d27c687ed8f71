"""L-BFGS for the penalised multinomial logistic loss (Nocedal & Wright 2006, chapter 7).

Scores are linear in the weights: along a direction they need no product of matrices, so that a line
search costs next to nothing and an iteration two products.
"""

from __future__ import annotations

from collections import deque

import numpy as np

_PAIRS = 10  # steps, and the changes of gradient along them, that are remembered
_SLOPE = 0.5  # a line search ends when the slope has come down to this share
_TRIALS = 30  # of a line search

Pair = tuple[np.ndarray, np.ndarray, np.floating]


def minimise(
    x: np.ndarray,
    penalty: np.ndarray,
    weights: np.ndarray,
    labels: np.ndarray,
    tolerance: float,
    iterations: int,
    inverse: np.ndarray | None = None,
) -> tuple[np.ndarray, float, int]:
    """Minimise mean cross-entropy of softmax(weights @ x') + sum(penalty * weights²) / 2.

    Parameters
    ----------
    x : [M, D]; penalty : [D]; weights : [K, D], where to start; labels : [M]. All of one precision.
    tolerance : of the gradient's norm; iterations : at most so many.
    inverse : [D, D], a guess of each class's inverse Hessian, up to a factor. None: the identity.

    Returns
    -------
    The weights, the norm of their gradient, and how many of the iterations are left. The norm is
    not below tolerance when these are used up, or when rounding leaves nothing to gain.
    """
    # Classes come first: sums over few classes are many times quicker down columns than along rows.
    scores = weights @ x.T
    gradient = _residuals(scores, labels) @ x + penalty * weights
    pairs: deque[Pair] = deque(maxlen=_PAIRS)
    while (norm := float(np.linalg.norm(gradient))) >= tolerance and iterations:
        direction = _direction(gradient, pairs, inverse)
        along, pull = direction @ x.T, penalty * direction
        slope, pulled = float(np.vdot(gradient, direction)), float(np.vdot(weights, pull))
        bend, size, lower, upper = float(np.vdot(direction, pull)), 1.0, (0.0, slope), None
        for _ in range(_TRIALS):
            residuals = _residuals(scores + x.dtype.type(size) * along, labels)
            now = float(np.vdot(residuals, along)) + pulled + size * bend
            if abs(now) <= -_SLOPE * slope:
                break
            lower, upper = ((size, now), upper) if now < 0 else (lower, (size, now))
            size = _between(lower, upper)
        else:
            break
        step = x.dtype.type(size) * direction
        weights, scores = weights + step, scores + x.dtype.type(size) * along
        change = residuals @ x + penalty * weights - gradient
        pairs.append((step, change, np.vdot(step, change)))
        gradient, iterations = gradient + change, iterations - 1
    return weights, norm, iterations


def _residuals(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Gradient of the mean cross-entropy with respect to the scores [K, M]."""
    p = np.exp(scores - scores.max(0))
    p /= p.sum(0)
    p[labels, np.arange(len(labels))] -= 1
    p /= len(labels)
    return p


def _direction(gradient: np.ndarray, pairs: deque[Pair], inverse: np.ndarray | None) -> np.ndarray:
    """Minus the inverse Hessian, as guess and pairs tell it, times the gradient (algorithm 7.4)."""
    direction, shares = -gradient, []
    for step, change, curvature in reversed(pairs):
        shares.append(np.vdot(step, direction) / curvature)
        direction -= shares[-1] * change
    direction = direction if inverse is None else direction @ inverse
    if pairs:
        _, change, curvature = pairs[-1]
        direction *= curvature / np.vdot(change, change if inverse is None else change @ inverse)
    for (step, change, curvature), share in zip(pairs, reversed(shares), strict=True):
        direction += (share - np.vdot(change, direction) / curvature) * step
    return direction


def _between(lower: tuple[float, float], upper: tuple[float, float] | None) -> float:
    """A guess of the slope's zero between sizes of negative and positive slope, by the secant."""
    if upper is None:
        return 4 * lower[0]
    share = lower[1] / (lower[1] - upper[1])
    return lower[0] + (upper[0] - lower[0]) * min(max(share, 0.1), 0.9)
