"""Tables of published models, as studies/models/paper.csv."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, fields
from pathlib import Path

from stages.runtime.errors import UsageError

PAPER = Path("studies/models/paper.csv")
NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"
"""What models are called: part of a file's name, whatever the system."""
REVISION = "[A-Za-z0-9][A-Za-z0-9_-]*([./][A-Za-z0-9_-]+)*"
"""A commit, branch or tag of the hub, part of a path of its cache."""
_PLAIN = "letters, digits, . _ - are allowed, up to 100, the first a letter or digit"
_ALLOWED = {
    "name": (NAME, _PLAIN),
    "timm_2022": (f"({NAME})?", _PLAIN),
    "timm": (f"({NAME})?", _PLAIN),
    "revision": (f"({REVISION})?", "a commit, branch or tag is needed, or nothing"),
    "family": (f"({NAME})?", _PLAIN),
    "evidence": (r"[^\x00-\x1f\x7f]*", "up to 100 characters of one line are allowed"),
}


@dataclass(frozen=True)
class Row:
    """One model of a table.

    Attributes
    ----------
    name : what the study calls it (in paper.csv as the paper prints it).
    timm_2022 : timm's name in 2022, the key of the published results.
    timm : today's `architecture.tag` that carries the same weights; empty where timm has none.
    evidence : how that is known. revision : of the hub's repository; empty for the newest.
    family : timm's module. features : D of its penultimate layer. parameters : their count.
    gmacs : of one image, billions of multiply-adds. input_size : pixels.
    """

    name: str
    timm_2022: str
    timm: str
    evidence: str
    revision: str
    features: int
    parameters: int
    gmacs: float
    input_size: int
    family: str


def read_model_table(path: Path, where: str) -> list[Row]:
    """Every line of a model table.

    Raises
    ------
    UsageError
        Names the file (and `where` it is named), the line, the column, the value.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            found, lines = list(reader.fieldnames or []), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{where}: table: '{path}' cannot be read: {error}") from error
    expected = [field.name for field in fields(Row)]
    for name in expected:
        if name not in found:
            raise UsageError(f"{path}: column '{name}' is missing; {expected} are needed")
        if found.count(name) > 1:
            raise UsageError(
                f"{path}: column '{name}' is there {found.count(name)} times, not once"
            )
    return [_row(path, number, line) for number, line in enumerate(lines, start=2)]


def _row(path: Path, number: int, line: dict[str, str]) -> Row:
    if None in line or None in line.values():
        raise UsageError(f"{path}: line {number}: has more or fewer values than columns")
    numbers: dict[str, float] = {}
    for column in ("features", "parameters", "gmacs", "input_size"):
        try:
            numbers[column] = float(line[column] or 0)
        except ValueError:
            numbers[column] = -1
        if not 0 <= numbers[column] < 1e15:  # NaN and infinity are not
            raise UsageError(
                f"{path}: line {number}: {column}: {line[column]!r}; a number from 0 is needed"
            )
    for column, (pattern, allowed) in _ALLOWED.items():
        if not re.fullmatch(pattern, line[column]) or len(line[column]) > 100:
            raise UsageError(f"{path}: line {number}: {column}: {line[column]!r}; {allowed}")
    return Row(
        line["name"],
        line["timm_2022"],
        line["timm"],
        line["evidence"],
        line["revision"],
        int(numbers["features"]),
        int(numbers["parameters"]),
        numbers["gmacs"],
        int(numbers["input_size"]),
        line["family"],
    )
