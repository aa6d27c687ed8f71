"""What a report was made from: parameters, digests of inputs, libraries, git revision."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from stages.runtime.source import file_digest, libraries

LIBRARIES = ("numpy", "scipy", "pandas", "torch", "timm", "dvc", "scikit-learn", "matplotlib")
MACHINE = ("compute",)
"""Sections of parameters that never change a result, and so are left out."""


def provenance(
    root: Path, study: str, inputs: Sequence[Path], params: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that says where a report comes from; the same for the same code and inputs.

    Parameters
    ----------
    root : the repository's root. inputs : tables that were analysed, inside of it.
    params : section -> its values, as JSON has them.

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


def revision(root: Path, study: str) -> str:
    """The last commit that changed what the study's results follow from, and whether that changed.

    That is code that any stage of dvc.yaml depends on, and the study's YAML; not params.yaml, whose
    values stand in the report. Not HEAD, which every commit of results moves: where code is
    committed before results, a run of the committed tree gives the committed report. A shallow
    clone does not know, and says so.
    """
    if _git(root, "rev-parse", "--is-inside-work-tree") != "true":
        return "not in git"
    pipeline = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))
    deps = [dep for stage in pipeline["stages"].values() for dep in stage.get("do", stage)["deps"]]
    code = sorted({dep for dep in deps if dep.startswith(("stages/", "studies/"))})
    sources = ["--", *code, f"studies/{study}.yaml", "dvc.yaml"]
    if _git(root, "rev-parse", "--is-shallow-repository") == "true":
        commit = "unknown in a shallow clone"
    else:
        commit = _git(root, "log", "-1", "--format=%H", *sources) or "no commit yet"
    changed = _git(root, "status", "--porcelain", *sources)
    return f"{commit}, with uncommitted changes" if changed else commit


def _git(root: Path, *words: str) -> str:
    """What a git command says, or nothing where it fails or there is no git."""
    command = ["git", "--no-optional-locks", *words]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
