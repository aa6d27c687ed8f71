"""Made-up jobs for tests of the engine: units that work, fail, hang, die, take memory."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

from stages.runtime.door import door
from stages.runtime.errors import DataError
from stages.runtime.jobs import Job, run
from stages.runtime.machine import place
from stages.runtime.source import digest

Made = Iterator[tuple[str, bytes]]


def job(function: str, *args: object, units: int = 1, cost: float = 1.0, name: str = "") -> Job:
    """A job of one of the functions below, with keys of its own."""
    name = name or function
    keys = {f"u{i}": digest([name, i]) for i in range(units)}
    return Job(name, keys, f"tests.made_up:{function}", args, cost)


def named(wanted: Sequence[str]) -> Made:
    """Payloads that follow from the names."""
    for unit in wanted:
        yield unit, unit.encode() * 1000


def slow(seconds: float, wanted: Sequence[str]) -> Made:
    """Each unit takes so long, and is kept when done."""
    for unit in wanted:
        time.sleep(seconds)
        yield unit, unit.encode()


def data(wanted: Sequence[str]) -> Made:
    raise DataError("x.npz: not readable")
    yield wanted[0], b""


def fail(wanted: Sequence[str]) -> Made:
    raise ArithmeticError("what it was")
    yield wanted[0], b""


def die(code: int, wanted: Sequence[str]) -> Made:
    """The first unit is kept, the second ends the process."""
    yield wanted[0], b"first"
    os._exit(code)


def killed(wanted: Sequence[str]) -> Made:
    """What Linux does to a process where memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
    yield wanted[0], b""


def hang(wanted: Sequence[str]) -> Made:
    """The first unit is kept, the second hangs in C with Python's lock held."""
    yield wanted[0], b"first"
    ctypes.PyDLL(None).sleep(10_000)


def hog(wanted: Sequence[str]) -> Made:
    """Ask for more memory than the process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, hard))
    try:
        yield wanted[0], bytes(2 << 30)
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def tell(folder: Path, wanted: Sequence[str]) -> Made:
    """Leave a file with the process's id, then take long."""
    (folder / str(os.getpid())).touch()
    time.sleep(10_000)
    yield wanted[0], b""


class Fatal:
    """A job's argument that kills, so many times, the process that takes it, as it takes it."""

    def __init__(self, folder: Path, times: int) -> None:
        self.left = folder / "left"
        self.left.write_text(str(times))

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.__dict__ = state
        if times := int(self.left.read_text()):
            self.left.write_text(str(times - 1))
            os.kill(os.getpid(), signal.SIGKILL)


def survive(fatal: Fatal, wanted: Sequence[str]) -> Made:
    """What is left of the deaths."""
    yield wanted[0], fatal.left.read_bytes()


def once(folder: Path, wanted: Sequence[str]) -> Made:
    """Take long at the first attempt, and end at once at the second."""
    mark = folder / "first"
    if not mark.exists():
        parent = multiprocessing.parent_process()
        (folder / "new").write_text(str(parent.pid if parent else 0))
        (folder / "new").rename(mark)
        time.sleep(10_000)
    yield wanted[0], b"second"


def main() -> None:
    """A stage of two jobs that take long, where the environment says."""
    compute = SimpleNamespace(workers=2, scheduler=None, limit=None)
    jobs = [job("tell", Path(sys.argv[1]), name=name) for name in ("one", "two")]
    run("made up", jobs, place(compute))


if __name__ == "__main__":
    door(main)
