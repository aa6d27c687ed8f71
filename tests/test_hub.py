"""Weights from a local hub: pinned, verified, retried where a fault may pass, refused where not."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import httpx2
import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import constants
from huggingface_hub.utils import _http

from stages.networks.hub import Pin, cached, fetch, resolve, resolve_all
from stages.runtime.errors import DataError
from tests.hub import Asked, Hub

REPO, FILE = "timm/small.tag", "model.safetensors"
WEIGHTS = np.random.default_rng(0).bytes(300_000)
CONFIG = b'{"architecture": "small"}'
CODE = f"from stages.networks.hub import fetch, resolve; print(fetch(resolve('{REPO}', None)))"
FETCH = (sys.executable, "-c", CODE)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub with one repo, asked by this process; nothing sleeps between attempts."""
    with Hub({REPO: {FILE: WEIGHTS, "config.json": CONFIG}}) as server:
        server.patch(monkeypatch, tmp_path / "home")
        yield server


def asked(hub: Hub, method: str = "GET") -> list[Asked]:
    return [request for request in hub.asked if request.method == method]


def blobs(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "home").rglob("blobs/*"))


def test_a_pin_tells_commit_digest_and_size_without_a_download(hub: Hub) -> None:
    expected = Pin(REPO, FILE, hub.commit(REPO), hashlib.sha256(WEIGHTS).hexdigest(), len(WEIGHTS))
    assert resolve(REPO, None) == resolve(REPO, "main") == expected
    assert resolve(REPO, hub.commit(REPO)) == expected
    assert asked(hub) == []


def test_weights_are_downloaded_once(hub: Hub) -> None:
    pin = resolve(REPO, None)
    assert cached(REPO, None) is None
    path = fetch(pin)
    assert path.read_bytes() == WEIGHTS
    seen = len(hub.asked)
    assert fetch(pin) == cached(REPO, pin.commit) == cached(REPO, None) == path
    assert resolve(REPO, pin.commit) == pin
    assert len(hub.asked) == seen


def test_a_small_file_is_hashed_since_the_hub_tells_no_sha256(hub: Hub) -> None:
    pin = resolve(REPO, None, "config.json")
    assert pin.sha256 == hashlib.sha256(CONFIG).hexdigest()
    assert pin.size == len(CONFIG)
    assert fetch(pin).read_bytes() == CONFIG
    assert len(asked(hub)) == 1


def test_wrong_bytes_of_a_small_file_are_refused(hub: Hub, tmp_path: Path) -> None:
    hub.breaks(REPO, "config.json", "wrong!")
    with pytest.raises(DataError, match=r"small\.tag@.*/config\.json: wrong digest"):
        resolve(REPO, None, "config.json")
    assert blobs(tmp_path) == []
    hub.breaks(REPO, "config.json", "wrong")
    assert resolve(REPO, None, "config.json").sha256 == hashlib.sha256(CONFIG).hexdigest()


def test_a_cut_connection_resumes_where_it_broke(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 50_000)
    hub.breaks(REPO, FILE, "cut", "cut")
    assert fetch(resolve(REPO, None)).read_bytes() == WEIGHTS
    ranges = [request.range for request in asked(hub)]
    assert ranges == ["", "bytes=150000-", "bytes=200000-"]


@pytest.mark.parametrize("faults", ["503", "500 502", "reset", "429", "short", "wrong"])
def test_faults_that_pass_are_retried(hub: Hub, faults: str) -> None:
    pin = resolve(REPO, None)
    hub.breaks(REPO, FILE, *faults.split())
    assert fetch(pin).read_bytes() == WEIGHTS


def test_a_busy_hub_is_asked_again_for_a_pin(hub: Hub) -> None:
    hub.breaks(REPO, FILE, "503", "429", method="HEAD")
    assert resolve(REPO, None).size == len(WEIGHTS)
    assert len(asked(hub, "HEAD")) == 3


def test_silence_is_a_timeout_and_a_slow_answer_is_not(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    pin = resolve(REPO, None)
    hub.breaks(REPO, FILE, "stall", "slow")
    assert fetch(pin).read_bytes() == WEIGHTS
    assert len(asked(hub)) == 2


@pytest.mark.parametrize(
    ("fault", "method", "reason"),
    [
        ("503!", "GET", "{url}.*503"),
        ("503!", "HEAD", "{url}.*503"),
        ("short!", "GET", "{url}.*300000.*150000"),
        ("wrong!", "GET", "wrong digest .*expected {sha256}"),
    ],
)
def test_faults_that_stay_are_named_and_nothing_is_kept(
    hub: Hub, tmp_path: Path, fault: str, method: str, reason: str
) -> None:
    pin = resolve(REPO, None)
    hub.breaks(REPO, FILE, fault, method=method)
    reason = reason.format(url=hub.url, sha256=pin.sha256)
    with pytest.raises(DataError, match=rf"{pin.commit}/{FILE}: .*{reason}"):
        fetch(pin)
    assert blobs(tmp_path) == []
    assert cached(REPO, pin.commit) is None


def test_other_weights_than_those_pinned_are_not_kept(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"{FILE}: wrong digest .* expected 0{{64}}"):
        fetch(replace(resolve(REPO, None), sha256="0" * 64))
    assert blobs(tmp_path) == []


@pytest.mark.parametrize(
    ("wanted", "token", "reason"),
    [
        (("timm/absent", "main", FILE), "", "no such model repo.*HF_TOKEN"),
        (("timm/absent", "main", FILE), "hf_x", "no such model repo"),
        ((REPO, "main", "o.safetensors"), "", "no such file.*safetensors.*never from a pickle"),
        ((REPO, "v2", FILE), "", "no such revision"),
        (("timm/gated", "main", FILE), "", "gated.*terms.*HF_TOKEN"),
        (("timm/gated", "main", FILE), "hf_x", "gated.*terms.*HF_TOKEN"),
        (("not a repo", "main", FILE), "", "Repo id must"),
        ((REPO, "../..", FILE), "", "no such revision"),
    ],
)
def test_what_cannot_be_had_is_named_with_what_to_do(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, wanted: tuple[str, str, str], token: str, reason: str
) -> None:
    hub.repos["timm/gated"] = {FILE: b"x"}
    hub.gated.add("timm/gated")
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(DataError) as caught:
        resolve(*wanted)
    caught.match(rf"^{'{}@{}/{}'.format(*wanted)}: .*{reason}")
    assert "\n" not in str(caught.value)
    assert len(hub.asked) <= 1


def test_offline_the_cache_answers(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """And keeps a damaged file: it is refused."""
    pins = [resolve(REPO, None, name) for name in (FILE, "config.json")]
    paths = [fetch(pin) for pin in pins]
    seen = len(hub.asked)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert [resolve(REPO, None, name) for name in (FILE, "config.json")] == pins
    assert [fetch(pin) for pin in pins] == paths
    assert subprocess.check_output(FETCH, text=True) == f"{paths[0]}\n"
    assert resolve_all({"a": (REPO, None, FILE)}) == ({"a": pins[0]}, {})
    with pytest.raises(DataError, match=r"not in the hub's cache.*HF_HUB_OFFLINE is set"):
        resolve("timm/other", None)
    paths[0].resolve().write_bytes(b"damaged")
    digest = hashlib.sha256(b"damaged").hexdigest()
    with pytest.raises(DataError, match=rf"wrong digest {digest}, .*HF_HUB_OFFLINE is set: unset"):
        fetch(pins[0])
    assert paths[0].read_bytes() == b"damaged"
    assert len(hub.asked) == seen


def test_a_cache_without_links_is_hashed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    pin = resolve(REPO, None)
    path = fetch(pin)
    path.unlink()
    path.write_bytes(WEIGHTS)
    assert resolve(REPO, pin.commit) == pin


def test_many_are_resolved_at_once_and_failures_have_reasons(hub: Hub) -> None:
    wanted = dict.fromkeys("abc", (REPO, None, FILE)) | {"absent": ("timm/absent", None, FILE)}
    pins, failed = resolve_all(wanted)
    assert pins == dict.fromkeys("abc", resolve(REPO, None))
    assert list(failed) == ["absent"]
    assert "timm/absent@main" in failed["absent"]


def test_a_hub_out_of_reach_is_found_out_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = resolve(REPO, None)
    fetch(kept)
    down = "http://127.0.0.1:9"
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(hub.url, down)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", down)
    tried: list[float] = []
    monkeypatch.setattr(_http, "time", SimpleNamespace(sleep=tried.append))
    wanted = {f"m{i}": (f"timm/m{i}", None, FILE) for i in range(491)}
    pins, failed = resolve_all({**wanted, "kept": (REPO, kept.commit, FILE)})
    assert tried == []
    assert pins == {"kept": kept}
    assert failed.keys() == wanted.keys()
    assert re.search(f"timm/m3@main/{FILE}: cannot be reached.*{down}", failed["m3"])
    with pytest.raises(DataError, match=r"cannot be reached.*HF_HUB_OFFLINE=1"):
        resolve("timm/m1", None)
    assert len(tried) == 5


def test_a_hub_that_goes_away_is_found_out_too(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    asks: list[str] = []

    def leaves(url: str, **_: object) -> None:
        asks.append(url)
        raise httpx2.ConnectError("gone") if len(asks) > 1 else OSError("odd")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", leaves)
    names = {i: (f"timm/m{i}", None, FILE) for i in range(40)}
    pins, failed = resolve_all(names, threads=1)
    assert not pins
    assert len(asks) == 2
    assert all(f"timm/m{i}@main/{FILE}: cannot be reached" in failed[i] for i in names)


def test_two_processes_at_once_download_once(hub: Hub, tmp_path: Path) -> None:
    hub.breaks(REPO, FILE, "slow")
    environment = os.environ | hub.environment(tmp_path / "shared")
    ask = partial(subprocess.check_output, FETCH, env=environment, text=True, timeout=60)
    with ThreadPoolExecutor() as pool:
        first, second = (future.result() for future in [pool.submit(ask), pool.submit(ask)])
    assert first == second
    assert Path(first.strip()).read_bytes() == WEIGHTS
    assert len(asked(hub)) == 1
