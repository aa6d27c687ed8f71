"""A command in a session of its own, with all the processes that it starts; and a dask cluster."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from tests.conftest import Workspace

LIMIT = 120.0
"""Seconds that any stage of the small study ends within, however busy the machine."""
ORPHANS = 10.0
"""Seconds after which no process may be left of a stage that has ended or was killed."""

_REPORT = re.compile(r": (\d+) units, (\d+) from the cache, (\d+) computed, (\d+) failed")


def stage_command(stage: str) -> list[str]:
    """The command of a stage, by its module's name and what follows ("embed transfer")."""
    module, *words = stage.split()
    return [sys.executable, "-m", f"stages.{module}", *words]


class Running:
    """A command that runs in a workspace; what it prints goes to a file of its own beside it."""

    started: ClassVar[list[Running]] = []

    def __init__(self, workspace: Workspace, command: Sequence[str], **environment: str) -> None:
        self.workspace = workspace
        handle, name = tempfile.mkstemp(dir=workspace.root.parent, suffix=".log")
        self._log = Path(name)
        self.process = subprocess.Popen(
            command,
            cwd=workspace.root,
            env=workspace.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=True,
        )
        os.close(handle)
        self.pid = self.process.pid
        self.started.append(self)

    @property
    def log(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    def ended(self, seconds: float = LIMIT) -> int | None:
        """Its exit code, or None where it still runs after so many seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(seconds)
        return None

    def alive(self) -> dict[int, int]:
        """Processes of its session that have not ended, each with its parent."""
        self.process.poll()  # so that it is no zombie
        found = {}
        for file in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, parent, _, session = file.read_text().rpartition(")")[2].split()[:4]
                if int(session) == self.pid and state != "Z":
                    found[int(file.parent.name)] = int(parent)
        return found

    def left_after(self, seconds: float = ORPHANS) -> list[str]:
        """Processes of its session that are left after so many seconds, as problems; they end."""
        within(seconds, lambda: not self.alive())
        left = len(self.alive())
        self.end()
        return [f"{left} processes left"] if left else []

    def end(self) -> None:
        """Kill what is left of its session."""
        for pid in self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        within(10, lambda: not self.alive())

    def child(self, command: Sequence[str]) -> int | None:
        """The process of its session that runs a command, whatever its interpreter, or None."""
        return next((p for p in self.alive() if _command(p)[1:] == command[1:]), None)

    def workers(self) -> list[int]:
        """Worker processes of its session: those that a server of multiprocessing's forked."""
        found = self.alive().items()
        return sorted(p for p, parent in found if "forkserver" in " ".join(_command(parent)))

    def catches(self, number: int) -> bool:
        """Whether it has a handler for a signal."""
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{self.pid}/status").read_text().partition("SigCgt:")[2]
            return bool(int(status.split()[0], 16) >> (number - 1) & 1)
        return False


def end_all() -> None:
    """End every command that was started, also where a check was left by an exception."""
    while Running.started:
        Running.started.pop().end()


def within(seconds: float, holds: Callable[[], object]) -> bool:
    """Wait until something holds, for so long at most; whether it does."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() >= until:
            return False
        time.sleep(0.01)
    return True


def _command(pid: int) -> list[str]:
    """The words of a process's command; none where it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    return []


class Counted(NamedTuple):
    """A stage's report: units, from the cache, computed, jobs failed; -1 where there is none."""

    units: int = -1
    cached: int = -1
    computed: int = -1
    failed: int = -1


def report(log: str) -> Counted:
    """The numbers of a stage's reports together; analyze has one of ceilings, one of figures."""
    found = [map(int, numbers) for numbers in _REPORT.findall(log)]
    return Counted(*map(sum, zip(*found, strict=True)))


def last_line(log: str) -> str:
    """The last line that a stage printed."""
    return (log.strip().splitlines() or ["nothing printed"])[-1]


def one_line(log: str, *words: str) -> list[str]:
    """Problems where a stage's end is not one clear line, with all these words in it."""
    errors = [line for line in log.splitlines() if line.startswith("error: ")]
    if "Traceback" in log or len(errors) != 1:
        return [f"no single clear line: {last_line(log)}"]
    missing = [word for word in words if word not in errors[0]]
    return [f"'{word}' is not in: {errors[0]}" for word in missing]


class Cluster:
    """A scheduler on 127.0.0.1, and the dask workers that are started for it, so many at once."""

    def __init__(self, workspace: Workspace, workers: int = 0, **environment: str) -> None:
        self._workspace, self._environment = workspace, environment
        self._folder = Path(tempfile.mkdtemp(dir=workspace.root.parent, prefix="dask-"))
        file = self._folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", str(file))
        self.members = [self.scheduler]
        if not within(LIMIT, lambda: file.is_file() and file.read_text()):
            raise RuntimeError(f"no scheduler: {self.scheduler.log}")
        self.address: str = json.loads(file.read_text())["address"]
        for worker in [self.worker() for _ in range(workers)]:
            if not within(LIMIT, lambda: "Registered to" in worker.log):  # noqa: B023
                raise RuntimeError(f"no worker: {worker.log}")

    def _start(self, what: str, *words: str) -> Running:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *words]
        command += ["--host", "127.0.0.1", "--no-dashboard"]
        return Running(self._workspace, command, **self._environment)

    def worker(self, *words: str) -> Running:
        """Start a dask worker of one thread."""
        local = ("--nthreads", "1", "--local-directory", str(self._folder))
        self.members.append(self._start("worker", self.address, *local, *words))
        return self.members[-1]

    def end(self) -> None:
        for member in self.members:
            member.end()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
