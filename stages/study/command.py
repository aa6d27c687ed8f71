"""What follows a stage's name on the command line."""

import sys
from collections.abc import Collection

from stages.runtime.errors import UsageError, suggest


def group(stage: str, allowed: Collection[str]) -> str:
    """The only word, one of those allowed; as in `python -m stages.download tasks`."""
    words, usage = sys.argv[1:], f"usage: python -m stages.{stage} {'|'.join(allowed)}"
    if len(words) != 1:
        raise UsageError(f"{usage}; {len(words)} words are given")
    if words[0] not in allowed:
        raise UsageError(f"{usage}; not {words[0]!r}" + suggest(words[0], allowed))
    return words[0]


def study(module: str) -> str | None:
    """The name of a study, None if none is given; as in `python -m commands.plan open`."""
    if len(words := sys.argv[1:]) > 1:
        raise UsageError(f"usage: python -m {module} [study]; {len(words)} words are given")
    return words[0] if words else None


def revisions() -> list[str]:
    """Branches, commits or names of experiments; as in `python -m commands.plots HEAD`."""
    for word in sys.argv[1:]:
        if word.startswith("-"):
            raise UsageError(f"{word}: revisions are branches, commits or names of experiments")
    return sys.argv[1:]
