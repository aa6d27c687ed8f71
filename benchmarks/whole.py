"""The default study as a user meets it: each stage, nothing to do, one changed parameter.

`python -m benchmarks.whole [--before CHECKOUT] [--rounds N]`: runs the last commit in a copy with
an empty artifact cache, five minutes a round, and measures what a stage's own imports take. With
`--before` another checkout, with its own .venv, is measured in turns with this one, each of them
first in every other round; then what a stage took there and here stand side by side.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.sides import in_turns, timed, verdict
from tests.conftest import ROOT, STAGES, Workspace

REPEATS = 3
COLD, IDLE, CHANGED = GOALS = {
    "dvc repro, all of it": 180,
    "dvc repro, nothing to do": 3,
    "dvc exp run -S fewshot.n=5": 15,
}
"""What is measured, and goals in seconds."""
_STAGE = re.compile(r"^Running stage '(.+)':")


class Copy(Workspace):
    """A clone of a checkout's last commit, and an artifact cache, both empty of results.

    folder : where it goes. params : values for params.yaml, by dotted key.
    checkout : where it comes from; another than this has its own .venv.
    """

    def __init__(self, folder: Path, params: Mapping[str, Any], checkout: Path = ROOT) -> None:
        super().__init__(folder / "repository", folder / "artifacts")
        if checkout != ROOT:
            bins = checkout / ".venv" / "bin"
            if not (bins / "dvc").is_file():
                raise SystemExit(f"{bins / 'dvc'} is missing; install {checkout}'s requirements")
            self.environment["PATH"] = f"{bins}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(["git", "clone", "-q", str(checkout), str(self.root)], check=True)
        self.run("git", "config", "user.name", "benchmark")
        self.run("git", "config", "user.email", "benchmark@example.org")
        for key, value in params.items():
            self.edit("params.yaml", *key.split("."), value=value)

    def seconds(self, *command: str) -> dict[str, float]:
        """Run a command; seconds of each stage that DVC ran, and "whole".

        Raises RuntimeError, with the last lines, where the command failed.
        """
        lines, marks = [], [("before", time.perf_counter())]
        with subprocess.Popen(
            command,
            cwd=self.root,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if found := _STAGE.match(line):
                    marks.append((found[1], time.perf_counter()))
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}: {''.join(lines[-20:])}")
        marks.append(("after", time.perf_counter()))
        taken = {name: end - at for (name, at), (_, end) in pairwise(marks)}
        return taken | {"whole": marks[-1][1] - marks[0][1]}


Seconds = defaultdict[str, list[float]]
"""Of each round: "<what>" for a whole command, "  <stage>" for a stage of a run of everything."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole", description=__doc__)
    parser.add_argument("--before", type=Path, metavar="CHECKOUT")
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    checkouts = [asked.before.resolve()] if asked.before else []
    found: list[Seconds] = [defaultdict(list) for _ in (*checkouts, ROOT)]
    for number in range(asked.rounds):
        sides = list(zip((*checkouts, ROOT), found, strict=True))
        one_round(sides if number % 2 == 0 else sides[::-1])
    for what in found[-1] | found[0]:
        told = [f"{median(side[what]):8.2f} s" if what in side else f"{'-':>10}" for side in found]
        if asked.before and all(what in side for side in found):
            ratios = [now / was for was, now in zip(*(side[what] for side in found), strict=True)]
            told.append(f"   {median(ratios):5.2f} times ({min(ratios):.2f} to {max(ratios):.2f})")
        if what in GOALS and what in found[-1]:
            reached = verdict(median(found[-1][what]) <= GOALS[what])
            told.append(f"   goal {GOALS[what]} s: {reached}")
        print(f"{what:32}" + "".join(told), flush=True)
    for stage in dict.fromkeys(("check", *(stage.split()[0] for stage in STAGES))):
        command = [sys.executable, "-c", f"import stages.{stage}"]
        (taken,) = in_turns(REPEATS, lambda: subprocess.run(command, cwd=ROOT, check=True))  # noqa: B023
        print(f"{f'import stages.{stage}':32}{min(taken):8.2f} s   goal 1.5 s: ", end="")
        print(verdict(min(taken) <= 1.5), flush=True)


def one_round(sides: list[tuple[Path, Seconds]]) -> None:
    """Measure every side once, in turns: everything, nothing to do, one changed parameter."""
    with tempfile.TemporaryDirectory() as folder:
        copies = [
            (Copy(Path(folder) / str(i), {}, checkout), seconds)
            for i, (checkout, seconds) in enumerate(sides)
        ]
        for copy, seconds in copies:
            for stage, taken in copy.seconds("dvc", "repro").items():
                seconds[COLD if stage == "whole" else f"  {stage}"].append(taken)
            copy.run("git", "add", "-A")  # as `dvc exp run` wants it
            copy.run("git", "commit", "-q", "--allow-empty", "-m", "results")
        for what, command in [(IDLE, "dvc repro")] * REPEATS + [(CHANGED, CHANGED)]:
            for copy, seconds in copies:
                seconds[what].append(copy.seconds(*command.split())["whole"])


if __name__ == "__main__":
    timed(main)
