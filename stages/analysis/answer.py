"""What a study found, in two sentences made from its numbers, and as the terminal shows it."""

import textwrap
from collections.abc import Mapping

from stages.analysis.facts import Facts, capital, listed
from stages.analysis.families import FEW, MIN_FAMILIES
from stages.analysis.outcomes import Tables, is_shown, outcome_name
from stages.analysis.results import Results
from stages.runtime.tables import Record


def answer(tables: Mapping[str, list[Record]], facts: Facts) -> list[str]:
    """Is there a U, and does alignment itself go with accuracy, controlling for the covariate?

    Two sentences, on the shown measure and outcomes (first head and smallest n; benchmarks' top-1).
    The first says a U only of outcomes for which the two-lines test without family effects has `u`;
    the second names only outcomes with a `direction`.
    """
    tests, correlations = (shown(tables.get(n, []), facts) for n in ("u_tests", "correlations"))
    lines = [row for row in tests if row["test"] == "two lines" and not row["family_effects"]]
    squares, linear = ([r for r in correlations if r["term"] == t] for t in ("z²", "linear"))
    what = f"accuracy follows a U of {facts.of_whom}"
    given, what_itself = f"{capital(facts.controlling)},", facts.say("alignment itself")
    tested = [row for row in lines if row["u"] is not None]
    u = f"The two-lines test finds that {what} {_u(tested, squares, facts)}"
    first = _sentence(f"The two-lines test of whether {what}", lines, tested, u, facts)
    tested = [row for row in linear if row["family_low"] is not None]
    itself = f"{given} {what_itself} {_linear(tested, facts)}"
    relation = f"{given} the relation of {what_itself} to accuracy"
    return [first, _sentence(relation, linear, tested, itself, facts)]


def shown(rows: list[Record], facts: Facts) -> list[Record]:
    """The rows of the measure and the outcomes that are shown where only one is."""
    rows = [row for row in rows if row["measure"] == facts.measure]
    return [row for row in rows if is_shown(row, facts.head, facts.n)]


def direction(row: Record, alpha: float) -> int:
    """1 or -1 if a correlation's interval by family excludes 0 and its q is below alpha; else 0."""
    if not _excludes_zero(row) or row["q"] is None or row["q"] >= alpha:
        return 0
    return 1 if row["family_low"] > 0 else -1


def _excludes_zero(row: Record) -> bool:
    """Whether the interval by family does, where there is one."""
    low, high = row["family_low"], row["family_high"]
    return low is not None and not low <= 0 <= high


def _sentence(
    subject: str, rows: list[Record], tested: list[Record], finding: str, facts: Facts
) -> str:
    """The finding of those rows that are tested, and why the rest are not."""
    rest = [row for row in rows if row not in tested]
    few = FEW if facts.families < MIN_FAMILIES else "undefined"
    reasons = ", ".join(dict.fromkeys(str(row.get("undefined") or few) for row in rest))
    if not tested:
        return f"{subject} is inconclusive: {reasons or 'there is no test of an outcome'}."
    return finding + (f"; inconclusive for {_names(rest)} ({reasons})." if rest else ".")


def _u(tested: list[Record], squares: list[Record], facts: Facts) -> str:
    """In which outcomes the two-lines test finds a U, and in which others z² is positive."""
    found = [row for row in tested if row["u"]]
    names = {outcome_name(row) for row in found}
    text = f"in {len(found) or 'none'} of {len(tested)} outcome{'s' * (len(tested) > 1)}"
    text += f" ({_names(found)})" if found else ""
    rest = [r for r in squares if r["r"] is not None and outcome_name(r) not in names]
    positive = [row for row in rest if row["r"] > 0 and row["p"] < 1 - facts.confidence]
    if positive:
        text += (
            f"; z², which alone does not show a U, is {'also ' if found else ''}positively "
            f"correlated with {_names(positive, r=True)} (p < {facts.alpha} if models are treated "
            "as independent)"
        )
    return text


def _linear(tested: list[Record], facts: Facts) -> str:
    """Which outcomes alignment itself goes with."""
    by_sign: dict[int, list[Record]] = {1: [], -1: [], 0: []}
    for row in tested:
        by_sign[direction(row, 1 - facts.confidence)].append(row)
    ways = [
        f"{word} accuracy in {_names(by_sign[sign], r=True)}"
        for word, sign in (("higher", 1), ("lower", -1))
        if by_sign[sign]
    ]
    text = f"goes with {' and with '.join(ways)}" if ways else "is not shown to go with accuracy"
    before = [row for row in by_sign[0] if _excludes_zero(row)]
    if by_sign[0]:
        link = "; no such relation is shown in" if ways else " in"
        text += f"{link} {_names(by_sign[0])}"
    text += f" ({facts.percent} intervals by family, q < {facts.alpha})"
    if before:
        text += (
            f"; of these, the interval excludes 0 for {_names(before, r=True)}, but q does not pass"
        )
    return text


def _names(rows: list[Record], r: bool = False) -> str:
    """Outcomes in words, with their partial correlations if asked; the first says what r is."""
    names = [outcome_name(row) for row in rows]
    if r:
        numbers = [f"{row['r']:.2f}".replace("-", "−") for row in rows]
        numbers[0] = f"partial r = {numbers[0]}"
        names = [f"{name} ({value})" for name, value in zip(names, numbers, strict=True)]
    return listed(names)


def summary(title: str, results: Results, tables: Tables, facts: Facts) -> str:
    """The end of a run: what was studied, and the two sentences of the answer."""
    values = results.alignment[facts.measure]
    spread = f"{facts.of_whom} {values.min():.2f} to {values.max():.2f}, mean {values.mean():.2f}"
    lines = [f"{title}: {facts.zoo}; {spread}.", *answer(tables, facts)]
    return "\n".join(textwrap.fill(line, 100, subsequent_indent="  ") for line in lines)
