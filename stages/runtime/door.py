"""The door of every stage: an error that a user can act on becomes one line and an exit code.

Exit codes: 0 success; 1 usage (parameters, studies); 2 data (files, downloads, shapes, NaN); 3 some
units failed while the others finished; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from stages.runtime.errors import DataError, UnitError, UsageError


def door(stage: Callable[[], None]) -> None:
    """Run a stage's ``main``; an error a user can act on becomes one line on stderr."""
    try:
        stage()
    except (UsageError, DataError, UnitError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.code)
    except KeyboardInterrupt:
        print("interrupted: finished units are kept; run again to go on", file=sys.stderr)
        # Worker threads of the pool may still wait on a unit in flight: leave without joining them.
        sys.stderr.flush()
        os._exit(130)
