"""Do two runs say the same? Compares two folders of results, file by file.

`python -m benchmarks.compare BEFORE AFTER [--ignore COLUMN ...]`. Numbers of CSV and JSON files may
differ by 1e-9 of the larger, or by 1e-12; all else must be equal, other files to the byte
(SHA-256). A line a file, then a verdict; the exit code is 1 where anything differs.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from stages.runtime.source import file_digest

RELATIVE, ABSOLUTE = 1e-9, 1e-12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--ignore", action="append", default=[], metavar="COLUMN")
    arguments = parser.parse_args()
    before, after = (files(folder) for folder in (arguments.before, arguments.after))
    different = 0
    for name in sorted(before | after):
        if name not in before or name not in after:
            verdict = f"ONLY {'BEFORE' if name in before else 'AFTER'}"
        else:
            verdict = compare(before[name], after[name], set(arguments.ignore))
        different += not verdict.startswith("equal")
        print(f"{name:44} {verdict}")
    print(f"{len(before | after)} files: {f'{different} DIFFER' if different else 'all equal'}")
    sys.exit(different > 0)


def files(folder: Path) -> dict[str, Path]:
    """Every file below a folder, by its path there."""
    if not folder.is_dir():
        sys.exit(f"{folder}: not a folder")
    return {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}


def compare(before: Path, after: Path, ignored: Collection[str] = ()) -> str:
    """ "equal ...", or the first difference of two files and how many there are."""
    if file_digest(before) == file_digest(after):
        return "equal to the byte"
    if before.suffix not in (".csv", ".json"):
        return "DIFFERS in its bytes"
    one, other = (dict(values(path, ignored)) for path in (before, after))
    wrong = [
        f"{where}: {one.get(where, 'missing')} / {other.get(where, 'missing')}"
        for where in one | other
        if where not in one or where not in other or not same(one[where], other[where])
    ]
    if wrong:
        return f"DIFFERS in {len(wrong)} values, first {wrong[0]}"
    largest = max((gap(one[w], other[w]) for w in one), default=0.0)
    return f"equal, {len(one)} values, largest difference {largest:.1e}"


def values(path: Path, ignored: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Every value of a table or a JSON document, with the place where it stands."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream))
        for line, row in enumerate(rows, 1):
            for column, cell in zip(rows[0], row, strict=True):
                if column not in ignored:
                    yield f"line {line}, {column}", number(cell)
    else:
        yield from leaves(json.loads(path.read_text(encoding="utf-8")), "", ignored)


def leaves(value: Any, where: str, ignored: Collection[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            if key not in ignored:
                yield from leaves(inner, f"{where}/{key}", ignored)
        yield f"{where} size", len(value)
    else:
        yield where, value


def number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def same(one: Any, other: Any) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return type(one) is type(other) and bool(one == other)


def gap(one: Any, other: Any) -> float:
    return abs(one - other) if isinstance(one, int | float) else 0.0


if __name__ == "__main__":
    main()
