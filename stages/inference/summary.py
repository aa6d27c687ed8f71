"""What the terminal says at the end of a study."""

from __future__ import annotations

import textwrap

from stages.inference.answer import answer
from stages.inference.facts import Facts
from stages.inference.outcomes import Tables
from stages.inference.results import Record, Results


def summary(title: str, results: Results, tables: Tables, facts: Facts) -> str:
    """A short text: the spread of alignment, correlations with each outcome, and the answer."""
    values = results.alignment[facts.measure]
    lines = [
        "",
        title,
        f"{facts.zoo}; {facts.measure} alignment with {facts.judges} {values.min():.2f} to "
        f"{values.max():.2f}, mean {values.mean():.2f}",
        f"Partial correlation with alignment, given {facts.given}:",
        f"  {'outcome':28} {'z² (the U)':>20} {'alignment itself':>20}",
    ]
    found = {
        (row["outcome"], row["head"], row["n"], row["top"], row["term"]): row
        for row in tables["correlations"]
        if row["measure"] == facts.measure
    }
    for outcome in results.shown:
        key = (outcome.outcome, outcome.head, outcome.n, outcome.top)
        u, line = (_r(found[*key, term]) for term in ("z²", "linear"))
        lines.append(f"  {outcome.name:28} {u:>20} {line:>20}")
    said = [textwrap.fill(sentence, 100) for sentence in answer(tables, facts)]
    return "\n".join([*lines, *said])


def _r(row: Record) -> str:
    return "undefined" if row["r"] is None else f"{row['r']:+.2f} (p {_p(row['p'])})"


def zoo(results: Results) -> str:
    """How many models of which kind, and how many of them are untrained."""
    count, untrained = len(results.models), len(results.untrained)
    kinds = {str(results.index[str(model)]["source"]) for model in results.models}
    known = {"hub": "published models", "trained here": "models trained here"}
    text = f"{count} {known.get(next(iter(kinds)), 'models') if len(kinds) == 1 else 'models'}"
    if not untrained:
        return text
    return f"{text}, {'all' if untrained == count else untrained} of them untrained"


def given(results: Results) -> str:
    """What the covariate is, in words."""
    benchmark, classifier = results.given
    if classifier == "readout":
        return f"the accuracy of a linear readout on {benchmark} images"
    return f"{classifier} top-1 on {benchmark}"


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"= {p:.3f}".replace("0.", ".")
