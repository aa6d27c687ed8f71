"""Few-shot splits, the logistic probe and the heads, against definitions and libraries."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from stages.networks.embeddings import Embedding
from stages.probes import heads, logistic
from stages.probes.fewshot import evaluate, fewshot_accuracy, mean_and_scale, shot_order, split
from tests.arrays import blobs
from tests.conftest import read_yaml

LINEAR: dict[str, Any] = {"C": 1.0, "tolerance": 1e-6, "max_iterations": 10000}
HEAD: dict[str, Any] = {"dropout": 0.5, "learning_rate": 0.01, "weight_decay": 0.01}
HEAD |= {"steps": 60, "batch": 32}
HEADS = {"linear": LINEAR, "mlp1": HEAD, "mlp2": HEAD | {"hidden": 16}}


@pytest.mark.parametrize("seed", range(3))
def test_splits_are_disjoint_nested_and_n_a_class(seed: int) -> None:
    _, labels = blobs(seed, 25)
    order = shot_order(labels, np.random.default_rng(seed))
    earlier: set[int] = set()
    for n in (1, 5, 10, 24):
        train, test = split(order, n, len(labels))
        assert np.array_equal(np.bincount(labels[train]), np.full(4, n))
        assert sorted([*train, *test]) == list(range(len(labels)))
        assert earlier <= set(train)
        earlier = set(train)
    for n in (0, 25, 26):  # nothing left to test on
        with pytest.raises(ValueError, match="shots"):
            split(order, n, len(labels))


@pytest.mark.parametrize("per_class", [1, 3, 5, 30, 40])  # few to many samples a dimension
@pytest.mark.parametrize(("classes", "degenerate"), [(2, False), (4, False), (4, True)])
def test_logistic_is_scikit_learns(per_class: int, classes: int, degenerate: bool) -> None:
    """Both at a tight tolerance: weights, probabilities of test examples, the loss's optimum.

    Degenerate: centred and repeated samples, repeated and constant features, unequal classes.
    """
    x, y = blobs(1, per_class, classes)
    x, test = x + 3, blobs(2, 10, classes)[0] + 3
    if degenerate:
        x, y = np.concatenate([x, x[:5]]), np.concatenate([y, y[:5]])
        x = np.concatenate([x - x.mean(0), x[:, :3] - 3, np.full((len(x), 2), 0.5, np.float32)], 1)
        test = x
    reference = LogisticRegression(tol=1e-9, solver="newton-cholesky").fit(x.astype(float), y)
    weights, biases = logistic.fit(x, y, C=1.0, tolerance=1e-8, max_iterations=10000)
    scores = test @ weights + biases
    np.testing.assert_allclose(softmax(scores, 1), reference.predict_proba(test), atol=1e-5)
    if classes == 2:  # scikit-learn keeps one score
        weights, biases = np.diff(weights), np.diff(biases)
    np.testing.assert_allclose(weights.T, reference.coef_, atol=1e-5)
    # One shot a class hardly determines the intercepts.
    np.testing.assert_allclose(biases, reference.intercept_, atol=1e-4)
    assert not logistic.fit(np.zeros_like(x), y, **LINEAR)[0].any()


SHAPES = [(classes, width, n) for classes, width in ((10, 32), (6, 320)) for n in (1, 5, 20, 80)]


@pytest.mark.parametrize(
    ("classes", "width", "n"), [*SHAPES, (40, 128, 10), (60, 96, 5), (2, 64, 10)]
)
def test_both_solvers_are_one_probe_on_the_studies_shapes(classes: int, width: int, n: int) -> None:
    """miniature's tasks (6 and 10 classes), laptop's tasks (40) and readout (60); two classes."""
    settings = read_yaml("params.yaml")["fewshot"]["linear"]
    x, y = blobs(5, n + 1500 // classes, classes, width, noise=width**0.5 / 4)
    rng = np.random.default_rng(0)
    order = shot_order(y, rng)
    rows, rest = split(order, n, len(y))
    mean, scale = mean_and_scale(x[rows])
    accuracy, probabilities = [], []
    for solver in ({"solver": name} for name in logistic.SOLVERS):
        accuracy.append(evaluate(x, y, order, n, "linear", settings | solver, rng))
        tight = LINEAR | {"tolerance": 1e-7} | solver
        weights, biases = logistic.fit((x[rows] - mean) / scale, y[rows], **tight)
        probabilities.append(softmax((x[rest] - mean) / scale @ weights + biases, 1))
    assert 1.2 / classes < accuracy[0] == pytest.approx(accuracy[1], abs=0.003)
    # scikit-learn's L-BFGS also stops where the loss falls by less than rounding.
    np.testing.assert_allclose(probabilities[0], probabilities[1], rtol=0, atol=5e-4)


@pytest.mark.parametrize("head", HEADS)
def test_a_cell_does_not_depend_on_the_cells_beside_it(tmp_path: Path, head: str) -> None:
    x, y = blobs(4, 40, width=90, noise=4.0)
    safetensors.numpy.save_file({"tasks/t": x}, tmp_path / "m.safetensors")
    np.savez(tmp_path / "t.npz", labels=y)
    embedding = Embedding(tmp_path / "m.safetensors", "tasks/t")

    def accuracy(repeat: int, shots: list[int]) -> list[float]:
        call = (embedding, tmp_path / "t.npz", head, HEADS[head], 0, repeat)
        return list(fewshot_accuracy(*call, each=shots))

    swept = [accuracy(repeat, [1, 5, 20]) for repeat in range(2)]
    assert len({value for values in swept for value in values}) > 3
    for repeat, values in enumerate(swept):
        assert [accuracy(repeat, [n])[0] for n in (20, 5, 1)] == values[::-1]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("solver", "tolerance", "iterations"),
    [("fast", 1e-9, 2), ("fast", 1e-30, 10000), ("scikit-learn", 1e-9, 2)],
)
def test_a_probe_that_did_not_converge_is_an_error(
    solver: str, tolerance: float, iterations: int
) -> None:
    """Stopped, or out of precision."""
    with pytest.raises(RuntimeError, match=r"did not converge in \d+ iterations"):
        logistic.fit(*blobs(1, 30), 1.0, tolerance, iterations, solver)


def torch_loss(layers: list[torch.Tensor], x: np.ndarray, y: np.ndarray) -> torch.Tensor:
    """Mean cross-entropy of a network in torch, ReLU between its layers."""
    scores = torch.from_numpy(x)
    for depth in range(0, len(layers), 2):
        scores = (scores.relu() if depth else scores) @ layers[depth] + layers[depth + 1]
    return functional.cross_entropy(scores, torch.from_numpy(y))


@pytest.mark.parametrize("hidden", [None, 7])
def test_gradients_are_autograds_and_training_steps_torchs_adamw(hidden: int | None) -> None:
    """Training without dropout and with full batches."""
    x, y = blobs(3, 8, width=10)
    sizes = [10, *([hidden] if hidden else []), 4]
    vector = heads.initialise(sizes, np.random.default_rng(5))
    exact, slopes = vector.astype(float), np.full(len(vector), np.nan)  # every place is written to
    gradients = heads.unflatten(slopes, sizes)
    heads.loss_gradients(heads.unflatten(exact, sizes), x.astype(float), y, gradients)
    layers = [torch.tensor(part, requires_grad=True) for part in heads.unflatten(exact, sizes)]
    theirs = torch.autograd.grad(torch_loss(layers, x.astype(float), y), layers)
    for gradient, other in zip(gradients, theirs, strict=True):
        np.testing.assert_allclose(gradient, other, atol=1e-12, rtol=1e-6)

    settings = HEAD | {"dropout": 0.0, "batch": len(x), "steps": 25, "hidden": hidden}
    trained = heads.fit(x, y, np.random.default_rng(5), **settings)
    layers = [torch.tensor(part, requires_grad=True) for part in heads.unflatten(vector, sizes)]
    optimiser = torch.optim.AdamW(layers, lr=0.01, weight_decay=0.01)
    for _ in range(25):
        optimiser.zero_grad()
        torch_loss(layers, x, y).backward()
        optimiser.step()
    for layer, other in zip(trained, layers, strict=True):
        np.testing.assert_allclose(layer, other.detach(), atol=1e-4)


def test_initial_weights_are_uniform_within_one_over_the_root_of_the_inputs() -> None:
    """As torch.nn.Linear's."""
    sizes = [100, 300, 20]
    layers = heads.unflatten(heads.initialise(sizes, np.random.default_rng(0)), sizes)
    for i, layer in enumerate(layers):
        bound = sizes[i // 2] ** -0.5
        assert np.abs(layer).max() <= bound
        assert layer.std() == pytest.approx(bound / np.sqrt(3), rel=0.01 if i == 0 else 0.25)


def test_an_epoch_has_every_example_once_and_inputs_are_dropped_at_the_rate_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[np.ndarray] = []
    exact = heads.loss_gradients

    def spy(layers: list[np.ndarray], x: np.ndarray, *others: Any) -> None:
        seen.append(x.copy())
        exact(layers, x, *others)

    monkeypatch.setattr(heads, "loss_gradients", spy)
    x = np.repeat(np.arange(1, 65, dtype=np.float32)[:, None], 500, 1)  # row i holds i + 1
    settings = HEAD | {"dropout": 0.8, "steps": 4}
    heads.fit(x, np.arange(64) % 4, np.random.default_rng(0), **settings)
    for epoch in (np.concatenate(seen[:2]), np.concatenate(seen[2:])):
        np.testing.assert_allclose(np.sort(epoch.max(1)), 5 * np.arange(1, 65), rtol=1e-6)
        assert np.mean(epoch != 0) == pytest.approx(0.2, abs=0.01)  # 4.5 standard errors
    assert not np.array_equal(seen[0] != 0, seen[2] != 0)


@pytest.mark.parametrize("shape", [(3, 5), (4, 4), (1, 1)])
def test_what_is_kept_is_drawn_for_every_input_anew(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([heads.kept(shape, 0.25, rng) for _ in range(4000)])
    assert drawn.shape[1:] == shape
    np.testing.assert_allclose(drawn.mean(0), 0.75, atol=0.035)  # five standard errors
    correlations = np.atleast_2d(np.corrcoef(drawn.reshape(4000, -1).T))
    np.testing.assert_allclose(correlations, np.eye(len(correlations)), atol=0.08)


@pytest.mark.parametrize("head", HEADS)
def test_heads_learn_what_can_be_learnt_and_nothing_else(head: str) -> None:
    x, y = blobs(4, 40)

    def accuracy(x: np.ndarray, y: np.ndarray, n: int) -> float:
        order = shot_order(y, np.random.default_rng(0))
        return evaluate(x, y, order, n, head, HEADS[head], np.random.default_rng(1))

    assert accuracy(3 * x, y, 20) > max(0.9, accuracy(3 * x, y, 1))
    assert accuracy(3 * x, y, 1) > 0.3
    assert accuracy(x, np.random.default_rng(9).permutation(y), 20) < 0.5


def test_standardising_keeps_geometry_and_fixes_scale() -> None:
    train = np.random.default_rng(6).normal(3, 7, (50, 8))
    mean, scale = mean_and_scale(train)
    np.testing.assert_allclose(mean, train.mean(0))
    assert np.sqrt(np.mean(((train - mean) / scale) ** 2)) == pytest.approx(1)
    moved = mean_and_scale(100 * train + 5)
    np.testing.assert_allclose(moved[0], 100 * mean + 5)
    assert moved[1] == pytest.approx(100 * scale)
    assert mean_and_scale(np.full((4, 3), 0.5))[1] == 1  # a constant embedding stays at zero
