"""The door of every stage: it says which stage begins, and turns errors into exit codes.

An error that a user can act on becomes one line. Where DVC has started the stage, the first line
gives its place in the pipeline: "stage 4 of 12, pretrain: Train every model by its recipe".

Exit codes: 0 success, also where models that do not suit are left out by name; 1 usage (parameters,
studies); 2 data (files, downloads, shapes, NaN, a full disk); 3 some units failed while the others
finished; 130 interrupted; 143 terminated.
"""

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import yaml

from stages.runtime.errors import DataError, UnitError, UsageError

GRACE = 1.5
"""Seconds to end in, after a signal: by then the stage leaves, whatever it waits for."""

_SAID = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_RIGHTS = {errno.EROFS, errno.EACCES, errno.EPERM}


class SignalError(KeyboardInterrupt):
    """SIGINT or SIGTERM came. Like KeyboardInterrupt it is no Exception, so that no unit or
    download takes it for a failure of its own."""


def door(stage: Callable[[], None]) -> None:
    """Run a stage's ``main``; an error a user can act on becomes one line on stderr."""
    before = {number: signal.getsignal(number) for number in _SAID}
    _on_signals(_stop)
    try:
        if name := os.environ.get("DVC_STAGE"):  # as DVC names it: "pretrain", "embed@transfer"
            announce(name)
        stage()
    except (UsageError, DataError, UnitError) as error:
        said, code = str(error), error.code
    except SignalError as error:
        _leave(error.args[0], None)
    except OSError as error:
        if error.errno not in _DISK | _RIGHTS:
            raise
        where = error.filename or "an output of this stage"
        said, code = f"{where}: {error.strerror}; finished units are kept", DataError.code
    else:
        return
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    # One line: a file's name may hold a line break, or what a terminal takes for a command.
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in said)
    print(f"error: {line}", file=sys.stderr)
    sys.exit(code)


def announce(name: str) -> None:
    """Print the place of a stage among those of dvc.yaml, and what it does, on stderr."""
    pipeline = Path("dvc.yaml")
    purposes = described(yaml.safe_load(pipeline.read_bytes())) if pipeline.is_file() else {}
    if name in purposes:
        place = list(purposes).index(name) + 1
        print(f"stage {place} of {len(purposes)}, {name}: {purposes[name]}", file=sys.stderr)


def described(pipeline: dict[str, Any]) -> dict[str, str]:
    """What each stage of a dvc.yaml does, by DVC's name, in the file's order.

    DVC runs stages in that order as long as each follows those that it reads. A `foreach` over a
    mapping is as many stages as it has keys, each described by its own `desc`.
    """
    found: dict[str, str] = {}
    for name, stage in pipeline.get("stages", {}).items():
        group = {f"{name}@{key}": item for key, item in stage.get("foreach", {}).items()}
        found |= {one: entry.get("desc", "") for one, entry in (group or {name: stage}).items()}
    return found


def listen() -> None:
    """End with one line and no traceback where a signal comes before `door`, during imports."""
    _on_signals(_leave)


def _on_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in _SAID:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup and shells in scripts ask
            signal.signal(number, handler)


def _stop(number: int, _: FrameType | None) -> NoReturn:
    """Let the stage clean up, for so long."""
    _on_signals(_leave)  # a second signal ends it at once
    watch = threading.Timer(GRACE, _leave, (number, None))
    watch.daemon = True
    watch.start()
    raise SignalError(number)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """Say it and leave, without joining threads that may still wait on a unit in flight."""
    bar = "\n" if sys.stderr.isatty() else ""  # the progress bar's line ends here
    said = f"{bar}{_SAID[signal.Signals(number)]}: finished units are kept; run again to go on\n"
    os.write(2, said.encode())
    os._exit(128 + number)
