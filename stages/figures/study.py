"""All figures of a study, each with a caption that says who judged and what the interval is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from stages.figures import (
    bridge,
    by_n,
    contrasts,
    families,
    measures,
    noise,
    robustness,
    scatter,
    shape,
    theory,
)
from stages.figures.style import STYLE, Tables, save
from stages.inference.facts import Facts

FIGURES: dict[str, Callable[[Tables, Facts], tuple[Figure, str] | None]] = {
    "alignment_fewshot": scatter.alignment_fewshot,
    "groups_by_n": by_n.groups_by_n,
    "groups_by_task": by_n.groups_by_task,
    "correlation_by_n": by_n.correlation_by_n,
    "correlation_by_task": by_n.correlation_by_task,
    "covariate": scatter.covariate,
    "robustness": robustness.robustness,
    "shape": shape.shape,
    "families": families.families,
    "contrasts": contrasts.contrasts,
    "noise": noise.noise,
    "reliability": by_n.reliability,
    "spread": families.spread,
    "relabelled": scatter.relabelled,
    "measures": measures.measures,
    "theory_fewshot": theory.theory_fewshot,
    "bridge": bridge.bridge,
    "theory_queries": theory.theory_queries,
    "theory_appendix": theory.theory_appendix,
}
"""Name of each figure and what draws it, in the order of a report."""


def draw_all(folder: Path, tables: Tables, facts: Facts) -> dict[str, str]:
    """Draw every figure that the tables have rows for, as SVG and PNG.

    Parameters
    ----------
    folder : where <name>.svg and <name>.png go; the PNG has its caption beneath.
    tables : table -> its records; None is missing or undefined. Absent or empty: no figure of it.

    Returns
    -------
    Name of each figure drawn -> its caption, in the order of `FIGURES`.
    """
    captions = {}
    with mpl.rc_context(STYLE):
        for name, draw in FIGURES.items():
            drawn = draw(tables, facts)
            if drawn is not None:
                figure, captions[name] = drawn
                save(figure, folder, name, captions[name])
    return captions
