"""The artifact cache: every unit's result, kept under the hash of all that it depends on.

It lies outside the workspace (`$ARTIFACT_CACHE`, else the user's cache folder), is shared by queued
experiments and clones, and may be deleted at any time. A file holds the SHA-256 of its payload
(32 bytes) and the payload; a damaged one is said, dropped and computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from pathlib import Path

import platformdirs


def default_root() -> Path:
    """`$ARTIFACT_CACHE`, or the folder for caches of this user."""
    named = os.environ.get("ARTIFACT_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("alignment-study"))


class Cache:
    """A mapping from keys (hex digests) to bytes, safe for many processes at once."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_root()

    def _path(self, key: str) -> Path:
        return self.root / key[:2] / key[2:]

    def get(self, key: str) -> bytes | None:
        """The payload kept under a key, or None where there is none or it is damaged."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(content[32:]).digest() == content[:32]:
            return content[32:]
        print(f"artifact cache: {path} is damaged; it is computed again", file=sys.stderr)
        path.unlink(missing_ok=True)
        return None

    def put(self, key: str, payload: bytes) -> None:
        """Keep a payload. The file appears whole or not at all."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(hashlib.sha256(payload).digest())
                stream.write(payload)
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise
