"""What follows a stage's name on the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from stages.runtime.errors import UsageError, suggest


def group(stage: str, allowed: Iterable[str]) -> str:
    """The only word, one of those allowed; as in `python -m stages.download tasks`.

    Raises
    ------
    UsageError
        No word, more than one, or another one.
    """
    words, names = sys.argv[1:], list(allowed)
    usage = f"usage: python -m stages.{stage} {'|'.join(names)}"
    if len(words) != 1:
        raise UsageError(f"{usage}; {len(words)} words are given")
    if words[0] not in names:
        raise UsageError(f"{usage}; not {words[0]!r}" + suggest(words[0], names))
    return words[0]


def study(stage: str) -> str | None:
    """The name of a study, or None where none is given; as in `python -m stages.plan open`.

    Raises
    ------
    UsageError
        More than one word.
    """
    if len(sys.argv) > 2:
        raise UsageError(
            f"usage: python -m stages.{stage} [study]; {len(sys.argv) - 1} words are given"
        )
    return sys.argv[1] if len(sys.argv) > 1 else None
