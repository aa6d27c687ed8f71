"""Functions that tests of the engine run as jobs: they work, fail, hang, die, or ask for memory."""

import ctypes
import importlib
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from stages.runtime.door import door
from stages.runtime.errors import UnsuitableError
from stages.runtime.jobs import Job, run
from stages.runtime.machine import Place


def doubled(log: str, *, each: Sequence[int]) -> Iterator[dict[str, int]]:
    """Twice each number; notes in a file what each call was asked for."""
    with Path(log).open("a") as stream:
        print(*each, file=stream)
    for number in each:
        if number < 0:
            raise ArithmeticError(f"{number} is negative")
        yield {"twice": 2 * number}


def returned(value: Any, folder: str = "") -> Any:
    """The value itself, or the path of a file that holds it."""
    if not folder:
        return value
    path = Path(folder) / "payload"
    path.write_bytes(value)
    return path


def nan() -> float:
    return float("nan")


def slow(name: str, seconds: float, *, each: Sequence[int]) -> Iterator[str]:
    for item in each:
        time.sleep(seconds)
        yield f"{name} {item}"


class AwkwardError(Exception):
    """An error that cannot be made anew from what it holds."""

    def __init__(self, name: str, *, detail: str) -> None:
        super().__init__(f"{name}: {detail}")


class LockedError(Exception):
    """An error that cannot be pickled."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


def raises(name: str) -> None:
    """An error that does not travel between processes."""

    class LocalError(Exception):
        """An error of a class that no other process can import."""

    if name == "awkward":
        raise AwkwardError("x.npz", detail="torn")
    raise (LockedError if name == "locked" else LocalError)("x.npz: torn")


def suited(reason: str) -> str:
    """A job that finishes, or finds a model unsuitable."""
    if reason:
        raise UnsuitableError(reason)
    return "made"


def unwritable() -> bytes:
    """More bytes than this process may write from now on: as on a full disk."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 15, hard))
    return bytes(1 << 16)


def die(how: str, *, each: Sequence[int]) -> Iterator[str]:
    """The first item is kept; with the second the process exits, is killed, or hangs in C with
    Python's lock held."""
    for item in each:
        if item and how == "hang":
            ctypes.PyDLL(None).sleep(10_000)
        elif item:
            os._exit(9) if how == "exit" else os.kill(os.getpid(), signal.SIGKILL)
        yield "first"


def hog() -> int:
    """Ask for more memory than the process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, hard))
    try:
        return len(bytes(2 << 30))
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def tell(folder: str, name: str) -> None:
    """Leave a file with the process's id, then take long."""
    (Path(folder) / name).write_text(str(os.getpid()))
    time.sleep(10_000)


def die_at_first(folder: str, waits: bool = False) -> str:
    """Be killed at the first try, by itself or while it waits; end well at the second."""
    mark = Path(folder) / "first"
    if mark.exists():
        return "second"
    if waits:
        tell(folder, mark.name)
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def main() -> None:
    """A stage of two jobs that take long, on a cluster."""
    folder, scheduler = sys.argv[1:]
    jobs = {name: Job(partial(tell, folder, name)) for name in ("one", "two")}
    run("made up", jobs, Place(scheduler=scheduler))


if __name__ == "__main__":
    door(importlib.import_module("tests.jobs").main)  # whose functions workers can import
