"""Faulty downloads: pinned files by `sources.fetch`, published weights by `networks.hub`."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, redirect_stderr
from functools import partial
from io import StringIO
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from chaos.lab import Lab
from chaos.outcomes import Outcome
from stages.networks import hub
from stages.runtime.errors import DataError
from stages.sources import fetch as module
from stages.sources.fetch import Remote, fetch
from tests.hub import CONTENT, Hub

HASTE = {"SILENCE": 2.0, "WINDOW": 0.5}
"""The client's patience, shortened."""
LIMIT = 15.0
"""Seconds in which it must have given up, with that patience."""
SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}:{len(CONTENT)}"
TENTHS = range(10)

# Answers of the server, in turn: one that ends in "!" is given for ever.
FAULTS = {
    "truncated, once": [["cut"]],
    "truncated, for ever": [["cut!"]],
    "shorter than the file, with a length that says so": [["short!"]],
    "longer than the file": [["long!"]],
    "without an end": [["endless!"]],
    "wrong bytes of the right number": [["wrong!"]],
    "HTTP 500, then 503, then well": [["500", "503"]],
    "HTTP 503 for ever": [["503!"]],
    "HTTP 404": [["404!"]],
    "slow drip, a byte at a time": [["drip!"]],
    "redirect loop": [["loop!"]],
    "error page with status 200": [["page!"]],
    "content encoding that it does not have": [["encoded!"]],
    "empty body": [["empty!"]],
    "connection reset at each tenth of the file, once": [[f"reset {i}"] for i in TENTHS],
    "connection reset at each tenth of the file, for ever": [[f"reset {i}!"] for i in TENTHS],
}
REPO, FILE = "timm/small.tag", "model.safetensors"
WEIGHTS_FAULTS = {
    "truncated, once": ["cut"],
    "truncated, for ever": ["cut!"],
    "half the file, with a length that says so": ["short!"],
    "wrong bytes of the right number, once": ["wrong"],
    "wrong bytes of the right number, for ever": ["wrong!"],
    "error page with status 200, once": ["page"],
    "error page with status 200, for ever": ["page!"],
    "connection reset, once": ["reset"],
    "connection reset, for ever": ["reset!"],
    "HTTP 500, then 503, then well": ["500", "503"],
    "HTTP 503 for ever": ["503!"],
}


def downloads(lab: Lab) -> Iterator[Outcome]:
    """Each fault with nothing at hand, with a good copy from before, and with a damaged one."""
    with ExitStack() as stack:
        server = stack.enter_context(Hub({}, CONTENT))
        for name, value in HASTE.items():
            stack.enter_context(patch.object(module, name, value))
        pauses = SimpleNamespace(sleep=lambda seconds: None)
        stack.enter_context(patch("pooch.core.time", pauses))
        remote = Remote(f"{server.url}/a/{FILE}", (SHA,))
        for fault, variants in FAULTS.items():
            outcome = Outcome(f"download: {fault}")
            earlier_copies = (
                (None,) if lab.short and variants[1:] else (None, CONTENT, CONTENT[:-1])
            )
            for answers, earlier in product(variants, earlier_copies):
                root = home(lab, outcome)
                kept = root / "downloads" / remote.place
                if earlier is not None:
                    kept.parent.mkdir(parents=True)
                    kept.write_bytes(earlier)
                server.breaks("", "", *answers)
                with patch.dict(os.environ, {"ARTIFACT_CACHE": str(root)}):
                    problems = handed_out(lambda: fetch(remote), earlier, answers, outcome)
                    if earlier == CONTENT and kept.read_bytes() != CONTENT:
                        problems.append("the good copy was lost")
                    beside = [p.name for p in root.rglob("*") if p.is_file() and p != kept]
                    problems += [f"{name} is left" for name in beside]
                    server.breaks()
                    problems += outcome.compare(fetch(remote).read_bytes() == CONTENT)
                outcome.count(problems)
            yield outcome


def home(lab: Lab, outcome: Outcome) -> Path:
    """A folder of its own for the next injection of a fault."""
    return lab.folder / outcome.fault.replace(" ", "-") / str(outcome.injected)


def handed_out(
    get: Callable[[], Path], earlier: bytes | None, answers: Sequence[str], outcome: Outcome
) -> list[str]:
    """Ask for a file while the server is faulty: problems where another is handed out, or none
    though it could be, or where that is said late or without the file's name."""
    passes = earlier == CONTENT or not answers[-1].endswith("!")
    problems, began = [], time.monotonic()
    try:
        problems += outcome.compare(get().read_bytes() == CONTENT)
        if not passes:
            problems.append("a faulty file was handed out")
    except DataError as error:
        if passes or FILE not in str(error):
            problems.append(f"refused: {error}")
    if (gone := time.monotonic() - began) > LIMIT:
        problems.append(f"{gone:.0f} s until it gave up")
    return problems


def weights(lab: Lab) -> Iterator[Outcome]:
    """Each fault of a file with an empty hub cache, a good copy in it, and a damaged one; then the
    same faults of what the hub says of a file."""
    from huggingface_hub import constants
    from huggingface_hub.utils import logging

    with ExitStack() as stack:
        stack.callback(logging.set_verbosity, logging.get_verbosity())
        logging.set_verbosity(logging.CRITICAL)
        stack.enter_context(redirect_stderr(StringIO()))
        server = stack.enter_context(Hub({REPO: {FILE: CONTENT}}))
        stack.enter_context(patch.object(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True))
        here = stack.enter_context(pytest.MonkeyPatch.context())
        for fault, answers in WEIGHTS_FAULTS.items():
            outcome = Outcome(f"weights: {fault}")
            for earlier in (None, CONTENT, CONTENT[:-1] + b"x"):
                server.patch(here, root := home(lab, outcome))
                pin = hub.resolve(REPO, None)
                if earlier is not None:
                    hub.fetch(pin).resolve().write_bytes(earlier)
                server.breaks(REPO, FILE, *answers)
                get = partial(hub.fetch, pin)
                problems = handed_out(get, earlier, answers, outcome)
                for path in root.rglob("snapshots/*/*"):
                    problems += outcome.compare(path.read_bytes() == CONTENT)
                server.breaks(REPO, FILE)
                problems += outcome.compare(get().read_bytes() == CONTENT)
                outcome.count(problems)
            yield outcome
        outcome = Outcome("weights: error page or HTTP 503 where a pin is asked for")
        for fault in ("page", "503"):
            server.patch(here, home(lab, outcome))
            outcome.count(asked(server, fault, outcome))
        yield outcome


def asked(server: Hub, fault: str, outcome: Outcome) -> list[str]:
    """Resolve once while the hub is faulty for ever, and once when it is well."""
    right = hub.Pin(REPO, FILE, server.commit(REPO), server.sha256(REPO, FILE), len(CONTENT))
    problems = []
    server.breaks(REPO, FILE, f"{fault}!", method="HEAD")
    try:
        problems.append(f"taken for an answer: {hub.resolve(REPO, None)}")
    except DataError as error:
        problems += [] if FILE in str(error) else [f"not named: {error}"]
    server.breaks(REPO, FILE, method="HEAD")
    return problems + outcome.compare(hub.resolve(REPO, None) == right)
