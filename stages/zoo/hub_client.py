"""Talking to the model hub: where it is, which faults may pass, and what to say of the others.

huggingface_hub's client does the talking; `$HF_ENDPOINT`, `$HF_HOME`, `$HF_HUB_CACHE` and
`$HF_HUB_OFFLINE` are read at each call. Nothing slow is imported before the network is used.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from stages.runtime.errors import DataError

ATTEMPTS = 4
T = TypeVar("T")


class UnreachableError(DataError):
    """The hub cannot be reached at all, so that asking it for other files is in vain."""


def offline() -> bool:
    """Whether `$HF_HUB_OFFLINE` forbids the network."""
    named = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return named.upper() in {"1", "ON", "YES", "TRUE"}


def endpoint() -> str:
    """The hub's address."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def cache_folder() -> Path:
    """The hub's cache, where its own client keeps it."""
    home = os.environ.get("HF_HOME", os.environ.get("XDG_CACHE_HOME", "~/.cache") + "/huggingface")
    older = os.environ.get("HUGGINGFACE_HUB_CACHE", f"{home}/hub")
    return Path(os.path.expandvars(os.environ.get("HF_HUB_CACHE", older))).expanduser()


def probe() -> list[str]:
    """Empty where the hub answers anything at all, else the reason."""
    import httpx2
    from huggingface_hub import get_session

    reason: Exception | None = None
    for _ in range(2):
        try:
            get_session().head(endpoint(), timeout=5)
            return []
        except (httpx2.TransportError, httpx2.InvalidURL, ConnectionError) as error:
            reason = error
    return [_unreachable(reason)]


def _unreachable(reason: object) -> str:
    return (
        f"{endpoint()} cannot be reached: {reason}; check the network and HF_ENDPOINT, or set "
        "HF_HUB_OFFLINE=1 to use what the hub's cache holds"
    )


def retried(where: str, call: Callable[[], T]) -> T:
    """The result of a call to the hub's client; its errors become one line that can be acted on."""
    import httpx2
    from huggingface_hub.errors import LocalEntryNotFoundError

    if offline():
        raise DataError(
            f"{where}: not in the hub's cache ({cache_folder()}), and HF_HUB_OFFLINE is set; "
            "unset it to download"
        )
    for attempt in range(ATTEMPTS):
        try:
            return call()
        # OSError: a short file, a full disk; ValueError: a name; RuntimeError: the Xet transfer.
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, RuntimeError) as error:
            # The client says that a file is not in its cache, and keeps the reason to itself.
            hidden = error.__cause__ if isinstance(error, LocalEntryNotFoundError) else None
            fault = hidden if isinstance(hidden, Exception) else error
            if attempt + 1 == ATTEMPTS or not _may_pass(fault):
                kind = UnreachableError if isinstance(fault, httpx2.TransportError) else DataError
                raise kind(f"{where}: {_reason(fault)}") from error
            pause = _pause(fault, attempt)
        time.sleep(pause)
    raise AssertionError(where)


def _status(error: Exception) -> int:
    """The HTTP status that an error is about, or 0."""
    response = getattr(error, "response", None)
    return 0 if response is None else int(response.status_code)


def _may_pass(error: Exception) -> bool:
    """Whether asking again may help: a busy hub, a cut connection, a timeout, a short file."""
    import httpx2
    from huggingface_hub.errors import OfflineModeIsEnabled

    status = _status(error)
    if status:
        return status in (408, 429) or status >= 500
    if isinstance(error, OfflineModeIsEnabled):
        return False
    unnumbered = isinstance(error, OSError) and error.errno is None
    return unnumbered or isinstance(error, httpx2.TransportError | RuntimeError)


def _pause(error: Exception, attempt: int) -> float:
    """Seconds until the next attempt; where the hub says how long to wait, that."""
    if _status(error) == 429:
        headers = error.response.headers  # type: ignore[attr-defined]
        asked = re.search(r"\bt=(\d+)", headers.get("RateLimit", "")) or re.fullmatch(
            r"(\d+)", headers.get("Retry-After", "")
        )
        if asked:
            return min(int(asked[1]) + 1, 310)
    return 2.0**attempt


def _reason(error: Exception) -> str:
    """What went wrong and what to do, in one line."""
    import httpx2
    from huggingface_hub import errors

    hub, token = endpoint(), "set HF_TOKEN to a token that may read it"
    status = _status(error)
    if isinstance(error, errors.GatedRepoError):
        return f"gated on {hub}: accept its terms on its page there, and {token}"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"{hub} has no such model repo; correct its name or, if it is private, {token}"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{hub} has no such revision of this repo; correct the revision"
    if isinstance(error, errors.EntryNotFoundError) and status:
        return (
            f"this repo on {hub} has no such file; "
            "weights are read from safetensors alone, never from a pickle: name a revision with one"
        )
    if status in (401, 403):
        return f"{hub} refuses it (HTTP {status}); {token}"
    if status:
        return f"{hub} answers HTTP {status}; try again later"
    if isinstance(error, httpx2.TransportError):
        return _unreachable(error or type(error).__name__)
    first = (str(error) or type(error).__name__).splitlines()[0]
    if isinstance(error, ValueError):
        return f"cannot be asked for: {first}; correct it"
    return f"could not be had from {hub}: {first}; mend what this names, or run again later"
