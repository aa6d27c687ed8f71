"""A small model hub on this machine, for tests: it speaks what huggingface_hub's client asks for.

    with Hub({"owner/name": {"model.safetensors": b"...", "config.json": b"..."}}) as hub:
        hub.breaks("owner/name", "model.safetensors", "503", "cut")   # then it is well again
        subprocess.run(..., env=os.environ | hub.environment(tmp_path))
        hub.asked                       # every request for a file: method, repo, file, range

or `Hub(folder)` for a folder of `<owner>/<name>/<file>`, such as `make_weights(names, folder)`
writes. `Hub({}, CONTENT)` gives CONTENT at every address, for downloads that are no hub's; `breaks`
is then without names. The client reads its environment when it is imported: for a client in this
process there is `hub.patch(monkeypatch, tmp_path)`.
"""

import contextlib
import functools
import hashlib
import itertools
import socket
import struct
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, Self
from urllib.parse import unquote

import huggingface_hub.file_download
import numpy as np
import pytest
from huggingface_hub import constants
from huggingface_hub.utils import _http
from huggingface_hub.utils.sha import git_hash

import stages.networks.hub

FAULTS = {
    *("cut", "reset", "short", "long", "wrong", "page", "empty", "encoded"),
    *("slow", "drip", "stall", "endless", "loop"),
}
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
    content : repo -> file -> bytes; or a folder `<owner>/<name>/<file>`.
    elsewhere : what every other address holds.

    Attributes
    ----------
    url : its address. asked : requests for files so far. gated : repos that want a token.
    """

    def __init__(
        self, content: Mapping[str, Mapping[str, bytes]] | Path, elsewhere: bytes = b""
    ) -> None:
        if isinstance(content, Path):
            content = {
                repo.relative_to(content).as_posix(): {
                    f.name: f.read_bytes() for f in repo.iterdir()
                }
                for repo in content.glob("*/*")
            }
        self.repos = dict(content)
        self.elsewhere = elsewhere
        self.asked: list[Asked] = []
        self.gated: set[str] = set()
        self._faults: dict[tuple[str, str, str], Iterator[str]] = {}
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
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

    def sha256(self, repo: str, filename: str) -> str:
        """SHA-256 of a file's right bytes."""
        return _sha256(self.repos[repo][filename])

    def breaks(self, repo: str = "", filename: str = "", *faults: str, method: str = "GET") -> None:
        """Let the next answers for a file be faulty, one fault each; the last is repeated for ever
        where it ends in "!".

        "cut" breaks off in the middle, "reset" does so rudely ("reset 3": after three tenths),
        "short" is half a file, "long" has more after it, "wrong" has the right size and other
        bytes, "page" is an error page in place of the file (status 200, as what stands between may
        send it), "empty" is nothing, "encoded" claims to be zipped, "slow" is right but dribbles,
        "drip" takes for ever, "stall" says nothing for two seconds, "endless" does not end, "loop"
        redirects to itself; a number is that HTTP status.
        """
        answers = [fault.rstrip("!") for fault in faults]
        for kind in (answer.split()[0] for answer in answers):
            assert kind in FAULTS or kind.isdigit(), kind
        forever = itertools.repeat(answers[-1]) if faults and faults[-1].endswith("!") else ()
        self._faults[method, repo, filename] = itertools.chain(answers, forever)

    def next_fault(self, asked: Asked) -> str:
        """The fault of this answer, or ""."""
        self.asked.append(asked)
        filename = asked.filename if asked.repo else ""
        return next(self._faults.get((asked.method, asked.repo, filename), iter(())), "")


@functools.cache
def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        repo, resolve, rest = unquote(path[1:]).partition("/resolve/")
        if not resolve:
            repo, rest = "", f"/{self.path}"
            if not self.hub.elsewhere:
                return self._refuse(404)
        revision, _, filename = rest.partition("/")
        authorised = "authorization" in self.headers
        asked = Asked(self.command, repo, filename, self.headers.get("Range", ""))
        fault = self.hub.next_fault(asked)
        if fault.isdigit():
            return self._refuse(int(fault))
        if fault == "loop":
            return self._refuse(302, Location=f"{path}?{int(query or 0) + 1}")
        if not resolve:
            return self._send(self.hub.elsewhere, {}, fault)
        if repo not in self.hub.repos:
            return self._refuse(404 if authorised else 401, "RepoNotFound")
        if repo in self.hub.gated:
            return self._refuse(403 if authorised else 401, "GatedRepo")
        commit = self.hub.commit(repo)
        if revision not in ("main", commit):
            return self._refuse(404, "RevisionNotFound")
        headers = {"X-Repo-Commit": commit}
        if filename not in self.hub.repos[repo]:
            return self._refuse(404, "EntryNotFound", **headers)
        content = self.hub.repos[repo][filename]
        if filename.endswith(".safetensors"):  # kept by git-lfs: named by its SHA-256
            headers["X-Linked-Etag"] = f'"{self.hub.sha256(repo, filename)}"'
            headers["X-Linked-Size"] = str(len(content))
            headers["ETag"] = '"of-the-delivery-network"'
        else:
            headers["ETag"] = f'"{git_hash(content)}"'
        return self._send(content, headers | {"Accept-Ranges": "bytes"}, fault)

    def _refuse(self, status: int, error: str = "", **headers: str) -> None:
        self._say(status, {"Content-Length": "0", "X-Error-Code": error, **headers})

    def _say(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, content: bytes, headers: dict[str, str], fault: str) -> None:
        kind, _, tenths = fault.partition(" ")
        bodies = {
            "short": content[: len(content) // 2],
            "long": content + b"more",
            "wrong": content[::-1],
            "page": b"<html><body>Sorry</body></html>",
            "empty": b"",
        }
        body = bodies.get(kind, content)
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
            time.sleep(2)
        self._say(status, headers)
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


def make_weights(names: Iterable[str], folder: Path, seed: int = 0) -> Path:
    """Write `<folder>/timm/<name>/{model.safetensors, config.json}` for timm models; the folder.

    Networks are untrained, and their headers say so. Each is seeded alone.
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
        place.mkdir(parents=True)
        state = {key: value.clone().contiguous() for key, value in model.state_dict().items()}
        content = safetensors.torch.save(state, {"weights": "untrained"})
        (place / "model.safetensors").write_bytes(content)
        save_config_for_hf(model, str(place / "config.json"))
    return folder
