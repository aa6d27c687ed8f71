"""CSV files that a study names, line by line."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from stages.runtime.errors import UsageError


def read_rows(path: Path, where: str, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Every line's number and its values by column.

    Raises
    ------
    UsageError
        Names the file (and `where` it is named), the columns or the line: it cannot be read, has
        other columns, or no line, or a line has more or fewer values than columns, or one that
        cannot be printed.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            lines = [(reader.line_num, line) for line in reader if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{where}: '{path}' cannot be read: {error}") from error
    if header != list(columns):
        raise UsageError(f"{path}: line 1: columns are {header}; {list(columns)} are needed")
    if not lines:
        raise UsageError(f"{path}: has no line below its columns")
    for number, line in lines:
        if len(line) != len(header):
            raise UsageError(
                f"{path}: line {number}: {len(line)} values for {len(header)} columns: {line}"
            )
        for column, value in zip(columns, line, strict=True):
            if not value.isprintable():
                raise UsageError(f"{path}: line {number}: {column}: {value!r} cannot be printed")
    return [(number, dict(zip(header, line, strict=True))) for number, line in lines]
