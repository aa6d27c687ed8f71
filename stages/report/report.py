"""Figures, and one self-contained page: the question, the answer, tables, and their origin."""

import base64
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
from stages.report import accuracy, curves, families, noise, queries, scatter, shape, theory
from stages.report import tables as table_functions
from stages.report.cells import ReportTable
from stages.report.figure import Drawing, draw
from stages.report.provenance import made_of, provenance
from stages.report.style import STYLE
from stages.report.words import TEMPLATES, WORDS, fill
from stages.runtime.errors import DataError
from stages.runtime.files import replacing, write_bytes, write_json
from stages.runtime.jobs import Job, run
from stages.runtime.machine import Place
from stages.runtime.tables import Record
from stages.sources.human import how_read
from stages.study.experiment import Experiment

_DRAW = {
    name: function
    for module in (accuracy, curves, families, noise, scatter, shape, theory)
    for name, function in vars(module).items()
}
_TABLES = vars(table_functions) | vars(queries)
DRAWINGS = {name: Drawing(_DRAW[name], **own) for name, own in WORDS["figures"].items()}
"""All figures by name, in the order of the report."""


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

    outcomes : a row for each outcome that is shown. left_out, notes : as in `write_report`.
    """
    paths, study = experiment.paths, experiment.study
    name, params = experiment.params.study, experiment.params.model_dump(mode="json")
    made_from = provenance(paths.root, name, [paths.table(table) for table in INPUTS], params)
    with replacing(paths.report) as folder, replacing(paths.plots / "figures") as pngs:
        captions = draw_all(tables, facts, where, pngs, folder / "svg")
        write_json(folder / "answer.json", {"answer": answer(tables, facts), "outcomes": outcomes})
        page: dict[str, Any] = {"title": study.title, "left_out": left_out, "notes": notes}
        page |= {"made": made_of(study), "provenance": made_from}
        page["read"] = {stimuli: how_read(paths.stimuli / stimuli) for stimuli in study.judged}
        write_report(folder / "report.html", tables, facts, captions, folder / "svg", **page)


def draw_all(tables: Tables, facts: Facts, where: Place, pngs: Path, svgs: Path) -> dict[str, str]:
    """Draw into two folders what the tables have rows for; the captions by figure."""
    jobs, captions = {}, {}
    for name, one in DRAWINGS.items():
        if own := one.inputs(tables):
            known = facts if one.few_shot else replace(facts, few_shot=None)
            caption = WORDS["macros"] + one.caption
            jobs[name] = Job(partial(draw, one.draw, caption, STYLE, own, known))
    for name, drawn in run("figures", jobs, where).items():
        if drawn is not None:
            captions[name] = drawn["caption"]
            write_bytes(svgs / f"{name}.svg", drawn["svg"].encode())
            write_bytes(pngs / f"{name}.png", base64.b64decode(drawn["png"]))
    return captions


def write_report(
    path: Path, tables: Tables, facts: Facts, captions: Mapping[str, str], svgs: Path, **page: Any
) -> None:
    """Write the report: HTML that loads nothing, with the same bytes for the same inputs.

    captions : of each figure that lies in `svgs` as <name>.svg; a DataError names one that cannot
        be read.
    page : `title` of the study; what `made_of` and `provenance` return; `read`, stimulus
        set -> how your own files of it were read, in sentences; `left_out`, model -> why it
        has no place in the analysis; `notes` on the method, a sentence or two each.
    """
    figures, words = {}, {}
    for name, caption in captions.items():
        svg = inline(svgs / f"{name}.svg", f"figure-{name}")
        figures[name] = {
            "heading": facts.say(DRAWINGS[name].heading),
            "caption": caption,
            "svg": svg,
        }
    rows = table_functions.with_reasons(tables, facts)
    for name, texts in WORDS["tables"].items():
        table: ReportTable = _TABLES[name](rows, facts)
        known = {"facts": facts, "rows": len(table.rows)} | table.about
        words[name] = {"fold": "", "table": table}
        words[name] |= {key: fill(text, **known) for key, text in texts.items()}
    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    sections = {
        key: section
        for key, section in WORDS["sections"].items()
        if _has_any(section, figures, words)
    }
    page |= {"sections": sections, "figures": figures, "tables": words, "facts": facts}
    page |= {"measure": MEASURE_WORDS[facts.measure], "answer": answer(tables, facts)}
    template = environment.get_template("report.html.j2", globals={"capital": capital})
    write_bytes(path, template.render(page).encode())


def _has_any(section: Mapping[str, Any], figures: Mapping[str, Any], words: Any) -> bool:
    """Whether a section has a figure, or a table with rows."""
    return any(name in figures for name in section["figures"]) or any(
        words[name]["table"].rows for name in section["tables"]
    )


def inline(path: Path, key: str) -> Markup:
    """A matplotlib SVG as part of a page: no metadata, its ids and its style its own.

    key : id of the SVG, and what its other ids begin with. `key`-caption describes it.
    """
    try:
        root = r'<svg [^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>(.*)'
        ((width, height, body),) = re.findall(root, path.read_text("utf-8"), re.DOTALL)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as SVG: {error}") from error

    def own(tag: re.Match[str]) -> str:
        """A tag whose ids, and references to them, begin with the key."""
        named = re.sub(r'( id="|url\(#|xlink:href="#)', rf"\1{key}-", tag[0])
        return named.replace("xlink:href", "href")

    body = re.sub(r"<metadata>.*</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r"<[^>]*>", own, body).replace(">*{", f">#{key} *{{")
    style = f"width:{float(width) * 4 / 3:.0f}px;min-width:{min(float(width), 560):.0f}px"
    start = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" version="1.1" '
    start += f'id="{key}" role="img" aria-labelledby="{key}-caption" style="{style}">'
    return Markup(start + body.strip())  # noqa: S704
