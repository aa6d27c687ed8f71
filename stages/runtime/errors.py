"""Errors that a user can act on, each with the exit code that a stage ends with."""

import difflib
from collections.abc import Iterable
from pathlib import Path


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


def untracked() -> str:
    """What to add where a file is missing: DVC's own copy of a repository has what git tracks."""
    copied = {".dvc", "exps"} <= set(Path.cwd().parts)
    return "; `dvc exp run --temp` and --queue copy what git tracks: `git add` it" if copied else ""


def suggest(wrong: str, allowed: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the allowed name nearest to a wrong one, else ``""``."""
    near = difflib.get_close_matches(str(wrong), list(allowed), n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""
