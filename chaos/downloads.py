"""Faulty downloads: pinned files by `stages.sources.fetch`, from a server on this machine."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from chaos.lab import Lab
from chaos.outcomes import Outcome
from chaos.server import CONTENT, Handler, serving
from stages.runtime.errors import DataError
from stages.sources import fetch as module
from stages.sources.fetch import Remote, fetch

HASTE = {"PAUSE": 0.01, "SILENCE": 2.0, "WINDOW": 0.5}
"""The client's patience, shortened."""
LIMIT = 15.0
"""Seconds in which it must have given up, with that patience."""
SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}:{len(CONTENT)}"

FAULTS = {
    "truncated, once": ["cut"],
    "truncated, for ever": ["cut!"],
    "shorter than the file, with a length that says so": ["short!"],
    "longer than the file": ["long!"],
    "without an end": ["endless!"],
    "wrong bytes of the right number": ["wrong!"],
    "HTTP 500, then 503, then well": ["status 500", "status 503"],
    "HTTP 503 for ever": ["status 503!"],
    "HTTP 404": ["status 404!"],
    "slow drip, a byte at a time": ["drip!"],
    "redirect loop": ["loop!"],
    "error page with status 200": ["page!"],
    "content encoding that it does not have": ["encoded!"],
    "empty body": ["empty!"],
    **{f"connection reset at tenth {i} of the file, once": [f"reset {i}"] for i in range(10)},
    **{f"connection reset at tenth {i} of the file, for ever": [f"reset {i}!"] for i in range(10)},
}

EARLIER = (None, CONTENT, CONTENT[:-1])


def downloads(lab: Lab) -> Iterator[Outcome]:
    """Each fault with nothing at hand, with a good copy from before, and with a damaged one."""
    with ExitStack() as stack:
        url = stack.enter_context(serving())
        for name, value in HASTE.items():
            stack.enter_context(patch.object(module, name, value))
        rows: dict[str, Outcome] = {}
        for fault, answers in FAULTS.items():
            row = _row(fault)
            outcome = rows.setdefault(row, Outcome(f"download: {row}"))
            for earlier in EARLIER[: 1 if lab.short and "tenth" in fault else None]:
                root = lab.folder / "downloads" / str(outcome.injected) / fault.replace(" ", "-")
                with patch.dict(os.environ, {"ARTIFACT_CACHE": str(root)}):
                    remote = Remote(f"{url}/a/file.bin", (SHA,))
                    outcome.count(one(remote, root, answers, earlier, outcome))
        yield from rows.values()


def _row(fault: str) -> str:
    """The row of the table that a fault counts in: resets share one."""
    if not fault.startswith("connection reset"):
        return fault
    return f"connection reset at each tenth of the file, {fault.rpartition(', ')[2]}"


def one(
    remote: Remote, root: Path, answers: list[str], earlier: bytes | None, outcome: Outcome
) -> list[str]:
    """Ask once while the server is faulty, and once when it is well."""
    problems, kept = [], root / "downloads" / remote.place
    passes = earlier == CONTENT or not answers[-1].endswith("!")
    if earlier is not None:
        kept.parent.mkdir(parents=True)
        kept.write_bytes(earlier)
    Handler.answers = list(answers)
    began = time.monotonic()
    try:
        problems += outcome.compare(fetch(remote).read_bytes() == CONTENT)
        if not passes:
            problems.append("a faulty file was handed out")
    except DataError as error:
        if passes or "file.bin" not in str(error):
            problems.append(f"refused: {error}")
    if (gone := time.monotonic() - began) > LIMIT:
        problems.append(f"{gone:.0f} s until it gave up")
    if earlier == CONTENT and kept.read_bytes() != CONTENT:
        problems.append("the good copy was lost")
    beside = [path.name for path in root.rglob("*") if path.is_file() and path != kept]
    problems += [f"{name} is left" for name in beside]
    Handler.answers = []
    return problems + outcome.compare(fetch(remote).read_bytes() == CONTENT)
