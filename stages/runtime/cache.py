"""The artifact cache: every unit's result, kept under the hash of all that it depends on.

It lies outside the workspace (`$ARTIFACT_CACHE`, else the user's cache folder), is shared by queued
experiments and clones, and may be deleted at any time. A file holds the SHA-256 of its payload
(32 bytes) and the payload; a damaged one is reported, dropped and computed again.
"""

import contextlib
import hashlib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import platformdirs

from stages.runtime.errors import DataError


class CacheError(DataError):
    """The cache's folder cannot be read or written: the disk is full, say, or it is a file."""


def default_root() -> Path:
    """`$ARTIFACT_CACHE`, or the folder for caches of this user."""
    named = os.environ.get("ARTIFACT_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("alignment-study"))


@contextlib.contextmanager
def naming(root: Path) -> Iterator[None]:
    """Turn the system's errors into a `CacheError` that names the cache and a way out."""
    try:
        yield
    except OSError as error:
        raise CacheError(
            f"artifact cache {root}: {error.strerror or error}; make room or mend it, or set "
            "ARTIFACT_CACHE to a folder that may be written; finished units are kept"
        ) from error


class Cache:
    """A mapping from keys (hex digests) to bytes, safe for many processes at once.

    Payloads may be larger than memory: `open`, and `put` with a path, read and write in pieces.
    Each method raises CacheError where the folder cannot be read or written.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_root()

    def _path(self, key: str) -> Path:
        return self.root / key[:2] / key[2:]

    def open(self, key: str, verified: bool = False) -> BinaryIO | None:
        """The payload as a file to read from, or None where there is none or it is damaged.

        It is hashed, unless it was `verified` before. The caller closes it.
        """
        path = self._path(key)
        with naming(self.root):
            try:
                stream = path.open("rb")
            except FileNotFoundError:
                return None
            expected = stream.read(32)
            if verified or hashlib.file_digest(stream, "sha256").digest() == expected:
                stream.seek(32)
                return stream
        print(f"artifact cache: {path} is damaged; it is computed again", file=sys.stderr)
        # One that another process has put in its place stays; so does the damaged one in a cache
        # that is read-only, and `put` says so.
        with stream, contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                path.unlink()
        return None

    def __contains__(self, key: str) -> bool:
        """Whether a whole payload is kept under a key."""
        with self.open(key) or contextlib.nullcontext() as stream:
            return stream is not None

    def digest(self, key: str) -> str | None:
        """SHA-256 of a payload as its file states it, in hex; None where there is no file.

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
        """Keep a payload, or the content of a file, whole or not at all; its SHA-256 in hex."""
        path = self._path(key)
        with naming(self.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
            try:
                source = payload.open("rb") if isinstance(payload, Path) else io.BytesIO(payload)
                with os.fdopen(handle, "wb") as stream, source:
                    digest = hashlib.file_digest(source, "sha256")
                    source.seek(0)
                    stream.write(digest.digest())
                    shutil.copyfileobj(source, stream)
                Path(name).replace(path)
                return digest.hexdigest()
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
