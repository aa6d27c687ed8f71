"""Pairs of models that differ in one factor only: listed in a file, or trained here.

A file, as studies/models/pairs.csv, has the columns factor, a, b: model a has more of the factor.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from stages.runtime.errors import UsageError, suggest
from stages.runtime.tables import Column, read_table
from stages.study.model_table import PAPER
from stages.study.models import Model
from stages.study.spec import Study

_NEEDS = "text without <, > or & is needed, which DVC's page of plots would not escape"
COLUMNS = {"factor": Column(pattern="[^<>&]+", needs=_NEEDS), "a": Column(), "b": Column()}


@dataclass(frozen=True)
class Pair:
    """Two models that differ in one factor only, of which a has more; a's family."""

    factor: str
    a: str
    b: str
    family: str


def pairs_of(
    study: Study, every: Collection[Model], names: Collection[str], root: Path = Path()
) -> tuple[list[Pair], list[tuple[str, str, str]]]:
    """The pairs of a study whose models both have results.

    every : all models of the study. names : of those that have results. root : the repository.

    Returns pairs of the file that `contrasts` names, with the family (group) of a; then networks
    trained here whose recipes differ in `pull` only, with their architecture as family. And the
    (factor, a, b) that are left out because a model has no results.
    """
    groups = {model.name: model.group for model in every}
    listed = read_pairs(root / study.contrasts, "contrasts") if study.contrasts else []
    found = [Pair(*line, groups.get(line[1], "")) for line in listed]
    found += _trained(study, every)
    used = [pair for pair in found if {pair.a, pair.b} <= set(names)]
    return used, [(pair.factor, pair.a, pair.b) for pair in found if pair not in used]


def read_pairs(
    path: Path, where: str, known: Collection[str] | None = None
) -> list[tuple[str, str, str]]:
    """Every line of a file of pairs: factor, a, b.

    where : the key that names the file. known : model names; None leaves names unchecked.

    Raises UsageError, which names the file, the line, the column and the value: an empty field, a
    factor with signs of HTML, an unknown name, a model paired with itself, a duplicate pair.
    """
    lines: dict[tuple[str, frozenset[str]], tuple[str, str, str]] = {}
    for number, *cells in read_table(path, COLUMNS, error=UsageError, where=where).itertuples():
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


def _trained(study: Study, models: Collection[Model]) -> Iterator[Pair]:
    """Networks of one architecture whose recipes differ in `pull` only, λ ≠ 0 against λ = 0."""
    default = study.training.steps if study.training else 0
    for a, b in product(models, repeat=2):
        one, other = a.recipe, b.recipe
        if one is None or other is None or one.pull == 0 or other.pull != 0:
            continue
        steps, as_many = (default if r.steps is None else r.steps for r in (one, other))
        alike = (a.architecture, one.labels, steps) == (b.architecture, other.labels, as_many)
        if alike and steps > 0:
            factor = f"λ = {one.pull:g} against 0".replace("-", "−")
            yield Pair(factor, a.name, b.name, a.architecture)
