"""The templates of DVC's plots, drawn by Vega from the committed results, and their page."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vl_convert
import yaml
from dvc_render import VegaRenderer
from dvc_render.vega import OPTIONAL_ANCHOR_RANGES

from commands.plots import PAGE, VEGA_LITE, with_vega
from tests.conftest import ROOT, Workspace

TEMPLATES = ROOT / ".dvc" / "plots"
REVISIONS = ("workspace", "HEAD", "an-experiment")  # not in alphabetical order
COLORS = [str(color) for color in OPTIONAL_ANCHOR_RANGES["color"]]
VALUE = {"grid": "estimate"}
"""Column without which a row has no mark; elsewhere that of the plot's x or y."""
Rows = list[dict[str, Any]]


STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PLOTS: dict[str, dict[str, Any]] = {
    path: properties
    for stage in ("theory", "analyze")
    for plot in STAGES[stage]["plots"]
    for path, properties in plot.items()
    if "template" in properties
}
"""File of each plot that has a template -> its properties."""


def rows_of(path: str, revisions: tuple[str, ...] = REVISIONS[:2]) -> Rows:
    """The committed rows, as DVC hands them to a template when revisions are compared."""
    rows = json.loads((ROOT / path).read_text())
    return [row | {"rev": rev} for rev in revisions for row in rows]


def filled(path: str, rows: Rows) -> dict[str, Any]:
    """The specification that DVC writes into its page."""
    properties = {k: v for k, v in PLOTS[path].items() if k != "cache"}
    revisions = list(dict.fromkeys(row["rev"] for row in rows))
    renderer = VegaRenderer(
        rows, path, **properties, template_dir=str(TEMPLATES), revs_with_datapoints=revisions
    )
    content: dict[str, Any] = renderer.get_filled_template()
    return content


def drawn(content: dict[str, Any], version: str = VEGA_LITE) -> Rows:
    """Every mark within the axes: its kind, its place on the page, and what is read on hover."""

    def walk(
        node: dict[str, Any], x: float, y: float, panel: str = "", corner: Any = (0, 0)
    ) -> Iterator[dict[str, Any]]:
        for item in node.get("items", []):
            at = x + item.get("x", 0), y + item.get("y", 0)
            if node["marktype"] == "group":
                for child in item.get("items", []):
                    own = title(item)
                    yield from walk(child, *at, own or panel, at if own else corner)
            elif node.get("role") == "mark":
                read = [part.split(": ", 1) for part in item.get("description", "").split("; ")]
                yield item | {
                    "kind": node["marktype"],
                    "panel": panel,
                    "corner": corner,
                    "at": tuple(round(v, 3) for v in at),
                    "color": item.get("stroke") or item.get("fill"),
                    "tip": dict(pair for pair in read if len(pair) == 2),
                }

    scene = vl_convert.vegalite_to_scenegraph(content, vl_version=version)
    return list(walk(scene["scenegraph"], 0, 0))


def title(group: dict[str, Any]) -> str:
    """What stands over a group, where it is a panel."""
    texts = [
        str(text["text"])
        for child in group.get("items", [])
        if child.get("role") == "title"
        for part in child["items"][0]["items"]
        for text in part["items"]
        if "text" in text
    ]
    return texts[0] if texts else ""


def points(content: dict[str, Any], version: str = VEGA_LITE) -> Rows:
    return [item for item in drawn(content, version) if item["kind"] == "symbol"]


@cache
def two(path: str) -> Rows:
    """Points of the committed rows, twice."""
    return points(filled(path, rows_of(path)))


def colors(items: Rows) -> Counter[str]:
    return Counter(str(item["color"]) for item in items)


def valued(path: str, rows: Rows) -> Rows:
    """Rows that have a mark."""
    properties = PLOTS[path]
    columns = [VALUE.get(properties["template"], properties["x"]), properties["y"]]
    return [row for row in rows if all(row[column] is not None for column in columns)]


@pytest.mark.parametrize("path", PLOTS)
def test_every_row_is_one_mark_in_its_revisions_color(path: str) -> None:
    rows = rows_of(path, REVISIONS)
    found = colors(points(filled(path, rows)))
    assert found == dict.fromkeys(COLORS[:3], len(valued(path, rows)) / 3)


@pytest.mark.parametrize("path", PLOTS)
def test_revisions_that_agree_are_all_seen(path: str) -> None:
    """Marks of equal rows lie beside each other, or the later ones are smaller."""
    items = two(path)
    first, second = ([i for i in items if i["color"] == color] for color in COLORS[:2])
    if {i["at"] for i in first} & {i["at"] for i in second}:
        assert PLOTS[path]["template"] == "curve"
        assert min(i["size"] for i in first) > 2 * max(i["size"] for i in second)
        assert items.index(second[0]) > items.index(first[0])


@pytest.mark.parametrize("path", PLOTS)
def test_every_field_is_a_column_or_made_from_columns(path: str) -> None:
    """A name without a column would read 'undefined' on hover, and raise no error."""
    rows = rows_of(path)
    template = (TEMPLATES / f"{PLOTS[path]['template']}.json").read_text()
    text = json.dumps(filled(path, rows) | {"data": None})
    optional = {"task", "n"} if PLOTS[path]["template"] == "curve" else set()
    known = set(rows[0]) | set(re.findall(r'"as": "(\w+)"', template)) | optional
    used = re.findall(r'"field": "(\w+)"', text) + re.findall(r"datum\.(\w+)", text)
    assert set(used) <= known


@pytest.mark.parametrize("path", PLOTS)
def test_whoever_hovers_reads_every_row_and_no_missing_number(path: str) -> None:
    rows, tips = rows_of(path), [item["tip"] for item in two(path)]
    assert {tip["revision"] for tip in tips} == set(REVISIONS[:2])
    assert not [tip for tip in tips if {"undefined", "null", "NaN", ""} & set(tip.values())]
    if PLOTS[path]["template"] == "curve":
        assert Counter(tip["model"] for tip in tips) == Counter(row["model"] for row in rows)
        shown = sorted(number(tip["likeness"]) for tip in tips)
        assert shown == pytest.approx(sorted(row["alignment"] for row in rows), abs=6e-4)


PANEL = {
    "by_n": "{task}, {head}",
    "groups": "{task}",
    "table1": "{measure} likeness, top-{top}",
    "grid": "{family effects}",
    "queries": "{panel}",
    "channel": "{panel}",
}
"""What stands over a panel, from what is read on its points."""
AXIS = {
    "curve": ("value", 1),
    "by_n": ("partial r", 1),
    "groups": ("accuracy", 1),
    "intervals": ("partial r", 0),
    "table1": ("accuracy", 0),
    "factors": ("mean difference", 0),
    "queries": ("queries", 1),
    "channel": ("accuracy", 1),
}
"""The number read on a point, and the axis (x: 0, y: 1) along which it lies."""


@pytest.mark.parametrize("path", PLOTS)
def test_points_lie_in_the_panel_and_at_the_place_of_what_is_read_on_them(path: str) -> None:
    name, items = PLOTS[path]["template"], two(path)
    for item in items:
        panel, tip = item["panel"], item["tip"]
        if name in PANEL:
            assert panel == PANEL[name].format(**tip)
        elif name == "intervals":
            term = {"z²": "z² of likeness", "linear": "likeness itself"}[tip["term"]]
            assert panel == f"{term}, top-{tip['top']}"
        elif name == "factors":
            assert panel == re.sub(r" \d+-shot$", ", few-shot", tip["of"])
        elif "covariate" not in path:
            assert tip["outcome"].startswith(f"{panel}, ")
    if name in AXIS:
        value, axis = AXIS[name]
        for panel in {item["panel"] for item in items}:
            own = [item for item in items if item["panel"] == panel]
            places = [item["at"][axis] for item in own]
            values = [number(item["tip"][value]) for item in own]
            if name == "queries":  # to one decimal, on a logarithmic axis
                values = [float(np.log(v)) for v in values]
            slope, offset = np.polyfit(places, values, 1)
            assert slope > 0 if axis == 0 else slope < 0
            near = 0.02 if name == "queries" else 1e-3
            assert values == pytest.approx(slope * np.array(places) + offset, abs=near)


@pytest.mark.parametrize(
    ("path", "panels"),
    [
        ("plots/theory_fewshot.json", [f"n = {n}" for n in (1, 5, 10, 20, 40, 80)]),
        (
            "plots/theory_queries.json",
            [f"{s} queries, d = {d}" for d in (1, 2, 3) for s in ("adaptive", "random")],
        ),
    ],
)
@pytest.mark.parametrize("version", [VEGA_LITE, vl_convert.get_vegalite_versions()[0]])
def test_panels_stand_in_order_whatever_the_revisions_are(
    path: str, panels: list[str], version: str
) -> None:
    """The first revision has two of the panels, and its last row first."""
    first, second = (rows_of(path, (rev,)) for rev in REVISIONS[:2])
    some = [row for row in reversed(first) if row["panel"] in (panels[1], panels[4])]
    items = drawn(filled(path, some + second[::-1]), version)
    corners = pd.DataFrame([(i["panel"], *i["corner"]) for i in items], columns=["panel", "x", "y"])
    first_mark = corners.groupby("panel").min().round().sort_values(["y", "x"])
    assert list(first_mark.index) == panels


def test_no_interval_by_family_is_no_bar_and_said_on_hover() -> None:
    path = "plots/robustness.json"
    rows = rows_of(path)
    none = [row | {"family_low": None, "family_high": None} for row in rows]
    there, gone = drawn(filled(path, rows)), drawn(filled(path, none))
    bars = [sum(item["kind"] == "rule" for item in items) for items in (there, gone)]
    assert bars[0] - bars[1] == sum(row["family_low"] is not None for row in rows) > 0
    read = {item["tip"]["interval by family"] for item in gone if item["kind"] == "symbol"}
    assert read == {"not computed"}


def number(text: str) -> float:
    return float(text.replace("\u2212", "-"))


def test_one_n_beside_six() -> None:
    """`fewshot.n=5` against all n: the one is seen among the others."""
    path = "plots/correlation_by_n.json"
    rows = [row for row in rows_of(path) if row["rev"] == "HEAD" or row["n"] == 5]
    found = colors(points(filled(path, rows)))
    assert found == {COLORS[0]: len(rows) / 7, COLORS[1]: 6 * len(rows) / 7}


@pytest.mark.parametrize("path", PLOTS)
def test_an_older_vega_lite_draws_the_same_points(path: str) -> None:
    """DVC's own page takes an older one than `make plots`; so does this test."""
    old = points(filled(path, rows_of(path)), vl_convert.get_vegalite_versions()[0])
    assert Counter((i["at"], i["color"]) for i in old) == Counter(
        (i["at"], i["color"]) for i in two(path)
    )


@pytest.fixture
def repository(tmp_path: Path) -> Workspace:
    """A repository with one plot, committed with n = 1 and changed to n = 5."""
    workspace = Workspace(tmp_path / "repository", tmp_path / "cache")
    workspace.root.mkdir()
    workspace.do("git", "init", "-q")
    workspace.dvc("init", "-q")
    shutil.copytree(TEMPLATES, workspace.root / ".dvc" / "plots")
    path = "plots/alignment_fewshot.json"
    rows = json.loads((ROOT / path).read_text())
    data = workspace.root / "points.json"
    data.write_text(json.dumps([row | {"n": 1} for row in rows]))
    properties = {k: v for k, v in PLOTS[path].items() if k != "cache"}
    content = yaml.safe_dump({"plots": [{"points.json": properties}]})
    (workspace.root / "dvc.yaml").write_text(content)
    workspace.git()
    data.write_text(json.dumps([row | {"n": 5} for row in rows]))
    return workspace


def test_the_page_needs_no_internet(repository: Workspace) -> None:
    """`make plots`, in a repository where one number has changed since the last commit."""
    done = repository.run("python", "-m", "commands.plots", "HEAD", PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    index = repository.root / "dvc_plots" / "index.html"
    page = index.read_text()
    assert done.stdout.strip() == index.as_uri()
    assert not re.findall(r"""<(?:script|link|img)[^>]+(?:src|href)\s*=\s*["']?http""", page)
    assert "window.vegaEmbed=" in page
    (spec,) = re.findall(r"var spec = (\{.*\});", page)
    values = json.loads(spec)["data"]["values"]
    assert {row["rev"]: row["n"] for row in values} == {"workspace": 5, "HEAD": 1}
    done = repository.run("python", "-m", "commands.plots", "nonesuch", PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert "nonesuch" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert index.read_text() == page  # the last one


def test_dvcs_own_page_is_the_same_page() -> None:
    """The page is a template of DVC, with DVC's scripts where `make plots` writes its own."""
    page = (ROOT / PAGE).read_text()
    assert page.count("{scripts}") == page.count("{plot_divs}") == 1
    whole = with_vega(page)
    assert "{scripts}" not in whole
    assert "{plot_divs}" in whole
    config = (ROOT / ".dvc" / "config").read_text()
    assert f"html_template = {PAGE.relative_to('.dvc')}" in config
