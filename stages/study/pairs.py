"""Pairs of models that differ in one factor only: listed in a file, or trained here.

A file, as studies/models/pairs.csv, has the columns factor, a, b: model a has more of the factor.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stages.runtime.errors import UsageError, suggest
from stages.study.rows import read_rows
from stages.study.spec import Recipe, Study
from stages.study.table import PAPER

if TYPE_CHECKING:
    from stages.study.zoo import Model

COLUMNS = ("factor", "a", "b")


@dataclass(frozen=True)
class Pair:
    """Two models that differ in one factor only, of which a has more; a's family."""

    factor: str
    a: str
    b: str
    family: str


def pairs_of(
    study: Study, every: Iterable[Model], names: Collection[str], root: Path = Path()
) -> tuple[list[Pair], list[tuple[str, str, str]]]:
    """The pairs of a study whose models are both there.

    Parameters
    ----------
    every : the study's models, before any is left out.
    names : of the models that have results. root : the repository.

    Returns
    -------
    Pairs of the file that `contrasts` names, with the family (group) of a; then pairs of networks
    trained here whose recipes differ in `pull` only, with their architecture as family. And the
    (factor, a, b) that are left out, for a model of them is not among `names`.
    """
    models = list(every)
    groups = {model.name: model.group for model in models}
    found = [Pair(*line, groups.get(line[1], "")) for line in listed(study, root)]
    found += trained(study, models)
    have = set(names)
    used = [pair for pair in found if {pair.a, pair.b} <= have]
    left = [(p.factor, p.a, p.b) for p in found if not {p.a, p.b} <= have]
    return used, left


def listed(study: Study, root: Path = Path()) -> list[tuple[str, str, str]]:
    """The lines of the file that `contrasts` names; none where it is null."""
    return read_pairs(root / study.contrasts, "contrasts") if study.contrasts else []


def read_pairs(
    path: Path, where: str, known: Collection[str] | None = None
) -> list[tuple[str, str, str]]:
    """Every line of a file of pairs: factor, a, b.

    Parameters
    ----------
    known : names that models may have; None leaves names unchecked.

    Raises
    ------
    UsageError
        Names the file, the line, the column and the value: an empty field, a factor with signs of
        HTML, a name that is not known, a model paired with itself, a pair that is there twice under
        one factor, in either order.
    """
    lines: list[tuple[str, str, str]] = []
    seen: set[tuple[str, frozenset[str]]] = set()
    for number, row in read_rows(path, where, COLUMNS):
        factor, a, b = (row[column].strip() for column in COLUMNS)
        for column, value in zip(COLUMNS, (factor, a, b), strict=True):
            if not value:
                raise UsageError(f"{path}: line {number}: {column}: '' is empty")
            if known is not None and column != "factor" and value not in known:
                raise UsageError(
                    f"{path}: line {number}: {column}: '{value}' is no model of the study, nor of "
                    f"{PAPER}" + suggest(value, known)
                )
        if set(factor) & set("<>&"):
            raise UsageError(
                f"{path}: line {number}: factor: '{factor}'; no <, > or & are allowed, for DVC's "
                "page of plots shows it as it is"
            )
        if a == b:
            raise UsageError(f"{path}: line {number}: b: '{b}' is a too; two models are needed")
        if (factor, frozenset((a, b))) in seen:
            raise UsageError(f"{path}: line {number}: a, b: '{a}', '{b}' are there twice")
        seen.add((factor, frozenset((a, b))))
        lines.append((factor, a, b))
    return lines


def trained(study: Study, models: Iterable[Model]) -> Iterator[Pair]:
    """Networks of one architecture whose recipes differ in `pull` only, λ ≠ 0 against λ = 0."""
    by_architecture: dict[str, list[tuple[str, Recipe]]] = {}
    for model in models:
        if model.recipe is not None and steps(study, model.recipe) > 0:
            by_architecture.setdefault(model.architecture, []).append((model.name, model.recipe))
    for architecture, members in by_architecture.items():
        for a, pulled in members:
            for b, plain in members:
                same = (pulled.labels, steps(study, pulled)) == (plain.labels, steps(study, plain))
                if same and pulled.pull != 0 and plain.pull == 0:
                    factor = f"λ = {pulled.pull:g} against 0".replace("-", "−")
                    yield Pair(factor, a, b, architecture)


def steps(study: Study, recipe: Recipe) -> int:
    """Steps of gradient descent that a recipe takes."""
    if recipe.steps is not None:
        return recipe.steps
    return study.training.steps if study.training else 0
