"""All figures of a study, each with a caption that says who judged and what the interval is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from stages.inference.facts import Facts
from stages.inference.outcomes import Tables
from stages.runtime.files import unpack
from stages.runtime.jobs import Job, payload, run
from stages.runtime.machine import Place
from stages.runtime.source import digest, unit_key

DRAWS = "stages.figures.units"


@dataclass(frozen=True)
class Drawing:
    """The module whose function of the figure's name draws it, and what it sees.

    The function takes tables and facts, and returns a figure and its caption, or None where there
    is nothing to draw. Only what draws imports it, and matplotlib.

    few_shot : whether it shows few-shot accuracy; else it is the same whatever n is.
    """

    module: str
    tables: tuple[str, ...]
    few_shot: bool = True

    def seen(self, tables: Tables, facts: Facts) -> tuple[Tables, Facts]:
        """Those of some tables and facts that it sees."""
        own = {name: tables[name] for name in self.tables if name in tables}
        return own, facts if self.few_shot else replace(facts, few_shot=None)


FIGURES = {
    "alignment_fewshot": Drawing("scatter", ("alignment_fewshot",)),
    "groups_by_n": Drawing("by_n", ("groups_by_n",)),
    "groups_by_task": Drawing("by_n", ("groups_by_n",)),
    "correlation_by_n": Drawing("by_n", ("correlations",)),
    "correlation_by_task": Drawing("by_n", ("correlations",)),
    "covariate": Drawing("scatter", ("covariate_alignment",), few_shot=False),
    "robustness": Drawing("robustness", ("table1", "table2", "correlations"), few_shot=False),
    "shape": Drawing("shape", ("u_tests",)),
    "families": Drawing("families", ("families",)),
    "contrasts": Drawing("contrasts", ("contrasts", "factors")),
    "noise": Drawing("noise", ("ceilings", "participants"), few_shot=False),
    "reliability": Drawing("by_n", ("reliability",)),
    "spread": Drawing("families", ("models",), few_shot=False),
    "relabelled": Drawing("scatter", ("relabelled", "relabelled_tests"), few_shot=False),
    "measures": Drawing("measures", ("measures", "models"), few_shot=False),
    "theory_fewshot": Drawing("theory", ("theory_fewshot", "bridge")),
    "bridge": Drawing("bridge", ("bridge", "bridge_tests", "theory_fewshot")),
    "theory_queries": Drawing("theory", ("theory_queries",), few_shot=False),
    "theory_appendix": Drawing("theory", ("theory_shift", "theory_adversarial"), few_shot=False),
}
"""Name of each figure and what draws it, in the order of a report."""


def draw_all(folder: Path, tables: Tables, facts: Facts, where: Place) -> dict[str, str]:
    """Draw every figure that the tables have rows for, as SVG and PNG.

    Parameters
    ----------
    folder : where <name>.svg and <name>.png go; the PNG has its caption beneath.
    tables : table -> its records; None is missing or undefined. Absent or empty: no figure of it.
    where : what draws them; each is a unit of work, kept in the artifact cache.

    Returns
    -------
    Name of each figure drawn -> its caption, in the order of `FIGURES`.
    """
    jobs = [_job(name, drawing, tables, facts) for name, drawing in FIGURES.items()]
    run("figures", jobs, where)
    captions = {}
    for job in jobs:
        unpack(payload(job, job.name), folder)
        caption = folder / f"{job.name}.txt"
        if caption.exists():
            captions[job.name] = caption.read_text(encoding="utf-8")
            caption.unlink()
    return captions


def _job(name: str, drawing: Drawing, tables: Tables, facts: Facts) -> Job:
    """One figure: a unit, and the more work the more rows it shows."""
    seen, known = drawing.seen(tables, facts)
    key = unit_key(
        "figure",
        [DRAWS, f"stages.figures.{drawing.module}"],
        ["matplotlib", "numpy", "pandas", "pillow", "scipy"],
        name=name,
        tables=digest(json.dumps(seen).encode()),
        facts=asdict(known),
    )
    args = (name, drawing.module, seen, known)
    return Job(name, {name: key}, f"{DRAWS}:draw", args, 1.0 + sum(map(len, seen.values())))
