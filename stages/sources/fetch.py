"""Pinned downloads: every file has an address and accepted digests; nothing else is let in.

`$DATA_MIRROR`, a folder or an http(s) address laid out as `<host>/<path>`, is used instead of the
public address when it is set. Files that were fetched are kept under the artifact cache's root.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import pooch
import requests

from stages.runtime.cache import default_root
from stages.runtime.errors import DataError, UsageError

ATTEMPTS = 3


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
    if kept.is_file() and _digest_error(kept, remote) is None:
        return kept
    if mirror and not mirror.startswith(("http://", "https://")):
        return _from_folder(Path(mirror), remote)
    host = mirror.rstrip("/") + "/" + quote(remote.place.as_posix()) if mirror else remote.url
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
    downloader = pooch.HTTPDownloader(progressbar=True, timeout=30)
    reason: Exception | None = None
    for attempt in range(ATTEMPTS):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
        os.close(handle)
        part = Path(name)
        try:
            downloader(url, str(part), None)
            problem = _digest_error(part, remote)
            if problem:
                raise DataError(f"{target.name}: {problem} (from {url})")
            part.replace(target)
            return
        except requests.HTTPError as error:
            reason = error
            if error.response is not None and error.response.status_code < 500:
                break
        except requests.RequestException as error:
            reason = error
        finally:
            part.unlink(missing_ok=True)
        if attempt + 1 < ATTEMPTS:
            time.sleep(2**attempt)
    raise DataError(
        f"{target.name}: could not be downloaded from {url}: {reason}; "
        "set DATA_MIRROR to a folder or address that holds it"
        + (f"; {remote.hint}" if remote.hint else "")
    )


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
