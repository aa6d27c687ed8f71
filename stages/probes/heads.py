"""One- and two-layer classifier heads with input dropout, trained with Adam; gradients written out.

`mlp1` is input dropout and one linear layer; `mlp2` is input dropout, a hidden layer with ReLU and
a linear layer, as in Sucholutsky & Griffiths (2023, section 4). Gradients of so small a network are
three lines, and ten times quicker than through autograd; the tests hold them against autograd.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8  # Adam's own (Kingma & Ba 2015)


def fit_predict(
    train: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
    generator: torch.Generator,
    dropout: float,
    learning_rate: float,
    weight_decay: float,
    steps: int,
    batch: int,
    hidden: int | None = None,
) -> np.ndarray:
    """Train a head and score test examples.

    Parameters
    ----------
    train : [M, D] features; labels : [M] integers 0..K-1; test : [N, D].
    dropout : probability of dropping an input; the others are scaled by 1 / (1 - dropout).
    weight_decay : decoupled (AdamW). batch : examples a step, drawn anew each epoch.
    hidden : units of the hidden layer; None for one linear layer.

    Returns
    -------
    [N, K] logits.
    """
    x, y = torch.from_numpy(train).float() / (1 - dropout), torch.from_numpy(labels)
    classes = int(y.max()) + 1
    sizes = [x.shape[1], *([hidden] if hidden else []), classes]
    layers = initialise(sizes, generator)
    moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in layers]
    order = torch.empty(0, dtype=torch.int64)
    for step in range(1, steps + 1):
        if len(order) < min(batch, len(x)):
            order = torch.cat([order, torch.randperm(len(x), generator=generator)])
        rows, order = order[:batch], order[batch:]
        kept = torch.rand((len(rows), x.shape[1]), generator=generator) >= dropout
        inputs = x[rows].mul_(kept)
        gradients = loss_gradients(layers, inputs, y[rows])
        _adamw(layers, gradients, moments, step, learning_rate, weight_decay)
    return forward(layers, torch.from_numpy(test).float())[-1].numpy()


def initialise(sizes: list[int], generator: torch.Generator) -> list[torch.Tensor]:
    """Weights and biases, uniform within 1 / sqrt(inputs), as torch.nn.Linear draws them."""
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        bound = 1 / math.sqrt(inputs)
        for shape in ((inputs, outputs), (outputs,)):
            layers.append((2 * torch.rand(shape, generator=generator) - 1) * bound)
    return layers


def forward(layers: list[torch.Tensor], x: torch.Tensor) -> list[torch.Tensor]:
    """Activations of every layer, ReLU between them; the last are logits [B, K]."""
    activations = []
    for depth in range(0, len(layers), 2):
        x = torch.addmm(layers[depth + 1], x.relu() if depth else x, layers[depth])
        activations.append(x)
    return activations


def loss_gradients(
    layers: list[torch.Tensor], x: torch.Tensor, y: torch.Tensor
) -> list[torch.Tensor]:
    """Gradients of the mean cross-entropy with respect to every weight and bias."""
    activations = forward(layers, x)
    delta = activations[-1].softmax(1)
    delta[torch.arange(len(y)), y] -= 1
    delta /= len(y)
    gradients: list[torch.Tensor] = []
    for depth in reversed(range(0, len(layers), 2)):
        inputs = activations[depth // 2 - 1].relu() if depth else x
        gradients = [inputs.T @ delta, delta.sum(0), *gradients]
        if depth:
            delta = (delta @ layers[depth].T) * (activations[depth // 2 - 1] > 0)
    return gradients


def _adamw(
    layers: list[torch.Tensor],
    gradients: list[torch.Tensor],
    moments: list[tuple[torch.Tensor, torch.Tensor]],
    step: int,
    learning_rate: float,
    weight_decay: float,
) -> None:
    """One step of AdamW (Loshchilov & Hutter 2019), in place."""
    size = learning_rate / (1 - _BETA1**step)
    correction = math.sqrt(1 - _BETA2**step)
    for parameter, gradient, (first, second) in zip(layers, gradients, moments, strict=True):
        parameter.mul_(1 - learning_rate * weight_decay)
        first.lerp_(gradient, 1 - _BETA1)
        second.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
        parameter.addcdiv_(first, second.sqrt().div_(correction).add_(_EPSILON), value=-size)
