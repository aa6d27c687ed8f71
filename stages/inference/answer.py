"""The report's answer in two sentences, made from the numbers; never more than the tests say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stages.inference.facts import MEASURES, Facts
from stages.inference.families import MIN_FAMILIES
from stages.inference.outcomes import Record, is_shown, outcome_name


def answer(tables: Mapping[str, list[Record]], facts: Facts) -> list[str]:
    """Is there a U, and does alignment itself go with accuracy beyond the covariate?

    Parameters
    ----------
    tables : `u_tests` and `correlations` are read, of the shown measure and the shown outcomes
        (first head and smallest n; benchmarks' top-1). None is undefined.

    Returns
    -------
    Two sentences. The first says a U only of outcomes for which the two-lines test without family
    effects has `u`; the second names only outcomes whose interval by family leaves out 0 and whose
    q, over all correlations of alignment itself, is below 1 - confidence.
    """
    return [_u(tables, facts), _linear(tables, facts)]


def _u(tables: Mapping[str, list[Record]], facts: Facts) -> str:
    """First sentence: outcomes that are a U by two lines, and those where only z² is positive."""
    rows = [
        row
        for row in _of(tables, "u_tests", facts)
        if row["test"] == "two lines" and not row["family_effects"]
    ]
    told = [row for row in rows if row["u"] is not None]
    untold = [row for row in rows if row["u"] is None]
    what = f"a U of {MEASURES[facts.measure]} alignment with {facts.judges}"
    if not told:
        why = _reasons(untold, facts) or "there is no two-lines test of an outcome"
        return f"Whether accuracy follows {what} cannot be told: {why}."
    found = [row for row in told if row["u"]]
    names = {outcome_name(row) for row in found}
    squares = [
        row
        for row in _of(tables, "correlations", facts)
        if row["term"] == "z²" and outcome_name(row) not in names and _positive(row, facts)
    ]
    text = f"By the two-lines test accuracy is shown to follow {what} in {_share(found, told)}"
    if squares:
        also = "also " if found else ""
        text += (
            f"; z², which alone does not show a U, is {also}positively correlated with "
            f"{_names(squares, r=True)} (p < {facts.alpha} where models are taken for independent)"
        )
    if untold:
        text += f"; for {_names(untold)} it cannot be told ({_reasons(untold, facts)})"
    return f"{text}."


def _linear(tables: Mapping[str, list[Record]], facts: Facts) -> str:
    """Second sentence: outcomes that alignment itself goes with, given the covariate."""
    rows = [row for row in _of(tables, "correlations", facts) if row["term"] == "linear"]
    told = [row for row in rows if row["family_low"] is not None]
    untold = [row for row in rows if row["family_low"] is None]
    given, alpha = f"Beyond {facts.given}", 1 - facts.confidence
    if not told:
        why = _reasons(untold, facts) or "there is no correlation with an outcome"
        return f"{given}, whether alignment itself goes with accuracy cannot be told: {why}."
    ways = [
        f"{word} accuracy in {_names(some, r=True)}"
        for word, sign in (("higher", 1), ("lower", -1))
        if (some := [row for row in told if _sign(row, alpha) == sign])
    ]
    neither = [row for row in told if _sign(row, alpha) == 0]
    interval = f"{facts.percent} intervals by family, q < {facts.alpha}"
    if ways:
        text = f"{given}, alignment itself goes with {' and with '.join(ways)}"
        text += f"; in {_names(neither)} no such relation is shown" if neither else ""
        text += f" ({interval})"
    else:
        text = f"{given}, alignment itself is not shown to go with accuracy in {_names(neither)}"
        text += f" ({interval})"
    if untold:
        text += f"; for {_names(untold)} it cannot be told ({_reasons(untold, facts)})"
    return f"{text}."


def _of(tables: Mapping[str, list[Record]], name: str, facts: Facts) -> list[Record]:
    """Rows of the shown measure and outcomes."""
    rows = tables.get(name, [])
    return [
        row
        for row in rows
        if row["measure"] == facts.measure and is_shown(row, facts.head, facts.n)
    ]


def _positive(row: Record, facts: Facts) -> bool:
    """The paper's finding: a positive correlation that is significant for independent models."""
    return row["r"] is not None and row["r"] > 0 and row["p"] < 1 - facts.confidence


def _sign(row: Record, alpha: float) -> int:
    """Sign of a correlation whose interval by family leaves out 0, also by its q; else 0."""
    low, high = row["family_low"], row["family_high"]
    if low is None or high is None or low <= 0 <= high or row["q"] is None or row["q"] >= alpha:
        return 0
    return 1 if low > 0 else -1


def _share(found: list[Record], told: list[Record]) -> str:
    """So many of so many outcomes, with their names."""
    names = f" ({_names(found)})" if found else ""
    if len(told) == 1:
        return f"the one outcome tested{names}" if found else f"no outcome: not in {_names(told)}"
    if len(found) == len(told):
        return f"all {len(told)} outcomes tested{names}"
    return f"{len(found) or 'none'} of {len(told)} outcomes{names}"


def _names(rows: Iterable[Record], r: bool = False) -> str:
    """Outcomes listed in words, if need be each with its partial correlation."""
    names = [
        outcome_name(row) + (f" ({_r(row['r'], i)})" if r else "") for i, row in enumerate(rows)
    ]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _r(value: float, place: int) -> str:
    """A partial correlation; what it is, is said of the first."""
    number = f"{value:.2f}".replace("-", "−")
    return number if place else f"partial r = {number}"


def _reasons(rows: list[Record], facts: Facts) -> str:
    """Why there is no result, each reason once."""
    few = "too few families" if facts.families < MIN_FAMILIES else "undefined"
    return ", ".join(dict.fromkeys(str(row.get("undefined") or few) for row in rows))
