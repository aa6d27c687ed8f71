"""The report's tables of the U: every test of it, and correlations with both intervals."""

from __future__ import annotations

from stages.figures.cells import (
    Cell,
    Grid,
    decimal,
    interval,
    missing,
    number,
    probability,
    word,
)
from stages.figures.grids import distinct, why
from stages.inference.facts import MEASURES, Facts
from stages.inference.outcomes import Record, Tables, is_shown, outcome_name

WITH = {
    (False, False): "",
    (False, True): " + family effects",
    (True, False): " + linear",
    (True, True): " + linear + family effects",
}

SLOPE = ("slope", "its interval", "its p")


def u_tests(tables: Tables, facts: Facts) -> Grid:
    """A row an outcome, a column a specification."""
    rows = [
        row
        for row in tables.get("u_tests", [])
        if is_shown(row, facts.head, facts.n)
        and (row["test"] == "capacity" or row["measure"] == facts.measure)
    ]
    there = {(str(r["test"]), bool(r["linear"]), bool(r["family_effects"])) for r in rows}
    order = [
        (test, linear, effects)
        for test in ("z²", "capacity", "two lines")
        for linear, effects in WITH
        if (test, linear, effects) in there
    ]
    at = {(outcome_name(r), r["test"], r["linear"], r["family_effects"]): r for r in rows}
    return Grid(
        "u-tests",
        "Is it a U? Every outcome by every test",
        f"z² and two lines: {MEASURES[facts.measure]} alignment; capacity: triplet alignment. All "
        f"are given {facts.given}. Numbers: coefficient of the term; of two lines the smaller of "
        f"fall and rise, in standard deviations. Bold: q < {facts.alpha}. ∪: two lines that "
        "fall and then rise with such a q; of the other tests a number above 0 does not say as "
        "much. The paper’s test is the plain z².",
        ["outcome", *(f"{test}{WITH[linear, effects]}" for test, linear, effects in order)],
        [
            [word(name), *(_test(at.get((name, *key)), facts) for key in order)]
            for name in dict.fromkeys(outcome_name(row) for row in rows)
        ],
        none="No test of a U was made.",
    )


def _test(row: Record | None, facts: Facts) -> Cell:
    """Estimate of one test and whether it is a U; q on hover."""
    if row is None:
        return missing("no such test")
    if row["estimate"] is None:
        return missing(why(row, facts))
    text, q, two = decimal(row["estimate"], signed=True), row["q"], row["test"] == "two lines"
    if row["u"] is None:
        return Cell(text, f"not told: {why(row, facts) or 'undefined'}", mark="faint")
    about = f"q {'' if q < 0.001 else '= '}{probability(q).text}"
    if two:
        low, high = (decimal(row[end], signed=True) for end in ("slope_low", "slope_high"))
        about += f"; slopes {low} and {high}, break at {decimal(row['break'], 3)}"
    mark = "clear" if q is not None and q < 1 - facts.confidence else ""
    return Cell(f"∪ {text}" if two and row["u"] else text, about, mark=mark)


def correlations(tables: Tables, facts: Facts) -> Grid:
    """Naive interval and interval by family of every shown outcome, of the shown measure."""
    rows = [row for row in tables.get("correlations", []) if row["measure"] == facts.measure]
    return _correlations(
        "correlations",
        f"Partial correlations with {MEASURES[facts.measure]} alignment",
        [row for row in rows if is_shown(row, facts.head, facts.n)],
        facts,
    )


def other_correlations(tables: Tables, facts: Facts) -> Grid:
    """The same of the other measures."""
    rows = [row for row in tables.get("correlations", []) if row["measure"] != facts.measure]
    others = " and ".join(MEASURES[m] for (m,) in distinct(rows, "measure")) or "other"
    return _correlations(
        "other-correlations",
        f"Partial correlations with {others} alignment",
        [row for row in rows if is_shown(row, facts.head, facts.n)],
        facts,
        fold=True,
    )


def _correlations(
    key: str, heading: str, rows: list[Record], facts: Facts, fold: bool = False
) -> Grid:
    several = len(distinct(rows, "measure")) > 1
    heads = ["r", "naive interval", "p", "interval by family", "p by family", *SLOPE]
    return Grid(
        key,
        heading,
        f"Partial r given {facts.given}. By family: bootstrap of {facts.each_family}. Slope: of "
        "the regression on the same two, in standard deviations, with errors by family (CR3). "
        "Bold: the interval leaves out 0.",
        ["outcome", *(["measure"] if several else []), "term", *heads],
        [
            [
                word(outcome_name(row)),
                *([word(MEASURES[row["measure"]])] if several else []),
                word(row["term"]),
                number(row["r"], reason=why(row, facts)),
                interval(row["low"], row["high"], reason=why(row, facts)),
                probability(row["p"], why(row, facts)),
                interval(row["family_low"], row["family_high"], reason=why(row, facts)),
                probability(row["family_p"], why(row, facts)),
                number(row["slope"], reason=why(row, facts)),
                interval(row["slope_low"], row["slope_high"], reason=why(row, facts)),
                probability(row["slope_p"], why(row, facts)),
            ]
            for row in rows
        ],
        fold,
        "There are none in this study.",
    )
