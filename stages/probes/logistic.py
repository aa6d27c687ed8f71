"""The linear probe: scikit-learn's multinomial logistic regression, in the span of its samples."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression


def fit(
    train: np.ndarray, labels: np.ndarray, C: float, tolerance: float, max_iterations: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of a multinomial logistic regression with L2 penalty.

    With fewer samples than dimensions the weights lie in the span of the samples (representer
    theorem: the penalty is invariant under rotation, and nothing but the penalty acts outside the
    span), so the fit is done in its coordinates, which is the same problem and smaller.

    Parameters
    ----------
    train : [M, D] features; labels : [M] integers 0..K-1, each present.
    C, tolerance, max_iterations : as scikit-learn's C, tol, max_iter.

    Returns
    -------
    [D, K] weights and [K] biases; ``x @ weights + biases`` are the decision scores.

    Raises
    ------
    RuntimeError
        When the solver stops before it converged: a result would depend on where it stopped.
    """
    basis = None
    if len(train) < train.shape[1]:
        basis = np.linalg.qr(train.T)[0]  # [D, M], orthonormal
        train = train @ basis
    model = LogisticRegression(C=C, tol=tolerance, max_iter=max_iterations)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        # One shot a class looks to scikit-learn like a regression problem; it is none.
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        try:
            model.fit(train, labels)
        except ConvergenceWarning as error:
            raise RuntimeError(
                f"logistic regression did not converge in {max_iterations} iterations"
            ) from error
    weights, biases = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:  # two classes: scikit-learn keeps one score
        weights, biases = np.concatenate([-weights, weights], 1), np.concatenate([-biases, biases])
    return (weights if basis is None else basis @ weights), biases
