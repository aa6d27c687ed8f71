"""Made-up embeddings of a task, and what a user would write to learn from them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from stages.probes import logistic
from stages.probes.sampling import split, standardise


def made_up(images: int, width: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings [N, D], float32, and labels [N].

    An image is its class's centroid mixed with that of another class of its group of five (so that
    accuracy levels off at about 0.7), plus noise. Centroids and noise have variances that fall as
    rank^-1.1, turned at random; ReLU then leaves 0.3 of the numbers above zero. The covariance of
    what comes out is about as ill-conditioned as that of trained networks (the first of 2 048
    eigenvalues is hundreds of times the mean, the last a tenth of it).
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    deviations = np.arange(1.0, width + 1) ** -0.55
    deviations /= np.linalg.norm(deviations)
    centroids = rng.normal(size=(classes, width)) * deviations
    other = np.minimum(labels // 5 * 5 + rng.integers(0, 5, images), classes - 1)
    mixed = rng.uniform(0, 0.8, (images, 1))
    noise = 1.7 * rng.normal(size=(images, width)) * deviations
    rotation = np.linalg.qr(rng.normal(size=(width, width)))[0]
    z = ((1 - mixed) * centroids[labels] + mixed * centroids[other] + noise) @ rotation
    return np.maximum(z / z.std() - 0.5, 0).astype(np.float32), labels


def loss(x: np.ndarray, y: np.ndarray, weights: np.ndarray, biases: np.ndarray, C: float) -> float:
    """Mean cross-entropy and penalty of logistic regression; weights [D, K], biases [K]."""
    scores = x.astype(np.float64) @ weights + biases
    scores -= scores.max(1, keepdims=True)
    entropy = np.log(np.exp(scores).sum(1)) - scores[np.arange(len(y)), y]
    return float(entropy.mean() + np.sum(np.square(weights)) / (2 * C * len(y)))


def linear(
    train: np.ndarray, labels: np.ndarray, settings: dict[str, Any], tolerance: float
) -> LogisticRegression:
    """scikit-learn's logistic regression."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one shot a class looks to it like regression
        model = LogisticRegression(
            C=settings["C"], tol=tolerance, max_iter=settings["max_iterations"]
        )
        return model.fit(train, labels)


def head(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, settings: dict[str, Any], seed: int
) -> np.ndarray:
    """Predictions [N] of a head: a loop over minibatches in plain torch."""
    torch.manual_seed(seed)
    x, y, hidden = torch.from_numpy(train), torch.from_numpy(labels), settings.get("hidden")
    classes, width = int(y.max()) + 1, x.shape[1]
    inner = [torch.nn.Linear(width, hidden), torch.nn.ReLU()] if hidden else []
    last = torch.nn.Linear(hidden or width, classes)
    model = torch.nn.Sequential(torch.nn.Dropout(settings["dropout"]), *inner, last)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings["learning_rate"], weight_decay=settings["weight_decay"]
    )
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(settings["steps"]):
        if len(order) < min(settings["batch"], len(x)):
            order = torch.cat([order, torch.randperm(len(x))])
        rows, order = order[: settings["batch"]], order[settings["batch"] :]
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimiser.step()
    model.eval()
    with torch.inference_mode():
        found: np.ndarray = model(torch.from_numpy(test)).argmax(1).numpy()
    return found


def scikit(
    x: np.ndarray,
    y: np.ndarray,
    rows: np.ndarray,
    rest: np.ndarray,
    settings: dict[str, Any],
    tol: float,
) -> tuple[float, float]:
    """Accuracy and loss of scikit-learn's; the loss is quick beside the fit."""
    train, test = standardise(x[rows], x[rest])
    model = linear(train, y[rows], settings, tol)
    accuracy = float(np.mean(model.predict(test) == y[rest]))
    return accuracy, loss(train, y[rows], model.coef_.T, model.intercept_, settings["C"])


def our_loss(x: np.ndarray, y: np.ndarray, settings: dict[str, Any]) -> float:
    train, _ = standardise(x, x[:1])
    return loss(train, y, *logistic.fit(train, y, **settings), settings["C"])


def torch_head(
    x: np.ndarray, y: np.ndarray, order: np.ndarray, n: int, settings: dict[str, Any], seed: int
) -> float:
    rows, rest = split(order, n, len(y))
    train, test = standardise(x[rows], x[rest])
    return float(np.mean(head(train, y[rows], test, settings, seed) == y[rest]))
