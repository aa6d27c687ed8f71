"""Few-shot splits, the logistic probe and the heads, against definitions and libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import top_k_accuracy_score
from torch.nn import functional

from stages.probes import heads, logistic
from stages.probes.readout import top_k
from stages.probes.sampling import shot_order, split, standardise
from stages.probes.units import evaluate

LINEAR: dict[str, Any] = {"C": 1.0, "tolerance": 1e-6, "max_iterations": 10000}
HEAD: dict[str, Any] = {
    "dropout": 0.5,
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "steps": 60,
    "batch": 32,
}


def blobs(seed: int, per_class: int, classes: int = 4, width: int = 30) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    centres = rng.normal(size=(classes, width))
    x = centres[labels] + rng.normal(0, 1.0, (len(labels), width))
    order = rng.permutation(len(labels))
    return x[order].astype(np.float32), labels[order]


@pytest.mark.parametrize("seed", range(3))
def test_splits_are_disjoint_nested_and_n_a_class(seed: int) -> None:
    _, labels = blobs(seed, 25)
    order = shot_order(labels, np.random.default_rng(seed))
    earlier: set[int] = set()
    for n in (1, 5, 10, 24):
        train, test = split(order, n, len(labels))
        assert np.array_equal(np.bincount(labels[train]), np.full(4, n))
        assert set(train) | set(test) == set(range(len(labels)))
        assert not set(train) & set(test)
        assert earlier <= set(train)
        earlier = set(train)


def test_a_split_that_leaves_nothing_to_test_on_is_refused() -> None:
    order = shot_order(blobs(0, 5)[1], np.random.default_rng(0))
    for n in (0, 5, 6):
        with pytest.raises(ValueError, match="shots"):
            split(order, n, 20)


@pytest.mark.parametrize("per_class", [3, 30])  # fewer and more samples than dimensions
@pytest.mark.parametrize("classes", [2, 4])
def test_logistic_is_scikit_learns(per_class: int, classes: int) -> None:
    x, y = blobs(1, per_class, classes)
    test, _ = blobs(2, 10, classes)
    reference = LogisticRegression(C=1.0, tol=1e-8, max_iter=10000).fit(x.astype(float), y)
    weights, biases = logistic.fit(x.astype(float), y, **(LINEAR | {"tolerance": 1e-8}))
    scores = test @ weights + biases
    expected = reference.predict_proba(test)
    if classes == 2:  # scikit-learn's binary form: sigmoid of the one score
        ours = 1 / (1 + np.exp(-scores[:, 1]))
        np.testing.assert_allclose(ours, expected[:, 1], atol=1e-4)
    else:
        ours = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_a_probe_that_did_not_converge_is_an_error() -> None:
    x, y = blobs(1, 30)
    with pytest.raises(RuntimeError, match="did not converge in 2 iterations"):
        logistic.fit(x, y, C=1.0, tolerance=1e-9, max_iterations=2)


@pytest.mark.parametrize("hidden", [None, 7])
def test_written_gradients_are_autograds(hidden: int | None) -> None:
    generator = torch.Generator().manual_seed(0)
    sizes = [12, *([hidden] if hidden else []), 5]
    layers = [p.double() for p in heads.initialise(sizes, generator)]
    x = torch.randn(9, 12, generator=generator, dtype=torch.float64)
    y = torch.randint(0, 5, (9,), generator=generator)
    ours = heads.loss_gradients(layers, x, y)
    for parameter in layers:
        parameter.requires_grad_()
    functional.cross_entropy(heads.forward(layers, x)[-1], y).backward()
    for gradient, parameter in zip(ours, layers, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(gradient.detach(), parameter.grad, atol=1e-12, rtol=1e-10)


def test_training_steps_are_torchs_adamw() -> None:
    """Without dropout and with full batches, training is torch.nn.Linear under torch's AdamW."""
    x, y = blobs(3, 8, width=10)
    settings = HEAD | {"dropout": 0.0, "batch": len(x), "steps": 25}
    ours = heads.fit_predict(x, y, x, torch.Generator().manual_seed(5), **settings)
    weight, bias = heads.initialise([10, 4], torch.Generator().manual_seed(5))
    model = torch.nn.Linear(10, 4)
    with torch.no_grad():
        model.weight.copy_(weight.T)
        model.bias.copy_(bias)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.01)
    for _ in range(25):
        optimiser.zero_grad()
        functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        optimiser.step()
    expected = model(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-4)


@pytest.mark.parametrize("head", ["linear", "mlp1", "mlp2"])
def test_heads_learn_what_can_be_learnt_and_nothing_else(head: str) -> None:
    settings = {"linear": LINEAR, "mlp1": HEAD, "mlp2": HEAD | {"hidden": 16}}[head]
    x, y = blobs(4, 40)
    order = shot_order(y, np.random.default_rng(0))
    accuracy = [evaluate(3 * x, y, order, n, head, settings, seed=1) for n in (1, 20)]
    assert accuracy[1] > 0.9 > accuracy[0] > 0.3
    shuffled = np.random.default_rng(9).permutation(y)
    order = shot_order(shuffled, np.random.default_rng(0))
    assert evaluate(x, shuffled, order, 20, head, settings, seed=1) < 0.5
    again = evaluate(x, y, shot_order(y, np.random.default_rng(0)), 5, head, settings, seed=1)
    assert again == evaluate(
        x, y, shot_order(y, np.random.default_rng(0)), 5, head, settings, seed=1
    )


def test_standardising_keeps_geometry_and_fixes_scale() -> None:
    rng = np.random.default_rng(6)
    train, test = rng.normal(3, 7, (50, 8)), rng.normal(3, 7, (20, 8))
    a, b = standardise(train, test)
    assert np.sqrt(np.mean(a**2)) == pytest.approx(1)
    np.testing.assert_allclose(a.mean(0), 0, atol=1e-12)
    ratio = np.linalg.norm(test[0] - test[1]) / np.linalg.norm(test[2] - test[3])
    assert np.linalg.norm(b[0] - b[1]) / np.linalg.norm(b[2] - b[3]) == pytest.approx(ratio)
    scaled = standardise(100 * train + 5, 100 * test + 5)
    np.testing.assert_allclose(scaled[1], b, atol=1e-9)


def test_top_k_is_scikit_learns_and_ties_do_not_help() -> None:
    rng = np.random.default_rng(7)
    scores, labels = rng.normal(size=(200, 9)), np.arange(200) % 9
    for k in (1, 5):
        expected = top_k_accuracy_score(labels, scores, k=k)
        assert top_k(scores, labels, k) == pytest.approx(expected)
    assert top_k(np.zeros((10, 9)), np.zeros(10, int), 5) == 0
