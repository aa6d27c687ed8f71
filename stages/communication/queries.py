"""How many queries it takes to place an object, over several worlds of one size."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from stages.communication import game
from stages.runtime.random import rng_for
from stages.runtime.tables import Record
from stages.similarity.measures import capacity
from stages.similarity.resample import multiplicities

_RESAMPLES = 1000


@dataclass(frozen=True)
class GameSize:
    """Size of the game: see `theory.game` in params.yaml."""

    objects: int
    dimensions: int
    positions: int
    worlds: int
    runs: int
    confidence: float
    limit: int


def games(
    size: GameSize, seed: int, *, each: Sequence[float]
) -> Iterator[tuple[list[Record], list[Record]]]:
    """Play all games of one size, for each ε, always among the same shared objects.

    Yields, for each ε, rows of worlds.csv (a strategy and world) and of queries.csv (a strategy).
    """
    drawn = []
    for i in range(size.worlds):
        rng = rng_for(seed, "world", size.objects, size.dimensions, i)
        space = game.draw_space(size.objects, size.dimensions, size.positions, rng)
        drawn.append((space, rng.choice(len(space.prior), size.runs, p=space.prior)))
    for epsilon in each:
        worlds, queries = [], []
        for strategy in game.STRATEGIES:
            names: Record = {"epsilon": epsilon, "objects": size.objects}
            names |= {"dimensions": size.dimensions, "strategy": strategy}
            rows, played = [], []
            for i, (space, truth) in enumerate(drawn):
                rng = rng_for(seed, "game", *names.values(), i)
                played.append(game.play(space, truth, epsilon, strategy, size.limit, rng))
                rows.append(names | {"world": i} | _world(space, played[-1], size.confidence))
            worlds += rows
            rng = rng_for(seed, "resample", *names.values())
            queries.append(names | _over_worlds(rows, played, size, rng))
        yield worlds, queries


def _world(space: game.SharedSpace, played: game.PlayedGames, confidence: float) -> Record:
    """The games of one world: mean `queries` until Bob was sure, None if any game ended before;
    share of games `placed` so, and of those in which he was `right`; `entropy` of the place, bits.
    """
    queries, right = played.until(confidence)
    placed = ~np.isnan(queries)
    return {
        "places": len(space.prior),
        "entropy": space.entropy,
        "alone": space.alone,
        "games": len(queries),
        "placed": float(placed.mean()),
        "queries": float(queries.mean()) if placed.all() else None,
        "right": float(right[placed].mean()) if placed.any() else None,
    }


def _over_worlds(
    rows: list[Record], played: list[game.PlayedGames], size: GameSize, rng: np.random.Generator
) -> Record:
    """One size, ε and strategy beside what theory says; None where there is no such number.

    `queries`, low, high: mean until Bob is sure, with an interval over worlds. `queries_right`,
    right_low, right_high: after how many he is right in that share of all games, with a bootstrap
    over worlds. `bound`: d log2 n / C_ε (Proposition 3.8, up to a constant); `by_places`: log2
    Q(n, d) / C_ε; `least`: what Fano's inequality leaves of entropy / C_ε for one who may be wrong
    and need not be sure of more; no strategy's mean can be below it.
    """
    bits, sure = float(capacity(rows[0]["epsilon"])), size.confidence

    def values(column: str) -> np.ndarray:
        return np.array([row[column] for row in rows], float)  # None is NaN

    doubt = scipy.special.entr([sure, 1 - sure]).sum() / math.log(2)
    doubt += np.mean((1 - sure) * np.log2(np.maximum(values("places") - 1, 1)))
    right = values("right")[~np.isnan(values("right"))]
    theory = {
        "bound": size.dimensions * math.log2(size.objects),
        "by_places": math.log2(game.places(size.objects, size.dimensions)),
        "least": max(0.0, values("entropy").mean() - doubt),
    }
    found: Record = {
        "confidence": sure,
        "capacity": bits,
        **{name: values(name).mean() for name in ("entropy", "alone", "placed")},
        **game.interval("queries", values("queries")),
        "right": right.mean() if len(right) else math.nan,
        **until_right(played, sure, rng),
        **{name: value / bits if bits else math.nan for name, value in theory.items()},
    }
    counts = {"worlds": len(rows), "games": len(rows) * size.runs}
    return counts | {k: float(v) if np.isfinite(v) else None for k, v in found.items()}


def until_right(played: list[game.PlayedGames], share: float, rng: np.random.Generator) -> Record:
    """After how many queries Bob is right in a share of all games, with a bootstrap interval.

    Games of a world that ended early stay as they were. Infinite where the share is never reached.
    """
    looks = max((games.queries for games in played), key=len)
    short = [games.right.mean(1) for games in played]
    curves = np.stack([np.pad(c, (0, len(looks) - len(c)), mode="edge") for c in short])  # [W, T]

    def first(curves: np.ndarray) -> np.ndarray:
        reached = curves >= share - 1e-12
        return np.where(reached.any(1), looks[reached.argmax(1)], np.inf)

    counts = multiplicities(len(played), _RESAMPLES, rng)
    resampled = first(counts @ curves / len(played))
    low, high = np.quantile(resampled, (0.025, 0.975), method="nearest")
    (found,) = first(curves.mean(0)[None])
    return {"queries_right": found, "right_low": low, "right_high": high}
