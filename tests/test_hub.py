"""Weights from a local hub: pinned, verified, retried where a fault may pass, refused where not."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub.constants
import huggingface_hub.file_download
import numpy as np
import pytest

from stages.runtime.errors import DataError
from stages.zoo import hub as module
from stages.zoo import hub_client
from stages.zoo.hub import Pin, cached, fetch, resolve, resolve_all
from tests.hub import Asked, Hub

REPO, FILE = "timm/small.tag", "model.safetensors"
WEIGHTS = np.random.default_rng(0).bytes(300_000)
CONFIG = b'{"architecture": "small"}'
FETCH = f"""
from stages.zoo.hub import fetch, resolve
print(fetch(resolve("{REPO}", None)))
"""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub with one repo, asked by this process; nothing sleeps between attempts."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    with Hub({REPO: {FILE: WEIGHTS, "config.json": CONFIG}}) as server:
        for name, value in server.environment(tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_TELEMETRY", True)
        hasty = SimpleNamespace(**vars(time) | {"sleep": lambda _: None})
        for waiting in (hub_client, huggingface_hub.file_download):
            monkeypatch.setattr(waiting, "time", hasty)
        yield server


def asked(hub: Hub, method: str = "GET") -> list[Asked]:
    return [request for request in hub.asked if request.method == method]


def blobs(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "home").rglob("blobs/*") if path.is_file()]


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
    assert (
        fetch(pin) == cached(REPO, pin.commit) == cached(REPO, None) or cached(REPO, None) is None
    )
    assert resolve(REPO, pin.commit) == pin
    assert len(hub.asked) == seen


def test_a_small_file_is_hashed_since_the_hub_tells_no_sha256(hub: Hub) -> None:
    pin = resolve(REPO, None, "config.json")
    assert pin.sha256 == hashlib.sha256(CONFIG).hexdigest()
    assert pin.size == len(CONFIG)
    assert fetch(pin).read_bytes() == CONFIG
    assert len(asked(hub)) == 1


def test_wrong_bytes_of_a_small_file_are_refused(hub: Hub, tmp_path: Path) -> None:
    hub.breaks(REPO, "config.json", "wrong")
    with pytest.raises(DataError, match=r"small\.tag@main/config\.json: wrong digest git:.*again"):
        resolve(REPO, None, "config.json")
    assert blobs(tmp_path) == []
    assert resolve(REPO, None, "config.json").size == len(CONFIG)


def test_a_cut_connection_resumes_where_it_broke(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 50_000)
    hub.breaks(REPO, FILE, "cut", "cut")
    assert fetch(resolve(REPO, None)).read_bytes() == WEIGHTS
    ranges = [request.range for request in asked(hub)]
    assert ranges == ["", "bytes=150000-", "bytes=200000-"]


@pytest.mark.parametrize("faults", [["503"], ["500", "502"], ["reset"], ["429"], ["short"]])
def test_faults_that_pass_are_retried(hub: Hub, faults: list[str]) -> None:
    pin = resolve(REPO, None)
    hub.breaks(REPO, FILE, *faults)
    assert fetch(pin).read_bytes() == WEIGHTS


def test_a_busy_hub_is_asked_again_for_a_pin(hub: Hub) -> None:
    hub.breaks(REPO, FILE, "503", "429", method="HEAD")
    assert resolve(REPO, None).size == len(WEIGHTS)
    assert len(asked(hub, "HEAD")) == 3


def test_silence_is_a_timeout_and_a_slow_answer_is_not(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    pin = resolve(REPO, None)
    hub.breaks(REPO, FILE, "stall", "slow")
    assert fetch(pin).read_bytes() == WEIGHTS
    assert len(asked(hub)) == 2


def test_a_hub_that_stays_broken_is_named(hub: Hub, tmp_path: Path) -> None:
    pin = resolve(REPO, None)
    for method in ("GET", "HEAD"):
        hub.breaks(REPO, FILE, "503!", method=method)
        with pytest.raises(DataError, match=rf"{pin.commit}/{FILE}: {hub.url} answers HTTP 503"):
            fetch(pin)
    assert blobs(tmp_path) == []


def test_a_wrong_size_is_refused(hub: Hub, tmp_path: Path) -> None:
    pin = resolve(REPO, None)
    hub.breaks(REPO, FILE, "short!")
    with pytest.raises(DataError, match=rf"{FILE}: could not be had from .*300000.*150000"):
        fetch(pin)
    assert blobs(tmp_path) == []


def test_a_wrong_digest_is_fetched_once_more_and_never_kept(hub: Hub, tmp_path: Path) -> None:
    pin = resolve(REPO, None)
    hub.breaks(REPO, FILE, "wrong")
    assert fetch(pin).read_bytes() == WEIGHTS
    module._discard(fetch(pin))
    hub.breaks(REPO, FILE, "wrong!")
    with pytest.raises(DataError, match=rf"{FILE}: wrong digest sha256:.*expected {pin.sha256}"):
        fetch(pin)
    assert blobs(tmp_path) == []
    assert cached(REPO, pin.commit) is None


def test_a_damaged_copy_is_replaced(hub: Hub) -> None:
    pin = resolve(REPO, None)
    fetch(pin).resolve().write_bytes(WEIGHTS[:-1] + b"x")
    assert fetch(pin).read_bytes() == WEIGHTS


def test_other_weights_than_those_pinned_are_not_even_downloaded(hub: Hub) -> None:
    pin = Pin(REPO, FILE, hub.commit(REPO), "0" * 64, len(WEIGHTS))
    with pytest.raises(DataError, match=rf"{FILE}: .* has .* pinned is sha256:0{{64}}"):
        fetch(pin)
    assert asked(hub) == []


@pytest.mark.parametrize(
    ("repo", "revision", "file", "token", "reason"),
    [
        ("timm/absent", None, FILE, "", "no such model repo.*HF_TOKEN"),
        ("timm/absent", None, FILE, "hf_x", "no such model repo"),
        (REPO, "main", "other.safetensors", "", "no such file.*safetensors.*never from a pickle"),
        (REPO, "v2", FILE, "", "no such revision"),
        ("timm/gated", None, FILE, "", "gated.*terms.*HF_TOKEN"),
        ("timm/gated", None, FILE, "hf_x", "gated.*terms.*HF_TOKEN"),
        ("not a repo", None, FILE, "", "cannot be asked for: Repo id must"),
        (REPO, "../..", FILE, "", "leaves its folder"),
    ],
)
def test_what_cannot_be_had_is_named_with_what_to_do(
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    repo: str,
    revision: str | None,
    file: str,
    token: str,
    reason: str,
) -> None:
    hub.repos["timm/gated"] = {FILE: b"x"}
    hub.gated.add("timm/gated")
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(DataError) as caught:
        resolve(repo, revision, file)
    caught.match(rf"^{repo}@{revision or 'main'}/{file}: .*{reason}")
    assert "\n" not in str(caught.value)
    assert len(hub.asked) <= 1


def test_offline_the_cache_answers(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = [resolve(REPO, None, name) for name in (FILE, "config.json")]
    paths = [fetch(pin) for pin in pins]
    seen = len(hub.asked)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert [resolve(REPO, None, name) for name in (FILE, "config.json")] == pins
    assert [fetch(pin) for pin in pins] == paths
    command = [sys.executable, "-c", FETCH]
    assert subprocess.check_output(command, text=True) == f"{paths[0]}\n"
    assert resolve_all({"a": (REPO, None, FILE)}) == ({"a": pins[0]}, {})
    with pytest.raises(DataError, match=r"not in the hub's cache.*HF_HUB_OFFLINE is set"):
        resolve("timm/other", None)
    paths[0].resolve().write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"wrong size 7 bytes.*unset HF_HUB_OFFLINE"):
        fetch(pins[0])
    assert len(hub.asked) == seen


def test_a_cache_without_links_is_hashed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    pin = resolve(REPO, None)
    path = fetch(pin)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    assert resolve(REPO, pin.commit) == pin


def test_many_are_resolved_at_once_and_failures_have_reasons(hub: Hub) -> None:
    wanted: dict[str, tuple[str, str | None, str]] = {f"m{i}": (REPO, None, FILE) for i in range(9)}
    wanted["absent"] = ("timm/absent", None, FILE)
    pins, failed = resolve_all(wanted)
    assert list(pins) == [f"m{i}" for i in range(9)]
    assert set(pins.values()) == {resolve(REPO, None)}
    assert list(failed) == ["absent"]
    assert "timm/absent@main" in failed["absent"]


def test_a_hub_out_of_reach_is_found_out_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = resolve(REPO, None)
    fetch(kept)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    wanted: dict[str, tuple[str, str | None, str]] = {
        f"m{i}": (f"timm/m{i}", None, FILE) for i in range(491)
    }
    wanted["kept"] = (REPO, kept.commit, FILE)
    found: list[list[str]] = []
    probe = module.probe

    def counted() -> list[str]:
        found.append(probe())
        return found[-1]

    monkeypatch.setattr(module, "probe", counted)
    pins, failed = resolve_all(wanted)
    assert len(found) == 1
    assert pins == {"kept": kept}
    assert len(failed) == 491
    assert "timm/m3@main/model.safetensors: http://127.0.0.1:9 cannot be reached" in failed["m3"]
    # It may also go away after it was found.
    monkeypatch.setattr(module, "probe", list)
    assert resolve_all(wanted)[0] == pins
    assert resolve_all(wanted)[1].keys() == failed.keys()
    with pytest.raises(DataError, match=r"cannot be reached.*HF_HUB_OFFLINE=1"):
        resolve("timm/m1", None)


def test_asking_the_cache_imports_nothing_slow() -> None:
    code = "import sys, stages.zoo.hub as h; h.cached('timm/a', None); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"huggingface_hub", "httpx2", "torch", "timm"}
    assert not slow & set(done.stdout.split())


def test_two_processes_at_once_download_once(hub: Hub, tmp_path: Path) -> None:
    hub.breaks(REPO, FILE, "slow")
    environment = os.environ | hub.environment(tmp_path / "shared")
    running = [
        subprocess.Popen(
            [sys.executable, "-c", FETCH], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    paths = {Path(process.communicate(timeout=60)[0].strip()) for process in running}
    assert [process.returncode for process in running] == [0, 0]
    (path,) = paths
    assert path.read_bytes() == WEIGHTS
    assert len(asked(hub)) == 1
