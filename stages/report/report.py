"""Figures, and one self-contained page: the question, the answer, tables, and their origin."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from stages.analysis.analysis import INPUTS
from stages.analysis.answer import answer
from stages.analysis.facts import MEASURE_WORDS, Facts, capital
from stages.analysis.outcomes import Tables
from stages.report.cells import filled
from stages.report.contents import DRAWINGS, TABLES
from stages.report.figure import draw
from stages.report.made import made_of
from stages.report.provenance import provenance
from stages.report.style import STYLE
from stages.report.words import TEMPLATES, words
from stages.runtime.errors import DataError
from stages.runtime.files import replacing, unpack, write_bytes, write_json
from stages.runtime.jobs import Job, Kept, run
from stages.runtime.machine import Place
from stages.runtime.tables import Record
from stages.study.experiment import Experiment


def write_figures_and_report(
    experiment: Experiment,
    tables: Tables,
    facts: Facts,
    where: Place,
    outcomes: Sequence[Record],
    left_out: Mapping[str, str],
    notes: Sequence[str],
) -> None:
    """Write plots/figures/ and data/report/: report.html, answer.json, svg/.

    Parameters
    ----------
    outcomes : a row for each outcome that is shown. left_out : models that are not analysed, and
        why. notes : sentences on the method.
    """
    paths, name = experiment.paths, experiment.params.study
    inputs = [paths.table(table) for table in INPUTS]
    made_from = provenance(paths.root, name, inputs, experiment.params.model_dump(mode="json"))
    with replacing(paths.report) as folder, replacing(paths.plots / "figures") as pngs:
        captions = draw_all(tables, facts, where, pngs, folder / "svg")
        write_json(folder / "answer.json", {"answer": answer(tables, facts), "outcomes": outcomes})
        page: dict[str, Any] = {
            "title": experiment.study.title,
            "study": name,
            "left_out": left_out,
        }
        page |= {"made": made_of(experiment.study), "provenance": made_from, "notes": notes}
        write_report(folder / "report.html", tables, facts, captions, folder / "svg", **page)


def draw_all(tables: Tables, facts: Facts, where: Place, pngs: Path, svgs: Path) -> dict[str, str]:
    """Draw into two folders what the tables have rows for; the captions by figure."""
    jobs = {
        name: Job(
            partial(
                draw,
                one.draw,
                words()["macros"] + one.caption,
                STYLE,
                own,
                facts if one.few_shot else replace(facts, few_shot=None),
            )
        )
        for name, one in DRAWINGS.items()
        if (own := one.inputs(tables))
    }
    captions = {}
    for folder in (pngs, svgs):
        folder.mkdir(parents=True, exist_ok=True)
    for name, files in run("figures", jobs, where, read=Kept.bytes).items():
        unpack(files, pngs)
        caption, svg = pngs / f"{name}.txt", pngs / f"{name}.svg"
        if caption.exists():
            captions[name] = caption.read_text(encoding="utf-8")
            caption.unlink()
            svg.rename(svgs / svg.name)
    return captions


def write_report(
    path: Path, tables: Tables, facts: Facts, captions: Mapping[str, str], svgs: Path, **page: Any
) -> None:
    """Write the report: HTML that loads nothing, with the same bytes for the same inputs.

    Parameters
    ----------
    captions : of each figure that lies in `svgs` as <name>.svg.
    page : title, study: of the study, and the name of its YAML; made: of `made_of`; left_out:
        model -> why it has no place in the analysis; provenance: of `stages.report.provenance`;
        notes: on the method, a sentence or two each.

    Raises
    ------
    DataError
        Names a figure that cannot be read.
    """
    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True

    def figure(name: str) -> dict[str, str]:
        svg = inline(svgs / f"{name}.svg", f"figure-{name}")
        heading = DRAWINGS[name].heading
        return {"name": name, "heading": heading, "caption": captions[name], "svg": svg}

    page["sections"] = [
        section
        | {"key": key, "figures": [figure(name) for name in section["figures"] if name in captions]}
        | {
            "tables": [
                filled(name, TABLES[name](tables, facts), facts) for name in section["tables"]
            ]
        }
        for key, section in words()["sections"].items()
    ]
    page |= {
        "facts": facts,
        "measure": MEASURE_WORDS[facts.measure],
        "answer": answer(tables, facts),
    }
    page["capital"] = capital
    write_bytes(path, environment.get_template("report.html.j2").render(page).encode())


def inline(path: Path, key: str) -> Markup:
    """A matplotlib SVG as part of a page: no metadata, its ids and its style its own.

    key : id of the SVG, and what its other ids begin with. `key`-caption describes it.
    """
    try:
        text = path.read_text(encoding="utf-8")
        root, width, size = re.findall(r'(<svg [^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>)', text)[
            0
        ]
    except (OSError, ValueError, IndexError) as error:
        raise DataError(f"{path}: not readable as SVG: {error}") from error

    def own(tag: re.Match[str]) -> str:
        """A tag whose ids, and references to them, begin with the key."""
        return re.sub(r'( id="|url\(#)', rf"\1{key}-", tag[0]).replace(
            'xlink:href="#', f'href="#{key}-'
        )

    body = re.sub(r"<metadata>.*</metadata>\s*", "", text.partition(root)[2], flags=re.DOTALL)
    body = re.sub(r"<[^>]*>", own, body).replace(">*{", f">#{key} *{{")
    style = f"width:{float(width) * 4 / 3:.0f}px;min-width:{min(float(width), 560):.0f}px"
    start = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {size}" version="1.1" '
    start += f'id="{key}" role="img" aria-labelledby="{key}-caption" style="{style}">'
    return Markup(start + body.strip())  # noqa: S704
