"""Results shared through a DVC remote, and queued experiments: real dvc, in clones of a study."""

import hashlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Workspace, make_workspace
from tests.test_pipeline import computed

EXPERIMENTS = {"one": "fewshot.n=[1,2]", "two": "fewshot.n=[2,3]"}
"""The owner has n = 1 and 3; both experiments need n = 2."""
MODELS = [{"architectures": ["test_vit"], "recipes": ["untrained", "categories"]}]
EACH = 2 + 1
"""Few-shot units at one n: two models, one task, one head, one repeat; the solvers' comparison."""
DEADLINE = 600.0
"""Seconds that two queued experiments of a few seconds may take on a busy machine."""


class Shared:
    """A study that has run as far as few-shot learning, and the remote that it was pushed to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, folder / "store"
        self.owner = make_workspace(folder, "owner")
        self.owner.environment |= settings(folder / "owner-site")
        shorten(self.owner)
        self.owner.git()
        self.owner.dvc("repro")
        self.owner.dvc("remote", "add", "-d", "store", str(self.store))
        self.owner.dvc("remote", "modify", "store", "verify", "true")
        self.owner.commit()

    def clone(self, name: str) -> Workspace:
        """A colleague's clone, whose DVC cache and artifact cache are empty."""
        self.owner.do("git", "clone", "-q", ".", str(self.folder / name))
        clone = Workspace(self.folder / name, self.folder / f"{name}-cache")
        clone.environment |= settings(self.folder / f"{name}-site")
        return clone

    def objects(self) -> set[str]:
        """Names of what the remote holds: digests, with .dir at the end of a folder's."""
        return {path.parent.name + path.name for path in self.store.glob("files/md5/??/*")}

    def object(self, name: str) -> Path:
        return self.store / "files" / "md5" / name[:2] / name[2:]


def settings(site: Path) -> dict[str, str]:
    """Of a person: who commits, DVC's folder for what it remembers of remotes, one worker."""
    names = ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL")
    people = {f"GIT_{name}": "test" for name in names}
    return {**people, "DVC_SITE_CACHE_DIR": str(site), "WORKERS": "1"}


def shorten(workspace: Workspace) -> None:
    """Two models, one head, one draw, and the pipeline up to few-shot learning, unchecked."""
    workspace.edit("studies/tiny.yaml", "models", value=MODELS)
    workspace.edit("params.yaml", "fewshot", "heads", value=["linear"])
    workspace.edit("params.yaml", "fewshot", "repeats", value=1)
    path = workspace.root / "dvc.yaml"
    text = path.read_text().replace("- data/checked.txt\n", "\n")
    stages: dict[str, Any] = yaml.safe_load(text)["stages"]
    kept = {name: stages[name] for name in ("download", "pretrain", "embed", "fewshot")}
    del kept["embed"]["foreach"]["benchmarks"]
    path.write_text(yaml.safe_dump({"stages": kept}, sort_keys=False))


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """First the embeddings alone are pushed, then the rest."""
    shared = Shared(tmp_path_factory.mktemp("sharing"))
    shared.owner.dvc("push", "embed@transfer")
    folder = digest_of(shared.owner, "data/embeddings")
    files = {p.name: md5(p) for p in (shared.owner.root / "data/embeddings").glob("[!.]*")}
    assert len(files) == 2 + 1  # a file a model, and the index
    assert shared.objects() == {folder, *files.values()}
    shared.owner.dvc("push")
    assert shared.objects() > {folder, *files.values()}
    return shared


def digest_of(workspace: Workspace, out: str) -> str:
    """Digest of an output, by dvc.lock."""
    lock = yaml.safe_load((workspace.root / "dvc.lock").read_text())
    outs = [o for stage in lock["stages"].values() for o in stage.get("outs", [])]
    (found,) = {o["md5"] for o in outs if o["path"] == out}
    return str(found)


def present(workspace: Workspace) -> set[str]:
    """Outputs that lie in data/."""
    return {p.name for p in (workspace.root / "data").glob("[!.]*")} - {"README.md"}


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def locked(workspace: Workspace, name: str) -> str:
    """dvc.lock of an experiment: parameters, and digests of all that went in and came out."""
    refs = workspace.do("git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
    (ref,) = (ref for ref in refs if ref.endswith(f"/{name}"))
    return workspace.do("git", "show", f"{ref}:dvc.lock")


def test_a_colleague_computes_nothing_that_was_pushed(pushed: Shared) -> None:
    """After the pull, nothing is left to run; the artifact cache is not even made."""
    colleague = pushed.clone("colleague")
    colleague.dvc("pull")
    assert colleague.outputs() == pushed.owner.outputs()
    assert "up to date" in colleague.dvc("status")
    log = colleague.dvc("repro")
    assert "Running stage" not in log
    assert "up to date" in log
    assert not (pushed.folder / "colleague-cache").exists()


@pytest.fixture(scope="module")
def alone(pushed: Shared) -> tuple[Workspace, dict[str, str]]:
    """A clone that had nothing, and what it printed of each experiment, one after the other."""
    clone, logs = pushed.clone("guest"), {}
    for name, setting in EXPERIMENTS.items():
        words = ("--pull", "--allow-missing", "-n", name, "-S", setting)
        logs[name] = clone.dvc("exp", "run", *words)
    return clone, logs


def test_a_changed_parameter_runs_few_shot_learning_alone(
    pushed: Shared, alone: tuple[Workspace, dict[str, str]]
) -> None:
    """From the pulled embeddings, and nothing else is pulled; test_pipeline has what follows it."""
    clone, logs = alone
    assert {name: computed(log) for name, log in logs.items()} == {
        "one": {"fewshot": (2 * EACH, 0, 2 * EACH)},
        "two": {"fewshot": (2 * EACH, EACH, EACH)},  # n = 2 is in the artifact cache by then
    }
    assert present(clone) == {"tasks", "embeddings", "fewshot.csv", "solvers.csv"}
    out = "data/embeddings"
    assert digest_of(clone, out) == digest_of(pushed.owner, out)


def test_a_damaged_remote(pushed: Shared) -> None:
    """Without `verify`, DVC takes a cut file for whole; with it, the pull of that output fails."""
    name = "test_vit.categories.safetensors"
    good = pushed.owner.root / "data" / "embeddings" / name
    folder, digest = digest_of(pushed.owner, "data/embeddings"), md5(good)
    damaged = pushed.object(digest)
    damaged.chmod(0o644)
    damaged.write_bytes(good.read_bytes()[:1000])

    careless = pushed.clone("careless")
    careless.dvc("remote", "modify", "--local", "store", "verify", "false")
    careless.dvc("pull")
    assert "up to date" in careless.dvc("status")
    found = careless.root / "data" / "embeddings" / name
    assert len(found.read_bytes()) == 1000
    done = careless.stage("fewshot")
    assert done.returncode == 2
    assert f"error: data/embeddings/{name}: " in done.stderr

    careful = pushed.clone("careful")
    done = careful.run("dvc", "pull", "embed@transfer")
    assert done.returncode != 0
    assert "data/embeddings" in done.stderr
    assert not (careful.root / "data" / "embeddings").exists()

    # Who has the file takes it for pushed, until its folder's object is gone as well.
    damaged.unlink()
    assert "up to date" in pushed.owner.dvc("push")
    pushed.object(folder).unlink()
    assert "2 files pushed" in pushed.owner.dvc("push")
    careful.dvc("pull", "embed@transfer")
    assert present(careful) == {"embeddings"}  # that alone
    assert careful.outputs().items() <= pushed.owner.outputs().items()


@pytest.fixture
def queue(pushed: Shared) -> Iterator[Workspace]:
    """The owner's workspace; its queue's workers are gone afterwards, whatever happened."""
    yield pushed.owner
    pids = [int(p.read_text()) for p in pushed.owner.root.glob(".dvc/tmp/exps/celery/*.pid")]
    pushed.owner.dvc("queue", "stop", "--kill")
    end = time.monotonic() + 60
    while any(running(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.2)
    assert not [pid for pid in pids if running(pid)]


def running(pid: int) -> bool:
    """Whether a process is there, and not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_queued_experiments_run_two_at_once(
    queue: Workspace, alone: tuple[Workspace, dict[str, str]]
) -> None:
    """Both succeed on one artifact cache, and make what they make one after the other."""
    for name, setting in EXPERIMENTS.items():
        queue.dvc("exp", "run", "--queue", "-n", name, "-S", setting)
    queue.dvc("queue", "start", "-j", "2")
    end = time.monotonic() + DEADLINE
    while re.search(r"Queued|Running", queue.dvc("queue", "status")):
        assert time.monotonic() < end, queue.dvc("queue", "status")
        time.sleep(1)
    status = queue.dvc("queue", "status")
    logs = {name: queue.dvc("queue", "logs", name) for name in EXPERIMENTS}
    for name in EXPERIMENTS:
        assert re.search(rf"\b{name}\b.*Success", status), (status, logs[name])
        assert locked(queue, name) == locked(alone[0], name)
    assert locked(queue, "one") != locked(queue, "two")
    shown = queue.dvc("exp", "show", "--csv")
    assert [len(re.findall(rf"^,?{name},.*Success", shown, re.M)) for name in EXPERIMENTS] == [1, 1]
    # n = 2 is computed by either or by both; what the owner had, by none.
    reports = [computed(log)["fewshot"] for log in logs.values()]
    assert all(units == cached + new == 2 * EACH for units, cached, new in reports)
    assert all(new <= EACH for _, _, new in reports)
    assert EACH <= sum(new for _, _, new in reports) <= 2 * EACH
    queue.edit("params.yaml", "fewshot", "n", value=[1, 2, 3])
    done = queue.stage("fewshot")
    assert computed(done.stderr) == {"fewshot": (3 * EACH, 3 * EACH, 0)}
