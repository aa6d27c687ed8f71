"""Tables as spreadsheets, pandas, R and NumPy write them: commas, semicolons, tabs or spaces."""

import csv
import io
import math
import re
from pathlib import Path

from stages.runtime.errors import DataError
from stages.runtime.guards import readable
from stages.runtime.tables import number

Lines = dict[int, list[str]]
"""Cells by line number of the file, without empty lines."""
MISSING = ("", "na", "nan", "n/a", "null")
"""What stands, in any case, where nobody judged."""
_DELIMITERS = {"tabs": "\t", "semicolons": ";", "commas": ","}
_COMMA, _POINT = (re.compile(rf"[-+]?[0-9]*{p}[0-9]+([eE][-+]?[0-9]+)?") for p in (",", r"\."))


def read_cells(path: Path, least: int = 0) -> tuple[Lines, list[str]]:
    """The cells of a table of any dialect, stripped, and sentences on what is unusual of it.

    The delimiter is the first of tab, semicolon, comma and space that divides all lines but one.
    Where it is no comma, decimal commas become points; a DataError if there are both. Last columns
    and lines without content are left out. least : so many of each are kept, empty or not.
    """
    with readable(path, "CSV"):
        content = path.read_bytes()
        utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        lines, name = _divided(content.decode("utf-16" if utf16 else "utf-8-sig"))
    notes = [] if name == "commas" else [f"cells divided by {name}"]
    every = [cell for cells in lines.values() for cell in cells if name != "commas"]
    if any(map(_COMMA.fullmatch, every)):
        if any(map(_POINT.fullmatch, every)):
            raise DataError(f"{path}: has decimal commas and decimal points; one is allowed")
        notes.append("decimal commas")
        for cells in lines.values():
            cells[:] = [c.replace(",", ".") if _COMMA.fullmatch(c) else c for c in cells]
    width = max((len(cells) for cells in lines.values()), default=0)
    while width > max(least, 1) and not any(any(cells[width - 1 :]) for cells in lines.values()):
        width -= 1
    for line in reversed(list(lines)):
        del lines[line][width:]
        if len(lines) > least and not any(lines[line]) and line == max(lines):
            del lines[line]
    return lines, notes


def _divided(text: str) -> tuple[Lines, str]:
    """Cells by line, and the name of what divides them."""
    for name, delimiter in _DELIMITERS.items():
        reader, lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), Lines()
        for cells in reader:
            if cells:
                lines[reader.line_num] = [cell.strip() for cell in cells]
        if sum(len(cells) == 1 for cells in lines.values()) <= min(1, len(lines) - 1):
            return lines, name
    words = {i: line.split() for i, line in enumerate(text.splitlines(), 1) if line.strip()}
    spaces = any(len(cells) > 1 for cells in words.values())
    return (words, "spaces") if spaces else (lines, "commas")


def is_number(cell: str) -> bool:
    return math.isfinite(number(cell))


def is_missing(cell: str) -> bool:
    """Whether nobody judged what a cell is about."""
    return cell.casefold() in MISSING
