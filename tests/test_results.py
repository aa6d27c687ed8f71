"""`make publish` and `make experiments`: what is kept of a run, and runs side by side."""

import hashlib
import json
import subprocess
import sys
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from commands.experiments import WIDTH, blocks
from tests.conftest import ROOT, Workspace, make_workspace

OUTPUTS = {
    "data/alignment.csv": "model,value\nm,1\n",
    "data/fewshot.csv": "model\nm\n",
    "data/robustness.csv": "model\nm\n",
    "data/tables/table1.csv": "a\n1\n",
    "data/tables/accuracy.csv": "a\n2\n",
    "data/report/report.html": "<html>",
    "data/report/answer.json": "{}",
    "data/report/svg/shape.svg": "<svg/>",
    "data/theory/summary.json": '{"exponent": 1}',
    "metrics/summary.json": '{"models": 40, "mean_alignment": 0.123456}',
    "plots/figures/shape.png": "png",
}


Published = tuple[Workspace, CompletedProcess[str]]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """A committed run of one made-up stage, and what publishing it said."""
    workspace = make_workspace(tmp_path_factory.mktemp("results"))
    lines = [
        f"p = Path({name!r}); p.parent.mkdir(parents=True, exist_ok=True); p.write_text({text!r})"
        for name, text in OUTPUTS.items()
    ]
    (workspace.root / "run.py").write_text("\n".join(["from pathlib import Path", *lines]))
    outs = sorted({"/".join(name.split("/")[:2]) for name in OUTPUTS} - {"metrics/summary.json"})
    stage: dict[str, Any] = {"cmd": f"{sys.executable} run.py", "params": ["seed"], "outs": outs}
    stage |= {"metrics": [{"metrics/summary.json": {"cache": False}}]}
    (workspace.root / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"all": stage}}))
    workspace.git()
    workspace.dvc("repro", "-q")
    workspace.commit()
    return workspace, workspace.stage("commands.publish")


def test_a_run_is_kept_with_its_digests(published: Published) -> None:
    workspace, done = published
    assert done.returncode == 0, done.stderr
    folder = workspace.root / "docs" / "results" / "tiny"
    kept = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    whence = {
        "figures/shape.png": "plots/figures/shape.png",
        "report.html": "data/report/report.html",
        "answer.json": "data/report/answer.json",
        "summary.json": "metrics/summary.json",
        "theory.json": "data/theory/summary.json",
        "table1.csv": "data/tables/table1.csv",
    }
    assert kept.keys() == {*whence, "digests.json"}
    for name, source in whence.items():
        assert kept[name].read_text() == OUTPUTS[source]
    digests = json.loads(kept["digests.json"].read_text())
    assert digests["sha256"] == {
        name: hashlib.sha256(OUTPUTS[f"data/{name}"].encode()).hexdigest()
        for name in ("alignment.csv", "fewshot.csv", "robustness.csv")
    }
    assert digests["dvc.lock"].keys() == {"/".join(name.split("/")[:2]) for name in OUTPUTS}


def test_what_is_not_committed_or_stale_is_refused(published: Published) -> None:
    workspace, _ = published
    before = workspace.outputs()
    workspace.edit("params.yaml", "seed", value=77)
    for reason in ("not committed: params.yaml", "older than the inputs: all"):
        done = workspace.stage("commands.publish")
        assert done.returncode == 2
        assert reason in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
        workspace.run("git", "commit", "-qam", "seed")  # the second time there is nothing to
    assert workspace.outputs() == before
    shown = workspace.stage("commands.experiments HEAD HEAD~1")
    assert shown.returncode == 0, shown.stderr
    rows = {
        line.split()[0]: line.split()[1:] for line in shown.stdout.splitlines() if line[:1] > " "
    }
    assert rows["seed"].count("77") == 2  # the workspace and HEAD
    assert len(set(rows["seed"])) == 2
    assert rows["models"] == ["40"] * 3
    assert rows["mean_alignment"] == ["0.1235"] * 3
    assert rows.keys() == {"seed", "models", "mean_alignment"}
    wrong = workspace.stage("commands.experiments nonesuch")
    assert wrong.returncode == 1
    assert "nonesuch" in wrong.stderr.splitlines()[-1]
    assert "-x: revisions are" in workspace.stage("commands.experiments -x").stderr


def state(name: str, seed: int, **more: Any) -> dict[str, Any]:
    """An experiment as `dvc exp show --json` has it."""
    params = {"params.yaml": {"data": {"seed": seed, "fewshot": {"n": [1, 5], "mlp1": None}}}}
    params["studies/x.yaml"] = {"data": {"title": "x" * 200, "k": seed % 2}}
    values: dict[str, Any] = {"r": 0.123456, "models": 40, "undefined": None} | {"x" * 60: seed}
    metrics = {"metrics/summary.json": {"data": values}}
    data = {"params": params, "metrics": metrics, "deps": {"data": {"hash": str(seed)}}}
    return {"name": name, "rev": name * 4, "data": data, "experiments": None} | more


def test_experiments_fit_the_screen_in_blocks() -> None:
    runs = [{"revs": [state(f"a-long-name-of-an-experiment-{i}", i)]} for i in range(9)]
    failed = {"revs": [{"name": None, "rev": "abcdef0123456", "error": {"msg": "x"}}]}
    found = blocks([state("workspace", 0), state("main", 0, experiments=[*runs, failed])])
    assert len(found) == 3  # 12 columns, 4 in each
    for block in found:
        lines = block.splitlines()
        assert all(len(line) <= WIDTH for line in lines)
        assert [line.split()[0][:9] for line in lines[1:]] == ["seed", "k", "r", "models", "x" * 9]
    assert found[0].splitlines()[0].split() == ["workspace", "main", *["a-long-name-of-an-"] * 2]
    assert found[0].splitlines()[1].split() == ["seed", "0", "0", "0", "1"]
    assert found[2].splitlines()[0].split()[-1] == "abcdef012"
    assert found[2].splitlines()[3].split() == ["r", *["0.1235"] * 3, "-"]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_git_keeps_no_result_that_the_pipeline_does_not_make() -> None:
    folders = [name for name in ("metrics", "plots", "data") if (ROOT / name).is_dir()]
    command = ["git", "ls-files", *folders]
    tracked = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    lock = yaml.safe_load((ROOT / "dvc.lock").read_text())
    outs = {out["path"] for stage in lock["stages"].values() for out in stage.get("outs", [])}
    outs.add("data/README.md")
    found = set(tracked.split())
    assert len(found) > 20
    assert {name for name in found if not any(name == o or f"{o}/" in name for o in outs)} == set()
