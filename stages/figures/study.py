"""All figures of a study, each with a caption that says who judged and what the interval is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stages.figures import draw
from stages.inference.results import Record, Results
from stages.inference.summary import given, zoo


@dataclass(frozen=True)
class Facts:
    """What captions need to know: measure shown, whose judgments, group size, level."""

    measure: str
    simulated: bool
    group_size: int
    confidence: float


def draw_all(
    folder: Path, results: Results, records: dict[str, list[Record]], facts: Facts
) -> None:
    """Draw every figure into a folder, as PNG."""
    measure, percent = facts.measure, f"{100 * facts.confidence:g} %"
    judges = "simulated observers" if facts.simulated else "people"
    who = f"{zoo(results)}; alignment is with {judges}"
    head = f"{results.head} head, mean of {results.repeats} draws"
    covariate = f"given {given(results)}"
    draw.scatter(
        records["alignment_fewshot"],
        folder / "alignment_fewshot.png",
        measure,
        results.shots[0],
        f"{who}; {head}. Curve: least-squares parabola, no covariate; "
        f"band: {percent} interval of its mean.",
    )
    draw.correlation_by_n(
        records["correlation_by_n"],
        folder / "correlation_by_n.png",
        f"{who}. Partial correlation of z² {measure} alignment with accuracy, {covariate}; "
        f"bars: {percent} intervals.",
    )
    draw.groups_by_n(
        records["groups_by_n"],
        folder / "groups_by_n.png",
        f"{who}. Means of the {facts.group_size} models with the highest, nearest-to-mean and "
        f"lowest {measure} alignment; {head}.",
    )
    draw.robustness(
        records["table1"],
        records["robustness"],
        folder / "robustness.png",
        measure,
        f"{who}. Left: means of {facts.group_size} models. Right: {covariate};\n"
        f"z² looks for a U, linear for a line; bars: {percent} intervals.",
    )
    groups = {str(model): str(results.index[str(model)]["group"]) for model in results.models}
    kinds = {str(m): str(results.index[str(m)]["architecture"]) for m in results.models}
    draw.spread(
        results.alignment[measure], groups, kinds, folder / "spread.png", measure, f"{who}."
    )
