"""Downloads from a local server: verified, retried where a fault may pass, refused where not."""

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


def remote(server: Hub, *accepted: str) -> Remote:
    return Remote(f"{server.url}/a/file.bin", accepted)


def test_a_good_file_is_fetched_once(server: Hub) -> None:
    path = fetch(remote(server, "md5:0", SHA))
    assert path.read_bytes() == CONTENT
    assert fetch(remote(server, "md5:0", SHA)) == path
    assert len(server.asked) == 1


@pytest.mark.parametrize("fault", ["500", "503", "cut", "reset 5", "encoded"])
def test_a_passing_fault_is_retried(server: Hub, fault: str) -> None:
    server.breaks("", "", fault)
    assert fetch(remote(server, SHA)).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("answers", "asked", "message"),
    [
        (["404"], 1, "could not be downloaded from {url}.*DATA_MIRROR"),
        (["500"] * 3, 3, "could not be downloaded from {url}.*DATA_MIRROR"),
        (["cut"] * 3, 3, "could not be downloaded from {url}.*DATA_MIRROR"),
        (["loop!"], 31, "could not .*redirects"),  # as many as the client follows, once
        (["drip!"], module.ATTEMPTS, "could not .*{url}.*fewer than 1024 bytes a second"),
        (["endless"], 1, f"more than its {len(CONTENT)} bytes"),
        (["long"], 1, f"more than its {len(CONTENT)} bytes"),
        *(
            ([kind], 1, f"wrong digest .* / sha256:.*{SHA}.*{{url}}")
            for kind in ("wrong", "page", "short", "empty")
        ),
    ],
)
def test_what_cannot_be_had_is_named_and_not_kept(
    server: Hub,
    answers: list[str],
    asked: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "WINDOW", 0.2)
    server.breaks("", "", *answers)
    with pytest.raises(DataError, match=rf"file\.bin: {message.format(url=server.url)}"):
        fetch(remote(server, "md5:0:1", SHA))
    assert len(server.asked) == asked
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []


def test_a_slow_server_that_is_fast_enough_is_not(
    server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 0.0)  # so that every piece is looked at
    assert fetch(remote(server, SHA)).read_bytes() == CONTENT


def test_a_file_of_unknown_digest_must_still_be_whole(server: Hub) -> None:
    server.breaks("", "", "cut", "cut", "reset 1")
    with pytest.raises(DataError, match=r"file\.bin: could not be downloaded"):
        fetch(remote(server))
    assert fetch(remote(server)).read_bytes() == CONTENT


def test_a_cache_that_cannot_be_written_is_named(server: Hub, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    with pytest.raises(CacheError, match=rf"artifact cache {tmp_path}/cache: Not a directory"):
        fetch(remote(server, SHA))


def test_a_damaged_earlier_download_is_replaced(server: Hub) -> None:
    fetch(remote(server, SHA)).write_bytes(CONTENT[:-1])
    assert fetch(remote(server, SHA)).read_bytes() == CONTENT


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
