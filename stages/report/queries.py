"""The report's table of queries that the theory's game takes."""

from collections.abc import Sequence

from stages.analysis.facts import Facts
from stages.analysis.outcomes import Record, Tables
from stages.communication.game import STRATEGIES
from stages.report import cells as show
from stages.report.cells import Head, ReportTable


def query_table(tables: Tables, facts: Facts) -> ReportTable:
    """A row a size of the game: what it takes to place an object, in bits of capacity."""
    sizes: dict[tuple[int, int], list[Record]] = {}
    for row in tables["theory_queries"]:
        sizes.setdefault((row["objects"], row["dimensions"]), []).append(row)
    bounds = {"entropy": "entropy", "d log₂ n": "bound", "log₂ places": "by_places"}
    heads: list[Head] = [
        ("objects n", show.shown(str, "objects")),
        ("dimensions d", show.shown(str, "dimensions")),
        *((head, show.number(column, 1)) for head, column in bounds.items()),
        *((f"spent, {s}", show.extent(f"{s}_low", f"{s}_high", 1)) for s in STRATEGIES),
        ("possible queries", show.shown(str, "possible")),
        "alone",
    ]
    return ReportTable([_bits(games) for games in sizes.values()], heads)


def _bits(games: Sequence[Record]) -> Record:
    """Bounds, and lowest and highest cost over ε: in bits, so times the channel's capacity."""

    def bits(column: str, rows: Sequence[Record]) -> list[float]:
        return [row[column] * row["capacity"] for row in rows if row[column] and row["capacity"]]

    objects, why = games[0]["objects"], "games hit the limit of queries"
    found = games[0] | {"possible": objects * (objects - 1) // 2, "why": why}
    found |= {name: next(iter(bits(name, games)), None) for name in ("bound", "by_places")}
    for strategy in STRATEGIES:
        spent = bits("queries", [row for row in games if row["strategy"] == strategy])
        found |= {f"{strategy}_low": min(spent, default=None)}
        found |= {f"{strategy}_high": max(spent, default=None)}
    return found
