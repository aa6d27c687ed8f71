"""Few-shot splits, the logistic probe and the heads, against definitions and libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
import yaml
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from stages.networks.embeddings import Embedding
from stages.probes import heads, logistic
from stages.probes.fewshot import (
    evaluate,
    fewshot_accuracy,
    mean_and_scale,
    shot_order,
    split,
)
from tests.arrays import blobs

ROOT = Path(__file__).resolve().parents[1]
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
        assert set(train) | set(test) == set(range(len(labels)))
        assert not set(train) & set(test)
        assert earlier <= set(train)
        earlier = set(train)
    for n in (0, 25, 26):  # nothing left to test on
        with pytest.raises(ValueError, match="shots"):
            split(order, n, len(labels))


def assert_is_scikit_learns(x: np.ndarray, y: np.ndarray, test: np.ndarray) -> None:
    """Both at a tight tolerance: weights, probabilities of test examples, the loss's optimum."""
    reference = LogisticRegression(tol=1e-9, solver="newton-cholesky").fit(x.astype(float), y)
    weights, biases = logistic.fit(x, y, C=1.0, tolerance=1e-8, max_iterations=10000)
    scores = test @ weights + biases
    np.testing.assert_allclose(softmax(scores, 1), reference.predict_proba(test), atol=1e-5)
    if scores.shape[1] == 2:  # scikit-learn keeps one score
        weights, biases = np.diff(weights), np.diff(biases)
    np.testing.assert_allclose(weights.T, reference.coef_, atol=1e-5)
    # One shot a class hardly determines the intercepts.
    np.testing.assert_allclose(biases, reference.intercept_, atol=1e-4)


@pytest.mark.parametrize("per_class", [1, 3, 5, 30, 40])  # few to many samples a dimension
@pytest.mark.parametrize("classes", [2, 4])
def test_logistic_is_scikit_learns(per_class: int, classes: int) -> None:
    x, y = blobs(1, per_class, classes)
    assert_is_scikit_learns(x + 3, y, blobs(2, 10, classes)[0] + 3)


@pytest.mark.parametrize("per_class", [3, 30, 40])
def test_logistic_is_scikit_learns_on_degenerate_features(per_class: int) -> None:
    """Centred and repeated samples, repeated and constant features, classes of unequal size."""
    x, y = blobs(1, per_class)
    x, y = np.concatenate([x, x[:5]]), np.concatenate([y, y[:5]])
    x = np.concatenate([x - x.mean(0), x[:, :3], np.full((len(x), 2), 0.5, np.float32)], 1)
    assert_is_scikit_learns(x, y, x)
    weights, _ = logistic.fit(np.zeros_like(x), y, **LINEAR)
    assert not weights.any()


SHAPES = [(classes, width, n) for classes, width in ((10, 32), (6, 320)) for n in (1, 5, 20, 80)]


@pytest.mark.parametrize(
    ("classes", "width", "n"), [*SHAPES, (40, 128, 10), (60, 96, 5), (2, 64, 10)]
)
def test_both_solvers_are_one_probe_on_the_studies_shapes(classes: int, width: int, n: int) -> None:
    """miniature's tasks (6 and 10 classes), laptop's tasks (40) and readout (60); two classes."""
    settings = yaml.safe_load((ROOT / "params.yaml").read_text())["fewshot"]["linear"]
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
    x, y = blobs(1, 30)
    with pytest.raises(RuntimeError, match=r"did not converge in \d+ iterations"):
        logistic.fit(x, y, 1.0, tolerance, iterations, solver)


def torch_layers(sizes: list[int], vector: np.ndarray) -> torch.nn.Sequential:
    """The same layers in torch, ReLU between them."""
    modules: list[torch.nn.Module] = []
    parts = heads.unflatten(vector, sizes)
    for weights, biases in zip(parts[::2], parts[1::2], strict=True):
        layer = torch.nn.Linear(*weights.shape).to(torch.from_numpy(weights).dtype)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weights.T.copy()))
            layer.bias.copy_(torch.from_numpy(biases.copy()))
        modules += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1])


@pytest.mark.parametrize("hidden", [None, 7])
def test_written_gradients_are_autograds(hidden: int | None) -> None:
    rng = np.random.default_rng(0)
    sizes = [12, *([hidden] if hidden else []), 5]
    vector = heads.initialise(sizes, rng).astype(float)
    x, y = rng.normal(size=(9, 12)), rng.integers(0, 5, 9)
    ours = np.full_like(vector, np.nan)
    parts = heads.unflatten(ours, sizes)
    heads.loss_gradients(heads.unflatten(vector, sizes), x, y, parts)
    model = torch_layers(sizes, vector)
    functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y)).backward()
    expected = [p.grad.numpy().T for p in model.parameters() if p.grad is not None]
    for gradient, theirs in zip(parts, expected, strict=True):
        np.testing.assert_allclose(gradient, theirs, atol=1e-12, rtol=1e-6)
    assert np.isfinite(ours).all()  # every place was written to


@pytest.mark.parametrize("hidden", [None, 6])
def test_training_steps_are_torchs_adamw(hidden: int | None) -> None:
    """Without dropout and with full batches, training is torch.nn.Linear under torch's AdamW."""
    x, y = blobs(3, 8, width=10)
    settings = HEAD | {"dropout": 0.0, "batch": len(x), "steps": 25, "hidden": hidden}
    ours = heads.fit(x, y, np.random.default_rng(5), **settings)
    sizes = [10, *([hidden] if hidden else []), 4]
    model = torch_layers(sizes, heads.initialise(sizes, np.random.default_rng(5)))
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.01)
    for _ in range(25):
        optimiser.zero_grad()
        functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        optimiser.step()
    for layer, theirs in zip(ours, model.parameters(), strict=True):
        np.testing.assert_allclose(layer, theirs.detach().T, atol=1e-4)


def test_initial_weights_are_uniform_within_one_over_the_root_of_the_inputs() -> None:
    """As torch.nn.Linear's."""
    sizes = [100, 300, 20]
    vector = heads.initialise(sizes, np.random.default_rng(0))
    for i, layer in enumerate(heads.unflatten(vector, sizes)):
        bound = sizes[i // 2] ** -0.5
        assert np.abs(layer).max() <= bound
        assert layer.std() == pytest.approx(bound / np.sqrt(3), rel=0.25)
    assert heads.unflatten(vector, sizes)[0].std() == pytest.approx(0.1 / np.sqrt(3), rel=0.01)


def test_an_epoch_has_every_example_once_and_inputs_are_dropped_at_the_rate_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[np.ndarray] = []
    exact = heads.loss_gradients

    def spy(
        layers: list[np.ndarray], x: np.ndarray, y: np.ndarray, slopes: list[np.ndarray]
    ) -> None:
        seen.append(x.copy())
        exact(layers, x, y, slopes)

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
    flat = drawn.reshape(4000, -1).astype(float)
    if flat.shape[1] > 1:
        apart = np.corrcoef(flat.T)[np.triu_indices(flat.shape[1], 1)]
        assert np.abs(apart).max() < 0.08


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
    assert np.sqrt(np.mean(((train - mean) / scale) ** 2)) == pytest.approx(1)
    np.testing.assert_allclose(mean, train.mean(0))
    scaled = mean_and_scale(100 * train + 5)
    np.testing.assert_allclose(scaled[0], 100 * mean + 5)
    assert scaled[1] == pytest.approx(100 * scale)
    assert mean_and_scale(np.full((4, 3), 0.5))[1] == 1  # a constant embedding stays at zero
