"""Drawing one figure, as a unit of work."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib as mpl

from stages.figures.style import STYLE, save
from stages.inference.facts import Facts
from stages.inference.outcomes import Tables
from stages.runtime.files import pack


def draw(
    name: str, module: str, tables: Tables, facts: Facts, wanted: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """The only unit wanted: a pack of the figure's files and of its caption, <name>.txt.

    Empty where there is nothing to draw.
    """
    (unit,) = wanted
    function = getattr(importlib.import_module(f"stages.figures.{module}"), name)
    with mpl.rc_context(STYLE), TemporaryDirectory() as temporary:
        drawn, files = function(tables, facts), {}
        if drawn is not None:
            figure, caption = drawn
            save(figure, Path(temporary), name, caption)
            files = {path.name: path.read_bytes() for path in sorted(Path(temporary).iterdir())}
            files[f"{name}.txt"] = caption.encode()
    yield unit, pack(files)
