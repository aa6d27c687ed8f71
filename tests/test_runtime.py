"""Results and their keys, the artifact cache, tables, and files that appear whole or not at all."""

import errno
import hashlib
import importlib.metadata
import json
import os
import resource
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from stages.runtime import source
from stages.runtime.cache import Cache, CacheError
from stages.runtime.door import door
from stages.runtime.errors import DataError, UsageError, suggest
from stages.runtime.files import npz_bytes, pack, read_npz, replacing, unpack
from stages.runtime.jobs import Job, Kept, run
from stages.runtime.machine import Place, device_of
from stages.runtime.random import rng_for, torch_seed
from stages.runtime.source import identity, keys_of
from stages.runtime.tables import Column, read_table, write_table
from stages.study.load import load
from tests import jobs

KEY = source.digest(0)


def read_anew() -> None:
    """Forget what is known of code and libraries."""
    for cached in (source._module, source.modules_of, source.code_digest):
        cached.cache_clear()
    source.libraries_of.cache_clear()
    source.libraries.cache_clear()


def test_another_version_of_a_library_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that the function's code imports and that may change a number, NumPy."""
    installed = importlib.metadata.version

    def key(library: str = "", version: str = "") -> str:
        found = {library: version}
        monkeypatch.setattr(importlib.metadata, "version", lambda n: found.get(n) or installed(n))
        read_anew()
        return keys_of(partial(jobs.returned, 1), None)[0]

    try:
        assert "numpy" in source.libraries_of("tests.jobs")
        assert key("numpy", "0.1") != key("numpy", "0.2") != key()
        assert key() == key("numpy", installed("numpy")) == key("tqdm", "0") == key("timm", "0")
    finally:
        monkeypatch.undo()
        read_anew()


def test_what_is_known_of_code_that_can_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of stages/a.py, which imports stages/b.py and, without need, NumPy."""
    (stages := tmp_path / "stages").mkdir()
    monkeypatch.setattr(source, "ROOT", tmp_path)

    def write(name: str, *lines: str) -> None:
        (stages / name).write_text("\n".join(lines))

    def known() -> tuple[str, dict[str, str]]:
        read_anew()
        return source.code_digest("stages.a"), source.libraries_of("stages.a")

    imports = ("import numpy", "import tqdm", "from stages.b import f")
    write("a.py", '"""Doc."""', *imports, "", "def g():", '    """Doc."""', "    f()")
    write("b.py", "def f():", "    return 1")
    first = known()
    assert first[1] == {"numpy": np.__version__}
    write("c.py", "x = 1")  # nothing imports it
    write("a.py", "import numpy  # why", *imports[1:], "def g():", "", "    (f())")
    assert known() == first
    write("b.py", "def f():", "    return 2")
    assert known() != first
    write("b.py", "def f():", "    return 1")
    assert known() == first
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
    source._content.cache_clear()  # a folder is read once a process
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
    assert identity(jobs.hog) == {
        "function": "tests.jobs.hog",
        "code": source.code_digest("tests.jobs"),
        "libraries": source.libraries_of("tests.jobs"),
    }
    assert identity(jobs.hog) != identity(jobs.nan)
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


ROWS = {
    "A,x,1,1,": "name: 'A'; a lower-case word is needed",
    ",x,1,1,": "name: ''; a lower-case word is needed",
    "a,z,1,1,": "kind: 'z'; one of ['x', 'y'] is needed",
    **{
        f"a,x,{cell},1,": f"count: '{cell}'; a whole number from 1 to 9 is needed"
        for cell in ("1.5", "10", "", "one")
    },
    **{
        f"a,x,1,{cell},": f"value: '{cell}'; a number from 0 is needed"
        for cell in ("nan", "inf", "-0.1", "1_0", "0x1")
    },
    "a,x,1,1,\x1b": "note: '\\x1b'; printable text is needed",
    "a,x,1,1": "4 values for 5 columns",
    "b,y,9,1,": "duplicate: name 'b', kind 'y' is in an earlier line too",
}
ALLOWED = f"{list(SCHEMA)} are allowed"
NEEDED = "['name', 'kind', 'count', 'value'] are needed, each once; it has"
THREE = "['name', 'kind', 'count']"
TWICE = "['name', 'kind', 'count', 'value', 'name']"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        *(((*GOOD, row), f"line 5: {said}") for row, said in ROWS.items()),
        (("name,kind,count", "a,x,1"), f"column 'value' is missing; {NEEDED} {THREE}"),
        (("name,kind,count,value,valu", "a,x,1,1,1"), f"column 'valu' is unknown; {ALLOWED}"),
        (
            ("name,kind,count,value,name", "a,x,1,1,a"),
            f"column 'name' is there 2 times; {NEEDED} {TWICE}",
        ),
        (GOOD[:1], "has no rows"),
        ((), f"column 'name' is missing; {NEEDED} []"),
    ],
)
def test_what_is_wrong_in_a_table_is_one_line(
    lines: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    path = table(tmp_path / "t.csv", *lines)
    for error in (DataError, UsageError):
        with pytest.raises(error) as raised:
            read_table(path, SCHEMA, unique=("name", "kind"), error=error)
        assert str(raised.value) == f"{path}: {said}"


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
    (path,) = [p for p in Cache().root.rglob("*") if p.is_file()]
    return path


def test_a_rerun_hashes_each_result_once_and_makes_damaged_ones_anew(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job, real, hashed = Job(partial(jobs.slow, "x", 0), range(3)), hashlib.file_digest, []

    def counted(stream: Any, name: str) -> Any:
        hashed.append(stream)
        return real(stream, name)

    first = run("stage", {"x": job}, Place())
    monkeypatch.setattr(hashlib, "file_digest", counted)
    assert run("stage", {"x": job}, Place()) == first
    assert len(hashed) == 3
    path = Cache()._path(job.keys[1])
    for damage in (b"", path.read_bytes()[:-1], path.read_bytes()[:-1] + b"!"):
        path.write_bytes(damage)
        assert run("stage", {"x": job}, Place()) == first
        said = capsys.readouterr().err
        assert f"{path} is damaged" in said
        assert "3 units, 2 from the cache, 1 computed" in said


def test_a_damaged_artifact_that_was_replaced_meanwhile_is_kept(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.write_bytes(b"damaged")
    monkeypatch.setattr("builtins.print", lambda *_, **__: Cache().put(KEY, b"anew"))
    assert KEY not in Cache()  # what was read is damaged; another process is faster
    assert Kept(KEY, "x", verified=False).bytes() == b"anew"


@pytest.mark.parametrize("call", ["open", "put", "digest"])
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


def test_arrays_and_payloads_come_back(tmp_path: Path) -> None:
    """`test_fuzz.py` has pickles, `test_hostile.py` payloads that would leave their folder."""
    path = tmp_path / "x.npz"
    path.write_bytes(npz_bytes(a=np.arange(3)))
    assert read_npz(path, "a")[0].tolist() == [0, 1, 2]
    with pytest.raises(DataError, match=r"x\.npz: array 'b' is missing"):
        read_npz(path, "b")
    unpack(pack({"a/b.txt": b"1"}), tmp_path / "in")
    assert (tmp_path / "in" / "a" / "b.txt").read_bytes() == b"1"


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


def test_where_there_is_no_terminal_a_line_now_and_then_says_how_far_a_stage_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work = {name: Job(partial(jobs.returned, name)) for name in "abc"}
    monkeypatch.setattr("stages.runtime.jobs.EVERY", -1)
    run("stage", work, Place())
    lines = capsys.readouterr().err.splitlines()
    told = [line.rpartition(",")[0] for line in lines]
    assert told[:3] == [f"stage: {i} of 3 units" for i in (1, 2, 3)]
