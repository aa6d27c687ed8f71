"""Errors that a user can act on, each with the exit code that a stage ends with."""

import difflib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

LISTED = 5
"""So many names that share a reason are all printed."""


class UsageError(Exception):
    """A parameter or study is wrong. The message names file, key, value and what is allowed."""

    code = 1


class DataError(Exception):
    """A file's content is wrong: digest, shape, format or values. The message names the file."""

    code = 2


class UnitError(Exception):
    """Some units of a stage failed; the others are finished and kept in the artifact cache."""

    code = 3


class UnsuitableError(Exception):
    """A model cannot give what a job asks, and is left out; the message says what to change."""

    def __str__(self) -> str:
        return f"{super().__str__()}; models.exclude leaves it out"


def untracked() -> str:
    """What to add where a file is missing: DVC's own copy of a repository has what git tracks."""
    copied = {".dvc", "exps"} <= set(Path.cwd().parts)
    return "; `dvc exp run --temp` and --queue copy what git tracks: `git add` it" if copied else ""


def report(stage: str, reasons: Mapping[str, str], what: str = "") -> None:
    """Print the reason of each name on stderr; of many with one reason, how many there are."""
    for reason in dict.fromkeys(reasons.values()):
        names = [name for name in reasons if reasons[name] == reason]
        listed = names if len(names) <= LISTED else [f"{names[0]} (of {len(names)} models)"]
        for name in listed:
            print(f"{stage}: {name}{what}: {reason}", file=sys.stderr)


def suggest(wrong: str, allowed: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the allowed name nearest to a wrong one, else ``""``."""
    near = difflib.get_close_matches(str(wrong), list(allowed), n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""
