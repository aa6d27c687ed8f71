"""The linear probe: scikit-learn's multinomial logistic regression, in few products of matrices."""

from collections import deque

import numpy as np

SOLVERS = ("fast", "scikit-learn")
"""`fit`, and scikit-learn's LogisticRegression, the paper's tool; both minimise the same loss."""

_INTERCEPT = 10.0  # size of the constant feature, in root mean squares of the others
_FEW, _MANY = 0.5, 4.0  # samples a dimension
_FINEST = 1e-5  # gradient that float32 is asked for; rounding leaves little more
_PAIRS = 10  # steps, and the changes of gradient along them, that L-BFGS remembers
_SLOPE = 0.5  # a line search ends when the slope has come down to this share
_TRIALS = 30  # of a line search

Pairs = deque[tuple[np.ndarray, np.ndarray, np.floating]]


def fit(
    train: np.ndarray,
    labels: np.ndarray,
    C: float,
    tolerance: float,
    max_iterations: int,
    solver: str = "fast",
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of a multinomial logistic regression with L2 penalty and a free intercept.

    The loss is scikit-learn's: mean cross-entropy + |weights|² / (2 C M). The intercept is the
    weight of a constant feature about as long as the others: of length one, its curvature is so
    small that a small gradient leaves it undetermined.

    With far fewer samples than dimensions the weights lie in the span of the samples (representer
    theorem), so the fit is done in its coordinates, which is the same problem and smaller. With
    many samples a dimension the Hessian stays near that at zero weights, whose inverse saves L-BFGS
    a third to nine tenths of its iterations; with fewer it saves less than it costs.

    train : [M, D] features; labels : [M] integers 0..K-1, each present.
    C : as scikit-learn's. solver : of `SOLVERS`.
    tolerance : of the Euclidean norm of the whole gradient, intercepts included.
    max_iterations : of L-BFGS, in float32; float64 checks the gradient and goes on if need be.

    Returns [D, K] weights and [K] biases; softmax of ``x @ weights + biases`` is scikit-learn's
    probability. RuntimeError where the solver stopped before it converged: a result would depend on
    where it stopped.
    """
    if solver == "scikit-learn":
        return _by_scikit_learn(train, labels, C, tolerance, max_iterations)
    samples, width = train.shape
    basis = np.linalg.qr(train.T)[0] if samples < _FEW * width else None  # [D, M], orthonormal
    x = train if basis is None else train @ basis
    constant = _INTERCEPT * float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) or 1.0
    x = np.concatenate([x, np.full((samples, 1), constant, x.dtype)], 1)
    classes = int(labels.max()) + 1
    # scikit-learn keeps one score for two classes: its penalty is twice that of a score each.
    strength = (2 if classes == 2 else 1) / (C * samples)
    penalty = np.full(x.shape[1], strength)
    penalty[-1] = 0
    inverse = _inverse_hessian(x, strength, classes) if samples > _MANY * width else None
    weights, left = np.zeros((classes, x.shape[1])), max_iterations
    for dtype, bound in ((np.float32, max(0.9 * tolerance, _FINEST)), (np.float64, tolerance)):
        weights, norm, left = minimise(
            x.astype(dtype, copy=False),
            penalty.astype(dtype),
            weights.astype(dtype),
            labels,
            bound,
            left,
            None if inverse is None else inverse.astype(dtype),
        )
    if not norm < tolerance:
        raise RuntimeError(
            f"logistic regression did not converge in {max_iterations - left} iterations: "
            f"its gradient has norm {norm:.1e}"
        )
    slopes = weights[:, :-1].T if basis is None else basis @ weights[:, :-1].T
    biases = constant * weights[:, -1]
    return slopes, biases - biases.mean()  # a shift of all scores is free; rounding lets it drift


def _inverse_hessian(x: np.ndarray, strength: float, classes: int) -> np.ndarray:
    """Inverse Hessian [D, D] of one class's weights at zero; the same for all classes."""
    hessian = (x.T @ x).astype(np.float64) / (len(x) * classes)
    hessian[np.diag_indices_from(hessian)] += strength
    inverse = np.linalg.inv(hessian)
    return (inverse + inverse.T) / 2


def _by_scikit_learn(
    train: np.ndarray, labels: np.ndarray, C: float, tolerance: float, max_iterations: int
) -> tuple[np.ndarray, np.ndarray]:
    """`fit` by scikit-learn's LogisticRegression, in double precision."""
    from sklearn.linear_model import LogisticRegression  # slow to import, and not the default

    components = (int(labels.max()) + 1) * (train.shape[1] + 1)
    tol = tolerance / float(np.sqrt(components))  # of each component, where ours is of the norm
    model = LogisticRegression(C=C, tol=tol, max_iter=max_iterations)
    model.fit(train.astype(np.float64), labels)
    if model.n_iter_.max() >= max_iterations:
        raise RuntimeError(f"scikit-learn did not converge in {max_iterations} iterations")
    weights, biases = model.coef_.T, model.intercept_
    if len(model.classes_) == 2:  # one score, which is the difference of two
        weights, biases = np.hstack([-weights, weights]) / 2, np.hstack([-biases, biases]) / 2
    return weights, biases


def minimise(
    x: np.ndarray,
    penalty: np.ndarray,
    weights: np.ndarray,
    labels: np.ndarray,
    tolerance: float,
    iterations: int,
    inverse: np.ndarray | None,
) -> tuple[np.ndarray, float, int]:
    """Minimise mean cross-entropy of softmax(weights @ x') + sum(penalty * weights²) / 2.

    By L-BFGS (Nocedal & Wright 2006, chapter 7). Scores are linear in the weights: along a
    direction they need no product of matrices, so that a line search costs next to nothing and an
    iteration two products.

    x : [M, D]; penalty : [D]; weights : [K, D], where to start; labels : [M]. All of one precision.
    tolerance : of the gradient's norm; iterations : at most so many.
    inverse : [D, D], a guess of each class's inverse Hessian, up to a factor. None: the identity.

    Returns the weights, the norm of their gradient, and how many of the iterations are left. The
    norm is not below tolerance when these are used up, or when rounding leaves nothing to gain.
    """
    # Classes come first: sums over few classes are many times quicker down columns than along rows.
    scores = weights @ x.T
    gradient = _residuals(scores, labels) @ x + penalty * weights
    pairs: Pairs = deque(maxlen=_PAIRS)
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


def _direction(gradient: np.ndarray, pairs: Pairs, inverse: np.ndarray | None) -> np.ndarray:
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
