"""Shared fixtures: the mirror of real data where there is one; a workspace with a tiny study."""

import fcntl
import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import stages  # noqa: F401  isort: skip  (before NumPy: it sets the instruction set)

import pandas as pd
import pytest
import yaml

from stages.runtime import source
from stages.runtime.door import door
from stages.runtime.machine import one_thread

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
MIRRORS = (os.environ.get("DATA_MIRROR", ""), str(ROOT.parent / "shared" / "mirror"))
IN_TURN = """
import importlib, sys
from stages.runtime import source
from stages.runtime.door import door

for stage in sys.argv[1:]:
    module, *sys.argv[1:] = stage.split()
    source._content.cache_clear()  # a stage reads a folder once
    door(importlib.import_module(module).main)
print("imported:", *sys.modules)
"""
"""Runs stages in one process, which imports once, and says what that was."""
CODE = (
    *("stages", "commands", "record", "studies", "params.yaml", "dvc.yaml"),
    *(".dvcignore", ".gitignore", "data/README.md", ".dvc/.gitignore", ".dvc/config", ".dvc/plots"),
)


def whole(name: str) -> str:
    """A stage, or a module, with what follows ("embed transfer"), by the module's whole name."""
    return name if "." in name.split()[0] else f"stages.{name}"


def merged(content: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A nested dict with changes, whose keys it must have."""
    assert changes.keys() <= content.keys()
    new = {k: merged(content[k], v) if isinstance(v, dict) else v for k, v in changes.items()}
    return content | new


def read_yaml(path: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / path).read_text()))


TINY = read_yaml("tests/tiny/study.yaml")
PARAMS = merged(read_yaml("params.yaml"), read_yaml("tests/tiny/params.yaml"))


LONGEST = (
    *("open", "pipeline", "chaos", "sharing", "facts", "own_study", "compute", "bad_inputs"),
    *("given", "hostile", "figures", "embedding"),
)
"""Files of tests that begin first, so that pytest's processes end together."""


def pytest_configure(config: pytest.Config) -> None:
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    one_thread()  # pytest has a process a core
    config.option.loadscopereorder = False  # xdist's order is by the number of tests
    # A shell's background job ignores SIGINT, and all that it starts would: tests send signals.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {f"test_{name}": i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


@pytest.fixture(scope="session")
def mirror() -> Path:
    """A folder laid out as DATA_MIRROR; tests of real data are skipped where there is none."""
    for place in MIRRORS:
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
        variables = self.environment | environment
        return subprocess.run(
            command, cwd=self.root, env=variables, capture_output=True, text=True, check=False
        )

    def stage(self, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a stage by its name, or a module, and what follows ("embed transfer")."""
        return self.run(sys.executable, "-m", *whole(name).split(), **environment)

    def stages(self, *names: str, **environment: str) -> str:
        """Run stages, all if none is named, in one process; what was printed and imported."""
        return self.do(
            "python", "-c", IN_TURN, *map(whole, names or ("check", *STAGES)), **environment
        )

    def do(self, *command: str, **environment: str) -> str:
        """Run a command, which must succeed; what it printed."""
        done = self.run(*command, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def dvc(self, *words: str, **environment: str) -> str:
        return self.do("dvc", *words, **environment)

    def git(self) -> None:
        """Put the workspace under git, as `dvc exp run` needs it."""
        self.do("git", "init", "-q")
        self.do("git", "config", "user.name", "test")
        self.do("git", "config", "user.email", "test@example.org")
        self.commit()

    def commit(self) -> None:
        self.do("git", "add", "-A")
        self.do("git", "commit", "-qm", "all")

    def edit(self, file: str, *keys: str | int, value: object) -> None:
        """Set a value of a YAML file."""
        path = self.root / file
        content = inner = yaml.safe_load(path.read_text())
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def table(self, name: str) -> pd.DataFrame:
        """A table of data/; a blank cell is an empty text."""
        return pd.read_csv(self.root / "data" / f"{name}.csv", keep_default_na=False)

    def outputs(self) -> dict[str, bytes]:
        """Every output by path: data, metrics, plots; of the report all but the git revision."""
        files = [f for top in ("data", "metrics", "plots") for f in (self.root / top).rglob("*")]
        found = {
            str(f.relative_to(self.root)): f.read_bytes()
            for f in files
            if f.is_file() and f.name not in (".gitignore", "README.md", "checked.txt")
        }
        if report := found.get("data/report/report.html"):
            found["data/report/report.html"] = REVISION.sub(b"", report)
        return found


def make_workspace(folder: Path, name: str = "repository") -> Workspace:
    """Copy the code into a folder of this one, and write the tiny study. Stages run without worker
    processes, which would import everything again, unless they are asked for."""
    root = folder / name
    for name in CODE:
        source, copy = ROOT / name, root / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    for file, content in (("studies/tiny.yaml", TINY), ("params.yaml", PARAMS)):
        (root / file).write_text(yaml.safe_dump(content, sort_keys=False))
    workspace = Workspace(root, folder / "cache")
    workspace.environment["WORKERS"] = "1"
    return workspace


def enter(workspace: Workspace, patch: pytest.MonkeyPatch) -> None:
    """Work in a workspace, in this process and no other."""
    patch.chdir(workspace.root)
    patch.setenv("ARTIFACT_CACHE", workspace.environment["ARTIFACT_CACHE"])
    patch.setenv("WORKERS", "1")


def run_here(stage: str, patch: pytest.MonkeyPatch) -> None:
    """Run a stage's main in this process, as its command line would."""
    module, *words = whole(stage).split()
    patch.setattr(sys, "argv", [module, *words])
    source._content.cache_clear()  # a stage reads a folder once; here, one process runs many stages
    door(importlib.import_module(module).main)


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose tiny study has run through every stage, in one process without workers.

    Made by the first of pytest's processes that needs it, for all of them: leave it as it is.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "ran"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            workspace = make_workspace(folder)
            with pytest.MonkeyPatch.context() as patch:
                enter(workspace, patch)
                for stage in ("check", *STAGES):
                    run_here(stage, patch)
    return Workspace(folder / "repository", folder / "cache")


def copied(ran: Workspace, folder: Path) -> Workspace:
    """A copy of a workspace, and of its artifact cache."""
    shutil.copytree(ran.root.parent, folder / "copy")
    copy = Workspace(folder / "copy" / "repository", folder / "copy" / "cache")
    copy.environment["WORKERS"] = "1"
    return copy
