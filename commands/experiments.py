"""Prints experiments side by side. `make experiments` runs it.

Usage: python -m commands.experiments [revision ...]

A row is a metric, or a parameter in which experiments differ. A column is an experiment, the
workspace or a commit. Without a revision, it shows the last commit and its experiments.

Reads:  what `dvc exp show` knows
Writes: nothing
"""

import json
import subprocess
import sys
from typing import Any

import pandas as pd

from stages.runtime.door import door
from stages.runtime.errors import UsageError
from stages.study import command

WIDTH = 120
"""Characters of a line, at most."""
NAME, COLUMN = 34, 20  # of a row's name, and of an experiment's column


def main() -> None:
    words = [word for name in command.revisions() for word in ("--rev", name)]
    dvc = [sys.executable, "-m", "dvc", "exp", "show", "--json", *words]
    done = subprocess.run(dvc, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise UsageError(f"dvc exp show {' '.join(words)} failed")
    for block in blocks(json.loads(done.stdout)):
        print(block, end="\n\n")


def blocks(shown: list[dict[str, Any]]) -> list[str]:
    """Tables of at most `WIDTH` characters a line, each of as many experiments as fit.

    shown : what `dvc exp show --json` prints: commits, each with its experiments.
    """
    found = []
    for state in shown:
        groups = state.get("experiments") or []
        found += [state, *(run for group in groups for run in group["revs"])]
    names = [str(one.get("name") or one["rev"][:9])[: COLUMN - 2] for one in found]
    parameters, metrics = (
        pd.DataFrame([_flat(one, kind) for one in found]).T for kind in ("params", "metrics")
    )
    table = pd.concat([parameters[parameters.nunique(axis=1) > 1], metrics])
    table.index = pd.Index([name.rpartition(":")[2][-NAME:] for name in table.index])
    table.columns = pd.Index(names)
    columns, size = (WIDTH - NAME) // COLUMN, COLUMN - 2
    return [
        table.iloc[:, i : i + columns].to_string(na_rep="-", col_space=size)
        for i in range(0, len(names), columns)
    ]


def _flat(one: dict[str, Any], kind: str) -> dict[str, str]:
    """An experiment's params or metrics as text, by file:key; numbers with four digits."""
    files = ((one.get("data") or {}).get(kind) or {}).items()
    return {
        f"{file}:{key}": (f"{value:.4g}" if isinstance(value, float) else str(value))[: COLUMN - 2]
        for file, content in files
        for key, value in pd.json_normalize(content.get("data") or {}).iloc[:1].items()
        for value in value.tolist()
        if value is not None
    }


if __name__ == "__main__":
    door(main)
