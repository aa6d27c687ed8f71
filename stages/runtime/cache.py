"""The artifact cache: every unit's result, kept under the hash of all that it depends on.

It lies outside the workspace (`$ARTIFACT_CACHE`, else the user's cache folder), is shared by queued
experiments and clones, and may be deleted at any time. A file holds the SHA-256 of its payload
(32 bytes) and the payload; a damaged one is said, dropped and computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import platformdirs

from stages.runtime.errors import DataError

_CHUNK = 1 << 20


class CacheError(DataError):
    """The cache's folder cannot be read or written: the disk is full, say, or it is a file."""


def default_root() -> Path:
    """`$ARTIFACT_CACHE`, or the folder for caches of this user."""
    named = os.environ.get("ARTIFACT_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("alignment-study"))


@contextlib.contextmanager
def naming(root: Path) -> Iterator[None]:
    """Turn the system's errors into a `CacheError` that names the cache, the reason and a way out.

    Without a root it would say "No space left on device", and not on which.
    """
    try:
        yield
    except OSError as error:
        raise CacheError(
            f"artifact cache {root}: {error.strerror or error}; make room or mend it, or set "
            "ARTIFACT_CACHE to a folder that may be written; finished units are kept"
        ) from error


class Cache:
    """A mapping from keys (hex digests) to bytes, safe for many processes at once.

    Payloads may be larger than memory: `open` and `put` with a path read and write in pieces. Each
    method raises CacheError where the folder cannot be read or written.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_root()

    def _path(self, key: str) -> Path:
        return self.root / key[:2] / key[2:]

    def get(self, key: str) -> bytes | None:
        """The payload kept under a key, or None where there is none or it is damaged."""
        stream = self.open(key)
        if stream is None:
            return None
        with stream, naming(self.root):
            return stream.read()

    def open(self, key: str) -> BinaryIO | None:
        """The verified payload as a file to read from, or None; the caller closes it."""
        path = self._path(key)
        with naming(self.root):
            try:
                stream = path.open("rb")
            except FileNotFoundError:
                return None
            expected, found = stream.read(32), hashlib.sha256()
            while chunk := stream.read(_CHUNK):
                found.update(chunk)
            if found.digest() == expected:
                stream.seek(32)
                return stream
        print(f"artifact cache: {path} is damaged; it is computed again", file=sys.stderr)
        # Not one that another process has put in its place; in a cache that may only be read the
        # damaged one stays, and `put` says so.
        with stream, contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                path.unlink()
        return None

    def __contains__(self, key: str) -> bool:
        """Whether a whole payload is kept under a key."""
        stream = self.open(key)
        if stream is not None:
            stream.close()
        return stream is not None

    def digest(self, key: str) -> str | None:
        """SHA-256 that the file under a key tells of its payload, in hex; None where there is none.

        Its folder is listed first, so that a shared file system shows what another machine wrote.
        """
        path = self._path(key)
        with naming(self.root):
            try:
                os.listdir(path.parent)  # noqa: PTH208 - read for its effect
                with path.open("rb") as stream:
                    return stream.read(32).hex()
            except FileNotFoundError:
                return None

    def put(self, key: str, payload: bytes | Path) -> str:
        """Keep a payload, or the content of a file; its SHA-256 in hex.

        It appears whole or not at all.
        """
        path = self._path(key)
        with naming(self.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
            try:
                source = payload.open("rb") if isinstance(payload, Path) else io.BytesIO(payload)
                with os.fdopen(handle, "wb") as stream, source:
                    digest = hashlib.sha256()
                    stream.write(digest.digest())  # its place; the real one comes last
                    while chunk := source.read(_CHUNK):
                        digest.update(chunk)
                        stream.write(chunk)
                    stream.seek(0)
                    stream.write(digest.digest())
                Path(name).replace(path)
                return digest.hexdigest()
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    Path(name).unlink()
                raise
