"""Made-up tables of the paper's study: 491 models, six stimulus sets, three tasks."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from tests.conftest import ROOT

MODELS = ROOT / "studies" / "models" / "paper.csv"
SETS = ("animals", "automobiles", "fruits", "furniture", "various", "vegetables")
TASKS = ("cifar100", "fashion_mnist", "mnist")
HEADS = ("linear", "mlp1", "mlp2")
SHOTS = (1, 5, 10, 20, 40, 80)
BENCHMARKS = ("imagenet", "imagenet_a", "imagenet_r", "imagenet_sketch", "imagenet_real")
MEASURES = ("pearson", "spearman", "triplet")
REPEATS = 3


def index() -> dict[str, dict[str, Any]]:
    """What the embed stage would say of the paper's models."""
    table = pd.read_csv(MODELS, dtype=str, keep_default_na=False)
    return {
        name: {
            "architecture": timm.partition(".")[0] or name,
            "group": family or "none",
            "source": "hub",
            "files": {},
            "weights": "trained",
        }
        for name, timm, family in table[["name", "timm", "family"]].to_numpy()
    }


def tables(names: list[str], rng: np.random.Generator) -> tuple[pd.DataFrame, ...]:
    """Made-up tables of alignment, few-shot accuracy and robustness."""
    skill = rng.normal(size=len(names))
    alignment = pd.DataFrame(
        [
            (model, "trained", s, measure, "group", 0.5 + 0.1 * np.tanh(skill[m] + e), 0.02)
            for (m, model), s, measure in product(enumerate(names), SETS, MEASURES)
            for e in [rng.normal()]
        ],
        columns=["model", "weights", "set", "measure", "judge", "value", "se"],
    )
    fewshot = pd.DataFrame(
        [
            (model, "trained", task, head, n, r, 1 / (1 + np.exp(2 - 0.02 * n - skill[m] - e)))
            for (m, model), task, head, n, r in product(
                enumerate(names), TASKS, HEADS, SHOTS, range(REPEATS)
            )
            for e in [0.3 * rng.normal()]
        ],
        columns=["model", "weights", "task", "head", "n", "repeat", "accuracy"],
    )
    robustness = pd.DataFrame(
        [
            (model, benchmark, "published", "published", 10000, value, (1 + value) / 2)
            for (m, model), benchmark in product(enumerate(names), BENCHMARKS)
            for value in [1 / (1 + np.exp(-skill[m] - rng.normal()))]
        ],
        columns=["model", "benchmark", "classifier", "weights", "images", "top1", "top5"],
    )
    return alignment, fewshot, robustness


def curve() -> list[dict[str, Any]]:
    """A made-up curve of the theory: accuracy by ε and n."""
    return [
        {"epsilon": e, "n": n, "accuracy": 0.05 + 0.9 * abs(1 - 2 * e) * n / (1 + n)}
        for e, n in product((0.0, 0.25, 0.5, 0.75, 1.0), SHOTS)
    ]
