"""Made-up results of the paper's study: its models, stimulus sets and tasks; some heads and n."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from stages.analysis.inputs import MEASUREMENTS
from stages.analysis.results import Results
from tests.conftest import ROOT

SETS = ("animals", "automobiles", "fruits", "furniture", "various", "vegetables")
TASKS = ("cifar100", "fashion_mnist", "mnist")
HEADS = ("linear", "mlp1")
SHOTS = (1, 5, 20)
BENCHMARKS = ("imagenet", "imagenet_a", "imagenet_r", "imagenet_sketch", "imagenet_real")
MEASURES = ("pearson", "spearman", "triplet")

Made = dict[str, pd.DataFrame]
"""Tables alignment, fewshot and robustness."""


def frame(name: str, rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """A tidy table of the stage called `name`."""
    return pd.DataFrame(rows, columns=list(MEASUREMENTS[name]))


def tables(models: list[str], rng: np.random.Generator) -> Made:
    """What models of different skill might score."""
    alignment: list[tuple[Any, ...]] = []
    fewshot: list[tuple[Any, ...]] = []
    robustness: list[tuple[Any, ...]] = []
    for m, skill in zip(models, rng.normal(size=len(models)), strict=True):
        for s, measure in product(SETS, MEASURES):
            value = 0.5 + 0.1 * np.tanh(skill + rng.normal())
            alignment.append((m, "trained", s, measure, "group", value, 0.02))
        for task, head, n, repeat in product(TASKS, HEADS, SHOTS, range(3)):
            accuracy = 1 / (1 + np.exp(2 - 0.02 * n - skill - 0.3 * rng.normal()))
            fewshot.append((m, "trained", task, head, n, repeat, accuracy))
        for benchmark in BENCHMARKS:
            top1 = 1 / (1 + np.exp(-skill - rng.normal()))
            robustness.append((m, benchmark, *["published"] * 2, 10000, top1, (1 + top1) / 2))
    rows = {"alignment": alignment, "fewshot": fewshot, "robustness": robustness}
    return {name: frame(name, found) for name, found in rows.items()}


def results(
    count: int = 24,
    families: int = 8,
    change: Callable[[Made], object] = lambda made: None,
    classifier: str = "published",
) -> Results:
    """Results of some models, in families of like size; `change` alters their tables before.

    classifier : what of ImageNet is the covariate.
    """
    names = pd.read_csv(ROOT / "studies" / "models" / "paper.csv", dtype=str)["name"][::20][:count]
    trained = {"source": "hub", "weights": "trained"}
    index = {
        name: trained | {"architecture": name, "group": f"family {i % families}"}
        for i, name in enumerate(names)
    }
    made = tables(list(names), np.random.default_rng(1))
    change(made)
    covariate = ("imagenet", classifier)
    alignment, fewshot, robustness = (made[name] for name in ("alignment", "fewshot", "robustness"))
    return Results(alignment, fewshot, robustness, covariate, index, family="group", group_size=5)


def curve() -> list[dict[str, Any]]:
    """A made-up curve of the theory: accuracy by ε and n."""
    return [
        {"epsilon": e, "n": n, "accuracy": 0.05 + 0.9 * abs(1 - 2 * e) * n / (1 + n)}
        for e, n in product((0.0, 0.25, 0.5, 0.75, 1.0), SHOTS)
    ]
