"""Jobs in this process, in workers of this machine, and on a dask.distributed cluster."""

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from chaos.running import Cluster, Running, end_all, within
from stages.communication.fewshot import ClassesSize, accuracies
from stages.networks.embeddings import Embedding
from stages.networks.pretrain import Plan, train_network
from stages.probes.fewshot import fewshot_accuracy
from stages.runtime import cluster, workers
from stages.runtime.cache import Cache, CacheError
from stages.runtime.errors import UnitError, UsageError
from stages.runtime.jobs import Job, Kept, Task, missing, run
from stages.runtime.machine import Place, place, worker_count
from stages.study.load import load
from tests import jobs
from tests.conftest import ROOT, STAGES, Workspace, make_workspace


def wait_for(what: Callable[[], object], seconds: float) -> None:
    assert within(seconds, what), f"not within {seconds} s"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A copy of the repository, as a machine of a cluster has."""
    made = make_workspace(tmp_path_factory.mktemp("compute"))
    (made.root / "tests").mkdir()
    for name in ("__init__.py", "jobs.py"):
        shutil.copy(ROOT / "tests" / name, made.root / "tests" / name)
    yield made
    end_all()


@pytest.fixture(scope="module")
def two(workspace: Workspace) -> Iterator[Cluster]:
    """A scheduler and two dask workers with a nanny each."""
    with Cluster(workspace, 2) as made:
        yield made


@pytest.fixture
def own(workspace: Workspace) -> Iterator[Cluster]:
    """A scheduler of the test's own, with no dask workers yet."""
    with Cluster(workspace) as made:
        yield made


@pytest.fixture(params=["in-process", "workers", "cluster"])
def somewhere(request: pytest.FixtureRequest) -> Place:
    """Each place where jobs run."""
    if request.param == "cluster":
        return Place(scheduler=request.getfixturevalue("two").address)
    return Place(1 if request.param == "in-process" else 2)


def failures(asked: dict[Any, Job], where: Place, **unplanned: str) -> str:
    """What is reported of the jobs that fail."""
    with pytest.raises(UnitError) as error:
        run("stage", asked, where, failed=unplanned)
    return str(error.value)


SMALL = ClassesSize(
    objects=4, dimensions=2, classes=3, answers=2, spread=0.1, tests=5, positions=100, worlds=2
)
RERUN = "; a rerun computes what is missing"
NAMED = {"named": Job(partial(jobs.returned, 1))}


def slow(name: str, seconds: float, items: int = 1, cost: float = 1) -> Job:
    return Job(partial(jobs.slow, name, seconds), range(items), cost)


def kept(job: Job) -> list[bool]:
    return [key in Cache() for key in job.keys]


def test_a_job_that_fails_does_not_end_the_others(somewhere: Place, tmp_path: Path) -> None:
    good = {"a": slow("a", 0, 3), ("b", 1): slow("b", 0, 2)}
    bad = {name: Job(partial(jobs.raises, name)) for name in ("awkward", "locked", "local")}
    negative = Job(partial(jobs.doubled, str(tmp_path / "log")), [1, -2])
    asked = good | bad | {("bad", 1): negative, "nan": Job(partial(jobs.nan))}
    said = failures(asked, somewhere, unplanned="no such file")
    assert said.startswith("stage: 6 of 8 jobs failed: unplanned (no such file); ")
    assert "bad 1 (ArithmeticError: -2 is negative)" in said
    assert "nan (ValueError: Out of range float values are not JSON compliant" in said
    assert "awkward (AwkwardError: x.npz: torn)" in said
    assert "locked (LockedError: x.npz: torn)" in said
    assert "LocalError: x.npz: torn" in said
    assert kept(negative) == [True, False]  # what came before is kept
    assert run("stage", good, Place()) == {"a": ["a 0", "a 1", "a 2"], ("b", 1): ["b 0", "b 1"]}


def test_only_what_is_missing_is_computed(
    somewhere: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (log := tmp_path / "log").touch()
    both = {("a", 1): [1, 2], ("b", "x"): [7]}
    for numbers, calls, report in (
        (both, ["1 2", "7"], "3 units, 0 from the cache, 3 computed"),
        (both, [], "3 units, 3 from the cache, 0 computed"),
        ({"c": [9, 2, 7, 5, 1]}, ["9 5"], "5 units, 3 from the cache, 2 computed"),
        (  # what two ask for is computed once
            {"d": [20, 21, 20], "e": [21, 22], "f": [20, 1]},
            ["20 21", "22"],
            "4 units, 1 from the cache, 3 computed",
        ),
    ):
        asked = {name: Job(partial(jobs.doubled, str(log)), each) for name, each in numbers.items()}
        assert any(map(missing, asked.values())) == bool(calls)
        found = run("stage", asked, somewhere)
        assert found == {name: [{"twice": 2 * n} for n in each] for name, each in numbers.items()}
        assert sorted(log.read_text().splitlines()) == calls
        assert f"stage: {report}, 0 failed" in capsys.readouterr().err
        log.write_text("")


def test_a_result_is_json_bytes_or_a_file(somewhere: Place, tmp_path: Path) -> None:
    values = [None, 1, 0.1 + 0.2, "é", [1, [2]], {"a": [True]}]
    calls = {i: Job(partial(jobs.returned, value)) for i, value in enumerate(values)}
    assert run("stage", calls, somewhere) == dict(enumerate(values))
    payload = bytes(range(256)) * 1000
    for folder in ("", str(tmp_path)):
        job = Job(partial(jobs.returned, payload, folder))
        assert run("stage", {"x": job}, somewhere, read=Kept.bytes) == {"x": payload}
        with run("stage", {"x": job}, somewhere, read=Kept.open)["x"] as stream:
            assert stream.read(3) == payload[:3]
    (tmp_path / "payload").unlink()  # it was copied
    assert run("stage", {"x": job}, somewhere, read=Kept.bytes) == {"x": payload}


def test_results_are_equal_to_the_byte(
    two: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trained network, heads on embeddings, and the theory, each from an empty artifact cache."""
    rng, labels = np.random.default_rng(0), np.repeat(np.arange(3), 12)
    arrays: dict[str, Any] = dict.fromkeys(("labels", "superclasses", "nuisances"), labels)
    images = rng.integers(0, 256, (36, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "images.npz", images=images, target=np.eye(3), **arrays)
    np.savez(tmp_path / "task.npz", labels=labels)
    features = rng.normal(size=(36, 64)).astype(np.float32)
    safetensors.numpy.save_file({"tasks/task": features}, tmp_path / "model.safetensors")
    embedding = Embedding(tmp_path / "model.safetensors", "tasks/task")
    plan = Plan("test_vit", "categories", 3, 1.0, True, 12, 0.004, 0.05)
    params = load().params.fewshot
    made = {"network": Job(partial(train_network, plan, tmp_path / "images.npz", 0, "model"))}
    for head in ("linear", "mlp1"):
        settings = getattr(params, head).model_dump()
        call = partial(fewshot_accuracy, embedding, tmp_path / "task.npz", head, settings, 0, 0)
        made[head] = Job(call, [1, 3])
    made["theory"] = Job(partial(accuracies, SMALL, 0), [(0.0, 1), (0.3, 2)])
    found = []
    for i, where in enumerate((Place(), Place(2), Place(scheduler=two.address))):
        monkeypatch.setenv("ARTIFACT_CACHE", str(tmp_path / str(i)))
        found.append(run("stage", made, where, read=Kept.bytes))
    assert found[0] == found[1] == found[2]
    assert len(found[0]["network"]) > 10_000


@pytest.mark.parametrize("engine", ["workers", "cluster"])
def test_what_kills_a_worker_fails_its_own_job(engine: str, request: pytest.FixtureRequest) -> None:
    address = request.getfixturevalue("two").address if engine == "cluster" else None
    reasons = {
        "exit": "its worker died (exit code 9; out of memory?)",
        "kill": "its worker died (exit code -9; out of memory?)",
        "hang": "a result took longer than 1 s (compute.limit)",
    }
    if engine == "cluster":
        reasons = dict.fromkeys(reasons, "the dask workers that ran it died, 4 in turn")
    bad = {how: Job(partial(jobs.die, how), [0, 1], cost=9) for how in reasons}
    good = {f"good {i}": slow(str(i), 0.01) for i in range(6)}
    said = failures(bad | good | {"hog": Job(partial(jobs.hog))}, Place(2, address, limit=1.0))
    assert "4 of 10 jobs failed: " in said
    assert "hog (MemoryError)" in said
    for reason in set(reasons.values()):  # each once, after the names of all that it stopped
        (named,) = re.findall(rf"(?:: |; )([a-z, ]+) \({re.escape(reason + RERUN)}\)", said)
        assert set(named.split(", ")) == {how for how, why in reasons.items() if why == reason}
    assert all(kept(job) == [True] for job in good.values())
    assert all(kept(job) == [True, False] for job in bad.values())  # what came before is kept


def test_jobs_that_ran_beside_one_that_dies_are_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A death may also be of the moment: the job that caused it is tried again, too."""
    guilty = {"guilty": Job(partial(jobs.die, "exit"), [0, 1], cost=9)}
    innocent = {name: slow(name, 0.5, 2) for name in ("a", "b", "c")}
    innocent["once"] = Job(partial(jobs.die_at_first, str(tmp_path)))
    said = failures(guilty | innocent, Place(2))
    died = f"guilty (its worker died (exit code 9; out of memory?){RERUN})"
    assert said == f"stage: 1 of 5 jobs failed: {died}"
    assert run("stage", innocent, Place(2))["once"] == "second"
    assert "stage: 7 units, 7 from the cache, 0 computed" in capsys.readouterr().err
    assert failures(guilty, Place(2)).endswith(died)
    assert "stage: 2 units, 1 from the cache, 0 computed, 1 failed" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", [0, 0.5])
def test_a_worker_killed_without_a_job_is_replaced(seconds: float) -> None:
    """Before its death can be noticed, and after."""
    tasks = [Task(str(i), slow(str(i), 0), [0], Cache()) for i in range(3)]
    for task, made in workers.finished(tasks, 1):
        assert isinstance(made, dict)
        assert list(made) == task.job.keys
        for process in multiprocessing.active_children():
            process.kill()
        time.sleep(seconds)
    assert all(kept(task.job) == [True] for task in tasks)
    assert not multiprocessing.active_children()


def test_a_cache_that_a_worker_cannot_write_ends_the_stage() -> None:
    begun = time.monotonic()
    asked = {"full": Job(partial(jobs.unwritable), cost=9), "slow": slow("slow", 60)}
    with pytest.raises(CacheError, match=f"artifact cache {Cache().root}: File too large"):
        run("stage", asked, Place(2))
    assert time.monotonic() - begun < 30
    wait_for(lambda: not multiprocessing.active_children(), 5)


def test_the_limit_is_of_a_result_not_of_a_job() -> None:
    """Three results of 0.4 s each take longer together than the limit of 1 s."""
    assert len(run("stage", {"x": slow("x", 0.4, 3)}, Place(limit=1.0))["x"]) == 3


def test_the_longest_starts_first(two: Cluster) -> None:
    """Where two run at once, one may overtake another of nearly its cost."""
    for where in (Place(), Place(2), Place(scheduler=two.address)):
        asked = {i: slow(f"{where} {i}", 0.2, cost=i % 5) for i in range(10)}
        run("stage", asked, where)
        order = sorted(
            asked.values(), key=lambda job: Cache()._path(job.keys[0]).stat().st_mtime_ns
        )
        expected = [4, 4, 3, 3, 2, 2, 1, 1, 0, 0]
        assert all(abs(j.cost - cost) <= 1 for j, cost in zip(order, expected, strict=True))


def test_a_dask_worker_that_differs_is_said(
    two: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its artifact cache, where that is no shared folder; by its code and its libraries."""
    where = Place(scheduler=two.address)
    with monkeypatch.context() as patch:  # what the worker wrote is not found here
        patch.setattr(Cache, "digest", lambda self, key: None)
        said = failures(NAMED, where)
    assert f"'named' was computed and is not in {tmp_path / 'cache'}: the worker has anoth" in said
    assert "$ARTIFACT_CACHE must name a folder that all machines share" in said
    shutil.rmtree(tmp_path / "cache")
    code, numpy = cluster.CODE, np.__version__
    monkeypatch.setattr(cluster, "CODE", "x")
    monkeypatch.setattr(cluster, "libraries_of", lambda _: {"numpy": "1"})
    said = failures({"x": Job(partial(accuracies, SMALL, 0), [(0.0, 1)])}, where)
    assert "dask worker tcp://127.0.0.1:" in said
    assert f"has other code ({code[:9]}, not x), numpy ({numpy}, not 1)" in said


def test_a_dask_worker_outside_the_repository_is_said(tmp_path: Path) -> None:
    """The scheduler needs no repository; a worker does."""
    (tmp_path / "elsewhere").mkdir()
    with Cluster(Workspace(tmp_path / "elsewhere", tmp_path / "cache")) as made:
        made.worker("--no-nanny")
        said = failures(NAMED, Place(scheduler=made.address))
    assert f"a dask worker runs in {tmp_path / 'elsewhere'}; start it in the reposi" in said


def test_a_job_for_a_gpu_waits_for_one_and_says_so(
    own: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own.worker("--no-nanny")
    where = Place(scheduler=own.address, resources={"GPU": 1})
    monkeypatch.setattr(cluster, "PATIENCE", 2)
    with pytest.raises(UnitError, match=r'has no worker with --resources "GPU=1", and none came'):
        run("stage", NAMED, where)
    monkeypatch.setattr(cluster, "PATIENCE", 60)
    threading.Timer(1.5, own.worker, ["--no-nanny", "--resources", "GPU=1"]).start()
    assert run("stage", NAMED, where) == {"named": 1}
    assert 'no worker with --resources "GPU=1"; waiting 60 s for one' in capsys.readouterr().err


def test_a_cluster_that_cannot_be_used_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "REACH", 1)
    with pytest.raises(UsageError, match=r"no dask.distributed scheduler answers at tcp://127\.0"):
        run("stage", NAMED, Place(scheduler="tcp://127.0.0.1:9"))
    for name in ("stages.runtime.cluster", "distributed", "cloudpickle"):
        monkeypatch.delitem(sys.modules, name)
    for name in ("distributed", "cloudpickle"):
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    with pytest.raises(UsageError, match="needs the package 'distributed'; install the extra"):
        run("stage", NAMED, Place(scheduler="tcp://127.0.0.1:9"))


def test_a_job_of_a_dask_worker_that_is_killed_is_done_elsewhere(
    own: Cluster, tmp_path: Path
) -> None:
    first = own.worker("--no-nanny")
    mark = tmp_path / "first"

    def kill() -> None:
        wait_for(lambda: mark.exists() and mark.read_text() == str(first.pid), 20)
        own.worker("--no-nanny")
        os.kill(first.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    again = {"again": Job(partial(jobs.die_at_first, str(tmp_path), True))}
    assert run("stage", again, Place(scheduler=own.address)) == {"again": "second"}
    killer.join()


@pytest.fixture
def stage(own: Cluster, tmp_path: Path) -> Iterator[Running]:
    """A stage of jobs that take long, once one has begun on a cluster of one dask worker."""
    (pids := tmp_path / "pids").mkdir()
    own.worker("--no-nanny")
    command = [sys.executable, "-m", "tests.jobs", str(pids), own.address]
    running = Running(Workspace(ROOT, tmp_path / "cache"), command)
    wait_for(lambda: list(pids.iterdir()), 20)
    yield running
    running.end()


SIGNALS = pytest.mark.parametrize(("number", "said"), [(2, "interrupted"), (15, "terminated")])


@SIGNALS
def test_a_signal_ends_a_stage_at_once(stage: Running, number: int, said: str) -> None:
    os.killpg(stage.pid, number)  # as the terminal does; for workers here see `make chaos`
    assert stage.ended(2) == 128 + number
    assert not stage.left_after(2)
    assert stage.log == f"{said}: finished units are kept; run again to go on\n"


def test_a_lost_scheduler_ends_the_stage(stage: Running, own: Cluster) -> None:
    own.scheduler.process.kill()
    assert stage.ended(10) == 3
    kept = "what it finished is kept: run again for the rest"
    assert stage.log == f"error: the scheduler at {own.address} was lost; {kept}\n"


SIGNALLED = """
import sys, time
sys.argv[0] = "-m"
import stages
from stages.runtime.door import door

def main():
    try:
        print("there", flush=True)
        time.sleep(60)
    finally:
        print("cleaned", flush=True)
        time.sleep({pause})

print("there", flush=True)
{call}
time.sleep(60)
"""


@SIGNALS
@pytest.mark.parametrize(
    ("call", "pause", "printed"),
    [("door(main)", 0, "there\ncleaned\n"), ("door(main)", 60, "there\ncleaned\n"), ("", 0, "")],
)
def test_a_signal_ends_a_stage_with_one_line(
    number: int, said: str, call: str, pause: int, printed: str
) -> None:
    command = [sys.executable, "-c", SIGNALLED.format(call=call, pause=pause)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"  # imported; `main` may not have begun
        if call:
            assert process.stdout.readline() == "there\n"
        process.send_signal(number)
        out, error = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert out == printed.removeprefix("there\n")
    assert error == f"{said}: finished units are kept; run again to go on\n"


def test_the_environment_says_where_first(monkeypatch: pytest.MonkeyPatch) -> None:
    compute = SimpleNamespace(workers=3, scheduler="tcp://a:1", limit=5.0)
    assert place(compute) == Place(3, "tcp://a:1", 5.0)
    monkeypatch.setenv("SCHEDULER", "tls://host.example:8786")
    monkeypatch.setenv("UNIT_LIMIT", "0.5")
    assert place(compute) == Place(3, "tls://host.example:8786", 0.5)
    monkeypatch.setenv("SCHEDULER", "null")
    monkeypatch.setenv("UNIT_LIMIT", "null")
    assert place(compute) == Place(3, None, None)
    monkeypatch.setenv("WORKERS", "5")
    assert place(compute).workers == worker_count(3) == 5
    monkeypatch.delenv("WORKERS")
    assert worker_count(None) == len(os.sched_getaffinity(0))
    for wrong in ("tcp://host:8786\n", "0.00", "1 min", "nan", "."):  # others are in bad_cases.py
        name = "SCHEDULER" if "host" in wrong else "UNIT_LIMIT"
        monkeypatch.setenv(name, wrong)
        with pytest.raises(UsageError, match=rf"(?s)\${name}: '.*allowed"):
            place(compute)
        monkeypatch.setenv(name, "null")


def test_stages_load_nothing_large_before_something_is_to_be_computed() -> None:
    """Nor does what names weights and writes the report, or asks whether weights are there."""
    names = sorted({"check", *(stage.split()[0] for stage in STAGES)})
    names += ["networks.hub", "networks.published", "report.report"]
    large = {"torch", "timm", "matplotlib", "sklearn", "distributed", "dask"}
    loaded = f"print(sorted({large} & set(sys.modules)))"
    hub = "print({'huggingface_hub', 'httpx2'} & set(sys.modules))"
    lines = ["import sys", *(f"import stages.{name}; {loaded}" for name in names), hub]
    lines.append(f"stages.networks.hub.cached('timm/a', None); {loaded}")
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n" * len(names) + "set()\n[]\n", (names, done.stderr)


def test_a_stage_with_workers_says_no_more_than_its_units(workspace: Workspace) -> None:
    done = workspace.stage("theory", WORKERS="2", PYTHONWARNINGS="")
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert [line.partition(":")[0] for line in said] == ["theory", "theory reached"], done.stderr
    assert "0 from the cache" in done.stderr
