"""What the terminal says at the end of a study."""

from __future__ import annotations

from stages.inference.results import Record, Results


def summary(
    title: str, simulated: bool, measure: str, results: Results, correlations: list[Record]
) -> str:
    """A short text: the spread of alignment, then each outcome's correlations and p-values."""
    spread = results.spread()[measure]
    n = results.shots[0]
    lines = [
        "",
        title,
        f"{zoo(results)}; {measure} alignment with "
        + ("simulated observers" if simulated else "people")
        + f" {spread['min']:.2f} to {spread['max']:.2f}, mean {spread['mean']:.2f}",
        f"Partial correlation with alignment, given {given(results)}:",
        f"  {'outcome':28} {'z² (the U)':>20} {'alignment itself':>20}",
    ]
    for row in correlations:
        few = row["head"] == results.head and row["n"] == n
        top1 = row["head"] == "" and row["outcome"].endswith("top-1")
        if row["measure"] == measure and (few or top1):
            name = f"{row['outcome']}, {n}-shot" if few else row["outcome"]
            u = f"{row['z2_r']:+.2f} (p {_p(row['z2_p'])})"
            line = f"{row['linear_r']:+.2f} (p {_p(row['linear_p'])})"
            lines.append(f"  {name:28} {u:>20} {line:>20}")
    return "\n".join(lines)


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
