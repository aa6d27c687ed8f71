"""How a figure is drawn: its function, the tables that it needs, and the words of its caption.

Nothing here imports matplotlib until a figure is drawn, nor does any module of figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias, cast

import pandas as pd

from stages.analysis.facts import Facts
from stages.analysis.outcomes import Record, Tables
from stages.report.style import Figure, save
from stages.report.words import fill
from stages.runtime.files import pack

Frames = Mapping[str, pd.DataFrame]
"""Tables that have rows, by name."""
Drawn: TypeAlias = "tuple[Figure, dict[str, Any]] | None"
"""A figure and what its caption says of it by name; None where there is nothing to draw."""
DrawFigure = Callable[[Frames, Facts], Drawn]


@dataclass(frozen=True)
class Drawing:
    """A figure: tables that it needs and those that it may do without; caption as a template."""

    draw: DrawFigure
    heading: str
    caption: str
    needs: Sequence[str]
    optional: Sequence[str] = ()
    few_shot: bool = True
    """Whether it depends on which few-shot accuracy is shown."""

    @property
    def name(self) -> str:
        return self.draw.__name__

    def inputs(self, tables: Tables) -> Tables:
        """Those tables that it shows; none if one that it needs has no rows."""
        if not all(tables.get(name) for name in self.needs):
            return {}
        return {n: tables[n] for n in (*self.needs, *self.optional) if tables.get(n)}


def draw(function: DrawFigure, caption: str, style: Path, tables: Tables, facts: Facts) -> bytes:
    """A pack of a figure's files <name>.svg and <name>.png, and of its caption, <name>.txt.

    Empty where there is nothing to draw. style : a style sheet of matplotlib.
    """
    import matplotlib as mpl

    name, frames = function.__name__, {table: frame(rows) for table, rows in tables.items()}
    with mpl.rc_context(fname=style), TemporaryDirectory() as temporary:
        drawn = function(frames, facts)
        if drawn is None:
            return pack({})
        figure, found = drawn
        text = fill(caption, facts=facts, **found)
        save(figure, Path(temporary), name, text)
        files = {path.name: path.read_bytes() for path in sorted(Path(temporary).iterdir())}
    return pack(files | {f"{name}.txt": text.encode()})


def records(table: pd.DataFrame) -> list[Record]:
    """The rows of a data frame; NaN is missing."""
    return cast(list[Record], table.to_dict("records"))


def frame(rows: list[Record]) -> pd.DataFrame:
    """Records as a data frame; None in a column of numbers is NaN, also where all are None."""
    table = pd.DataFrame(rows)
    return table.astype({c: float for c in table.columns if table[c].isna().all()})
