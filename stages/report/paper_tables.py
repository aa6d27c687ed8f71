"""The report's tables of the paper's results, of the U and of correlations.

Their words stand in templates/report.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence

from stages.analysis.facts import MEASURE_WORDS, Facts, capital
from stages.analysis.outcomes import Record, Tables, is_shown
from stages.report import cells as show
from stages.report.cells import Cell, Columns, ReportTable, columns, rows_of, wide, within
from stages.report.shape import TESTS, is_shown_test
from stages.report.words import decimal

INTERVALS = ("naive interval", "interval by family")


def paper(rows: Sequence[Record], p: bool = False) -> Columns:
    """The paper's value and the difference from it, where any row has one."""
    if all(row.get("paper") is None for row in rows):
        return []
    reason = "the paper has no such value"
    own_p = [("paper’s p", show.p_value("paper_p", reason))] if p else []
    difference = ("difference", show.number("difference", 3, signed=True, reason=reason))
    return [("paper", show.number("paper", 3, reason=reason)), *own_p, difference]


def table1(tables: Tables, facts: Facts) -> ReportTable:
    """A row a benchmark, a column a group of models by each measure."""
    found = tables.get("table1", [])
    rows = wide(found, ("benchmark", "top"), ("measure", "group"))

    def beside(row: Record) -> Cell:
        """Accuracy, beneath it the paper's."""
        own = show.percent("accuracy")(row)
        if row.get("paper") is None or row["accuracy"] is None:
            return own
        difference = decimal(100 * (row["accuracy"] - row["paper"]), 1, signed=True)
        return own._replace(below=f"{decimal(100 * row['paper'], 1)} ({difference})")

    cells = within(rows, beside, "no such group")
    groups = [(f"{capital(MEASURE_WORDS[m])} {group}", cell) for (m, group), cell in cells.items()]
    small = " Small: the paper's value, and the difference from it." if paper(found) else ""
    return ReportTable(rows, columns("benchmark", "", *groups), {"paper": small})


def table2(tables: Tables, facts: Facts) -> ReportTable:
    rows = rows_of(tables, "table2", facts)
    heads = columns("benchmark", "", "measure", "r", "p", *INTERVALS)
    return ReportTable(rows, [*heads, *paper(rows, p=True)])


def section5(tables: Tables, facts: Facts) -> ReportTable:
    rows = rows_of(tables, "measures", facts)
    pair = [("measure", show.text(side, MEASURE_WORDS.__getitem__)) for side in ("a", "b")]
    ends = (("low", "high"), ("family_low", "family_high"))
    fine = [(head, show.interval(*e, 3)) for head, e in zip(INTERVALS, ends, strict=True)]
    return ReportTable(rows, [*columns(*pair, "models", "r", *fine), *paper(rows)])


def appendix_c(tables: Tables, facts: Facts) -> ReportTable:
    rows = rows_of(tables, "appendix_c", facts)
    return ReportTable(rows, [*columns("outcome", "models", "r", *INTERVALS), *paper(rows)])


def appendix_d(tables: Tables, facts: Facts) -> ReportTable:
    rows = rows_of(tables, "relabelled_tests", facts)
    return ReportTable(rows, columns("measure", "term", "models", "r", *INTERVALS, "p"))


def u_table(tables: Tables, facts: Facts) -> ReportTable:
    """A row an outcome, a column a specification."""
    tests = [row for row in rows_of(tables, "u_tests", facts) if is_shown_test(row, facts)]
    rows = wide(tests, ["name"], ("test", "linear", "family_effects"))
    cells = within(rows, lambda row: _u(row, 1 - facts.confidence), "no such test")
    ordered = sorted(cells.items(), key=lambda cell: (TESTS.index(cell[0][0]), *cell[0][1:]))
    specifications = [
        (f"{test}{' + linear' * linear}{' + family effects' * effects}", cell)
        for (test, linear, effects), cell in ordered
    ]
    return ReportTable(rows, columns("outcome", *specifications))


def _u(row: Record, alpha: float) -> Cell:
    """Estimate of one test and whether it is a U; q on hover."""
    if row["estimate"] is None:
        return show.missing(row["why"])
    estimate, q = decimal(row["estimate"], signed=True), row["q"]
    if row["u"] is None:
        return Cell(estimate, f"inconclusive: {row['why'] or 'undefined'}", style="n faint")
    about = f"q {'' if q < 0.001 else '= '}{show.probability(q)}"
    if row["test"] == "two lines":
        low, high = (decimal(row[end], signed=True) for end in ("slope_low", "slope_high"))
        about += f"; slopes {low} and {high}, break at {decimal(row['break'], 3)}"
        estimate = f"∪ {estimate}" if row["u"] else estimate
    return Cell(estimate, about, style="n clear" if q < alpha else "n")


def correlations(tables: Tables, facts: Facts) -> ReportTable:
    """Naive interval and interval by family of every shown outcome, of the shown measure."""
    return _correlations([facts.measure], tables, facts)


def other_correlations(tables: Tables, facts: Facts) -> ReportTable:
    """The same of the other measures."""
    measures = dict.fromkeys(row["measure"] for row in tables.get("correlations", []))
    return _correlations([m for m in measures if m != facts.measure], tables, facts)


def _correlations(measures: list[str], tables: Tables, facts: Facts) -> ReportTable:
    rows = [
        row
        for row in rows_of(tables, "correlations", facts)
        if row["measure"] in measures and is_shown(row, facts.head, facts.n)
    ]
    which = ["outcome", *(["measure"] if len(measures) > 1 else []), "term"]
    naive, by_family = ("naive interval", "p"), ("interval by family", "p by family")
    slope = ("slope", "its interval", "its p")
    return ReportTable(
        rows,
        columns(*which, ("r", show.number("r")), *naive, *by_family, *slope),
        {"measures": " and ".join(MEASURE_WORDS[m] for m in measures) or "other"},
    )
