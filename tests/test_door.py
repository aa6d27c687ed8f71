"""What the terminal shows as stages begin: their places are those in which DVC runs them."""

import pytest
from dvc.repo import Repo
from dvc.repo.reproduce import get_active_graph, plan_repro

from stages.runtime.door import described
from tests.conftest import Workspace, make_workspace, read_yaml


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = make_workspace(tmp_path_factory.mktemp("study"))
    workspace.git()
    return workspace


def test_places_are_dvcs_own_order(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a first run counts 1, 2, 3 ... and ends with the last."""
    monkeypatch.chdir(workspace.root)
    with Repo() as repo:
        order = [stage.addressing for stage in plan_repro(get_active_graph(repo.index.graph))]
    assert order == list(described(read_yaml("dvc.yaml")))


def test_every_stage_says_what_it_does() -> None:
    purposes = described(read_yaml("dvc.yaml")).values()
    assert all(purpose.strip() for purpose in purposes)
    assert len(set(purposes)) == len(purposes)


def test_dvc_prints_a_stages_place(workspace: Workspace) -> None:
    log = workspace.dvc("repro", "check")
    assert log.count("stage 1 of 12, check: Check params.yaml and the study before") == 1


@pytest.mark.parametrize("name", ["", "another"])
def test_a_stage_that_is_not_of_the_pipeline_has_no_place(workspace: Workspace, name: str) -> None:
    """By hand, or under another dvc.yaml."""
    done = workspace.stage("check", DVC_STAGE=name)
    assert done.returncode == 0
    assert done.stderr == ""
