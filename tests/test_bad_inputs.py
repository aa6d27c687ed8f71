"""Wrong inputs, of every stage and every kind of file: one clear line, an exit code, no change."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from stages import check
from stages.study.load import load
from stages.study.models import measured, models
from tests.bad_cases import CASES, FAILED_UNITS, Case
from tests.bad_params import COLUMNS, GOOD, P, S
from tests.conftest import Workspace, enter, make_workspace, run_here

PRETRAINED = {"resnet18.a1_in1k": "resnet", "test_vit.r160_in1k": "vision_transformer"}
NAMES = ["test_vit", "test_vit2", "test_vit3", "test_efficientnet", "resnet18"]


@pytest.fixture
def repository(ran: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of a study that has run, as the working folder; its files are links to the same."""
    shutil.copytree(ran.root, tmp_path / "repository", copy_function=os.link)
    copy = Workspace(tmp_path / "repository", Path(ran.environment["ARTIFACT_CACHE"]))
    enter(copy, monkeypatch)
    for module in ("models", "load"):
        monkeypatch.setattr(f"stages.study.{module}.pretrained", lambda: PRETRAINED)
    return copy


def state(workspace: Workspace) -> dict[str, tuple[int, ...]]:
    """What tells that a file was written, by its path; links share their content, so that whatever
    is written in place would be another file's too."""
    stats = {path: path.stat() for path in workspace.root.rglob("*") if path.is_file()}
    return {str(p): (s.st_ino, s.st_size, s.st_mtime_ns) for p, s in stats.items()}


def label(case: Case) -> str:
    return f"{case.stage}: {case.words}"[:80]


@pytest.mark.parametrize("case", CASES, ids=label)
def test_it_is_one_clear_line_and_nothing_changes(
    case: Case,
    repository: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    case.damage()
    for name, value in case.environment.items():
        monkeypatch.setenv(name, value)
    before = state(repository)
    with pytest.raises(SystemExit) as stopped:
        run_here(case.stage, monkeypatch)
    said = capsys.readouterr().err
    assert_clear(case, stopped.value.code, said)
    assert state(repository) == before


def assert_clear(case: Case, code: Any, said: str) -> None:
    """One line says what is wrong; where units failed the stage's report stands above it."""
    *above, line = said.splitlines()
    assert line.startswith("error: "), said
    assert re.search(case.words, line), line
    assert code == case.code
    assert len(above) == (case.code == FAILED_UNITS), said
    assert len(line) < 2000


SAMPLE = {(case.stage.split()[0], bool(case.environment)): case for case in CASES}
"""One case of every command, and of every command whose environment is wrong."""


@pytest.mark.parametrize("case", SAMPLE.values(), ids=label)
def test_it_is_so_from_the_command_line(case: Case, repository: Workspace) -> None:
    case.damage()
    before = state(repository)
    settings = {"PYTHONDONTWRITEBYTECODE": "1", "WORKERS": "1"} | case.environment
    done = repository.stage(case.stage, **settings)
    assert_clear(case, done.returncode, done.stderr)
    assert state(repository) == before


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    workspace = make_workspace(tmp_path)
    monkeypatch.chdir(workspace.root)
    monkeypatch.setattr("stages.study.models.architectures", lambda: NAMES)
    monkeypatch.setattr("stages.study.models.pretrained", lambda: PRETRAINED)
    return workspace


def test_pairs_of_the_study_and_of_the_paper_are_known(workspace: Workspace) -> None:
    path = workspace.root / "studies" / "models" / "mine.csv"
    workspace.edit(S, "contrasts", value="studies/models/mine.csv")
    path.write_text("factor,a,b\ndepth,vgg16,vgg13\npull,test_vit.repel,test_vit.untrained\n")
    check.main()


def test_good_ones_pass(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    workspace.edit(P, "fewshot", "n", value=5)
    assert load().params.fewshot.n == [5]
    check.main()
    assert "6 models" in capsys.readouterr().out
    workspace.edit(P, "models", "include", value=["test_vit.*", "*.repel"])
    workspace.edit(P, "models", "exclude", value=["*.untrained"])
    assert [model.name for model in models(load())] == [
        "test_vit.categories",
        "test_vit.repel",
        "test_efficientnet.repel",
    ]


@pytest.mark.parametrize(
    ("study", "count"), [("miniature", 40), ("laptop", 52), ("open", 491), ("paper", 491)]
)
def test_the_repositorys_own_studies_are_valid(
    study: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).resolve().parents[1])
    assert len(models(load(study=study))) == count


def test_models_come_in_many_ways(workspace: Workspace) -> None:
    """From a table, by pattern, from the hub, and from files, in one study."""
    root = workspace.root
    more = "gone,gone22,,left timm,,,,,,\n"
    (root / "studies" / "models" / "mine.csv").write_text(COLUMNS + GOOD + more)
    for name in ("w.safetensors", "c.json"):
        (root / name).write_bytes(b"")
    entries = [
        {"table": "studies/models/mine.csv"},
        {"timm": ["test_vit.*"]},
        {"name": "hosted", "hub": "someone/net", "revision": "abc"},
        {"name": "own", "weights": "w.safetensors", "config": "c.json"},
    ]
    workspace.edit("studies/open.yaml", "models", value=entries)
    found = {model.name: model for model in models(load(study="open"))}
    assert list(found) == ["a", "gone", "test_vit.r160_in1k", "hosted", "own"]
    assert (found["a"].repo, found["a"].table) == ("timm/resnet18.a1_in1k", "a22")
    assert found["gone"].absent == "left timm"
    assert found["test_vit.r160_in1k"].timm == "test_vit.r160_in1k"
    assert (found["hosted"].repo, found["hosted"].revision) == ("someone/net", "abc")
    assert found["own"].weights == Path("w.safetensors")
    kept = [m.name for m in measured(load(study="open"))]
    assert kept == [name for name in found if name != "gone"]


def test_a_limit_takes_models_evenly(workspace: Workspace) -> None:
    workspace.edit(P, "models", "limit", value=3)
    assert [model.name for model in models(load())] == [
        "test_vit.untrained",
        "test_vit.repel",
        "test_efficientnet.categories",
    ]
