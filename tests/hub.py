"""A small model hub on this machine, for tests: it speaks what huggingface_hub's client asks for.

    with Hub({"owner/name": {"model.safetensors": b"...", "config.json": b"..."}}) as hub:
        hub.breaks("owner/name", "model.safetensors", "503", "cut")   # then it is well again
        subprocess.run(..., env=os.environ | hub.environment(tmp_path))
        hub.asked                       # every request for a file: method, repo, file, range

or `Hub(folder)` for a folder of `<owner>/<name>/<file>`, such as `make_weights(names, folder)`
writes: untrained networks, which say so in their header. `Hub({}, CONTENT)` gives CONTENT at every
address, for downloads that are no hub's; `breaks` is then without names. The client reads its
environment when it is imported: for a client in this process there is
`hub.patch(monkeypatch, tmp_path)`.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import socket
import struct
import threading
import time
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple
from urllib.parse import unquote

import huggingface_hub.file_download
import numpy as np
import pytest
from huggingface_hub import constants
from huggingface_hub.utils import _http

import stages.networks.hub

Files = Mapping[str, bytes | Path]
FAULTS = {
    *("cut", "reset", "short", "long", "wrong", "page", "empty", "encoded"),
    *("slow", "drip", "stall", "endless", "loop"),
}
PAGE = b"<html><body>Sorry</body></html>"
CONTENT = np.random.default_rng(0).bytes(200_000)
"""A file to download."""


class Asked(NamedTuple):
    """One request for a file; `range` is its Range header or "". Elsewhere `filename` is a path."""

    method: str
    repo: str
    filename: str
    range: str


class Hub:
    """The server.

    Parameters
    ----------
    content : repo -> file -> bytes or the path of them; or a folder `<owner>/<name>/<file>`.
    elsewhere : what every other address holds.

    Attributes
    ----------
    url : its address. asked : requests for files so far. gated : repos that want a token.
    stall : seconds that a stalling answer takes.
    """

    def __init__(self, content: Mapping[str, Files] | Path, elsewhere: bytes = b"") -> None:
        if isinstance(content, Path):
            content = {
                repo.relative_to(content).as_posix(): {
                    file.relative_to(repo).as_posix(): file
                    for file in sorted(repo.rglob("*"))
                    if file.is_file()
                }
                for repo in sorted(content.glob("*/*"))
            }
        self.repos = {repo: dict(files) for repo, files in content.items()}
        self.elsewhere = elsewhere
        self.asked: list[Asked] = []
        self.gated: set[str] = set()
        self.stall = 2.0
        self._faults: dict[tuple[str, str, str], list[str]] = {}
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self, home: Path) -> dict[str, str]:
        """Environment variables that make the client ask here, and keep its cache in `home`."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
        }

    def patch(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
        """The same for this process: nothing of its own environment counts, and nothing sleeps."""
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in self.environment(home).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(constants, "ENDPOINT", self.url)
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", self.url + template[template.index("/{") :]
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
        hasty = SimpleNamespace(**vars(time) | {"sleep": lambda _: None})
        for module in (stages.networks.hub, huggingface_hub.file_download, _http):
            monkeypatch.setattr(module, "time", hasty)

    def commit(self, repo: str) -> str:
        """The commit of a repo: it changes with its content."""
        names = {name: self.sha256(repo, name) for name in sorted(self.repos[repo])}
        return hashlib.sha1(repr((repo, names)).encode()).hexdigest()  # noqa: S324

    def content(self, repo: str, filename: str) -> bytes:
        """A file's right bytes."""
        found = self.repos[repo][filename]
        return found.read_bytes() if isinstance(found, Path) else found

    def sha256(self, repo: str, filename: str) -> str:
        """SHA-256 of a file's right bytes."""
        found = self.repos[repo][filename]
        if isinstance(found, Path):
            return _digest(found, found.stat().st_mtime_ns, found.stat().st_size)
        return hashlib.sha256(found).hexdigest()

    def breaks(self, repo: str = "", filename: str = "", *faults: str, method: str = "GET") -> None:
        """Let the next answers for a file be faulty, one fault each; the last is repeated for ever
        where it ends in "!".

        "cut" breaks off in the middle, "reset" does so rudely ("reset 3": after three tenths),
        "short" is half a file, "long" has more after it, "wrong" has the right size and other
        bytes, "page" is an error page in place of the file (status 200, as what stands between may
        send it), "empty" is nothing, "encoded" claims to be zipped, "slow" is right but dribbles,
        "drip" takes for ever, "stall" says nothing for `stall` seconds, "endless" does not end,
        "loop" redirects to itself; a number is that HTTP status.
        """
        for kind in (fault.rstrip("!").split()[0] for fault in faults):
            assert kind in FAULTS or kind.isdigit(), kind
        self._faults[method, repo, filename] = list(faults)

    def next_fault(self, asked: Asked) -> str:
        """The fault of this answer, or ""."""
        with self._lock:
            self.asked.append(asked)
            filename = asked.filename if asked.repo else ""
            waiting = self._faults.get((asked.method, asked.repo, filename), [])
            if not waiting:
                return ""
            return waiting[0][:-1] if waiting[0].endswith("!") else waiting.pop(0)


@functools.cache
def _digest(path: Path, _modified: int, _size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        repo, resolve, rest = unquote(path[1:]).partition("/resolve/")
        if not resolve:
            if not self.hub.elsewhere:
                self._say(404, {})
                return
            repo, rest = "", f"/{self.path}"
        revision, _, filename = rest.partition("/")
        files, authorised = self.hub.repos.get(repo), "authorization" in self.headers
        fault = self.hub.next_fault(
            Asked(self.command, repo, filename, self.headers.get("Range", ""))
        )
        if fault.isdigit():
            self._say(int(fault), {})
        elif fault == "loop":
            self._say(302, {"Location": f"{path}?{int(query or 0) + 1}"})
        elif not resolve:
            self._send(self.hub.elsewhere, {}, fault)
        elif files is None:
            self._say(404 if authorised else 401, {"X-Error-Code": "RepoNotFound"})
        elif repo in self.hub.gated:
            self._say(403 if authorised else 401, {"X-Error-Code": "GatedRepo"})
        elif revision not in ("main", self.hub.commit(repo)):
            self._say(404, {"X-Error-Code": "RevisionNotFound"})
        elif filename not in files:
            commit = {"X-Repo-Commit": self.hub.commit(repo)}
            self._say(404, {"X-Error-Code": "EntryNotFound"} | commit)
        else:
            self._send_from_hub(repo, filename, fault)

    def _say(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_from_hub(self, repo: str, filename: str, fault: str) -> None:
        content = self.hub.content(repo, filename)
        headers = {"X-Repo-Commit": self.hub.commit(repo), "Accept-Ranges": "bytes"}
        if filename.endswith(".safetensors"):  # kept by git-lfs: named by its SHA-256
            headers["X-Linked-Etag"] = f'"{self.hub.sha256(repo, filename)}"'
            headers["X-Linked-Size"] = str(len(content))
            headers["ETag"] = '"of-the-delivery-network"'
        else:
            blob = f"blob {len(content)}\0".encode() + content
            headers["ETag"] = f'"{hashlib.sha1(blob).hexdigest()}"'  # noqa: S324
        self._send(content, headers, fault)

    def _send(self, content: bytes, headers: dict[str, str], fault: str) -> None:
        kind, _, tenths = fault.partition(" ")
        half = content[: len(content) // 2]
        bodies = {"short": half, "long": content + b"more", "wrong": content[::-1]}
        body = (bodies | {"page": PAGE, "empty": b""}).get(kind, content)
        status, start = 200, 0
        if kind == "page":
            headers = {"Content-Type": "text/html"}
        elif asked := self.headers.get("Range"):
            status, start = 206, int(asked.removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        if kind == "encoded":
            headers["Content-Encoding"] = "gzip"
        if kind == "endless":
            headers["Connection"] = "close"
        else:
            headers["Content-Length"] = str(len(body) - start)
        if kind == "stall":
            time.sleep(self.hub.stall)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the client may have had enough
            if self.command == "GET":
                self._body(body[start:], kind, int(tenths or 5))

    def _body(self, body: bytes, kind: str, tenths: int) -> None:
        pieces, pause = {"slow": (10, 0.1), "drip": (len(body), 0.05)}.get(kind, (1, 0))
        if kind in ("cut", "reset"):
            self.wfile.write(body[: len(body) * tenths // 10])
            self.close_connection = True
            if kind == "reset":  # unread bytes and no lingering: the peer sees a reset
                time.sleep(0.05)
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                self.connection.close()
            return
        for i in range(pieces):
            self.wfile.write(body[len(body) * i // pieces : len(body) * (i + 1) // pieces])
            time.sleep(pause)
        while kind == "endless":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def make_weights(names: Iterable[str], folder: Path, seed: int = 0, **metadata: str) -> Path:
    """Write `<folder>/timm/<name>/{model.safetensors, config.json}` for timm models, and return
    the folder, for `Hub(folder)`.

    Networks have fresh weights (each seeded alone: files repeat to the byte), and their headers
    say {"format": "pt", "weights": "untrained"} and whatever `metadata` adds.
    """
    import safetensors.torch
    import timm
    import torch
    from timm.models._hub import save_config_for_hf

    for name in names:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = timm.create_model(name)
        place = folder / "timm" / name
        place.mkdir(parents=True, exist_ok=True)
        state = {key: value.clone().contiguous() for key, value in model.state_dict().items()}
        header = {"format": "pt", "weights": "untrained", **metadata}
        content = _ordered(safetensors.torch.save(state, header))
        (place / "model.safetensors").write_bytes(content)
        save_config_for_hf(model, str(place / "config.json"))
    return folder


def _ordered(content: bytes) -> bytes:
    """A safetensors file with its header in order: the library writes metadata in any order."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[end:]
