"""Seconds of the analyze stage for the paper's study, on made-up tables of its size.

`python -m benchmarks.analyze`: 491 models in 48 families, 3 measures on 6 stimulus sets, 3 tasks x
6 n x 3 heads x 3 repeats, 4 benchmarks, 1 000 resamples. The numbers mean nothing; speed does not
depend on them.
"""

import os
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.figures.provenance import provenance
from stages.figures.report import write_report
from stages.figures.study import draw_all
from stages.inference.analysis import Beside, all_tables
from stages.inference.correlations import Families
from stages.inference.facts import Facts, FewShot
from stages.inference.results import Results
from stages.inference.summary import given, zoo
from stages.runtime.machine import Place, cores
from stages.study.pairs import Pair, read_pairs
from stages.study.values import read_values

STUDIES = Path(__file__).resolve().parents[1] / "studies"
MODELS = STUDIES / "models" / "paper.csv"
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


def main() -> None:
    models = index()
    alignment, fewshot, robustness = tables(list(models), np.random.default_rng(0))
    start = time.perf_counter()
    given_by = ("imagenet", "published")
    results = Results(alignment, fewshot, robustness, given_by, models, "group", group_size=5)
    pairs = read_pairs(STUDIES / "models" / "pairs.csv", "pairs")
    beside = Beside(
        {},
        [Pair(factor, a, b, models[a]["group"]) for factor, a, b in pairs],
        {name: name for name in BENCHMARKS},
        read_values(STUDIES / "published" / "sucholutsky2023.csv", "values"),
        curve(),
    )
    found = all_tables(results, "pearson", Families(0.95, 1000, 0), beside)
    analysed = time.perf_counter()
    print(f"tables   {analysed - start:6.1f} s ({sum(map(len, found.values()))} rows)")
    facts = Facts(
        measure="pearson",
        simulated=False,
        group_size=5,
        confidence=0.95,
        few_shot=FewShot(results.head, results.shots[0], results.repeats),
        models=len(results.models),
        untrained=0,
        given=given(results),
        zoo=zoo(results),
        family="timm family",
        families=len(set(results.families)),
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "figures"
        os.environ["ARTIFACT_CACHE"] = str(Path(name) / "artifacts")
        captions = draw_all(folder, found, facts, Place(cores()))
        drawn = time.perf_counter()
        print(f"figures  {drawn - analysed:6.1f} s")
        origin, page = provenance(STUDIES.parent, "paper", []), folder / "report.html"
        write_report(page, "Made up", "paper", found, facts, [], captions, folder, {}, origin)
        megabytes = page.stat().st_size / 1e6
    print(f"report   {time.perf_counter() - drawn:6.1f} s ({megabytes:.1f} MB)")
    print(f"whole    {time.perf_counter() - start:6.1f} s")


if __name__ == "__main__":
    main()
