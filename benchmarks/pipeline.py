"""A copy of the repository to run its pipeline in, and seconds of each of its stages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
_STAGE = re.compile(r"^Running stage '(.+)':")


class Copy:
    """A clone of the last commit with an artifact cache of its own, both empty of results.

    Parameters
    ----------
    folder : where it goes; params : values for params.yaml, by dotted key.
    """

    def __init__(self, folder: Path, params: Mapping[str, Any]) -> None:
        self.root = folder / "repository"
        bins = Path(sys.executable).parent
        self.environment = os.environ | {
            "PATH": f"{bins}{os.pathsep}{os.environ['PATH']}",
            "ARTIFACT_CACHE": str(folder / "artifacts"),
            "GIT_AUTHOR_NAME": "benchmark",
            "GIT_AUTHOR_EMAIL": "benchmark@example.org",
            "GIT_COMMITTER_NAME": "benchmark",
            "GIT_COMMITTER_EMAIL": "benchmark@example.org",
        }
        subprocess.run(["git", "clone", "-q", str(ROOT), str(self.root)], check=True)
        file = self.root / "params.yaml"
        content = yaml.safe_load(file.read_text())
        for key, value in params.items():
            *parents, last = key.split(".")
            section = content
            for parent in parents:
                section = section[parent]
            section[last] = value
        file.write_text(yaml.safe_dump(content, sort_keys=False))

    def run(self, *command: str) -> dict[str, float]:
        """Run a command; seconds of each stage that DVC ran, and "whole".

        Raises
        ------
        RuntimeError
            The command failed; with its last lines.
        """
        start, lines, marks = time.perf_counter(), [], [("before", time.perf_counter())]
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
        return taken | {"whole": time.perf_counter() - start}

    def commit(self) -> None:
        """Commit what there is, as `dvc exp run` wants it."""
        self.run("git", "add", "-A")
        self.run("git", "commit", "-q", "--allow-empty", "-m", "results")
