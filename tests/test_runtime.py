"""Results and their keys, the artifact cache, tables, and files that appear whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from stages.runtime import keys, source
from stages.runtime.cache import Cache, CacheError
from stages.runtime.door import door
from stages.runtime.errors import DataError, UnitError, UsageError, suggest
from stages.runtime.files import npz_bytes, pack, read_npz, replacing, unpack
from stages.runtime.jobs import Job, Kept, missing, run
from stages.runtime.keys import identity, keys_of
from stages.runtime.machine import Place, device_of
from stages.runtime.random import rng_for, torch_seed
from stages.runtime.tables import Column, read_table, write_table
from stages.study.load import load
from tests import jobs

KEY = source.digest(0)


@pytest.mark.parametrize("workers", [1, 2])
def test_only_what_is_missing_is_computed(
    workers: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"

    def doubled(*numbers: int) -> Job:
        return Job(partial(jobs.doubled, str(log)), numbers)

    def calls() -> list[str]:
        found = sorted(log.read_text().splitlines()) if log.exists() else []
        log.unlink(missing_ok=True)
        return found

    assert missing(doubled(1, 2))
    both = {("a", 1): doubled(1, 2), ("b", "x"): doubled(7)}
    expected = {("a", 1): [{"twice": 2}, {"twice": 4}], ("b", "x"): [{"twice": 14}]}
    assert run("stage", both, Place(workers)) == expected
    assert calls() == ["1 2", "7"]
    assert run("stage", both, Place(workers)) == expected
    assert calls() == []
    assert not missing(doubled(1, 2))
    mixed = run("stage", {"c": doubled(9, 2, 7, 5, 1)}, Place(workers))
    assert mixed == {"c": [{"twice": 2 * number} for number in (9, 2, 7, 5, 1)]}
    assert calls() == ["9 5"]
    shared = {"d": doubled(20, 21, 20), "e": doubled(21, 22), "f": doubled(20, 1)}
    found = run("stage", shared, Place(workers))
    assert [[one["twice"] for one in found[name]] for name in "def"] == [
        [40, 42, 40],
        [42, 44],
        [40, 2],
    ]
    assert calls() == ["20 21", "22"]  # what two ask for is computed once
    said = capsys.readouterr().err
    assert "stage: 3 units, 0 from the cache, 3 computed, 0 failed" in said
    assert "stage: 5 units, 3 from the cache, 2 computed, 0 failed" in said
    assert "stage: 4 units, 1 from the cache, 3 computed, 0 failed" in said


@pytest.mark.parametrize("workers", [1, 2])
def test_a_result_is_json_bytes_or_a_file(workers: int, tmp_path: Path) -> None:
    values = [None, 1, 0.1 + 0.2, "é", [1, [2]], {"a": [True]}]
    calls = {i: Job(partial(jobs.returned, value)) for i, value in enumerate(values)}
    assert run("stage", calls, Place(workers)) == dict(enumerate(values))
    payload = bytes(range(256)) * 1000
    for folder in ("", str(tmp_path)):
        job = Job(partial(jobs.returned, payload, folder))
        assert run("stage", {"x": job}, Place(workers), read=Kept.bytes) == {"x": payload}
        with run("stage", {"x": job}, Place(workers), read=Kept.open)["x"] as stream:
            assert stream.read(3) == payload[:3]
    (tmp_path / "payload").unlink()  # it was copied
    assert run("stage", {"x": job}, Place(workers), read=Kept.bytes) == {"x": payload}


@pytest.mark.parametrize("workers", [1, 2])
def test_one_failing_job_does_not_end_the_others(workers: int, tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    bad, good = Job(partial(jobs.doubled, log), [1, -2]), Job(partial(jobs.doubled, log), [3])
    all_jobs = {("bad", 1): bad, "good": good, "nan": Job(partial(jobs.nan))}
    with pytest.raises(UnitError) as error:
        run("stage", all_jobs, Place(workers), failed={"unplanned": "no such file"})
    said = str(error.value)
    assert said.startswith("stage: 3 of 4 jobs failed: unplanned (no such file); ")
    assert "bad 1 (ArithmeticError: -2 is negative)" in said
    assert "nan (ValueError: Out of range float values are not JSON compliant" in said
    assert run("stage", {"good": good}, Place())["good"] == [{"twice": 6}]
    assert [key in Cache() for key in bad.keys] == [True, False]  # what came before is kept


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """A repository of stages/a.py, which imports stages/b.py and, without need, NumPy; a function
    that gives the key of a call of stages.a.g as things are now."""
    caches: list[Any] = [source.modules_of, source._module, source.code_digest, source.libraries_of]
    caches += [source.libraries, keys._code, keys._content]

    def forget() -> None:
        for cached in caches:
            cached.cache_clear()

    def g(*_: object) -> None: ...

    g.__module__, g.__qualname__ = "stages.a", "g"

    def now(*args: Any) -> str:
        forget()
        return keys_of(partial(g, *args), None)[0]

    (tmp_path / "stages").mkdir()
    source_a = '"""Doc."""\nimport numpy\nimport tqdm\nfrom stages.b import f\n\n\n'
    (tmp_path / "stages" / "a.py").write_text(source_a + 'def g():\n    """Doc."""\n    f()\n')
    (tmp_path / "stages" / "b.py").write_text("def f():\n    return 1\n")
    monkeypatch.setattr(source, "ROOT", tmp_path)
    yield now
    forget()


def test_a_key_holds_the_code_that_can_be_reached(
    made_up: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, a, b = made_up(), tmp_path / "stages" / "a.py", tmp_path / "stages" / "b.py"
    (tmp_path / "stages" / "c.py").write_text("x = 1\n")  # nothing imports it
    a.write_text(
        "import numpy  # why\nimport tqdm\nfrom stages.b import f\ndef g():\n\n    (f())\n"
    )
    assert made_up() == first
    b.write_text("def f():\n    return 2\n")
    assert made_up() != first
    b.write_text("def f():\n    return 1\n")
    assert made_up() == first
    for library, same in (("numpy", False), ("tqdm", True), ("torch", True)):
        with monkeypatch.context() as patch:
            real = source.importlib.metadata.version
            patch.setattr(
                source.importlib.metadata,
                "version",
                lambda name, wanted=library, real=real: "0" if name == wanted else real(name),
            )
            assert (made_up() == first) == same
    with pytest.raises(ValueError, match=r"stages\.none"):
        source.code_digest("stages.none")


def test_a_key_holds_the_arguments(tmp_path: Path) -> None:
    def key(*args: Any, **keywords: Any) -> str:
        return keys_of(partial(jobs.returned, *args, **keywords), None)[0]

    different = [(), (1,), (True,), (1.0,), ("1",), (None,), ([1],), ([[1]],), (1, 1), ({"1": 1},)]
    found = [key(*args) for args in different] + [key(value=1)]
    assert len(set(found)) == len(found)
    assert found == [key(*args) for args in different] + [key(value=1)]
    file, moved = tmp_path / "a.npz", tmp_path / "b" / "other.npz"
    file.write_bytes(b"content")
    before = key(file)
    moved.parent.mkdir()
    file.rename(moved)
    assert key(moved) == before
    in_folder = key(moved.parent)
    moved.write_bytes(b"content!")
    assert key(moved) != before
    keys._content.cache_clear()  # a folder is read once a process
    assert key(moved.parent) != in_folder
    with pytest.raises(DataError, match=r"a\.npz: cannot be read"):
        key(file)
    items = keys_of(partial(jobs.doubled, "log"), [1, 2, 1])
    assert items[0] == items[2] != items[1]
    assert keys_of(partial(jobs.doubled, "other log"), [1])[0] != items[0]


def test_what_identifies_a_value() -> None:
    @dataclass(frozen=True)
    class Point:
        x: float
        y: tuple[int, ...]

    class Settings(BaseModel):
        rate: float
        inner: dict[str, int]

    class Said(Point):
        def identity(self) -> Any:
            return ["said", np.arange(2)]

    assert identity(Point(0.5, (1, 2))) == {"x": 0.5, "y": [1, 2]}
    assert identity(Settings(rate=0.1, inner={"a": 1})) == {"rate": 0.1, "inner": {"a": 1}}
    assert identity(Said(1, ())) == ["said", identity(np.arange(2))]
    arrays = [np.arange(6), np.arange(6.0), np.arange(6).reshape(2, 3), np.arange(6)[::-1]]
    assert len({json.dumps(identity(array)) for array in arrays}) == len(arrays)
    assert identity(np.arange(12)[::2]) == identity(np.arange(0, 12, 2))
    assert identity(np.asfortranarray(arrays[2])) == identity(arrays[2])
    assert identity(jobs.hog)["function"] == "tests.jobs.hog"
    assert identity(jobs.hog) != identity(jobs.locked)
    assert identity(b"1") != identity("1")
    for unknown in (object(), {1, 2}, 1j, np.float32(1)):
        with pytest.raises(TypeError, match="is not known"):
            identity(unknown)


SCHEMA = {
    "name": Column(pattern="[a-z]+", needs="a lower-case word is needed"),
    "kind": Column(allowed=("x", "y")),
    "count": Column(int, low=1, high=9),
    "value": Column(float, blank=True, low=0),
    "note": Column(blank=True, optional=True),
}
GOOD = ("name,kind,count,value,note", "a,x,1,0.5,", "", 'b,y,2,,"said, so"')


def table(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8-sig")
    return path


def test_a_table_is_read_by_its_schema(tmp_path: Path) -> None:
    found = read_table(table(tmp_path / "t.csv", *GOOD), SCHEMA, unique=("name", "kind"))
    assert found.to_dict("list")["name"] == ["a", "b"]
    assert found["count"].tolist() == [1, 2]
    assert found["count"].dtype.kind == "i"
    assert found["value"].isna().tolist() == [False, True]
    assert found["note"].tolist() == ["", "said, so"]
    assert found.index.tolist() == [2, 4]  # lines of the file
    short = table(tmp_path / "short.csv", "kind,name,count,value,extra", "x,a,1,2,free")
    assert read_table(short, SCHEMA, more=True)["extra"].tolist() == ["free"]
    blank = read_table(table(tmp_path / "b.csv", "n", "1", '""'), {"n": Column(int, blank=True)})
    assert blank["n"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("A,x,1,1,", "name: 'A'; a lower-case word is needed"),
        (",x,1,1,", "name: ''; a lower-case word is needed"),
        ("a,z,1,1,", "kind: 'z'; one of ['x', 'y'] is needed"),
        *(
            (f"a,x,{cell},1,", f"count: '{cell}'; a whole number from 1 to 9 is needed")
            for cell in ("1.5", "10", "", "one")
        ),
        *(
            (f"a,x,1,{cell},", f"value: '{cell}'; a number from 0 is needed")
            for cell in ("nan", "inf", "-0.1", "1_0", "0x1")
        ),
        ("a,x,1,1,\x1b", "note: '\\x1b'; printable text is needed"),
        ("a,x,1,1", "4 values for 5 columns"),
        ("b,y,9,1,", "duplicate: name 'b', kind 'y' is in an earlier line too"),
    ],
)
def test_what_is_wrong_in_a_row_is_one_line(row: str, said: str, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", *GOOD, row)
    for error in (DataError, UsageError):
        with pytest.raises(error) as raised:
            read_table(path, SCHEMA, unique=("name", "kind"), error=error)
        assert str(raised.value) == f"{path}: line 5: {said}"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("name,kind,count", "a,x,1"), "column 'value' is missing"),
        (("name,kind,count,value,valu", "a,x,1,1,1"), "column 'valu' is unknown; ['name', "),
        (("name,kind,count,value,name", "a,x,1,1,a"), "column 'name' is there 2 times"),
        (GOOD[:1], "has no rows"),
        ((), "column 'name' is missing"),
    ],
)
def test_what_is_wrong_in_a_header_is_one_line(
    lines: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    path = table(tmp_path / "t.csv", *lines)
    with pytest.raises(DataError) as raised:
        read_table(path, SCHEMA)
    assert str(raised.value).startswith(f"{path}: {said}")


def test_a_table_that_cannot_be_read_is_named_by_its_key(tmp_path: Path) -> None:
    bad, quoted = tmp_path / "t.csv", table(tmp_path / "open.csv", '"open')
    bad.write_bytes(b"name\n\xff\n")
    none = tmp_path / "none.csv"
    for path, said in ((none, "No such file"), (bad, "utf-8"), (quoted, "unexpected end")):
        with pytest.raises(UsageError, match=rf"models\.0: '{path}' cannot be read: .*{said}"):
            read_table(path, SCHEMA, error=UsageError, where="models.0")


INTEGERS = st.integers(1 - 2**53, 2**53 - 1)
TEXTS = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), INTEGERS, TEXTS)))
def test_what_is_written_comes_back(rows: list[tuple[float, int, str]]) -> None:
    path = Path(os.environ["ARTIFACT_CACHE"]) / "t.csv"
    columns = {"value": Column(float), "whole": Column(int), "text": Column()}
    written = [dict(zip(columns, row, strict=True)) for row in [*rows, (0.1 + 0.2, 2**53 - 1, "μ")]]
    write_table(path, written)
    assert read_table(path, columns).to_dict("records") == written


def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_table(path, [{"model": "a", "value": None}])
    for value in (float("nan"), float("inf")):
        with pytest.raises(DataError, match=rf"t\.csv: value is {value} in .*'model': 'b'"):
            write_table(path, [{"model": "a", "value": 1.0}, {"model": "b", "value": value}])
    with pytest.raises(DataError, match="a whole number is needed"):
        read_table(table(tmp_path / "big.csv", "n", str(2**53)), {"n": Column(int)})
    assert path.read_text() == "model,value\na,\n"


@pytest.fixture
def kept() -> Path:
    """The file of a payload that is kept under KEY."""
    Cache().put(KEY, b"payload")
    assert Cache().get(KEY) == b"payload"
    (path,) = [p for p in Cache().root.rglob("*") if p.is_file()]
    return path


def test_a_damaged_artifact_is_dropped_and_said(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for damage in (b"", kept.read_bytes()[:-1], kept.read_bytes()[:-1] + b"!"):
        kept.write_bytes(damage)
        assert Cache().get(KEY) is None
        assert "damaged" in capsys.readouterr().err
        Cache().put(KEY, b"payload")


def test_a_damaged_artifact_that_was_replaced_meanwhile_is_kept(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.write_bytes(b"damaged")
    monkeypatch.setattr("builtins.print", lambda *_, **__: Cache().put(KEY, b"anew"))
    assert Cache().get(KEY) is None  # what was read is damaged; another process is faster
    assert Cache().get(KEY) == b"anew"


@pytest.mark.parametrize("call", ["get", "put", "digest"])
def test_a_cache_that_is_no_folder_is_named(call: str) -> None:
    cache = Cache()
    cache.root.write_text("no folder")
    arguments = (KEY, b"payload") if call == "put" else (KEY,)
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
                cache.put(KEY, payload_)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path for path in cache.root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "an output of this stage: No space left on device; finished units are kept",
        ),
        (DataError("a\nb\x1b[2J\u202ec: é μ ✓"), "a\\nb\\x1b[2J\\u202ec: é μ ✓"),
        (FileNotFoundError("a slip of the code"), None),
    ],
)
def test_an_error_is_one_printable_line(
    error: Exception, said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    def stage() -> None:
        raise error

    with pytest.raises(SystemExit if said else FileNotFoundError) as ended:
        door(stage)
    assert getattr(ended.value, "code", 2) == 2
    assert capsys.readouterr().err == (f"error: {said}\n" if said else "")


def test_generators_depend_on_the_name_alone() -> None:
    assert rng_for(0, "a", 1).random() == rng_for(0, "a", 1).random()
    draws = {rng_for(s, n).random() for s in (0, 1) for n in ("a", "b")}
    assert len(draws) == 4
    assert 0 <= torch_seed(0, "x") < 2**63


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


def test_files_hold_no_pickle_and_stay_in_their_folder(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(npz_bytes(a=np.arange(3)))
    assert read_npz(path, "a")[0].tolist() == [0, 1, 2]
    with pytest.raises(DataError, match=r"x\.npz: array 'b' is missing"):
        read_npz(path, "b")
    np.savez(path, a=np.array([{"un": "safe"}], dtype=object))
    with pytest.raises(DataError, match=r"x\.npz"):
        read_npz(path, "a")
    unpack(pack({"a/b.txt": b"1"}), tmp_path / "in")
    assert (tmp_path / "in" / "a" / "b.txt").read_bytes() == b"1"
    with pytest.raises(DataError, match="outside"):
        unpack(pack({"../escaped": b"1"}), tmp_path / "in")
    assert not (tmp_path / "escaped").exists()


def test_nearest_names() -> None:
    assert suggest("miniture", ["laptop", "miniature"]) == "; did you mean 'miniature'?"
    assert suggest("xyz", ["laptop"]) == ""


def test_on_a_cluster_auto_is_what_this_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    found = load().params.compute
    assert found.device == device_of(found) == "auto"
    monkeypatch.setenv("SCHEDULER", "tcp://127.0.0.1:8786")
    monkeypatch.setattr("stages.runtime.machine.GPU", Path(__file__))
    assert device_of(found) == "cuda"
    monkeypatch.setattr("stages.runtime.machine.GPU", Path("/nowhere"))
    assert device_of(found) == "cpu"
