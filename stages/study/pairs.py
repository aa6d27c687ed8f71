"""Pairs of a study's models that differ in one factor only."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from stages.study import spec
from stages.study.models import Model
from stages.study.tables import read_pairs


@dataclass(frozen=True)
class Pair:
    """Two models that differ in one factor only, which a has, or has more of; a's family."""

    factor: str
    a: str
    b: str
    family: str


def pairs_of(
    study: spec.Study, every: Collection[Model], names: Collection[str], root: Path = Path()
) -> tuple[list[Pair], list[tuple[str, str, str]]]:
    """The pairs of a study whose models both have results.

    every : all models of the study. names : of those that have results. root : the repository.

    Returns pairs of the file that `contrasts` names, with the family (group) of a; then networks
    of one architecture trained here whose recipes differ in `pull` only, λ ≠ 0 against λ = 0, with
    the architecture as family; then networks of a package against the same as published. And the
    (factor, a, b) left out because a model has no results.
    """
    groups = {model.name: model.group for model in every}
    listed = read_pairs(root / study.contrasts, "contrasts") if study.contrasts else []
    found = [Pair(*line, groups.get(line[1], "")) for line in listed]
    default = study.training.steps if study.training else 0
    trained = []
    for m in every:
        steps = default if m.recipe is None or m.recipe.steps is None else m.recipe.steps
        if m.recipe and steps and not m.package:
            trained.append((m, m.recipe, (m.architecture, m.recipe.labels, steps)))
    for (a, recipe, kind), (b, baseline, as_b) in product(trained, repeat=2):
        if kind == as_b and recipe.pull != 0 and baseline.pull == 0:
            centred = " (centred)" * recipe.centred
            factor = f"λ = {recipe.pull:g}{centred} against 0".replace("-", "−")
            found.append(Pair(factor, a.name, b.name, a.architecture))
    for m in every:
        if m.recipe and m.package:
            whole, _, by = m.name.rpartition(".")
            found.append(Pair(f"{by} against published", m.name, whole, m.architecture))
    used = [pair for pair in found if {pair.a, pair.b} <= set(names)]
    return used, [(pair.factor, pair.a, pair.b) for pair in found if pair not in used]
