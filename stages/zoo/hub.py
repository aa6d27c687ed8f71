"""Published weights from the model hub: pinned by commit and SHA-256, safetensors only.

`$HF_ENDPOINT`, `$HF_HOME`, `$HF_HUB_CACHE`, `$HF_TOKEN` and `$HF_HUB_OFFLINE` are obeyed. Files are
kept in the hub's own cache, which its other users share, in its own layout:
``models--<owner>--<name>/{refs/<branch>, snapshots/<commit>/<file>, blobs/<etag>}``.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stages.runtime.errors import DataError
from stages.runtime.source import file_digest
from stages.zoo.hub_client import UnreachableError, cache_folder, endpoint, offline, probe, retried

WEIGHTS = "model.safetensors"
# A file that the hub tells no SHA-256 of (config.json) is downloaded to be hashed, up to this size.
SMALL = 16 * 1024 * 1024


@dataclass(frozen=True)
class Pin:
    """One version of one file of a model repo.

    Attributes
    ----------
    commit : 40 hex digits; sha256 : of the file's bytes, 64 hex digits; size : bytes.
    """

    repo: str
    filename: str
    commit: str
    sha256: str
    size: int

    @property
    def where(self) -> str:
        """`repo@commit/filename`, as errors name it."""
        return _where(self.repo, self.commit, self.filename)


def cached(repo: str, revision: str | None, filename: str = WEIGHTS) -> Path | None:
    """A file in the hub's cache, unverified, or None; no network, and nothing slow is imported.

    Parameters
    ----------
    revision : a commit; or a branch or tag, as it was when last asked for. None is "main".
    """
    commit = revision or "main"
    for name in (commit, filename):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DataError(f"{_where(repo, revision, filename)}: '{name}' leaves its folder")
    folder = _folder(repo)
    if not _is_commit(commit):
        try:
            commit = (folder / "refs" / commit).read_text().strip()
        except OSError:
            return None
    path = folder / "snapshots" / commit / filename
    return path if path.is_file() else None


def resolve(repo: str, revision: str | None, filename: str = WEIGHTS) -> Pin:
    """What a revision of a file is: its commit, SHA-256 and size.

    The hub tells them of weights, which are not downloaded. Of a small file it tells no SHA-256:
    that is downloaded and hashed. For a commit that is in the hub's cache, and for everything under
    `$HF_HUB_OFFLINE`, the cache answers.

    Raises
    ------
    DataError
        Names repo, revision, file, the reason, and what to do.
    """
    return _from_cache(repo, revision, filename) or _from_hub(repo, revision, filename)


def resolve_all(
    wanted: Mapping[str, tuple[str, str | None, str]], threads: int = 8
) -> tuple[dict[str, Pin], dict[str, str]]:
    """Resolve many files at once; where the hub cannot be reached, that is found out once.

    Parameters
    ----------
    wanted : name -> (repo, revision, filename).

    Returns
    -------
    name -> pin, and name -> reason for those that failed; both in the order of `wanted`.
    """
    lock = threading.Lock()

    @functools.cache
    def down() -> list[str]:
        return [] if offline() else probe()

    def one(name: str) -> Pin | str:
        where, reasons = _where(*wanted[name]), list[str]()
        try:
            pin = _from_cache(*wanted[name])
            if pin:
                return pin
            with lock:
                reasons = down()
            if not reasons:
                return _from_hub(*wanted[name])
        except UnreachableError as error:
            reasons.append(str(error).removeprefix(f"{where}: "))
        except DataError as error:
            return str(error)
        return f"{where}: {reasons[0]}"

    with ThreadPoolExecutor(threads) as pool:
        results = dict(zip(wanted, pool.map(one, wanted), strict=True))
    pins = {name: result for name, result in results.items() if isinstance(result, Pin)}
    return pins, {name: result for name, result in results.items() if isinstance(result, str)}


def fetch(pin: Pin) -> Path:
    """A verified local copy of a pinned file: the hub cache's, else a download into it.

    Passing faults are retried, and a cut connection resumes where it broke. Bytes that are not
    those pinned are removed, be they the cache's or new ones, and fetched once more. Safe for many
    processes at once.

    Raises
    ------
    DataError
        It cannot be had, or its bytes are not those pinned; names file, reason and what to do.
    """
    problem, downloads = "", 0
    while downloads < 2:
        path = cached(pin.repo, pin.commit, pin.filename)
        if path is None:
            downloads += 1
            path = retried(pin.where, lambda: _download(pin))
        problem = _problem(path, pin)
        if not problem:
            return path
        print(f"hub cache: {pin.where}: {problem}", file=sys.stderr)
        if offline():
            problem += "; unset HF_HUB_OFFLINE to download it again"
            break
        _discard(path)
    raise DataError(f"{pin.where}: {problem} (from {endpoint()})")


def _where(repo: str, revision: str | None, filename: str) -> str:
    return f"{repo}@{revision or 'main'}/{filename}"


def _folder(repo: str) -> Path:
    return cache_folder() / f"models--{repo.replace('/', '--')}"


def _is_commit(revision: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{40}", revision) is not None


def _from_cache(repo: str, revision: str | None, filename: str) -> Pin | None:
    """The pin of a file in the cache, where the cache may answer; a large file's blob is named
    by its SHA-256."""
    path = cached(repo, revision, filename)
    if path is None or not (offline() or _is_commit(revision or "main")):
        return None
    commit = path.parents[len(PurePosixPath(filename).parts) - 1].name
    blob = path.readlink().name if path.is_symlink() else ""
    digest = blob if re.fullmatch(r"[0-9a-f]{64}", blob) else file_digest(path)
    return Pin(repo, filename, commit, digest, path.stat().st_size)


def _from_hub(repo: str, revision: str | None, filename: str) -> Pin:
    where = _where(repo, revision, filename)
    commit, etag, size = retried(where, lambda: _ask(repo, revision, filename))
    _remember(repo, revision or "main", commit)
    if re.fullmatch(r"[0-9a-f]{64}", etag):
        return Pin(repo, filename, commit, etag, size)
    if size > SMALL:
        raise DataError(
            f"{where}: {endpoint()} tells no SHA-256 of it (ETag '{etag}', {size} bytes); "
            "set HF_ENDPOINT to a hub that does"
        )
    path = cached(repo, commit, filename) or retried(
        where, lambda: _hub_download(repo, commit, filename)
    )
    content = path.read_bytes()
    # Git's name for a file's content, which is the hub's ETag for small files.
    git = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()  # noqa: S324
    if len(content) != size or (_is_commit(etag) and git != etag):
        _discard(path)
        raise DataError(
            f"{where}: wrong digest git:{git}:{len(content)}, expected git:{etag}:{size}; "
            "the copy was removed from the hub's cache: run again"
        )
    return Pin(repo, filename, commit, hashlib.sha256(content).hexdigest(), size)


def _remember(repo: str, revision: str, commit: str) -> None:
    """Note what commit a branch or tag is, as the hub's client does, for use without network."""
    if _is_commit(revision):
        return
    ref = _folder(repo) / "refs" / revision
    with contextlib.suppress(OSError):  # a cache that may only be read: the pin is right without
        if not ref.is_file() or ref.read_text() != commit:
            ref.parent.mkdir(parents=True, exist_ok=True)
            part = ref.with_name(f".{ref.name}.{os.getpid()}.{threading.get_ident()}")
            part.write_text(commit)
            part.replace(ref)


def _ask(repo: str, revision: str | None, filename: str) -> tuple[str, str, int]:
    """Commit, ETag and size of a file, from one HEAD request."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(repo, filename, revision=revision, endpoint=endpoint())
    found = get_hf_file_metadata(url, endpoint=endpoint())
    if found.commit_hash is None or found.etag is None or found.size is None:
        raise DataError(
            f"{_where(repo, revision, filename)}: {endpoint()} does not answer as a model hub does "
            "(no commit, ETag or size); check HF_ENDPOINT, proxy and firewall"
        )
    return found.commit_hash, found.etag, found.size


def _download(pin: Pin) -> Path:
    """Download a pinned file, unless the hub says beforehand that it is another."""
    _, etag, size = _ask(pin.repo, pin.commit, pin.filename)
    if size != pin.size or (len(etag) == 64 and etag != pin.sha256):
        raise DataError(
            f"{pin.where}: {endpoint()} has {etag} of {size} bytes, pinned is "
            f"sha256:{pin.sha256} of {pin.size} bytes; correct the pin or HF_ENDPOINT"
        )
    return _hub_download(pin.repo, pin.commit, pin.filename)


def _hub_download(repo: str, commit: str, filename: str) -> Path:
    from huggingface_hub import hf_hub_download

    return Path(
        hf_hub_download(
            repo, filename, revision=commit, cache_dir=cache_folder(), endpoint=endpoint()
        )
    )


def _problem(path: Path, pin: Pin) -> str:
    """Empty where a file has the pinned size and digest, else what was found and expected."""
    size = path.stat().st_size if path.is_file() else -1  # another process may have discarded it
    if size != pin.size:
        return f"wrong size {size} bytes, expected {pin.size}"
    digest = file_digest(path)
    return "" if digest == pin.sha256 else f"wrong digest sha256:{digest}, expected {pin.sha256}"


def _discard(path: Path) -> None:
    """Remove a file from the hub's cache: its name, its blob, and what that may link to."""
    blob = path.parent / path.readlink() if path.is_symlink() else path
    for file in (path.resolve(), blob, path):
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise DataError(
                f"{file}: damaged, and cannot be removed: {error.strerror}; remove it, or set "
                "HF_HUB_CACHE to a cache of your own"
            ) from error
