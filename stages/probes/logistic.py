"""The linear probe: scikit-learn's multinomial logistic regression, in few products of matrices."""

from __future__ import annotations

import numpy as np

from stages.probes.lbfgs import minimise

SOLVERS = ("fast", "scikit-learn")
"""`fit`, and scikit-learn's LogisticRegression, the paper's tool; both minimise the same loss."""

_INTERCEPT = 10.0  # size of the constant feature, in root mean squares of the others
_FEW, _MANY = 0.5, 4.0  # samples a dimension
_FINEST = 1e-5  # gradient that float32 is asked for; rounding leaves little more


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

    Parameters
    ----------
    train : [M, D] features; labels : [M] integers 0..K-1, each present.
    C : as scikit-learn's. solver : of `SOLVERS`.
    tolerance : of the Euclidean norm of the whole gradient, intercepts included.
    max_iterations : of L-BFGS, in float32; float64 checks the gradient and goes on if need be.

    Returns
    -------
    [D, K] weights and [K] biases; softmax of ``x @ weights + biases`` is scikit-learn's
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
