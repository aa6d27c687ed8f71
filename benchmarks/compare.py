"""Do two runs say the same? Compares two folders of results, file by file.

`python -m benchmarks.compare BEFORE AFTER [--ignore COLUMN ...]`. Numbers of CSV and JSON files may
differ by 1e-9 of the larger, or by 1e-12; all else must be equal, other files to the byte
(SHA-256). A line a file, then a verdict; the exit code is 1 where anything differs.
"""

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
    asked = parser.parse_args()
    for folder in (asked.before, asked.after):
        if not folder.is_dir():
            sys.exit(f"{folder}: not a folder")
    before, after = (
        {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        for folder in (asked.before, asked.after)
    )
    different = 0
    for name in sorted(before | after):
        if name in before and name in after:
            verdict = compare(asked.before / name, asked.after / name, asked.ignore)
        else:
            verdict = f"ONLY {'BEFORE' if name in before else 'AFTER'}"
        different += not verdict.startswith("equal")
        print(f"{name:44} {verdict}")
    print(f"{len(before | after)} files: {f'{different} DIFFER' if different else 'all equal'}")
    sys.exit(different > 0)


def compare(before: Path, after: Path, ignored: Collection[str] = ()) -> str:
    """ "equal ...", or the first difference of two files and how many there are."""
    if file_digest(before) == file_digest(after):
        return "equal to the byte"
    if before.suffix not in (".csv", ".json"):
        return "DIFFERS in its bytes"
    one, other = (dict(values(path, ignored)) for path in (before, after))
    gaps = {at: gap(one[at], other[at]) for at in one if at in other}
    wrong = [at for at in one | other if gaps.get(at, math.inf) == math.inf]
    if wrong:
        first = f"{wrong[0]}: {one.get(wrong[0], 'missing')} / {other.get(wrong[0], 'missing')}"
        return f"DIFFERS in {len(wrong)} values, first {first}"
    largest = max(gaps.values(), default=0.0)
    return f"equal, {len(one)} values, largest difference {largest:.1e}"


def gap(one: Any, other: Any) -> float:
    """How far two values are apart; infinitely, where that is more than the tolerance."""
    if isinstance(one, int | float) and isinstance(other, int | float):
        close = math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
        return abs(one - other) if close else math.inf
    return 0.0 if type(one) is type(other) and one == other else math.inf


def values(path: Path, ignored: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Every value of a table or a JSON document, with the place where it stands."""
    if path.suffix == ".json":
        yield from leaves(json.loads(path.read_text(encoding="utf-8")), "", ignored)
        return
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    for line, row in enumerate(rows, 1):
        for column, cell in zip(rows[0], row, strict=True):
            if column not in ignored:
                yield f"line {line}, {column}", number(cell)


def leaves(value: Any, where: str, ignored: Collection[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
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


if __name__ == "__main__":
    main()
