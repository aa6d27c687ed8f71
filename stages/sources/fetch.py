"""Pinned downloads: every file has an address and accepted digests; nothing else is let in.

`$DATA_MIRROR`, a folder or an http(s) address laid out as `<host>/<path>`, is used instead of the
public address when it is set. Files that were fetched are kept under the artifact cache's root.

A download ends when the server is silent for `SILENCE` seconds, sends fewer than `SLOWEST` bytes a
second over `WINDOW` seconds, or sends more than the file has.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlsplit

import requests
import urllib3
from tqdm import tqdm

from stages.runtime.cache import default_root, naming
from stages.runtime.errors import DataError, UsageError
from stages.sources.guards import ROOM

ATTEMPTS = 3
PASSING = {408, 429, *range(500, 600)}
"""Statuses that may be others a moment later."""
SILENCE = 30.0
SLOWEST = 1024.0
WINDOW = 60.0
PAUSE = 1.0
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Remote:
    """A public file.

    Attributes
    ----------
    url : its public address.
    accepted : ``algorithm:digest:bytes`` (or without size, where it is not published); several
        where more than one exact copy is known. None where no digest is known to us: then the
        address must be that of one commit, the reader checks the content, and its SHA-256 is
        recorded in the stimulus set's provenance.
    hint : what to do without the file, for messages.
    """

    url: str
    accepted: tuple[str, ...]
    hint: str = ""

    @property
    def place(self) -> Path:
        """`<host>/<path>`, the layout of mirrors and of the download folder."""
        parts = urlsplit(self.url)
        return Path(parts.netloc) / parts.path.lstrip("/")


def fetch(remote: Remote) -> Path:
    """A verified local copy of a public file: an earlier download, the mirror's, or a new one.

    Raises
    ------
    DataError
        Wrong digest, missing in the mirror, or not reachable; names the file and the address.
    """
    mirror = os.environ.get("DATA_MIRROR", "")
    kept = default_root() / "downloads" / remote.place
    with naming(default_root()):
        if kept.is_file() and _digest_error(kept, remote) is None:
            return kept
    if mirror and not mirror.startswith(("http://", "https://")):
        return _from_folder(Path(mirror), remote)
    host = mirror.rstrip("/") + "/" + quote(remote.place.as_posix()) if mirror else remote.url
    with naming(default_root()):
        _download(host, kept, remote)
    return kept


def _from_folder(mirror: Path, remote: Remote) -> Path:
    if not mirror.is_dir():
        raise UsageError(f"DATA_MIRROR: '{mirror}' is no folder and no http address")
    path = mirror / remote.place
    if not path.is_file():
        hint = f"; {remote.hint}" if remote.hint else ""
        raise DataError(f"{path}: missing in DATA_MIRROR (public address: {remote.url}){hint}")
    problem = _digest_error(path, remote)
    if problem:
        raise DataError(f"{path}: {problem} (public address: {remote.url})")
    return path


def _download(url: str, target: Path, remote: Remote) -> None:
    """Download to a temporary file, verify it, move it into place; passing faults are retried."""
    target.parent.mkdir(parents=True, exist_ok=True)
    reason: Exception | None = None
    for attempt in range(ATTEMPTS):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                _receive(url, stream, _largest(remote))
            problem = _digest_error(part, remote)
            if problem:
                raise DataError(f"{target.name}: {problem} (from {url})")
            part.replace(target)
            return
        except requests.HTTPError as error:
            reason = error
            if error.response is not None and error.response.status_code not in PASSING:
                break
        except requests.TooManyRedirects as error:
            reason = error
            break
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            reason = error
        finally:
            part.unlink(missing_ok=True)
        if attempt + 1 < ATTEMPTS:
            time.sleep(PAUSE * 2**attempt)
    raise DataError(
        f"{target.name}: could not be downloaded from {url}: {reason}; "
        "set DATA_MIRROR to a folder or address that holds it"
        + (f"; {remote.hint}" if remote.hint else "")
    )


def _receive(url: str, stream: BinaryIO, largest: int) -> None:
    """Write what an address answers to a file.

    Raises
    ------
    requests.RequestException, urllib3.exceptions.HTTPError
        Not reachable, an error status, broken off, silent, too slow.
    DataError
        More than `largest` bytes.
    """
    # Uncompressed, so that the bytes received are those that the digest is of, and can be counted.
    plain = {"Accept-Encoding": "identity"}
    with requests.get(url, stream=True, timeout=SILENCE, headers=plain) as response:
        response.raise_for_status()
        length = response.headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() else None
        name = url.rpartition("/")[2]
        received, since, then = 0, time.monotonic(), 0
        with tqdm(total=size, desc=name, unit="B", unit_scale=True, disable=None) as bar:
            while piece := response.raw.read1(_CHUNK, decode_content=True):
                stream.write(piece)
                received += len(piece)
                bar.update(len(piece))
                if received > largest:
                    raise DataError(f"{name}: more than its {largest} bytes (from {url})")
                if (gone := time.monotonic() - since) >= WINDOW:
                    if received - then < SLOWEST * gone:
                        raise requests.Timeout(f"fewer than {SLOWEST:.0f} bytes a second")
                    since, then = time.monotonic(), received


def _largest(remote: Remote) -> int:
    """Bytes of the largest accepted copy; where a size is not known, what may be unpacked."""
    sizes = [accepted.split(":")[2:] for accepted in remote.accepted]
    return max(int(size) for (size,) in sizes) if sizes and all(sizes) else ROOM


def _digest_error(path: Path, remote: Remote) -> str | None:
    """None where size and digest are accepted, else what was found and what is allowed."""
    if not remote.accepted:
        return None
    size, found = path.stat().st_size, []
    for accepted in remote.accepted:
        algorithm, expected, *bytes_ = accepted.split(":")
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, algorithm).hexdigest()
        if digest == expected and (not bytes_ or size == int(bytes_[0])):
            return None
        found.append(f"{algorithm}:{digest}:{size}")
    return f"wrong digest {' / '.join(found)}, accepted is {' or '.join(remote.accepted)}"
