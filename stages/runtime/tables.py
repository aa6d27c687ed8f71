"""Every CSV file is read here, against a schema; what is wrong becomes one clear line.

pandas is imported when a file is read: not every stage reads one.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.runtime.errors import DataError, UsageError
from stages.runtime.files import write_bytes

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]
"""A row of a table, by column; None is a blank cell."""


@dataclass(frozen=True)
class Column:
    """What the cells of a column may hold.

    kind : str, int (below 2^53, so that none is rounded) or float.
    blank : whether a cell may be empty ("" as text, NaN as a number).
    low, high : the range of numbers, both included. allowed : the only texts allowed.
    pattern : a regular expression that a whole text must match.
    needs : what is allowed, in words, for the error message; derived where it is empty.
    optional : whether the column may be absent.
    """

    kind: type = str
    blank: bool = False
    low: float = -math.inf
    high: float = math.inf
    allowed: Sequence[str] = ()
    pattern: str = ""
    needs: str = ""
    optional: bool = False

    def values(self, cells: pd.Series) -> tuple[pd.Series, pd.Series]:
        """The cells as values, and whether each is wrong."""
        empty = cells.str.strip() == ""
        if self.kind is str:
            values, wrong = cells, ~cells.map(str.isprintable)
            if self.allowed:
                wrong |= ~cells.isin(list(self.allowed))
            if self.pattern:
                wrong |= ~cells.str.fullmatch(self.pattern)
        else:
            values = cells.map(number)
            wrong = ~values.between(self.low, self.high) | values.map(math.isinf)
            if self.kind is int:
                wrong |= (values != values.round()) | (values.abs() >= 2**53)
                if not (wrong | empty).any():
                    values = values.astype(int)
        return values, wrong.where(~empty, not (self.blank or "" in self.allowed))

    @property
    def allows(self) -> str:
        """What is allowed, in words."""
        if self.needs:
            return self.needs
        if self.kind is str:
            found = f"one of {list(self.allowed)}" if self.allowed else "printable text"
        else:
            found = "a whole number" if self.kind is int else "a number"
            found += f" from {self.low:g}" if math.isfinite(self.low) else ""
            found += f" to {self.high:g}" if math.isfinite(self.high) else ""
        return f"{found} is needed"


def read_table(
    path: Path,
    columns: Mapping[str, Column],
    *,
    unique: Sequence[str] = (),
    more: bool = False,
    error: type[DataError] | type[UsageError] = DataError,
    where: str = "",
    lines: dict[int, list[str]] | None = None,
) -> pd.DataFrame:
    """A CSV file as a data frame whose every cell is as its column wants it.

    Floats come back exactly. Empty lines are passed over; the index holds line numbers of the file.

    columns : the schema, by column name.
    unique : columns whose values, taken together, no two lines may share.
    more : whether the file may have other columns as well, which are kept as text.
    lines : its cells by line, where they are already read.
    error : what is raised; it names the file, the line, the column, the value and what is allowed.
    where : the key that names the file, for a file that cannot be read.
    """
    import pandas as pd

    try:
        lines = _lines(path) if lines is None else lines
    except (OSError, UnicodeDecodeError, csv.Error) as reason:
        at = f"{where}: '{path}'" if where else str(path)
        raise error(f"{at} cannot be read: {reason}") from reason
    header = lines.pop(min(lines)) if lines else []
    if wrong := _wrong_header(header, columns, more):
        raise error(f"{path}: column {wrong}")
    for line, cells in lines.items():
        if len(cells) != len(header):
            raise error(f"{path}: line {line}: {len(cells)} values for {len(header)} columns")
    if not lines:
        raise error(f"{path}: has no rows")
    index = pd.Index(list(lines), name="line")
    table = pd.DataFrame(list(lines.values()), index, header, dtype=object)
    for name, column in columns.items():
        if name in table:
            table[name], bad = column.values(table[name])
            if bad.any():
                line = index[int(bad.argmax())]
                found = lines[line][header.index(name)]
                raise error(f"{path}: line {line}: {name}: {found!r}; {column.allows}")
    if unique and (twice := table.duplicated(list(unique))).any():
        row = table[twice].reset_index().to_dict("records")[0]
        named = ", ".join(f"{name} {row[name]!r}" for name in unique)
        raise error(f"{path}: line {row['line']}: duplicate: {named} is in an earlier line too")
    return table


def _lines(path: Path) -> dict[int, list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as stream:  # passes over a byte-order mark
        reader = csv.reader(stream, strict=True)
        return dict((reader.line_num, cells) for cells in reader if cells)  # noqa: C402


def _wrong_header(header: list[str], columns: Mapping[str, Column], more: bool) -> str:
    """What is wrong with the names of the columns, or ""."""
    needed = [name for name, column in columns.items() if not column.optional]
    for name in dict.fromkeys((*needed, *header)):
        if (count := header.count(name)) != 1:
            found = f"is there {count} times" if count else "is missing"
            return f"{name!r} {found}; {needed} are needed, each once; it has {header}"
        if name not in columns and not more:
            return f"{name!r} is unknown; {list(columns)} are allowed"
    return ""


def number(cell: str) -> float:
    """By Python rather than pandas, which may round the last digit; NaN for what is no number."""
    try:
        return math.nan if "_" in cell else float(cell)  # Python reads 1_0 as 10
    except ValueError:
        return math.nan


def write_table(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
    """Write a tidy table as CSV, one measurement a row; None is a blank cell. Floats are exact.

    A DataError names the file, the column and the row of a value that is not finite.
    """
    for row in rows:
        for key, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise DataError(f"{path}: {key} is {value} in {row}; finite values are allowed")
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0] if rows else columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)  # floats as repr
    write_bytes(path, stream.getvalue().encode())
