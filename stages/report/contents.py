"""What the report has, in its order: figures and tables, as templates/report.yaml lists them."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from stages.report import (
    bridge,
    by_n,
    contrasts,
    families,
    model_tables,
    noise,
    paper_tables,
    robustness,
    scatter,
    shape,
    theory,
)
from stages.report.cells import MakeTable
from stages.report.figure import Drawing
from stages.report.words import words


def _functions(kind: str, *modules: ModuleType) -> dict[str, Callable[..., Any]]:
    """The functions of those modules that report.yaml names."""
    known = {name: value for module in modules for name, value in vars(module).items()}
    return {name: known[name] for name in words()[kind]}


DRAWINGS = {
    name: Drawing(function, **words()["figures"][name])
    for name, function in _functions(
        "figures", by_n, contrasts, families, noise, robustness, scatter, shape, theory, bridge
    ).items()
}
"""All figures by name, in the order of the report."""
TABLES: dict[str, MakeTable] = _functions("tables", paper_tables, model_tables)
"""All tables by name."""
