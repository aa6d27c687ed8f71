"""Wall time of each stage against the number of models, and against the number of images.

`python -m benchmarks.growth`, in a quarter of an hour: runs the last commit with 10, 20 and 40
models, and with 20 models on tasks of three sizes, each from an empty artifact cache. Times are as
a user meets them, start-up of each stage included. The goal is that none grows faster than the
1.05th power. Of ten models half are untrained, of forty an eighth, so that pretraining also has a
line against the networks that are trained, the reference among them.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.sides import exponent, timed, verdict
from benchmarks.whole import Copy
from stages.networks.cards import read_card

GOAL = 1.05
MODELS = (10, 20, 40)
IMAGES = (25, 50, 100)
"""Images a class of every task."""


def main() -> None:
    table("models", MODELS, "models.limit", {"analyze.group_size": 3})  # of ten models
    few = {"models.limit": 20, "fewshot.n": [1, 5, 20]}
    table("images a class", IMAGES, "tasks.per_class", few)


def table(what: str, sizes: Sequence[int], key: str, params: dict[str, Any]) -> None:
    """A line a stage: seconds at each size, and the exponent of the least-squares power law."""
    found, trained = [], []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            copy = Copy(Path(folder), params | {key: size})
            found.append(copy.seconds("dvc", "repro"))
            checkpoints = (copy.root / "data" / "checkpoints").glob("*.safetensors")
            trained.append(sum(read_card(path).labels != "none" for path in checkpoints))
    print(f"{what:24}" + "".join(f"{size:>9}" for size in sizes) + "   seconds grow as n^")
    for stage in (name for name in found[0] if name not in ("before", "after")):
        line(stage, sizes, [run[stage] for run in found])
    if len(set(trained)) == len(sizes):
        print(f"{'networks trained':24}" + "".join(f"{count:>9}" for count in trained))
        line("pretrain", trained, [run["pretrain"] for run in found])


def line(stage: str, sizes: Sequence[int], seconds: Sequence[float]) -> None:
    power = exponent(sizes, seconds)
    cells = "".join(f"{value:9.1f}" for value in seconds)
    print(f"{stage:24}{cells}   {power:5.2f}   goal {GOAL}: {verdict(power <= GOAL)}", flush=True)


if __name__ == "__main__":
    timed(main)
