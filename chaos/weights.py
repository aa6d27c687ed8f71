"""Faulty downloads of published weights, by `stages.zoo.hub`, from a hub on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stderr
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np

from chaos.lab import Lab
from chaos.outcomes import Outcome
from stages.runtime.errors import DataError
from stages.zoo import hub_client
from stages.zoo.hub import Pin, fetch, resolve
from tests.hub import Hub

REPO, FILE = "timm/small.tag", "model.safetensors"
WEIGHTS = np.random.default_rng(1).bytes(300_000)
FAULTS = {
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


def weights(lab: Lab) -> Iterator[Outcome]:
    """Each fault of a file with an empty hub cache, a good copy in it, and a damaged one; then the
    same faults of what the hub says of a file."""
    from huggingface_hub import constants, file_download
    from huggingface_hub.utils import logging

    hasty = SimpleNamespace(**vars(time) | {"sleep": lambda _: None})
    with ExitStack() as stack:
        stack.callback(logging.set_verbosity, logging.get_verbosity())
        logging.set_verbosity(logging.CRITICAL)
        stack.enter_context(redirect_stderr(StringIO()))
        server = stack.enter_context(Hub({REPO: {FILE: WEIGHTS}}))
        for waiting in (hub_client, file_download):
            stack.enter_context(patch.object(waiting, "time", hasty))
        stack.enter_context(patch.object(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True))
        for fault, answers in FAULTS.items():
            outcome = Outcome(f"weights: {fault}")
            for earlier in (None, WEIGHTS, WEIGHTS[:-1] + b"x"):
                home = lab.folder / "hub" / fault.replace(" ", "-") / str(outcome.injected)
                with patch.dict(os.environ, server.environment(home)):
                    outcome.count(one(server, home, answers, earlier, outcome))
            yield outcome
        outcome = Outcome("weights: error page or HTTP 503 where a pin is asked for")
        for fault in ("page", "503"):
            with patch.dict(os.environ, server.environment(lab.folder / "hub" / "asked" / fault)):
                outcome.count(asked(server, fault, outcome))
        yield outcome


def one(
    server: Hub, home: Path, answers: list[str], earlier: bytes | None, outcome: Outcome
) -> list[str]:
    """Fetch once while the hub is faulty, and once when it is well."""
    pin = resolve(REPO, None)
    if earlier is not None:
        blob = fetch(pin).resolve()
        blob.write_bytes(earlier)
    problems = []
    server.breaks(REPO, FILE, *answers)
    passes = earlier == WEIGHTS or not answers[-1].endswith("!")
    try:
        problems += outcome.compare(fetch(pin).read_bytes() == WEIGHTS)
        if not passes:
            problems.append("a faulty file was handed out")
    except DataError as error:
        if passes or FILE not in str(error):
            problems.append(f"refused: {error}")
    for path in home.rglob("snapshots/*/*"):
        problems += outcome.compare(path.read_bytes() == WEIGHTS)
    server.breaks(REPO, FILE)
    return problems + outcome.compare(fetch(pin).read_bytes() == WEIGHTS)


def asked(server: Hub, fault: str, outcome: Outcome) -> list[str]:
    """Resolve once while the hub is faulty for ever, and once when it is well."""
    right = Pin(REPO, FILE, server.commit(REPO), server.sha256(REPO, FILE), len(WEIGHTS))
    problems = []
    server.breaks(REPO, FILE, f"{fault}!", method="HEAD")
    try:
        problems.append(f"taken for an answer: {resolve(REPO, None)}")
    except DataError as error:
        problems += [] if FILE in str(error) else [f"not named: {error}"]
    server.breaks(REPO, FILE, method="HEAD")
    return problems + outcome.compare(resolve(REPO, None) == right)
