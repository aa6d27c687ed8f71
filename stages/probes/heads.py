"""One- and two-layer heads with input dropout, trained with AdamW; gradients written out.

`mlp1` is input dropout and one linear layer; `mlp2` is input dropout, a hidden layer with ReLU and
a linear layer, as in Sucholutsky & Griffiths (2023, section 4). In NumPy, with arrays that are
reused, a step of so small a network takes a third of the time that torch needs; the tests compare
the gradients with autograd's.
"""

import itertools
import math

import numpy as np

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8  # Adam's own (Kingma & Ba 2015)


def fit(
    train: np.ndarray,
    labels: np.ndarray,
    rng: np.random.Generator,
    dropout: float,
    learning_rate: float,
    weight_decay: float,
    steps: int,
    batch: int,
    hidden: int | None = None,
) -> list[np.ndarray]:
    """Train a head.

    train : [M, D] features; labels : [M] integers 0..K-1.
    dropout : probability of dropping an input; the others are scaled by 1 / (1 - dropout).
    weight_decay : decoupled (AdamW). batch : examples a step, shuffled in each epoch.
    hidden : units of the hidden layer; None for one linear layer.

    Returns weights and biases of each layer, float32: [D, K], [K], or [D, H], [H], [H, K], [K].
    """
    x = train.astype(np.float32) / np.float32(1 - dropout)
    sizes = [x.shape[1], *([hidden] if hidden else []), int(labels.max()) + 1]
    parameters = initialise(sizes, rng)
    state = np.zeros((4, len(parameters)), np.float32)  # the gradient, its moments, working space
    layers, slopes = unflatten(parameters, sizes), unflatten(state[0], sizes)
    batch = min(batch, len(x))
    inputs, order = np.empty((batch, x.shape[1]), np.float32), np.empty(0, np.int64)
    for step in range(1, steps + 1):
        if len(order) < batch:
            order = np.concatenate([order, rng.permutation(len(x))])
        rows, order = order[:batch], order[batch:]
        np.take(x, rows, 0, out=inputs, mode="clip")
        inputs *= kept(inputs.shape, dropout, rng)
        loss_gradients(layers, inputs, labels[rows], slopes)
        _adamw(parameters, state, step, learning_rate, weight_decay)
    return layers


def initialise(sizes: list[int], rng: np.random.Generator) -> np.ndarray:
    """Weights and biases of all layers in one vector, uniform within 1 / sqrt(inputs)."""
    drawn = [
        (2 * rng.random((inputs + 1) * outputs, np.float32) - 1) / np.float32(math.sqrt(inputs))
        for inputs, outputs in itertools.pairwise(sizes)
    ]
    return np.concatenate(drawn)


def unflatten(vector: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    """Views of each layer's weights [inputs, outputs] and biases [outputs]."""
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        weights, biases, vector = np.split(vector, [inputs * outputs, (inputs + 1) * outputs])
        layers += [weights.reshape(inputs, outputs), biases]
    return layers


def kept(shape: tuple[int, ...], dropout: float, rng: np.random.Generator) -> np.ndarray:
    """Which inputs are kept. 16 random bits each, so that dropout is met to 1 in 65 536."""
    words = rng.integers(0, 1 << 64, -(-math.prod(shape) // 4), np.uint64, endpoint=False)
    drawn = words.view(np.uint16)[: math.prod(shape)].reshape(shape)
    return np.asarray(drawn >= round(dropout * 65536))


def loss_gradients(
    layers: list[np.ndarray], x: np.ndarray, y: np.ndarray, slopes: list[np.ndarray]
) -> None:
    """Gradients of the mean cross-entropy with respect to all weights and biases, into `slopes`.

    layers : weights and biases. x : [B, D] inputs; y : [B] labels.
    """
    inputs = [x]
    for depth in range(0, len(layers) - 2, 2):
        inputs.append(np.maximum(inputs[-1] @ layers[depth] + layers[depth + 1], 0))
    delta = inputs[-1] @ layers[-2]
    delta += layers[-1]
    delta -= delta.max(1, keepdims=True)
    np.exp(delta, delta)
    delta /= len(y) * delta.sum(1, keepdims=True)
    delta[np.arange(len(y)), y] -= np.float32(1 / len(y))
    for depth in reversed(range(len(inputs))):
        np.matmul(inputs[depth].T, delta, out=slopes[2 * depth])
        np.sum(delta, 0, out=slopes[2 * depth + 1])
        if depth:
            delta = (delta @ layers[2 * depth].T) * (inputs[depth] > 0)


def _adamw(
    parameters: np.ndarray, state: np.ndarray, step: int, learning_rate: float, weight_decay: float
) -> None:
    """One step of AdamW (Loshchilov & Hutter 2019), in place; the gradient is used up."""
    gradient, first, second, room = state
    first *= _BETA1
    first += np.multiply(gradient, 1 - _BETA1, out=room)
    second *= _BETA2
    gradient *= gradient
    second += np.multiply(gradient, 1 - _BETA2, out=room)
    np.sqrt(second, out=room)
    room /= math.sqrt(1 - _BETA2**step)
    room += _EPSILON
    np.divide(first, room, out=room)
    room *= learning_rate / (1 - _BETA1**step)
    parameters *= 1 - learning_rate * weight_decay
    parameters -= room
