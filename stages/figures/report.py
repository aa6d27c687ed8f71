"""One self-contained page: the question, the answer, figures, tables, and where it comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from stages.figures.contents import HEADINGS, SECTIONS, Section
from stages.figures.made import Made
from stages.inference.answer import answer
from stages.inference.facts import MEASURES, Facts, capital
from stages.inference.outcomes import Tables
from stages.runtime.errors import DataError
from stages.runtime.files import write_bytes

TEMPLATES = Path(__file__).parent / "templates"
SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


def write_report(
    path: Path,
    title: str,
    study: str,
    tables: Tables,
    facts: Facts,
    made: Sequence[Made],
    captions: Mapping[str, str],
    figures_folder: Path,
    left_out: Mapping[str, str],
    provenance: Mapping[str, Any],
) -> None:
    """Write the report: HTML that loads nothing, with the same bytes for the same inputs.

    Parameters
    ----------
    title, study : of the study, and the name of its YAML. made : what is real and what simulated.
    captions : name of each figure in `figures_folder` (as <name>.svg) -> its caption; figures that
        no section has come last. left_out : model -> why it has no place in the analysis.
    provenance : of `stages.figures.provenance`.

    Raises
    ------
    DataError
        Names a figure that cannot be read.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known = {name for section in SECTIONS for name in section.figures}
    rest = tuple(name for name in captions if name not in known)
    more = (Section("other", "Other figures", "", rest, ()),) if rest else ()
    page = environment.get_template("report.html.j2").render(
        title=title,
        study=study,
        facts=facts,
        measure=MEASURES[facts.measure],
        capital=capital,
        answer=answer(tables, facts),
        made=made,
        sections=[_filled(s, tables, facts, captions, figures_folder) for s in (*SECTIONS, *more)],
        left_out=left_out,
        provenance=provenance,
    )
    write_bytes(path, page.encode())


def _filled(
    section: Section, tables: Tables, facts: Facts, captions: Mapping[str, str], folder: Path
) -> dict[str, Any]:
    """A section as the template wants it, with the figures that were drawn."""
    return {
        "key": section.key,
        "title": section.title,
        "lead": section.lead,
        "figures": [
            {
                "name": name,
                "heading": HEADINGS.get(name, capital(name.replace("_", " "))),
                "caption": captions[name],
                "svg": inline(folder / f"{name}.svg", f"figure-{name}"),
            }
            for name in section.figures
            if name in captions
        ],
        "grids": [make(tables, facts) for make in section.grids],
    }


def inline(path: Path, key: str) -> Markup:
    """A matplotlib SVG as part of a page: no metadata, its ids and its style its own.

    Parameters
    ----------
    key : id of the SVG, and what its other ids begin with. `key`-caption describes it.
    """
    ElementTree.register_namespace("", SVG)
    try:
        root = ElementTree.parse(path).getroot()  # noqa: S314
    except (OSError, ElementTree.ParseError) as error:
        raise DataError(f"{path}: not readable as SVG: {error}") from error
    for part in root.findall(f"{{{SVG}}}metadata"):
        root.remove(part)
    for element in root.iter():
        href = element.attrib.pop(f"{{{XLINK}}}href", None)
        if href is not None:
            element.set("href", f"#{key}-{href[1:]}" if href.startswith("#") else href)
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, f"{key}-{value}")
            elif "url(#" in value:
                element.set(name, re.sub(r"url\(#", f"url(#{key}-", value))
        if element.tag == f"{{{SVG}}}style" and element.text:
            element.text = element.text.replace("*{", f"#{key} *{{")
    width = float(root.attrib["viewBox"].split()[2])
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    root.set("id", key)
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-caption")
    root.set("style", f"width:{width * 4 / 3:.0f}px;min-width:{min(width, 560):.0f}px")
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704
