"""The report's tables of models, families, factors, noise and the theory."""

from __future__ import annotations

from collections.abc import Sequence

from stages.analysis.facts import MEASURE_WORDS, Facts
from stages.analysis.outcomes import Record, Tables
from stages.report import cells as show
from stages.report.cells import Cell, ReportTable, Show, columns, rows_of, wide, within
from stages.report.words import decimal

STRATEGIES = ("adaptive", "random")


def family_table(tables: Tables, facts: Facts) -> ReportTable:
    rows = tables.get("families", [])
    spans = [
        ("range", show.extent("alignment_low", "alignment_high")),
        (f"{_task(rows)} accuracy", show.percent("accuracy")),
        ("range", show.extent("accuracy_low", "accuracy_high", 1, scale=100)),
    ]
    return ReportTable(rows, columns("family", "models", "alignment", *spans, "covariate"))


def _task(rows: list[Record]) -> str:
    return f"{rows[0]['task']} {rows[0]['n']}-shot" if rows else ""


def factor_table(tables: Tables, facts: Facts) -> ReportTable:
    """Mean paired difference of every factor and outcome."""
    rows = rows_of(tables, "factors", facts)
    rows = [row | {"of": _quantity(row["quantity"], row["what"])} for row in rows]
    what, mean = ("what", show.text("of")), ("mean", show.number("mean", 3, signed=True))
    interval = ("interval", show.interval("low", "high", 3))
    return ReportTable(rows, columns("factor", what, "pairs", "positive", mean, interval, "p", "q"))


def _quantity(quantity: str, what: str) -> str:
    """What a contrast is of, in words."""
    return f"{MEASURE_WORDS[what]} alignment" if quantity == "alignment" else what


def pair_table(tables: Tables, facts: Facts) -> ReportTable:
    """A row a pair, its differences in alignment and in each outcome."""
    rows = wide(tables.get("contrasts", []), ("factor", "a", "b"), ("quantity", "what"))
    reason = "not measured"
    cells = within(rows, show.number("difference", 3, signed=True, reason=reason), reason)
    pair = ("factor", ("first", show.text("a")), ("second", show.text("b")))
    differences = [(_quantity(*key), cell) for key, cell in cells.items()]
    return ReportTable(rows, columns(*pair, *differences))


def ceiling_table(tables: Tables, facts: Facts) -> ReportTable:
    def ceiling(column: str) -> Show:
        def why(row: Record) -> str:
            if column == "spearman_brown" and (row["split_half"] or 0) < 0:
                return "the halves do not correlate above 0"
            if row["form"] == "participants" and column in ("upper", "split_half"):
                return "too many stimuli for triplets"
            return f"not defined for {row['form']} by this measure"

        return show.number(column, reason=why)

    names = ("leave_one_out", "upper", "split_half", "spearman_brown")
    heads = ("leave-one-out", "upper", "split half", "Spearman-Brown")
    ceilings = [(head, ceiling(name)) for head, name in zip(heads, names, strict=True)]
    best = ("best model", ("its value", show.number("best_value")))
    which = ("set", "form", "measure", "judges", "stimuli")
    return ReportTable(tables.get("ceilings", []), columns(*which, *ceilings, *best))


def participant_table(tables: Tables, facts: Facts) -> ReportTable:
    rows = tables.get("participants", [])
    who = "simulated observer" if facts.simulated else "participant"
    same = "all models score the same"
    which = ("set", (who, show.text("participant")), "measure")
    square = ("r of z²", show.number("r_z2", reason=same))
    r = ("r", show.number("r_linear", reason=same))
    heads = columns(*which, "mean", "lowest", "highest", "best model", square, r)
    return ReportTable(rows, heads, {"who": who, "task": _task(rows)})


def reliability_table(tables: Tables, facts: Facts) -> ReportTable:
    rows = rows_of(tables, "reliability", facts, "needs two draws")
    draws, sd = ("draws", show.integer("repeats")), ("sd", show.percent("sd"))
    stability = ("stability", show.number("rank_stability", 3))
    mean = ("reliability", show.number("reliability", 3))
    return ReportTable(rows, columns("task", "head", "n", draws, "models", sd, stability, mean))


def model_table(tables: Tables, facts: Facts) -> ReportTable:
    """Every model and how sure its alignment is."""
    rows = tables.get("models", [])

    def sure(measure: str) -> Show:
        alignment = show.number(measure, 3, reason="no stimulus set supports this measure")

        def cell(row: Record) -> Cell:
            error, own = row.get(f"{measure}_se"), alignment(row)
            about = "no standard error" if error is None else f"± {decimal(error, 3)}"
            return own if row[measure] is None else own._replace(below=about)

        return cell

    own = [(words, sure(m)) for m, words in MEASURE_WORDS.items() if rows and m in rows[0]]
    model = ("model", show.text("model"))
    return ReportTable(rows, columns(model, "family", "weights", "covariate", *own))


def bridge_table(tables: Tables, facts: Facts) -> ReportTable:
    task, rho = ("task", show.text("outcome")), ("ρ", show.number("rho", signed=True))
    found = (rho, "p", "interval by family", "p by family", "models")
    heads = columns(task, "n", *found, ("beyond ½", show.integer("misaligned")))
    return ReportTable(rows_of(tables, "bridge_tests", facts), heads)


def query_table(tables: Tables, facts: Facts) -> ReportTable:
    """A row a size of the game: what it takes to place an object, in bits of capacity."""
    size = ("objects", "dimensions")
    rows = wide(tables.get("theory_queries", []), size, ("strategy", "epsilon"))
    rows = [row | _bits(row["objects"], list(row["cells"].values())) for row in rows]
    sizes = [("objects n", show.integer("objects")), ("dimensions d", show.integer("dimensions"))]
    bounds = {"entropy": "entropy", "d log₂ n": "bound", "log₂ places": "by_places"}
    bits = [(head, show.number(column, 1)) for head, column in bounds.items()]
    spent = [(f"spent, {s}", show.extent(f"{s}_low", f"{s}_high", 1)) for s in STRATEGIES]
    possible = ("possible queries", show.integer("possible"))
    return ReportTable(rows, columns(*sizes, *bits, *spent, possible, "alone"))


def _bits(objects: int, games: Sequence[Record]) -> Record:
    """Bounds, and lowest and highest cost over ε: in bits, so times the channel's capacity."""

    def bits(column: str, rows: Sequence[Record]) -> list[float]:
        return [row[column] * row["capacity"] for row in rows if row[column] and row["capacity"]]

    found: Record = {name: games[0][name] for name in ("entropy", "alone")}
    found |= {"possible": objects * (objects - 1) // 2, "why": "games hit the limit of queries"}
    found |= {name: next(iter(bits(name, games)), None) for name in ("bound", "by_places")}
    for strategy in STRATEGIES:
        spent = bits("queries", [row for row in games if row["strategy"] == strategy])
        found |= {f"{strategy}_low": min(spent, default=None)}
        found |= {f"{strategy}_high": max(spent, default=None)}
    return found
