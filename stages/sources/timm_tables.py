"""timm's published results: ImageNet and its robustness benchmarks, of January 2022 and of 2026.

The tables are facts in the repository (docs/published.md). That of 2022 is the smallest version
that holds all of the paper's 491 models, under their names of that time.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stages.runtime.tables import Column, read_table
from stages.sources.fetch import REMOTES, fetch

if TYPE_CHECKING:
    import pandas as pd

IMAGES = {
    "imagenet": 50_000,
    "imagenet_a": 7_500,
    "imagenet_r": 30_000,
    "imagenet_sketch": 50_889,
    "imagenet_real": 46_837,
    "imagenet_v2": 10_000,
}
"""Number of images of each benchmark, as its authors state it."""
RESULTS = {year: Path(f"studies/published/timm_{year}.csv") for year in (2022, 2026)}
"""Published accuracies by year."""
CLASS_LISTS = {k: REMOTES[f"timm_classes/{k}"] for k in ("imagenet", "imagenet_a", "imagenet_r")}
"""WordNet ids of the classes of ImageNet, and of the 200 of ImageNet-A and -R."""
THROUGHPUT = REMOTES["timm_speed/rtx3090"]
"""Images a second of each model on one RTX 3090, in mixed precision."""


def read_published(path: Path, benchmark: str) -> pd.DataFrame:
    """Published top-1 and top-5: index model (timm's name of the time); columns in [0, 1]."""
    percent = Column(float, blank=True, low=0, high=100)
    found = _by_model(path, percent, benchmark, f"{benchmark}_top5").dropna()
    return found.set_axis(["top1", "top5"], axis=1) / 100


def read_throughput(path: Path) -> pd.DataFrame:
    """Index model (timm's name of 2022); columns images a second, and the size of the images."""
    positive = Column(float, low=1e-9, high=1e9, needs="a number above 0 is needed")
    return _by_model(path, positive, "infer_samples_per_sec", "infer_img_size")


def _by_model(path: Path, column: Column, *names: str) -> pd.DataFrame:
    schema = {"model": Column()} | dict.fromkeys(names, column)
    table = read_table(path, schema, unique=["model"], more=True)
    return table.set_index("model")[list(names)]


def class_indices(name: str) -> dict[str, int]:
    """Index among ImageNet's 1 000 classes of each class that a benchmark has, by WordNet id."""
    every, wanted = (fetch(CLASS_LISTS[k]).read_text().split() for k in ("imagenet", name))
    return {synset: every.index(synset) for synset in wanted}
