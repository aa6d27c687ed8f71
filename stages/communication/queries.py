"""How many queries it takes to place an object, over several worlds of one size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import entr

from stages.communication.game import STRATEGIES, Game, play
from stages.communication.spread import interval
from stages.communication.worlds import World, draw_world
from stages.runtime.random import rng_for
from stages.similarity.channel import capacity, places

Record = dict[str, Any]

_RESAMPLES = 1000


@dataclass(frozen=True)
class Size:
    """n shared objects in so many dimensions, and how often the game is played: `theory.game`."""

    objects: int
    dimensions: int
    positions: int
    worlds: int
    runs: int
    confidence: float
    limit: int

    @property
    def name(self) -> Record:
        return {"objects": self.objects, "dimensions": self.dimensions}


def draw_worlds(size: Size, seed: int) -> list[tuple[World, np.ndarray]]:
    """Worlds, each with the places [R] of the new objects of its games; the same for every ε."""
    drawn = []
    for i in range(size.worlds):
        rng = rng_for(seed, "world", size.objects, size.dimensions, i)
        world = draw_world(size.objects, size.dimensions, size.positions, rng)
        drawn.append((world, rng.choice(len(world.prior), size.runs, p=world.prior)))
    return drawn


def played(
    drawn: Sequence[tuple[World, np.ndarray]], size: Size, epsilon: float, seed: int
) -> tuple[list[Record], list[Record]]:
    """Play all games of one size with one ε.

    Returns
    -------
    A row a strategy and world: mean `queries` until Bob was sure (None if any game ended before),
    share of games `placed` so, share of them in which he was `right` then; `entropy` of the place
    in bits. And a row a strategy: see `_setting`.
    """
    by_world, settings = [], []
    for strategy in STRATEGIES:
        name = {"epsilon": epsilon, **size.name, "strategy": strategy}
        games = []
        for i, (world, truth) in enumerate(drawn):
            rng = rng_for(seed, "game", *name.values(), i)
            games.append(play(world, truth, epsilon, strategy, size.limit, rng))
            queries, right = games[-1].until(size.confidence)
            placed = ~np.isnan(queries)
            by_world.append(
                {
                    **name,
                    "world": i,
                    "places": len(world.prior),
                    "entropy": world.entropy,
                    "alone": world.alone,
                    "games": len(truth),
                    "placed": float(placed.mean()),
                    "queries": float(queries.mean()) if placed.all() else None,
                    "right": float(right[placed].mean()) if placed.any() else None,
                }
            )
        rng = rng_for(seed, "resample", *name.values())
        settings.append(name | _setting(by_world[-len(drawn) :], games, size, rng))
    return by_world, settings


def _setting(rows: list[Record], games: list[Game], size: Size, rng: np.random.Generator) -> Record:
    """One size, ε and strategy beside what theory says; None where there is no such number.

    `queries`, low, high: mean until Bob is sure, with an interval over worlds. `queries_right`,
    right_low, right_high: after how many he is right in that share of all games, with a bootstrap
    over worlds. `bound`: d log2 n / C_ε (Proposition 3.8, up to a constant); `by_places`: log2
    Q(n, d) / C_ε; `least`: what Fano's inequality leaves of entropy / C_ε for one who may be wrong
    and need not be sure of more; no strategy's mean can be below it.
    """
    bits, sure = float(capacity(rows[0]["epsilon"])), size.confidence
    entropy = float(np.mean([row["entropy"] for row in rows]))
    doubt = (entr(sure) + entr(1 - sure)) / math.log(2)
    doubt += float(np.mean([(1 - sure) * math.log2(max(row["places"] - 1, 1)) for row in rows]))
    theory = {
        "bound": size.dimensions * math.log2(size.objects),
        "by_places": math.log2(places(size.objects, size.dimensions)),
        "least": max(0.0, entropy - doubt),
    }
    means = [row["queries"] for row in rows]
    known = all(value is not None for value in means)
    mean, low, high = interval(np.array(means, float)) if known else (None, None, None)
    right = [row["right"] for row in rows if row["right"] is not None]
    return {
        "worlds": len(rows),
        "games": len(rows) * size.runs,
        "confidence": sure,
        "capacity": bits,
        "entropy": entropy,
        "alone": float(np.mean([row["alone"] for row in rows])),
        "placed": float(np.mean([row["placed"] for row in rows])),
        "queries": mean,
        "low": low,
        "high": high,
        "right": float(np.mean(right)) if right else None,
        **_until_right(games, sure, rng),
        **{name: value / bits if bits else None for name, value in theory.items()},
    }


def _until_right(games: Sequence[Game], share: float, rng: np.random.Generator) -> Record:
    """After how many queries Bob is right in a share of all games, with a bootstrap interval."""
    looks = max((game.queries for game in games), key=len)
    curves = np.stack([_padded(game.right.mean(1), len(looks)) for game in games])  # [W, T]
    counts = rng.multinomial(len(games), np.full(len(games), 1 / len(games)), size=_RESAMPLES)
    found = _first(curves.mean(0)[None], looks, share)[0]
    again = np.quantile(
        _first(counts @ curves / len(games), looks, share), (0.025, 0.975), method="nearest"
    )
    names = ("queries_right", "right_low", "right_high")
    return {
        name: float(value) if math.isfinite(value) else None
        for name, value in zip(names, (found, *again), strict=True)
    }


def _padded(curve: np.ndarray, length: int) -> np.ndarray:
    """All games of a world may have ended early: then what was right remains so."""
    return np.pad(curve, (0, length - len(curve)), mode="edge")


def _first(curves: np.ndarray, looks: np.ndarray, share: float) -> np.ndarray:
    """Of each curve [B, T] the first number of queries at which it reaches a share, or infinity."""
    reached = curves >= share - 1e-12
    return np.where(reached.any(1), looks[reached.argmax(1)], np.inf)
