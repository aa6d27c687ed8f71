"""The artifact cache, jobs, fingerprints of code, and files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from stages.runtime import source
from stages.runtime.cache import Cache, CacheError
from stages.runtime.door import door
from stages.runtime.errors import DataError, UnitError, UsageError, suggest
from stages.runtime.files import npz_bytes, pack, read_npz, replacing, unpack, write_table
from stages.runtime.jobs import Job, payload, run
from stages.runtime.machine import Place, device_of, worker_count
from stages.runtime.random import rng_for, torch_seed
from stages.runtime.work import _portable
from stages.study.load import load
from tests.conftest import ROOT

KEYS = [source.digest(i) for i in range(10)]


def double(numbers: dict[str, int], wanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for name in wanted:
        if numbers[name] < 0:
            raise ArithmeticError(f"{name} is negative")
        yield name, f"{2 * numbers[name]} {len(wanted)}".encode()


def die(wanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    os._exit(9)
    yield "", b""


def job(name: str, numbers: dict[str, int], first_key: int) -> Job:
    keys = {n: KEYS[first_key + i] for i, n in enumerate(numbers)}
    return Job(name, keys, "tests.test_runtime:double", (numbers,))


@pytest.mark.parametrize("workers", [1, 2])
def test_only_what_is_missing_is_computed(workers: int, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [job("one", {"a": 1, "b": 2}, 0), job("two", {"c": 3}, 5)]
    first = run("stage", jobs, Place(workers))
    assert (first.units, first.cached, first.computed) == (3, 0, 3)
    assert payload(jobs[0], "b") == b"4 2"
    again = run("stage", jobs, Place(workers))
    assert (again.cached, again.computed) == (3, 0)
    more = job("one", {"a": 1, "b": 2, "d": 7}, 0)
    third = run("stage", [more], Place(workers))
    assert (third.cached, third.computed) == (2, 1)
    assert payload(more, "d") == b"14 1"
    assert "stage: 3 units, 2 from the cache, 1 computed, 0 failed" in capsys.readouterr().err


@pytest.mark.parametrize("workers", [1, 2])
def test_one_failing_job_does_not_end_the_others(workers: int) -> None:
    jobs = [job("bad", {"a": 1, "b": -2}, 0), job("good", {"c": 3}, 5)]
    with pytest.raises(UnitError, match=r"1 of 2 jobs failed: bad \(ArithmeticError: b is neg"):
        run("stage", jobs, Place(workers))
    assert payload(jobs[1], "c") == b"6 1"
    assert payload(jobs[0], "a") == b"2 2"  # finished before the job failed


def test_a_worker_that_dies_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    dying = Job("dying", {"x": KEYS[0]}, "tests.test_runtime:die", ())
    with pytest.raises(UnitError, match=r"dying.*worker died"):
        run("stage", [dying], Place(2))


def test_a_damaged_artifact_is_dropped_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    cache = Cache()
    cache.put(KEYS[0], b"payload")
    assert cache.get(KEYS[0]) == b"payload"
    (path,) = [p for p in cache.root.rglob("*") if p.is_file()]
    for damage in (b"", path.read_bytes()[:-1], path.read_bytes()[:-1] + b"!"):
        path.write_bytes(damage)
        assert cache.get(KEYS[0]) is None
        assert "damaged" in capsys.readouterr().err
        cache.put(KEYS[0], b"payload")


def test_workers_come_from_the_environment_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert worker_count(3) == 3
    assert worker_count(None) == len(os.sched_getaffinity(0))
    monkeypatch.setenv("WORKERS", "5")
    assert worker_count(3) == 5
    for wrong in ("two", "0", "-1", "1.5", ""):
        monkeypatch.setenv("WORKERS", wrong)
        with pytest.raises(UsageError, match=r"\$WORKERS: .*allowed"):
            worker_count(None)


def test_a_damaged_artifact_that_was_replaced_meanwhile_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache = Cache()
    cache.put(KEYS[0], b"payload")
    (path,) = [p for p in cache.root.rglob("*") if p.is_file()]
    path.write_bytes(b"damaged")
    monkeypatch.setattr("builtins.print", lambda *_, **__: cache.put(KEYS[0], b"anew"))
    assert cache.get(KEYS[0]) is None  # what was read is damaged; another process is faster
    assert cache.get(KEYS[0]) == b"anew"


@pytest.mark.parametrize("call", ["get", "put", "digest"])
def test_a_cache_that_is_no_folder_is_named(call: str) -> None:
    cache = Cache()
    cache.root.write_text("no folder")
    arguments = (KEYS[0], b"payload") if call == "put" else (KEYS[0],)
    with pytest.raises(CacheError, match=rf"artifact cache {cache.root}: Not a dir.*ARTIFACT_CACH"):
        getattr(cache, call)(*arguments)


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    cache, whole = Cache(), tmp_path / "payload"
    whole.write_bytes(bytes(1 << 16))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 15, hard))  # Python ignores SIGXFSZ
    try:
        for payload_ in (whole.read_bytes(), whole):
            with pytest.raises(CacheError, match="File too large"):
                cache.put(KEYS[0], payload_)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path for path in cache.root.rglob("*") if path.is_file()] == []


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


@pytest.mark.parametrize(("number", "said"), [(2, "interrupted"), (15, "terminated")])
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


def test_a_full_disk_under_outputs_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(SystemExit) as ended:
        door(full)
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: an output of this stage: No space left on device; finished units are kept\n"
    )

    def broken() -> None:
        Path("there is none").read_bytes()

    with pytest.raises(FileNotFoundError):  # a slip of the code keeps its traceback
        door(broken)


def test_generators_depend_on_the_name_alone() -> None:
    assert rng_for(0, "a", 1).random() == rng_for(0, "a", 1).random()
    draws = {rng_for(s, n).random() for s in (0, 1) for n in ("a", "b")}
    assert len(draws) == 4
    assert 0 <= torch_seed(0, "x") < 2**63


def test_code_digest_sees_code_and_not_comments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stages").mkdir()
    a, b = tmp_path / "stages" / "a.py", tmp_path / "stages" / "b.py"
    monkeypatch.setattr(source, "ROOT", tmp_path)

    def now() -> str:
        source.code_digest.cache_clear()
        return source.code_digest("stages.a")

    a.write_text('"""Doc."""\nfrom stages.b import f\n\ndef g():\n    """Doc."""\n    return f()\n')
    b.write_text("def f():\n    return 1\n")
    first = now()
    a.write_text("from stages.b import f  # why\n\n\ndef g():\n\n    return (f())\n")
    assert now() == first
    b.write_text("def f():\n    return 2\n")  # an imported module counts
    assert now() != first
    with pytest.raises(ValueError, match=r"stages\.none"):
        source.code_digest("stages.none")
    source.code_digest.cache_clear()


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with replacing(target) as folder:
        (folder / "a").write_text("1")
        (folder / "stale").write_text("1")

    def interrupted() -> None:
        with replacing(target) as folder:
            (folder / "a").write_text("2")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (target / "a").read_text() == "1"
    with replacing(target) as folder:
        (folder / "a").write_text("3")
    assert sorted(p.name for p in target.iterdir()) == ["a"]
    assert [p.name for p in tmp_path.iterdir() if p.name != "cache"] == ["out"]


def test_tables_refuse_what_is_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    value = 0.1 + 0.2
    write_table(path, [{"model": "a", "value": value}])
    assert float(path.read_text().split(",")[-1]) == value
    with pytest.raises(DataError, match=r"t\.csv: value is nan"):
        write_table(path, [{"model": "a", "value": float("nan")}])
    assert float(path.read_text().split(",")[-1]) == value


def test_npz_never_loads_a_pickle(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(npz_bytes(a=np.arange(3)))
    assert read_npz(path, "a")[0].tolist() == [0, 1, 2]
    with pytest.raises(DataError, match=r"x\.npz: array 'b' is missing"):
        read_npz(path, "b")
    np.savez(path, a=np.array([{"un": "safe"}], dtype=object))
    with pytest.raises(DataError, match=r"x\.npz"):
        read_npz(path, "a")


def test_packed_files_cannot_leave_their_folder(tmp_path: Path) -> None:
    unpack(pack({"a/b.txt": b"1"}), tmp_path / "in")
    assert (tmp_path / "in" / "a" / "b.txt").read_bytes() == b"1"
    with pytest.raises(DataError, match="outside"):
        unpack(pack({"../escaped": b"1"}), tmp_path / "in")
    assert not (tmp_path / "escaped").exists()


def test_nearest_names() -> None:
    assert suggest("miniture", ["laptop", "miniature"]) == "; did you mean 'miniature'?"
    assert suggest("xyz", ["laptop"]) == ""


def test_an_error_is_one_printable_line(capsys: pytest.CaptureFixture[str]) -> None:
    def stage() -> None:
        raise DataError("a\nb\x1b[2J\u202ec: é μ ✓")

    with pytest.raises(SystemExit) as ended:
        door(stage)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: a\\nb\\x1b[2J\\u202ec: é μ ✓\n"


def test_an_error_that_cannot_travel_between_processes_keeps_its_words() -> None:
    class AwkwardError(Exception):
        def __init__(self, name: str, *, detail: str) -> None:
            super().__init__(f"{name}: {detail}")

    def unit() -> Exception:
        return _portable(AwkwardError("x.npz", detail="torn"))

    assert repr(unit()) == "RuntimeError('AwkwardError: x.npz: torn')"
    kept = _portable(DataError("x.npz: torn"))
    assert (type(kept), str(kept)) == (DataError, "x.npz: torn")


def test_on_a_cluster_auto_is_what_this_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    found = load().params.compute
    assert found.device == device_of(found) == "auto"
    monkeypatch.setenv("SCHEDULER", "tcp://127.0.0.1:8786")
    monkeypatch.setattr("stages.runtime.machine.GPU", Path(__file__))
    assert device_of(found) == "cuda"
    monkeypatch.setattr("stages.runtime.machine.GPU", Path("/nowhere"))
    assert device_of(found) == "cpu"
