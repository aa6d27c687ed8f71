"""The CSV files that a study names: tables of models, pairs of models, a paper's values.

Every reader raises UsageError, which names the file, the line, the column, the value and what is
allowed; `where` is the key that names the file.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from stages.runtime.errors import UsageError, suggest
from stages.runtime.tables import Column, read_table

PAPER = Path("studies/models/paper.csv")
NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""What models are called: valid as part of a file name on any system."""
REVISION = "[A-Za-z0-9][A-Za-z0-9_-]*([./][A-Za-z0-9_-]+)*"
"""A commit, branch or tag of the hub, part of a path of its cache."""

_PLAIN = "letters, digits, . _ - are allowed, up to 100, the first a letter or digit"
_NAMED = Column(blank=True, pattern=NAME, needs=_PLAIN)
_SIZE = Column(float, True, low=0, high=1e15)
MODELS = {
    "name": Column(pattern=NAME, needs=_PLAIN),
    **dict.fromkeys(("timm_2022", "timm", "family"), _NAMED),
    "evidence": Column(blank=True, pattern=".{0,100}", needs="one line of up to 100 characters"),
    "revision": Column(
        blank=True, pattern=f"(?=.{{1,100}}$){REVISION}", needs="a commit, branch or tag, or blank"
    ),
    **dict.fromkeys(("features", "parameters", "gmacs", "input_size"), _SIZE),
    "kind": Column(blank=True, optional=True),
}


class Row(NamedTuple):
    """One model of a table, by the columns of `MODELS`; numbers are 0 where they are blank."""

    name: str  # what the study calls it (in paper.csv as the paper prints it)
    timm_2022: str  # timm's name in 2022, the key of the published results
    timm: str  # today's `architecture.tag` with the same weights; empty where timm has none
    family: str  # timm's module
    evidence: str  # how today's name is known
    revision: str  # of the hub's repository; empty for the newest
    features: int  # D of the penultimate layer
    parameters: int
    gmacs: float  # billions of multiply-adds per image
    input_size: int  # pixels
    kind: str = ""  # convolutional, transformer, ...


def read_model_table(path: Path, where: str) -> list[Row]:
    """Every model of a table, as studies/models/paper.csv; it may have more columns."""
    table = read_table(path, MODELS, more=True, error=UsageError, where=f"{where}: table")
    whole = dict.fromkeys(("features", "parameters", "input_size"), int)
    table = table.fillna(dict.fromkeys((*whole, "gmacs"), 0.0)).astype(whole)
    table = table.reindex(columns=list(MODELS), fill_value="")
    return [Row(*cells) for cells in table.itertuples(index=False, name=None)]


_NEEDS = "text without <, > or & is needed, which DVC's page of plots would not escape"
PAIRS = {"factor": Column(pattern="[^<>&]+", needs=_NEEDS), "a": Column(), "b": Column()}


def read_pairs(
    path: Path, where: str, known: Collection[str] | None = None
) -> list[tuple[str, str, str]]:
    """Every pair of a file, as studies/models/pairs.csv: factor, a, b; a has more of the factor.

    known : names of models; None leaves names unchecked.
    """
    lines: dict[tuple[str, frozenset[str]], tuple[str, str, str]] = {}
    for number, *cells in read_table(path, PAIRS, error=UsageError, where=where).itertuples():
        factor, a, b = (cell.strip() for cell in cells)
        line = f"{path}: line {number}"
        for column, name in (("a", a), ("b", b)):
            if known is not None and name not in known:
                wrong = f"{line}: {column}: '{name}' is not a model of the study or of {PAPER}"
                raise UsageError(wrong + suggest(name, known))
        if a == b:
            raise UsageError(f"{line}: b: '{b}' is also in column a; a pair needs two models")
        if (factor, frozenset((a, b))) in lines:
            raise UsageError(f"{line}: a, b: duplicate pair '{a}', '{b}'")
        lines[factor, frozenset((a, b))] = (factor, a, b)
    return list(lines.values())


class Key(NamedTuple):
    """Which of a paper's values.

    `item` says where it stands: table1, table2, appendix_c, or measures (Section 5: `measure` with
    the measure in `outcome`). `n` is shots, 0 for a benchmark; `top` is 1 or 5, 0 for few-shot.
    """

    item: str
    outcome: str
    n: int
    top: int
    measure: str
    group: str
    statistic: str


Values: TypeAlias = Mapping[Key, float]
"""Accuracies are fractions. A p printed as 0.000 is below 0.0005."""
VALUES = {
    "item": Column(allowed=("table1", "table2", "appendix_c", "measures")),
    "outcome": Column(),
    "n": Column(int, low=0),
    "top": Column(int, low=0),
    "measure": Column(allowed=("pearson", "spearman", "triplet", "")),
    "group": Column(allowed=("high", "mid", "low", "")),
    "statistic": Column(allowed=("accuracy", "r", "p")),
    "value": Column(float, low=-1, high=1),
    "note": Column(blank=True),
}


def read_values(path: Path, where: str) -> dict[Key, float]:
    """Every value that a paper printed, as studies/published/sucholutsky2023.csv."""
    table = read_table(path, VALUES, unique=Key._fields, error=UsageError, where=where)
    wrong = table["value"][(table["value"] < 0) & (table["statistic"] != "r")]
    for line, value in wrong.items():
        raise UsageError(f"{path}: line {line}: value: {value}; a number from 0 to 1 is needed")
    keys = table[list(Key._fields)].itertuples(index=False, name=None)
    return dict(zip(map(Key._make, keys), table["value"].tolist(), strict=True))
