"""Downloads from a local server: verified, retried where a fault may pass, refused where not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from stages.runtime.cache import CacheError
from stages.runtime.errors import DataError, UsageError
from stages.sources import fetch as module
from stages.sources.fetch import Remote, fetch
from tests.hub import CONTENT, Hub

SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}:{len(CONTENT)}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda seconds: None))
    with Hub({}, CONTENT) as hub:
        yield hub


def test_a_good_file_is_fetched_once(server: Hub) -> None:
    remote = Remote(f"{server.url}/a/file.bin", ("md5:0", SHA))
    path = fetch(remote)
    assert path.read_bytes() == CONTENT
    assert fetch(remote) == path
    assert len(server.asked) == 1


def test_passing_faults_are_retried(server: Hub) -> None:
    for fault in ("500", "503", "cut", "reset 5", "encoded"):
        server.breaks("", "", fault)
        assert (
            fetch(Remote(f"{server.url}/{fault.replace(' ', '/')}", (SHA,))).read_bytes() == CONTENT
        )


@pytest.mark.parametrize("answers", [["404"], ["500"] * 3, ["cut"] * 3])
def test_what_cannot_be_had_is_named(server: Hub, answers: list[str]) -> None:
    server.breaks("", "", *answers)
    with pytest.raises(DataError, match=rf"file\.bin.*{server.url}.*DATA_MIRROR"):
        fetch(Remote(f"{server.url}/file.bin", (SHA,)))
    assert len(server.asked) == len(answers)


def test_a_server_that_drips_is_given_up(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW", 0.2)
    server.breaks("", "", "drip!")
    with pytest.raises(
        DataError, match=rf"file\.bin.*{server.url}.*fewer than 1024 bytes a second"
    ):
        fetch(Remote(f"{server.url}/file.bin", (SHA,)))
    assert len(server.asked) == module.ATTEMPTS


def test_a_slow_server_that_is_fast_enough_is_not(
    server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 0.0)  # so that every piece is looked at
    assert fetch(Remote(f"{server.url}/file.bin", (SHA,))).read_bytes() == CONTENT


@pytest.mark.parametrize("answer", ["endless", "long"])
def test_more_than_the_file_is_not_read(server: Hub, answer: str) -> None:
    server.breaks("", "", answer)
    with pytest.raises(DataError, match=rf"file\.bin: more than its {len(CONTENT)} bytes"):
        fetch(Remote(f"{server.url}/file.bin", ("md5:0:1", SHA)))


def test_a_file_of_unknown_digest_must_still_be_whole(server: Hub) -> None:
    server.breaks("", "", "cut", "cut", "reset 1")
    with pytest.raises(DataError, match=r"file\.bin: could not be downloaded"):
        fetch(Remote(f"{server.url}/file.bin", ()))
    assert fetch(Remote(f"{server.url}/file.bin", ())).read_bytes() == CONTENT


def test_redirects_without_end_are_not_tried_again(server: Hub) -> None:
    server.breaks("", "", "loop!")
    with pytest.raises(DataError, match=r"file\.bin: could not .*redirects"):
        fetch(Remote(f"{server.url}/file.bin", (SHA,)))
    assert len(server.asked) == 31  # as many as the client follows, once


def test_a_cache_that_cannot_be_written_is_named(server: Hub, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    with pytest.raises(CacheError, match=rf"artifact cache {tmp_path}/cache: Not a directory"):
        fetch(Remote(f"{server.url}/file.bin", (SHA,)))


@pytest.mark.parametrize("answer", ["wrong", "page", "short", "empty"])
def test_wrong_bytes_are_never_kept(server: Hub, answer: str, tmp_path: Path) -> None:
    server.breaks("", "", answer)
    with pytest.raises(DataError, match=rf"file\.bin: wrong digest sha256:.*{SHA}.*{server.url}"):
        fetch(Remote(f"{server.url}/file.bin", (SHA,)))
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []


def test_a_damaged_earlier_download_is_replaced(server: Hub) -> None:
    remote = Remote(f"{server.url}/file.bin", (SHA,))
    fetch(remote).write_bytes(CONTENT[:-1])
    assert fetch(remote).read_bytes() == CONTENT


def test_mirror_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = Remote("https://example.org/a/b.bin", (SHA,))
    monkeypatch.setenv("DATA_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(UsageError, match=r"DATA_MIRROR: .*mirror' is not a folder"):
        fetch(remote)
    path = tmp_path / "mirror" / "example.org" / "a" / "b.bin"
    path.parent.mkdir(parents=True)
    with pytest.raises(DataError, match=r"b\.bin: missing in DATA_MIRROR.*https://example\.org"):
        fetch(remote)
    path.write_bytes(b"other")
    with pytest.raises(DataError, match=r"b\.bin: wrong digest.*accepted"):
        fetch(remote)
    path.write_bytes(CONTENT)
    assert fetch(remote) == path


def test_mirror_address(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_MIRROR", f"{server.url}/mirror")
    assert fetch(Remote("https://example.org/~a/b.bin", (SHA,))).read_bytes() == CONTENT
    assert [asked.filename for asked in server.asked] == ["/mirror/example.org/~a/b.bin"]
