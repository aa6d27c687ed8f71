"""Faulty downloads: pinned files by `sources.fetch`, published weights by `networks.hub`."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from functools import partial
from io import StringIO
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import logging

from chaos.lab import Lab
from chaos.outcomes import Outcome
from stages.networks import hub
from stages.runtime.errors import DataError
from stages.sources import fetch as module
from stages.sources.fetch import Remote, fetch
from tests.hub import CONTENT, Hub

LIMIT = 15.0
"""Seconds in which the client, whose patience is shortened, must have given up."""
SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}:{len(CONTENT)}"
REPO, FILE = "timm/small.tag", "model.safetensors"
TENTHS = range(10)

# Answers of the server, in turn: one that ends in "!" is given for ever.
BOTH = {
    "truncated, once": [["cut"]],
    "truncated, for ever": [["cut!"]],
    "half the file, with a length that says so": [["short!"]],
    "wrong bytes of the right number, for ever": [["wrong!"]],
    "error page with status 200, for ever": [["page!"]],
    "HTTP 500, then 503, then well": [["500", "503"]],
    "HTTP 503 for ever": [["503!"]],
}
OF_FILES = {
    "longer than the file": [["long!"]],
    "without an end": [["endless!"]],
    "HTTP 404": [["404!"]],
    "slow drip, a byte at a time": [["drip!"]],
    "redirect loop": [["loop!"]],
    "content encoding that it does not have": [["encoded!"]],
    "empty body": [["empty!"]],
    "connection reset at each tenth of the file, once": [[f"reset {i}"] for i in TENTHS],
    "connection reset at each tenth of the file, for ever": [[f"reset {i}!"] for i in TENTHS],
}
OF_PINS = {"error page or HTTP 503 where a pin is asked for": [["page!"], ["503!"]]}
OF_WEIGHTS = {
    "wrong bytes of the right number, once": [["wrong"]],
    "error page with status 200, once": [["page"]],
    "connection reset, once": [["reset"]],
    "connection reset, for ever": [["reset!"]],
}
Get = Callable[[], object]
"""Gets what a client asks for: a file's content, or a pin."""


def downloads(lab: Lab) -> Iterator[Outcome]:
    """Faults of a pinned file's server."""
    with Hub({}, CONTENT) as server, pytest.MonkeyPatch.context() as here:
        here.setattr(module, "SILENCE", 2.0)
        here.setattr(module, "WINDOW", 0.5)
        here.setattr("pooch.core.time", SimpleNamespace(sleep=lambda seconds: None))
        remote = Remote(f"{server.url}/a/{FILE}", (SHA,))

        def into(root: Path, earlier: bytes | None) -> Get:
            here.setenv("ARTIFACT_CACHE", str(root))
            kept = root / "downloads" / remote.place
            if earlier is not None:
                kept.parent.mkdir(parents=True)
                kept.write_bytes(earlier)
            return lambda: fetch(remote).read_bytes()

        breaks = partial(server.breaks, "", "")
        yield from injected(lab, "download", BOTH | OF_FILES, into, breaks, "**/*")


def weights(lab: Lab) -> Iterator[Outcome]:
    """Faults of a file on the hub; then of what the hub says of a file."""
    with (
        Hub({REPO: {FILE: CONTENT}}) as server,
        pytest.MonkeyPatch.context() as here,
        redirect_stderr(StringIO()),
    ):
        here.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
        logging.set_verbosity(logging.CRITICAL)

        def into(root: Path, earlier: bytes | None) -> Get:
            server.patch(here, root)
            pin = hub.resolve(REPO, None)
            if earlier is not None:
                hub.fetch(pin).resolve().write_bytes(earlier)
            return lambda: hub.fetch(pin).read_bytes()

        def pinned(root: Path, _: bytes | None) -> Get:
            server.patch(here, root)
            return lambda: hub.resolve(REPO, None)

        breaks, kept = partial(server.breaks, REPO, FILE), "snapshots/*/*"
        yield from injected(lab, "weights", BOTH | OF_WEIGHTS, into, breaks, kept)
        pin = hub.Pin(REPO, FILE, server.commit(REPO), server.sha256(REPO, FILE), len(CONTENT))
        breaks = partial(breaks, method="HEAD")
        yield from injected(lab, "weights", OF_PINS, pinned, breaks, kept, pin, [None])


def injected(
    lab: Lab,
    what: str,
    faults: Mapping[str, list[list[str]]],
    into: Callable[[Path, bytes | None], Get],
    breaks: Callable[..., None],
    kept: str,
    right: object = CONTENT,
    copies: Sequence[bytes | None] = (None, CONTENT, CONTENT[:-1] + b"x"),
) -> Iterator[Outcome]:
    """Each fault with nothing at hand, with a good copy from before, and with a damaged one.

    Parameters
    ----------
    into : prepares a folder to download into, with an earlier copy. breaks : makes the server
        answer so. kept : a pattern of the files there that must be the right ones, one at most.
    right : what is asked for.
    """
    for fault, variants in faults.items():
        outcome = Outcome(f"{what}: {fault}")
        few = lab.short and len(variants) > 1
        for answers, earlier in product(variants, copies[:1] if few else copies):
            root = lab.folder / outcome.fault.replace(" ", "-") / str(outcome.injected)
            get = into(root, earlier)
            breaks(*answers)
            passes = earlier == CONTENT or not answers[-1].endswith("!")
            problems = handed_out(get, right, passes, outcome)
            files = [path for path in root.rglob(kept) if path.is_file()]
            for path in files:
                problems += outcome.compare(path.read_bytes() == CONTENT)
            if len(files) > 1 or (earlier == CONTENT and not files):
                problems.append(f"{len(files)} files are left, not one")
            breaks()
            problems += outcome.compare(get() == right)
            outcome.count(problems)
        yield outcome


def handed_out(get: Get, right: object, passes: bool, outcome: Outcome) -> list[str]:
    """Ask while the server is faulty: problems where something else is handed out, or nothing
    though the fault `passes`, or where that is said late or without the file's name."""
    problems, began = [], time.monotonic()
    try:
        problems += outcome.compare(get() == right)
        if not passes:
            problems.append("a faulty answer was taken")
    except DataError as error:
        if passes or FILE not in str(error):
            problems.append(f"refused: {error}")
    if (gone := time.monotonic() - began) > LIMIT:
        problems.append(f"{gone:.0f} s until it gave up")
    return problems
