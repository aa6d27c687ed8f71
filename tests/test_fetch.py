"""Downloads from a local server: verified, retried where a fault may pass, refused where not."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from stages.runtime.errors import DataError, UsageError
from stages.sources import fetch as module
from stages.sources.fetch import Remote, fetch

CONTENT = bytes(range(256)) * 500
SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}:{len(CONTENT)}"


class Handler(BaseHTTPRequestHandler):
    answers: ClassVar[list[str]] = []
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        answer = self.answers.pop(0) if self.answers else "good"
        if answer.isdigit():
            self.send_error(int(answer))
            return
        body = {"wrong": CONTENT[::-1], "page": b"<html>sorry</html>"}.get(answer, CONTENT)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if answer == "cut" else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Handler.answers, Handler.asked = [], []
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()


def test_a_good_file_is_fetched_once(server: str) -> None:
    remote = Remote(f"{server}/a/file.bin", ("md5:0", SHA))
    path = fetch(remote)
    assert path.read_bytes() == CONTENT
    assert fetch(remote) == path
    assert len(Handler.asked) == 1


def test_passing_faults_are_retried(server: str) -> None:
    for fault in ("500", "503", "cut"):
        Handler.answers = [fault]
        assert fetch(Remote(f"{server}/{fault}", (SHA,))).read_bytes() == CONTENT


@pytest.mark.parametrize("answers", [["404"], ["500"] * 3, ["cut"] * 3])
def test_what_cannot_be_had_is_named(server: str, answers: list[str]) -> None:
    Handler.answers = list(answers)
    with pytest.raises(DataError, match=rf"file\.bin.*{server}.*DATA_MIRROR"):
        fetch(Remote(f"{server}/file.bin", (SHA,)))
    assert len(Handler.asked) == len(answers)


@pytest.mark.parametrize("answer", ["wrong", "page"])
def test_wrong_bytes_are_never_kept(server: str, answer: str, tmp_path: Path) -> None:
    Handler.answers = [answer]
    with pytest.raises(DataError, match=rf"file\.bin: wrong digest sha256:.*{SHA}.*{server}"):
        fetch(Remote(f"{server}/file.bin", (SHA,)))
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []


def test_a_damaged_earlier_download_is_replaced(server: str) -> None:
    remote = Remote(f"{server}/file.bin", (SHA,))
    fetch(remote).write_bytes(CONTENT[:-1])
    assert fetch(remote).read_bytes() == CONTENT


def test_mirror_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = Remote("https://example.org/a/b.bin", (SHA,))
    monkeypatch.setenv("DATA_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(UsageError, match=r"DATA_MIRROR: .*mirror' is no folder"):
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


def test_mirror_address(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_MIRROR", f"{server}/mirror")
    assert fetch(Remote("https://example.org/~a/b.bin", (SHA,))).read_bytes() == CONTENT
    assert Handler.asked == ["/mirror/example.org/~a/b.bin"]
