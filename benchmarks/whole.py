"""The default study as a user meets it: each stage, nothing to do, one changed parameter.

`python -m benchmarks.whole`, in five minutes: runs the last commit in a copy with an empty artifact
cache. Start-up of each stage is what its own imports take; workers import torch beside it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.pipeline import ROOT, Copy

STAGES = ("check", "download", "pretrain", "embed", "align", "fewshot", "robustness", "theory")
REPEATS = 3


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder), {})
        first = copy.run("dvc", "repro")
        for name, seconds in first.items():
            if name != "whole":
                print(f"  {name:24}{seconds:8.1f} s")
        line("dvc repro, all of it", first["whole"], 180)
        copy.commit()
        line("dvc repro, nothing to do", least(lambda: copy.run("dvc", "repro")["whole"]), 3)
        changed = copy.run("dvc", "exp", "run", "-S", "fewshot.n=5")
        line("dvc exp run -S fewshot.n=5", changed["whole"], 15)
    for stage in (*STAGES, "analyze"):
        line(f"import stages.{stage}", least(partial(imported, stage)), 1.5)


def line(what: str, seconds: float, goal: float) -> None:
    verdict = "reached" if seconds <= goal else "NOT reached"
    print(f"{what:32}{seconds:8.2f} s   goal {goal:g} s: {verdict}", flush=True)


def least(run: Callable[[], float]) -> float:
    """The fastest of some repeats."""
    return min(run() for _ in range(REPEATS))


def imported(stage: str) -> float:
    """Seconds of a new interpreter that imports a stage and ends."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import stages.{stage}"], cwd=ROOT, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
