"""A command in a session of its own, with all the processes that it starts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from tests.conftest import Workspace

LIMIT = 120.0
"""Seconds that any stage of the small study ends within, however busy the machine."""


def stage_command(stage: str) -> list[str]:
    """The command of a stage, by its module's name and what follows ("embed transfer")."""
    module, *words = stage.split()
    return [sys.executable, "-m", f"stages.{module}", *words]


class Running:
    """A command that runs in a workspace; what it prints goes to a file of its own beside it."""

    started: ClassVar[list[Running]] = []

    def __init__(self, workspace: Workspace, command: Sequence[str], **environment: str) -> None:
        handle, name = tempfile.mkstemp(dir=workspace.root.parent, suffix=".log")
        os.close(handle)
        self._log = Path(name)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=workspace.root,
                env=workspace.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(self)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        """What it printed so far."""
        return self._log.read_text(errors="replace")

    def ended(self, seconds: float = LIMIT) -> int | None:
        """Its exit code, or None where it still runs after so many seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(seconds)
        return None

    def alive(self) -> list[int]:
        """Processes of its session that have not ended."""
        self.process.poll()  # so that it is no zombie
        return [p for p, _, session, state in _processes() if session == self.pid and state != "Z"]

    def left_after(self, seconds: float) -> int:
        """How many processes of its session are left after so many seconds; they are ended."""
        within(seconds, lambda: not self.alive())
        left = self.alive()
        self.end()
        return len(left)

    def end(self) -> None:
        """Kill what is left of its session."""
        for pid in self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        within(10, lambda: not self.alive())

    def child(self, command: Sequence[str]) -> int | None:
        """The process of its session that runs a command, or None."""
        asked = [os.fsencode(word) for word in command[1:]]  # without the interpreter's path
        for pid, _, session, _ in _processes():
            if session == self.pid and _command(pid).split(b"\0")[1:-1] == asked:
                return pid
        return None

    def workers(self) -> list[int]:
        """Worker processes of its session: those that a server of multiprocessing's forked."""
        found = {pid: parent for pid, parent, session, _ in _processes() if session == self.pid}
        servers = {pid for pid in found if b"multiprocessing.forkserver" in _command(pid)}
        return sorted(pid for pid, parent in found.items() if parent in servers)


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


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def _command(pid: int) -> bytes:
    """A process's command, each word ended by a 0 byte; empty where it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _processes() -> list[tuple[int, int, int, str]]:
    """(pid, parent, session, state) of every process."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                words = (folder / "stat").read_text().rpartition(")")[2].split()
                found.append((int(folder.name), int(words[1]), int(words[3]), words[0]))
    return found
