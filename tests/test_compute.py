"""Units in this process, in workers of this machine, and on a dask.distributed cluster."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from stages.runtime import cluster
from stages.runtime.cache import Cache
from stages.runtime.errors import UnitError, UsageError
from stages.runtime.jobs import Job, Report, payload, run
from stages.runtime.machine import Place, place
from stages.runtime.pool import TRIES, finished_by
from stages.runtime.work import Task
from stages.runtime.worker import Worker
from tests.conftest import ROOT, STAGES, Workspace, make_workspace
from tests.made_up import Fatal, job


def wait_for(what: Callable[[], object], seconds: float) -> None:
    """Wait until something holds; it must within so many seconds."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)


def session(leader: int) -> set[int]:
    """Processes, zombies left out, of the session that a process began."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(state[3]) == leader and state[0] != "Z":
                found.add(int(folder.name))
    return found


class Cluster:
    """A scheduler and dask workers on 127.0.0.1, each the leader of a session."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder, self.started = root, folder, list[subprocess.Popen[bytes]]()
        folder.mkdir()
        file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", str(file))
        wait_for(lambda: file.exists() and file.read_text(), 20)
        self.address: str = json.loads(file.read_text())["address"]

    def _start(self, what: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *words]
        with (self.folder / f"{len(self.started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--no-dashboard"],
                cwd=self.root,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def worker(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a dask worker of one thread."""
        local = ("--local-directory", str(self.folder))
        return self._start("worker", self.address, "--nthreads", "1", *local, *words)

    def stop(self) -> None:
        for process in self.started:
            for pid in session(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()


UP_TO_CHECKPOINTS = """
import sys
from stages import download, pretrain
for sys.argv in ["", "stimuli"], ["", "tasks"], ["", "benchmarks"]:
    download.main()
pretrain.main()
"""
EMBED_AND_FEWSHOT = """
import sys
from stages import embed, fewshot
sys.argv = ["", "transfer"]
embed.main()
fewshot.main()
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace of the tiny study up to its checkpoints, and the made-up jobs."""
    folder = tmp_path_factory.mktemp("compute")
    made = make_workspace(folder / "repository", folder / "cache")
    (made.root / "tests").mkdir()
    for name in ("__init__.py", "made_up.py"):
        shutil.copy(ROOT / "tests" / name, made.root / "tests" / name)
    made.edit("params.yaml", "models", "include", value=["test_vit.*"])
    done = made.run(sys.executable, "-c", UP_TO_CHECKPOINTS, WORKERS="1")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def two(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler and two dask workers, one of them with a nanny."""
    made = Cluster(workspace.root, tmp_path_factory.mktemp("dask") / "two")
    made.worker()
    made.worker("--no-nanny")
    yield made
    made.stop()


@pytest.fixture
def own(workspace: Workspace, tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler of the test's own, yet without dask workers."""
    made = Cluster(workspace.root, tmp_path / "dask")
    yield made
    made.stop()


@pytest.fixture(params=["in-process", "pool", "dask"])
def somewhere(request: pytest.FixtureRequest) -> Place:
    """Each place where units run."""
    if request.param == "dask":
        return Place(scheduler=request.getfixturevalue("two").address)
    return Place(1 if request.param == "in-process" else 2)


def failures(jobs: list[Job], where: Place) -> str:
    """What is said of the jobs that fail."""
    with pytest.raises(UnitError) as error:
        run("stage", jobs, where)
    return str(error.value)


def test_every_place_makes_the_same(somewhere: Place) -> None:
    jobs = [job("named", units=3), job("fail"), job("named", units=2, name="more")]
    said = failures(jobs, somewhere)
    assert said == "stage: 1 of 3 jobs failed: fail (ArithmeticError: what it was)"
    for good in (jobs[0], jobs[2]):
        assert {unit: payload(good, unit) for unit in good.keys} == {
            unit: unit.encode() * 1000 for unit in good.keys
        }
    report: Report = run("stage", [jobs[0], jobs[2]], somewhere)
    assert (report.units, report.cached, report.computed) == (5, 5, 0)


@pytest.mark.parametrize("engine", ["pool", "dask"])
def test_what_kills_a_worker_fails_its_own_job(engine: str, request: pytest.FixtureRequest) -> None:
    address = request.getfixturevalue("two").address if engine == "dask" else None
    bad = [job("die", 9, units=2), job("killed"), job("hang", units=2), job("hog")]
    good = [job("named", name=f"good {i}") for i in range(6)]
    said = failures([*bad, *good], Place(1, address, limit=1.0))
    rerun = "; a rerun computes what is missing)"
    assert "4 of 10 jobs failed: " in said
    assert f"die (RuntimeError: its worker died (exit code 9; out of memory?){rerun}" in said
    assert f"killed (RuntimeError: its worker died (exit code -9; out of memory?){rerun}" in said
    assert f"hang (RuntimeError: 'u1' took longer than 1 s (compute.limit){rerun}" in said
    assert "hog (MemoryError)" in said
    assert all(key in Cache() for each in good for key in each.keys.values())
    assert payload(bad[2], "u0") == b"first"  # what came before is kept


def test_a_worker_killed_as_it_takes_a_job_costs_none(tmp_path: Path) -> None:
    """It dies with the locks of the pipe that jobs come by, and its successor too."""
    fatal = job("survive", Fatal(tmp_path, TRIES - 1))
    others = [job("slow", 0.05, units=2, name=f"good {i}") for i in range(6)]
    assert run("stage", [fatal, *others], Place(2)).computed == 13
    assert payload(fatal, "u0") == b"0"
    assert all(payload(each, unit) == unit.encode() for each in others for unit in each.keys)


def test_a_job_that_no_worker_lives_to_begin_fails_alone(tmp_path: Path) -> None:
    fatal = job("survive", Fatal(tmp_path, TRIES))
    others = [job("slow", 0.05, name=f"good {i}") for i in range(6)]
    said = failures([fatal, *others], Place(2))
    reason = f"{TRIES} workers in turn died before they began it"
    told = f"survive (RuntimeError: {reason}; a rerun computes what is missing)"
    assert said == f"stage: 1 of 7 jobs failed: {told}"
    assert run("stage", [fatal, *others], Place(2)).cached == 6


@pytest.mark.parametrize("seconds", [0, 0.5])
def test_a_worker_killed_without_a_job_is_replaced(seconds: float) -> None:
    """Before its death can be noticed, and after."""
    worker = Worker({"tests.made_up"})
    for each in (job("named", name=f"job {i}") for i in range(3)):
        [(_, result)] = finished_by([worker], [Task(each, ["u0"], Cache())])
        assert result() == {"u0": hashlib.sha256(b"u0" * 1000).hexdigest()}
        (process,) = multiprocessing.active_children()
        process.kill()
        time.sleep(seconds)
    worker.stop()
    worker.join()


def test_a_stopped_worker_does_no_more() -> None:
    """As a dask worker's does at its exit: what it was asked fails, and no process is begun."""
    worker = Worker({"tests.made_up"})
    threading.Timer(1, worker.stop).start()
    [(_, result)] = finished_by([worker], [Task(job("slow", 10_000), ["u0"], Cache())])
    with pytest.raises(RuntimeError, match="a rerun computes what is missing"):
        result()
    worker.join()
    assert not multiprocessing.active_children()


def test_the_limit_is_of_a_unit_not_of_a_job() -> None:
    """Three units of 0.4 s each take longer together than the limit of 1 s."""
    assert run("stage", [job("slow", 0.4, units=3)], Place(limit=1.0)).computed == 3


def test_the_longest_starts_first(two: Cluster) -> None:
    """Where two run at once, one may overtake another of nearly its cost."""
    for where in (Place(), Place(2), Place(scheduler=two.address)):
        jobs = [job("slow", 0.05, name=f"{where}{i}", cost=i % 5) for i in range(10)]
        run("stage", jobs, where)
        jobs.sort(key=lambda j: Cache()._path(j.keys["u0"]).stat().st_mtime_ns)
        expected = [4, 4, 3, 3, 2, 2, 1, 1, 0, 0]
        assert all(abs(j.cost - cost) <= 1 for j, cost in zip(jobs, expected, strict=True))


def test_a_cluster_makes_the_bytes_of_one_process(workspace: Workspace, two: Cluster) -> None:
    """Embeddings and few-shot accuracies, each side from an empty artifact cache."""
    found, reports = [], []
    places = ({"WORKERS": "1", "SCHEDULER": "null"}, {"SCHEDULER": two.address})
    for name, environment in zip(("alone", "cluster"), places, strict=True):
        environment["ARTIFACT_CACHE"] = str(two.folder / name)
        done = workspace.run(sys.executable, "-c", EMBED_AND_FEWSHOT, **environment)
        assert done.returncode == 0, done.stderr
        reports.append([line.rpartition(",")[0] for line in done.stderr.splitlines()])
        found.append(workspace.outputs())
        shutil.rmtree(workspace.root / "data" / "tiny" / "embeddings")
        (workspace.root / "data" / "tiny" / "fewshot.csv").unlink()
    assert found[0] == found[1]
    assert "data/tiny/fewshot.csv" in found[0]
    assert reports[0] == reports[1]
    assert reports[0] == [
        "embed transfer: 12 units, 0 from the cache, 12 computed, 0 failed",
        "fewshot: 36 units, 0 from the cache, 36 computed, 0 failed",
    ]


def test_another_artifact_cache_is_said(
    two: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is not shared: here, one that the driver finds elsewhere."""
    monkeypatch.setattr(Cache, "digest", lambda self, key: None)
    said = failures([job("named")], Place(scheduler=two.address))
    assert f"'u0' was computed and is not in {tmp_path / 'cache'}: the worker has another" in said
    assert "$ARTIFACT_CACHE must name a folder that all machines share" in said


def test_other_code_is_said(two: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    here = cluster.fingerprint()
    monkeypatch.setattr(cluster, "fingerprint", lambda: {**here, "code": "x", "numpy": "1"})
    said = failures([job("named")], Place(scheduler=two.address))
    assert "dask worker tcp://127.0.0.1:" in said
    assert f"has other code ({here['code'][:9]}, not x), numpy ({here['numpy']}, not 1); " in said


def test_a_dask_worker_outside_the_repository_is_said(tmp_path: Path) -> None:
    """The scheduler needs no repository; a worker does."""
    made = Cluster(tmp_path, tmp_path / "dask")
    made.worker("--no-nanny")
    said = failures([job("named")], Place(scheduler=made.address))
    made.stop()
    assert f"a dask worker in {tmp_path} cannot import stages; start it in the repository's" in said


def test_a_job_for_a_gpu_waits_for_one_and_says_so(
    own: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own.worker("--no-nanny")
    needy = Job("gpu", job("named").keys, "tests.made_up:named", (), resources={"GPU": 1})
    monkeypatch.setattr(cluster, "PATIENCE", 2)
    with pytest.raises(UnitError, match=r'has no worker with --resources "GPU=1", and none came'):
        run("stage", [needy], Place(scheduler=own.address))
    monkeypatch.setattr(cluster, "PATIENCE", 60)
    threading.Timer(1.5, own.worker, ["--no-nanny", "--resources", "GPU=1"]).start()
    assert run("stage", [needy], Place(scheduler=own.address)).computed == 1
    assert 'no worker with --resources "GPU=1"; waiting 60 s for one' in capsys.readouterr().err


def test_a_scheduler_out_of_reach_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "REACH", 1)
    with pytest.raises(UsageError, match=r"no dask.distributed scheduler answers at tcp://127\.0"):
        run("stage", [job("named")], Place(scheduler="tcp://127.0.0.1:9"))


def test_a_job_of_a_dask_worker_that_is_killed_is_done_elsewhere(
    own: Cluster, tmp_path: Path
) -> None:
    first = own.worker("--no-nanny")
    mark = tmp_path / "first"

    def kill() -> None:
        wait_for(mark.exists, 20)
        assert int(mark.read_text()) == first.pid
        own.worker("--no-nanny")
        os.kill(first.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    again = job("once", tmp_path)
    assert run("stage", [again], Place(scheduler=own.address)).computed == 1
    killer.join()
    assert payload(again, "u0") == b"second"
    wait_for(lambda: not session(first.pid), 5)  # its pool is gone, though it slept


@contextlib.contextmanager
def stage(folder: Path, workers: int, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A stage of two jobs that take long, once so many have begun."""
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.made_up", str(folder)],
        cwd=ROOT,
        env=os.environ | environment,
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            wait_for(lambda: len(list(folder.iterdir())) == workers, 20)
            yield process
        finally:
            process.kill()


def test_a_killed_stage_leaves_no_process(tmp_path: Path) -> None:
    with stage(tmp_path / "pids", 2) as process:
        assert len(session(process.pid)) >= 3
        process.kill()
        wait_for(lambda: not session(process.pid), 5)


@pytest.mark.parametrize("engine", ["pool", "dask"])
def test_an_interrupt_ends_a_stage_at_once(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    address = request.getfixturevalue("own").address if engine == "dask" else "null"
    if engine == "dask":
        request.getfixturevalue("own").worker("--no-nanny")
    with stage(tmp_path / "pids", 2 if engine == "pool" else 1, SCHEDULER=address) as process:
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does
        assert process.wait(timeout=2) == 130
        wait_for(lambda: not session(process.pid), 2)
        _, said = process.communicate()
        assert said == "interrupted: finished units are kept; run again to go on\n"


def test_a_lost_scheduler_ends_the_stage(own: Cluster, tmp_path: Path) -> None:
    own.worker("--no-nanny")
    with stage(tmp_path / "pids", 1, SCHEDULER=own.address) as process:
        own.scheduler.kill()
        assert process.wait(timeout=10) == 3
        _, said = process.communicate()
        kept = "what it finished is kept: run again for the rest"
        assert said == f"error: the scheduler at {own.address} was lost; {kept}\n"


def test_the_environment_says_where_first(monkeypatch: pytest.MonkeyPatch) -> None:
    compute = SimpleNamespace(workers=3, scheduler="tcp://a:1", limit=5.0)
    assert place(compute) == Place(3, "tcp://a:1", 5.0)
    monkeypatch.setenv("SCHEDULER", "tls://host.example:8786")
    monkeypatch.setenv("UNIT_LIMIT", "0.5")
    assert place(compute) == Place(3, "tls://host.example:8786", 0.5)
    monkeypatch.setenv("SCHEDULER", "null")
    monkeypatch.setenv("UNIT_LIMIT", "null")
    assert place(compute) == Place(3, None, None)
    for name, wrong in (
        ("SCHEDULER", "host:8786"),
        ("SCHEDULER", "tcp://host"),
        ("SCHEDULER", "tcp://host:8786\n"),
        ("UNIT_LIMIT", "0"),
        ("UNIT_LIMIT", "-1"),
        ("UNIT_LIMIT", "1 min"),
        ("UNIT_LIMIT", "nan"),
        ("UNIT_LIMIT", "."),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, wrong)
            with pytest.raises(UsageError, match=rf"(?s)\${name}: '.*allowed"):
                place(compute)


@pytest.mark.parametrize("stage", sorted({"check", *(stage.split()[0] for stage in STAGES)}))
def test_a_stage_that_finds_all_in_the_cache_loads_nothing_large(stage: str) -> None:
    large = {"torch", "timm", "matplotlib", "sklearn", "pebble", "distributed", "dask"}
    code = f"import sys, stages.{stage}; print({large} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def test_a_stage_with_workers_says_no_more_than_its_units(workspace: Workspace) -> None:
    done = workspace.stage("theory", WORKERS="2", PYTHONWARNINGS="")
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("theory: ") for line in done.stderr.splitlines()), done.stderr
    assert "0 from the cache" in done.stderr
