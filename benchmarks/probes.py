"""Made-up embeddings of a task, and what a user would write to learn from them."""

import warnings
from typing import Any

import numpy as np
import torch
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from stages.probes import logistic
from stages.probes.fewshot import mean_and_scale, split


def made_up(
    images: int = 10_000, width: int = 2048, classes: int = 100
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings [N, D], float32, and labels [N], by default of CIFAR-100's shape.

    An image is its class's centroid mixed with that of another class of its group of five (so that
    accuracy levels off at about 0.7), plus noise. Centroids and noise have variances that fall as
    rank^-1.1, turned at random; ReLU then leaves 0.3 of the numbers above zero. The covariance of
    what comes out is about as ill-conditioned as that of trained networks (the first of 2 048
    eigenvalues is hundreds of times the mean, the last a tenth of it).
    """
    rng = np.random.default_rng(0)
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
    likelihood = log_softmax(x.astype(np.float64) @ weights + biases, axis=1)[np.arange(len(y)), y]
    return float(-likelihood.mean() + np.sum(np.square(weights)) / (2 * C * len(y)))


def scaled(x: np.ndarray, rows: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings to learn from and to test on, standardised by the former."""
    mean, scale = mean_and_scale(x[rows])
    return (x[rows] - mean) / scale, (x[rest] - mean) / scale


def scikit(
    x: np.ndarray, y: np.ndarray, order: np.ndarray, n: int, settings: dict[str, Any], tol: float
) -> tuple[float, float]:
    """Accuracy and loss of scikit-learn's logistic regression; the loss is quick beside the fit."""
    rows, rest = split(order, n, len(y))
    train, test = scaled(x, rows, rest)
    model = LogisticRegression(C=settings["C"], tol=tol, max_iter=settings["max_iterations"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one shot a class looks to it like regression
        model.fit(train, y[rows])
    accuracy = float(np.mean(model.predict(test) == y[rest]))
    return accuracy, loss(train, y[rows], model.coef_.T, model.intercept_, settings["C"])


def our_loss(
    x: np.ndarray, y: np.ndarray, order: np.ndarray, n: int, settings: dict[str, Any]
) -> float:
    rows, rest = split(order, n, len(y))
    train, _ = scaled(x, rows, rest)
    return loss(train, y[rows], *logistic.fit(train, y[rows], **settings), settings["C"])


def torch_head(
    x: np.ndarray, y: np.ndarray, order: np.ndarray, n: int, settings: dict[str, Any], seed: int
) -> float:
    """Accuracy of a head: a loop over minibatches in plain torch."""
    rows, rest = split(order, n, len(y))
    train, test = map(torch.from_numpy, scaled(x, rows, rest))
    labels, hidden = torch.from_numpy(y[rows]), settings.get("hidden")
    torch.manual_seed(seed)
    classes, width = int(labels.max()) + 1, x.shape[1]
    inner = [torch.nn.Linear(width, hidden), torch.nn.ReLU()] if hidden else []
    last = torch.nn.Linear(hidden or width, classes)
    model = torch.nn.Sequential(torch.nn.Dropout(settings["dropout"]), *inner, last)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings["learning_rate"], weight_decay=settings["weight_decay"]
    )
    order_left = torch.empty(0, dtype=torch.int64)
    for _ in range(settings["steps"]):
        if len(order_left) < min(settings["batch"], len(train)):
            order_left = torch.cat([order_left, torch.randperm(len(train))])
        batch, order_left = order_left[: settings["batch"]], order_left[settings["batch"] :]
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(train[batch]), labels[batch]).backward()
        optimiser.step()
    model.eval()
    with torch.inference_mode():
        return float(np.mean(model(test).argmax(1).numpy() == y[rest]))
