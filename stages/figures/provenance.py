"""What a report was made from: parameters, digests of inputs, libraries, git revision."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from stages.runtime.source import file_digest, libraries

LIBRARIES = (
    "numpy",
    "scipy",
    "pandas",
    "torch",
    "timm",
    "dvc",
    "scikit-learn",
    "matplotlib",
)
MACHINE = ("compute",)
"""Sections of params.yaml that never change a result, and so are not told."""


def provenance(root: Path, study: str, inputs: Sequence[Path]) -> dict[str, Any]:
    """Everything that says where a report comes from; the same for the same code and inputs.

    Parameters
    ----------
    root : the repository's root. inputs : tables that were analysed, inside of it.

    Returns
    -------
    "study", "python", "revision": text; "params": section of params.yaml -> its value as YAML;
    "inputs": path -> SHA-256; "libraries": name -> version. No date, no path and no name of the
    machine.

    Raises
    ------
    DataError
        Names an input that cannot be read.
    """
    params = yaml.safe_load((root / "params.yaml").read_text())
    return {
        "study": study,
        "python": platform.python_version(),
        "revision": revision(root, study),
        "params": {
            name: yaml.safe_dump(value, sort_keys=False, allow_unicode=True).removesuffix("...\n")
            for name, value in params.items()
            if name not in MACHINE
        },
        "inputs": {path.relative_to(root).as_posix(): file_digest(path) for path in inputs},
        "libraries": libraries(*LIBRARIES),
    }


def sources(root: Path, study: str) -> list[str]:
    """What a study's results follow from: code that any stage depends on, and its YAML.

    Not params.yaml, whose values stand in the report.
    """
    pipeline = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))
    stages = [stage.get("do", stage) for stage in pipeline["stages"].values()]
    code = {str(dep) for stage in stages for dep in stage["deps"]}
    code = {dep for dep in code if dep.startswith(("stages/", "studies/"))}
    return sorted({*code, f"studies/{study}.yaml", "dvc.yaml"})


def revision(root: Path, study: str) -> str:
    """The last commit that changed the study's `sources`, and whether they changed since.

    Not HEAD, which every commit of results moves: where code is committed before results, a run of
    the committed tree gives the committed report. A shallow clone does not know, and says so.
    """
    git = shutil.which("git")
    if git is None or _git(git, root, "rev-parse", "--is-inside-work-tree") != "true":
        return "not in git"
    there = sources(root, study)
    if _git(git, root, "rev-parse", "--is-shallow-repository") == "true":
        commit = "unknown in a shallow clone"
    else:
        commit = _git(git, root, "log", "-1", "--format=%H", "--", *there) or "no commit yet"
    changed = _git(git, root, "status", "--porcelain", "--", *there)
    return f"{commit}, with uncommitted changes" if changed else commit


def _git(git: str, root: Path, *words: str) -> str:
    """What a git command says, or nothing where it fails."""
    done = subprocess.run(  # noqa: S603
        [git, "--no-optional-locks", *words], cwd=root, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""
