"""The door of every stage: an error that a user can act on becomes one line and an exit code.

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
from types import FrameType
from typing import NoReturn

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
