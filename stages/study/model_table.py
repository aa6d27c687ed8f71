"""Tables of published models, as studies/models/paper.csv."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stages.runtime.errors import UsageError
from stages.runtime.tables import Column, read_table

PAPER = Path("studies/models/paper.csv")
NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""What models are called: valid as part of a file name on any system."""
REVISION = "[A-Za-z0-9][A-Za-z0-9_-]*([./][A-Za-z0-9_-]+)*"
"""A commit, branch or tag of the hub, part of a path of its cache."""

_PLAIN = "letters, digits, . _ - are allowed, up to 100, the first a letter or digit"
_NAMED = Column(blank=True, pattern=NAME, needs=_PLAIN)
_SIZE = Column(float, True, low=0, high=1e15)
COLUMNS = {
    "name": Column(pattern=NAME, needs=_PLAIN),
    **dict.fromkeys(("timm_2022", "timm", "family"), _NAMED),
    "evidence": Column(blank=True, pattern=".{0,100}", needs="one line of up to 100 characters"),
    "revision": Column(
        blank=True, pattern=f"(?=.{{1,100}}$){REVISION}", needs="a commit, branch or tag, or blank"
    ),
    **dict.fromkeys(("features", "parameters", "gmacs", "input_size"), _SIZE),
}


@dataclass(frozen=True)
class Row:
    """One model of a table; numbers are 0 where the table leaves them blank."""

    name: str  # what the study calls it (in paper.csv as the paper prints it)
    timm_2022: str  # timm's name in 2022, the key of the published results
    timm: str  # today's `architecture.tag` with the same weights; empty where timm has none
    evidence: str  # how that is known
    revision: str  # of the hub's repository; empty for the newest
    features: int  # D of the penultimate layer
    parameters: int
    gmacs: float  # billions of multiply-adds per image
    input_size: int  # pixels
    family: str  # timm's module


def read_model_table(path: Path, where: str) -> list[Row]:
    """Every line of a model table; `where` is the key that names it, for messages.

    Raises UsageError, which names the file, the line, the column, the value and what is allowed.
    """
    table = read_table(path, COLUMNS, more=True, error=UsageError, where=f"{where}: table")
    whole = ["features", "parameters", "input_size"]
    table[whole] = table[whole].fillna(0).astype(int)
    rows = table.fillna({"gmacs": 0.0})[list(COLUMNS)].to_dict("records")
    return [Row(**{str(name): value for name, value in row.items()}) for row in rows]
