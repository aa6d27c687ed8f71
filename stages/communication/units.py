"""The units of work of the theory: one ε, of one size of game or one part of the theory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stages.communication.appendix import adversarial, shifted
from stages.communication.fewshot import Classes, accuracies
from stages.communication.queries import Size, draw_worlds, played


def games(
    size: Mapping[str, Any], seed: int, epsilons: Mapping[str, float], wanted: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """Games of one size (`Size`): rows by world and rows by setting, for each wanted ε."""
    one = Size(**size)
    drawn = draw_worlds(one, seed)
    for unit in wanted:
        by_world, settings = played(drawn, one, epsilons[unit], seed)
        yield unit, _json({"worlds": by_world, "queries": settings})


def fewshot(
    size: Mapping[str, Any],
    seed: int,
    cells: Mapping[str, tuple[float, int]],
    wanted: Sequence[str],
) -> Iterator[tuple[str, bytes]]:
    """n-shot accuracy of Bob (`Classes`), for each wanted (ε, n)."""
    rows = accuracies([cells[unit] for unit in wanted], Classes(**size), seed)
    for unit, row in zip(wanted, rows, strict=True):
        yield unit, _json({"fewshot": [row]})


def appendix(
    shifts: Sequence[float],
    shift: Mapping[str, Any],
    candidates: Sequence[int],
    attack: Mapping[str, Any],
    seed: int,
    epsilons: Mapping[str, float],
    wanted: Sequence[str],
) -> Iterator[tuple[str, bytes]]:
    """Domain shift by so much, and adversarial examples among so many candidates, by ε."""
    for unit in wanted:
        epsilon = epsilons[unit]
        yield (
            unit,
            _json(
                {
                    "shift": [shifted(epsilon, far, **shift, seed=seed) for far in shifts],
                    "adversarial": [
                        adversarial(epsilon, k, **attack, seed=seed) for k in candidates
                    ],
                }
            ),
        )


def _json(tables: Mapping[str, list[dict[str, Any]]]) -> bytes:
    return json.dumps(tables, allow_nan=False).encode()
