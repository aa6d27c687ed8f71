"""Published weights from the model hub: pinned by commit and SHA-256, safetensors only.

huggingface_hub downloads, resumes and caches, and obeys its environment variables: HF_HOME,
HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE. It is slow to import, so each function imports it.
"""

import contextlib
import re
import sys
import time
from collections.abc import Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from stages.runtime.errors import DataError
from stages.runtime.source import file_digest

WEIGHTS = "model.safetensors"
ATTEMPTS = 4
SHA256 = "[0-9a-f]{64}"
ADVICE = {
    "GatedRepoError": "gated: accept its terms on its page, and set HF_TOKEN",
    "RepositoryNotFoundError": "no such model repo: correct its name or, if it is private, set "
    "HF_TOKEN",
    "RevisionNotFoundError": "no such revision: correct it",
    "RemoteEntryNotFoundError": "no such file in this repo: name a revision that has it; weights "
    "are read from safetensors alone, never from a pickle",
    "OfflineModeIsEnabled": "not in the hub's cache, and HF_HUB_OFFLINE is set: unset it",
    "TransportError": "cannot be reached: check the network and HF_ENDPOINT, or set "
    "HF_HUB_OFFLINE=1 to use the hub's cache",
}
Name = TypeVar("Name", bound=Hashable)


class UnreachableError(DataError):
    """The hub cannot be reached, so there is no point in asking it for other files."""


class TransientError(DataError):
    """Another attempt may succeed."""


@dataclass(frozen=True)
class Pin:
    """One version of one file of a model repo."""

    repo: str
    filename: str
    commit: str  # 40 hex digits
    sha256: str  # of the file's bytes, 64 hex digits
    size: int  # bytes


def cached(repo: str, revision: str | None, filename: str = WEIGHTS) -> Path | None:
    """A file in the hub's cache, unverified, or None; the network is not used.

    revision : a commit; or a branch or tag, as it was when last asked for. None is "main".
    """
    with _named(_where(repo, revision, filename)):
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(repo, filename, revision=revision)
    return Path(found) if isinstance(found, str) else None


def resolve(repo: str, revision: str | None, filename: str = WEIGHTS, patient: bool = True) -> Pin:
    """Look up a file's commit, SHA-256 and size; in one quick attempt where it is not `patient`.

    The cache answers for a commit that it holds, and for everything under `$HF_HUB_OFFLINE`.
    Weights are not downloaded. The hub knows no SHA-256 of small files (config.json): they are
    downloaded and hashed. A DataError names repo, revision, file, the reason, and what to do.
    """
    from huggingface_hub import constants, file_download, get_hf_file_metadata, hf_hub_url

    if kept := _from_cache(repo, revision, filename):
        return kept
    where = _where(repo, revision, filename)
    with _named(where):
        url = hf_hub_url(repo, filename, revision=revision)
        seconds = constants.HF_HUB_ETAG_TIMEOUT if patient else 5
        found = get_hf_file_metadata(url, timeout=seconds, retry_on_errors=patient)
        if found.commit_hash is None or found.etag is None or found.size is None:
            raise OSError("no commit, ETag or size in its answer; check HF_ENDPOINT and proxy")
    pin = Pin(repo, filename, found.commit_hash, found.etag, found.size)
    # For later use without a network; a cache that cannot be written to does no harm here.
    with contextlib.suppress(OSError):
        folder = file_download.repo_folder_name(repo_id=repo, repo_type="model")
        file_download._cache_commit_hash_for_specific_revision(
            f"{constants.HF_HUB_CACHE}/{folder}", revision or "main", pin.commit
        )
    if re.fullmatch(SHA256, pin.sha256):
        return pin
    if filename.endswith(".safetensors"):
        raise DataError(f"{where}: {constants.ENDPOINT} has no SHA-256 of it; check HF_ENDPOINT")
    return replace(pin, sha256=file_digest(fetch(pin)))  # of a small file it is Git's digest


def resolve_all(
    wanted: Mapping[Name, tuple[str, str | None, str]], threads: int = 8
) -> tuple[dict[Name, Pin], dict[Name, str]]:
    """Pins of many files (repo, revision, filename) by name, and the reasons of those that failed.

    That the hub cannot be reached is found out once, not for each file.
    """
    found: dict[Name, Pin | str | None] = {n: _from_cache(*file) for n, file in wanted.items()}
    missing = [name for name, pin in found.items() if pin is None]
    down: list[str] = []

    def one(name: Name, patient: bool = True) -> Pin | str:
        if down:
            return f"{_where(*wanted[name])}: {down[0]}"
        try:
            return resolve(*wanted[name], patient)
        except DataError as error:
            if isinstance(error, UnreachableError):
                down.append(str(error).partition(": ")[2])
            return str(error)

    for name in missing[:1]:
        one(name, patient=False)  # tells quickly whether the hub can be reached
    with ThreadPoolExecutor(threads) as pool:
        found |= zip(missing, pool.map(one, missing), strict=True)
    pins = {name: result for name, result in found.items() if isinstance(result, Pin)}
    return pins, {name: result for name, result in found.items() if isinstance(result, str)}


def fetch(pin: Pin) -> Path:
    """A verified local copy of a pinned file: the hub cache's, else a download into it.

    Bytes that are not those pinned are removed and fetched again; under `$HF_HUB_OFFLINE` they stay
    and are refused. A DataError names file, reason and what to do.
    """
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.utils.sha import git_hash

    where, problem = _where(pin.repo, pin.commit, pin.filename), DataError()
    for attempt in range(ATTEMPTS):
        try:
            with _named(where):
                path = Path(hf_hub_download(pin.repo, pin.filename, revision=pin.commit))
                strong = re.fullmatch(SHA256, pin.sha256)  # else Git's, see `resolve`
                found = file_digest(path) if strong else git_hash(path.read_bytes())
                if found == pin.sha256:
                    return path
                problem = DataError(f"{where}: wrong digest {found}, expected {pin.sha256}")
                if constants.HF_HUB_OFFLINE:
                    raise DataError(f"{problem}; HF_HUB_OFFLINE is set: unset it to download again")
                print(f"hub cache: {problem}", file=sys.stderr)
                for file in (path.resolve(), path):  # the blob, and its name
                    file.unlink(missing_ok=True)
        except TransientError as error:
            problem = error
            time.sleep(2**attempt)
    raise problem


def _where(repo: str, revision: str | None, filename: str) -> str:
    return f"{repo}@{revision or 'main'}/{filename}"


def _from_cache(repo: str, revision: str | None, filename: str) -> Pin | None:
    """The pin of a file in the cache; None where it is not, or the hub must be asked."""
    from huggingface_hub import constants

    path = cached(repo, revision, filename)
    pinned = re.fullmatch(r"[0-9a-f]{40}", revision or "")
    if path is None or not (pinned or constants.HF_HUB_OFFLINE):
        return None
    blob = path.resolve().name  # of a large file this is its SHA-256
    digest = blob if re.fullmatch(SHA256, blob) else file_digest(path)
    return Pin(repo, filename, path.parent.name, digest, path.stat().st_size)


@contextlib.contextmanager
def _named(where: str) -> Iterator[None]:
    """Turn what huggingface_hub raises into one line: file, reason, and what to do."""
    import httpx2
    from huggingface_hub import constants, errors

    cut = (httpx2.ReadError, errors.XetDownloadError, RuntimeError)
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, *cut, OSError, ValueError) as error:
        # "Not in the cache" is raised from the reason for which it was not downloaded.
        hidden = isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__
        fault = hidden or error
        kinds = [kind.__name__ for kind in type(fault).__mro__ if kind.__name__ in ADVICE]
        first = (str(fault) or type(fault).__name__).splitlines()[0]
        line = f"{where}: {ADVICE[kinds[0]] if kinds else 'failed'} ({constants.ENDPOINT}: {first})"
        status = getattr(getattr(fault, "response", None), "status_code", 0)
        short = isinstance(fault, OSError) and not (fault.errno or kinds or status)
        if short or status >= 500 or isinstance(fault, cut):
            raise TransientError(line) from error
        raise (UnreachableError if "TransportError" in kinds else DataError)(line) from error
