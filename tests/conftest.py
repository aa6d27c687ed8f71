"""Shared fixtures: the mirror of real data where there is one; a workspace with a tiny study."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
STAGES = (
    *(f"download {group}" for group in ("stimuli", "tasks", "benchmarks")),
    "pretrain",
    "embed transfer",
    "embed benchmarks",
    "align",
    "fewshot",
    "robustness",
    "theory",
    "analyze",
)
"""What follows `python -m stages.`, each after those that it reads; `check` comes before them."""
CODE = ("stages", "studies", "params.yaml", "dvc.yaml", ".dvcignore", ".gitignore")


def pytest_configure() -> None:
    os.environ.setdefault("PYTHONWARNINGS", "ignore")


@pytest.fixture(scope="session")
def mirror() -> Path:
    """A folder laid out as DATA_MIRROR; tests of real data are skipped where there is none."""
    for place in (os.environ.get("DATA_MIRROR", ""), str(ROOT.parent / "shared" / "mirror")):
        if place and Path(place).is_dir():
            return Path(place)
    pytest.skip("no mirror of the real data: set DATA_MIRROR to a folder laid out as <host>/<path>")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has an artifact cache of its own, and no mirror unless it asks for one."""
    monkeypatch.setenv("ARTIFACT_CACHE", str(tmp_path / "cache"))
    for name in ("DATA_MIRROR", "WORKERS", "SCHEDULER", "UNIT_LIMIT"):
        monkeypatch.delenv(name, raising=False)


REVISION = re.compile(rb"not in git|\b[0-9a-f]{40}\b(, with uncommitted changes)?")
"""What a report says of git."""


class Workspace:
    """A copy of the repository with a study of its own, and its own artifact cache."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root = root
        self.environment = os.environ | {"ARTIFACT_CACHE": str(cache), "PYTHONWARNINGS": "ignore"}
        self.environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment.pop("DATA_MIRROR", None)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command here; nothing is raised where it fails."""
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def stage(self, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a stage, by its module's name and what follows ("embed transfer")."""
        module, *words = name.split()
        return self.run(sys.executable, "-m", f"stages.{module}", *words, **environment)

    def dvc(self, *words: str, **environment: str) -> str:
        """Run dvc, which must succeed; what it printed."""
        done = self.run("dvc", *words, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def git(self) -> None:
        """Put the workspace under git, as `dvc exp run` needs it."""
        for words in (
            ["init", "-q"],
            ["config", "user.name", "test"],
            ["config", "user.email", "test@example.org"],
            ["add", "-A"],
            ["commit", "-qm", "code"],
        ):
            assert self.run("git", *words).returncode == 0

    def edit(self, file: str, *keys: str | int, value: object) -> None:
        """Set a value of a YAML file."""
        path = self.root / file
        content = yaml.safe_load(path.read_text())
        inner = content
        for key in keys[:-1]:
            inner = inner[key]
        if isinstance(inner, list) and keys[-1] == len(inner):
            inner.append(value)
        else:
            inner[keys[-1]] = value
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def outputs(self) -> dict[str, bytes]:
        """Every output by path: data, metrics, plots; of reports all but the git revision."""
        files = [f for top in ("data", "metrics", "plots") for f in (self.root / top).rglob("*")]
        found = {
            str(f.relative_to(self.root)): f.read_bytes()
            for f in files
            if f.is_file() and f.name not in (".gitignore", "checked.txt")
        }
        for name in [name for name in found if name.endswith("report.html")]:
            found[name] = REVISION.sub(b"", found[name])
        return found


TINY: dict[str, Any] = {
    "title": "Tiny: a study for tests",
    "simulated": True,
    "world": {"pretraining": 2, "fewshot": 1, "stimuli": 2},
    "training": {
        "source": "world",
        "per_class": 12,
        "readout": 6,
        "clean": 6,
        "pool": 6,
        "steps": 3,
        "flip": False,
    },
    "stimuli": {
        name: {
            "source": "world",
            "superclasses": [name],
            "per_class": 5,
            "observers": 3,
            "disagreement": 0.5,
            "noise": 1.0,
        }
        for name in ("discs", "stars")
    },
    "tasks": {"novel": {"source": "world", "style": "painted", "per_class": 9}},
    "benchmarks": {"adversarial": {"select": "reference_fails"}, "edges": {"rendition": "edges"}},
    "recipes": {
        "untrained": {"steps": 0},
        "categories": {"labels": "categories"},
        "repel": {"labels": "categories", "pull": -1.0},
    },
    "models": [
        {
            "architectures": ["test_vit", "test_efficientnet"],
            "recipes": ["untrained", "categories", "repel"],
        }
    ],
    "reference": {"architecture": "test_vit2", "recipe": "categories"},
    "covariate": {"benchmark": "clean", "classifier": "readout"},
    "contrasts": None,
    "paper": None,
}

THEORY: dict[str, Any] = {
    "epsilon": [0.0, 0.3, 0.5, 0.7],
    "game": {
        "objects": [3, 4],
        "dimensions": 1,
        "confidence": 0.9,
        "limit": 300,
        "positions": 100,
        "worlds": 2,
        "runs": 3,
    },
    "fewshot": {
        "objects": 4,
        "dimensions": 2,
        "classes": 3,
        "answers": 2,
        "spread": 0.1,
        "tests": 5,
        "positions": 100,
        "worlds": 2,
    },
    "shift": {"sizes": 0.1, "objects": 4, "dimensions": 2, "classes": 3, "worlds": 2},
    "adversarial": {"candidates": [1, 3], "objects": 4, "dimensions": 2, "worlds": 2},
}


def make_workspace(root: Path, cache: Path) -> Workspace:
    """Copy the code, and write the tiny study."""
    root.mkdir(parents=True)
    for name in CODE:
        if (ROOT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, root / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, root / name)
    for name in (".gitignore", "config"):
        (root / ".dvc").mkdir(exist_ok=True)
        shutil.copy(ROOT / ".dvc" / name, root / ".dvc" / name)
    shutil.copytree(ROOT / ".dvc" / "plots", root / ".dvc" / "plots")
    (root / "studies" / "tiny.yaml").write_text(yaml.safe_dump(TINY, sort_keys=False))
    workspace = Workspace(root, cache)
    workspace.edit("params.yaml", "study", value="tiny")
    workspace.edit("params.yaml", "compute", "device", value="cpu")
    workspace.edit("params.yaml", "fewshot", "n", value=[1, 3])
    workspace.edit("params.yaml", "fewshot", "repeats", value=2)
    workspace.edit("params.yaml", "theory", value=THEORY)
    workspace.edit("params.yaml", "analyze", "group_size", value=2)
    for head in ("mlp1", "mlp2"):
        workspace.edit("params.yaml", "fewshot", head, "steps", value=10)
    return workspace
