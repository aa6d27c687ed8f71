"""The report: its answer says no more than the tests, and its page needs nothing else."""

from __future__ import annotations

import html
import html.parser
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from stages.analysis.answer import answer
from stages.analysis.facts import Facts
from stages.report.cells import ReportTable, interval, number, p_value, text
from stages.report.made import Made, made_of
from stages.report.provenance import provenance, revision
from stages.report.report import inline, write_report
from stages.runtime.errors import DataError
from stages.study.load import load
from tests import test_figures
from tests.conftest import ROOT
from tests.test_figures import rows_of

Record = dict[str, Any]
FACTS = replace(
    test_figures.FACTS,
    confidence=0.95,
    given="the accuracy of a linear readout on clean images",
    families=8,
)
FEW = replace(FACTS, families=3)
NAMES = ("novel 1-shot", "digits 1-shot", "edges top-1", "mosaic top-1")
VOID = {"meta", "link", "br", "img", "input", "hr"}


def labels(name: str) -> Record:
    outcome, what = name.split()
    few = ("few-shot", outcome, "linear", 1, 0, "pearson")
    top = ("robustness", outcome, "", 0, 1, "pearson")
    return rows_of("kind outcome head n top measure", few if what == "1-shot" else top)[0]


def two_lines(name: str, u: bool | None, **more: Any) -> Record:
    estimate, low = (None, None) if u is None else (0.3, -0.3)
    columns = "test linear family_effects models families estimate break slope_low slope_high q u"
    q = {None: None, True: 0.01, False: 0.7}[u]
    row = ("two lines", False, False, 40, 8, estimate, estimate, low, estimate, q, u)
    return labels(name) | rows_of(columns, row)[0] | {"undefined": ""} | more


def correlation(name: str, term: str, r: float | None, sign: int | None, **more: Any) -> Record:
    """A correlation whose interval by family is above 0, below it, around it, or missing."""
    low, high = (None, None) if sign is None else ((-0.9, 0.9), (0.1, 0.9), (-0.9, -0.1))[sign]
    naive = (None, None, None) if r is None else (r - 0.1, r + 0.1, 0.0002)
    by_family = (None, None) if sign is None else (0.02, 0.03 if sign else 0.4)
    columns = "term r low high p family_low family_high family_p q"
    row = rows_of(columns, (term, r, *naive, low, high, *by_family))[0]
    slope = dict.fromkeys(("slope", "slope_low", "slope_high", "slope_p"), low)
    return labels(name) | row | slope | {"undefined": ""} | more


def sentences(u: list[Record], r: list[Record], facts: Facts = FACTS) -> list[str]:
    found = answer({"u_tests": u, "correlations": r}, facts)
    assert len(found) == 2
    for sentence in found:
        assert sentence.endswith(".")
        assert ". " not in sentence  # one sentence
    return found


def test_a_u_is_named_and_z2_elsewhere_is_none() -> None:
    u = [two_lines(NAMES[0], True), *(two_lines(name, False) for name in NAMES[1:])]
    r = [correlation(NAMES[0], "z²", 0.6, 1), correlation(NAMES[1], "z²", 0.5, 1)]
    assert sentences(u, r)[0] == (
        "The two-lines test finds that accuracy follows a U of Pearson alignment with simulated "
        "observers in 1 of 4 outcomes (novel 1-shot); z², which alone does not show a U, is also "
        "positively correlated with digits 1-shot (partial r = 0.50) (p < 0.05 if models are "
        "treated as independent)."
    )


@pytest.mark.parametrize(
    ("us", "words"),
    [
        ([True], "in 1 of 1 outcome (novel 1-shot)."),
        ([False], "in none of 1 outcome."),
        ([False, False], "in none of 2 outcomes."),
        ([True, True], "in 2 of 2 outcomes (novel 1-shot and digits 1-shot)."),
        ([False, None], "; inconclusive for digits 1-shot (undefined)."),
        ([None, None], " is inconclusive: undefined."),
        ([], " is inconclusive: there is no test of an outcome."),
    ],
)
def test_counts_of_us_in_words(us: list[bool | None], words: str) -> None:
    rows = [two_lines(name, u) for name, u in zip(NAMES, us, strict=False)]
    assert sentences(rows, [])[0].endswith(words)


def test_too_few_families_and_other_reasons_are_told() -> None:
    u = [two_lines(name, None) for name in NAMES]
    r = [correlation(name, term, 0.5, None) for name in NAMES for term in ("z²", "linear")]
    for sentence in sentences(u, r, FEW):
        assert sentence.endswith("inconclusive: too few families.")
    same = "all models score the same"
    u[0] |= {"undefined": same}
    r[1] |= {"r": None, "undefined": same}
    for sentence in sentences(u, r, FEW):
        assert sentence.endswith(f"inconclusive: {same}, too few families.")


def test_signs_of_alignment_itself() -> None:
    rows = [
        correlation(NAMES[0], "linear", 0.52, 1),
        correlation(NAMES[1], "linear", 0.4, 1),
        correlation(NAMES[2], "linear", -0.314, -1),
        correlation(NAMES[3], "linear", 0.2, 0),
    ]
    assert sentences([], rows)[1] == (
        "Controlling for the accuracy of a linear readout on clean images, alignment itself goes "
        "with higher accuracy in novel 1-shot (partial r = 0.52) and digits 1-shot (0.40) and with "
        "lower accuracy in edges top-1 (partial r = −0.31); no such relation is shown in mosaic "
        "top-1 (95 % intervals by family, q < 0.05)."
    )
    none = "is not shown to go with accuracy in mosaic top-1 (95 % intervals by family, q < 0.05)."
    assert sentences([], rows[3:])[1].endswith(none)
    # An interval that leaves out 0 is not enough where so many are looked at.
    assert sentences([], [rows[3] | {"family_low": 0.1, "q": 0.06}])[1].endswith(none)


def test_other_measures_heads_tops_and_specifications_are_not_read() -> None:
    others: list[Record] = [
        {"measure": "triplet"},
        {"head": "mlp1"},
        {"n": 5},
        {"test": "z²"},
        {"family_effects": True},
    ]
    u = [two_lines(NAMES[0], True, **other) for other in others]
    u.append(two_lines(NAMES[2], True, top=5))
    u.append(two_lines(NAMES[0], False))
    assert sentences(u, [])[0].endswith("in none of 1 outcome.")
    r = [correlation(NAMES[0], "linear", 0.5, 1, measure="triplet")]
    assert sentences([], r)[1].endswith("there is no test of an outcome.")


SIGNS = st.sampled_from([None, 0, 1, -1])
CASE = st.tuples(st.sampled_from([None, True, False]), SIGNS, SIGNS)


@given(st.lists(CASE, max_size=4), st.booleans())
def test_never_more_than_the_tests_say(
    cases: list[tuple[bool | None, int | None, int | None]], simulated: bool
) -> None:
    facts = replace(FACTS, simulated=simulated)
    named = list(zip(NAMES, cases, strict=False))
    first, second = sentences(
        [two_lines(name, u) for name, (u, _, _) in named],
        [correlation(name, "z²", 0.5, z, p=0.0002 if z == 1 else 0.4) for name, (_, z, _) in named]
        + [correlation(name, "linear", (line or 0) * 0.5, line) for name, (_, _, line) in named],
        facts,
    )
    assert ("simulated observers" in first) == (simulated)
    yes, no, _ = parts(first)
    told = any(u is not None for _, (u, _, _) in named)
    for name, (u, z, line) in named:
        assert (name in yes) == (u is True)
        assert (name in no) == (u is not True and z == 1 and told)
        higher = re.findall(r"higher accuracy in (.*?)(?: and with|;| \(95|\.$)", second)
        lower = re.findall(r"lower accuracy in (.*?)(?:;| \(95|\.$)", second)
        assert any(name in text for text in higher) == (line == 1)
        assert any(name in text for text in lower) == (line == -1)
    for word in ("cause", "because", "improve", "proves"):
        assert word not in first + second


def parts(sentence: str) -> tuple[str, str, str]:
    """Of the first sentence: outcomes that are a U, those with z² alone, those not told."""
    u = re.search(r"of \d outcomes? \((.*?)\)", sentence)
    square = re.search(r"correlated with (.*) \(p < ", sentence)
    rest = re.search(r"; inconclusive for (.*) \(", sentence)
    return tuple(found[1] if found else "" for found in (u, square, rest))  # type: ignore[return-value]


class Page(html.parser.HTMLParser):
    """Ids, attributes and text of a page; elements must be closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two figures that share their ids, as matplotlib's do."""
    folder = tmp_path_factory.mktemp("figures")
    with mpl.rc_context({"svg.hashsalt": "same", "svg.fonttype": "none"}):
        for name in ("shape", "spread"):
            figure = Figure()
            figure.subplots().plot([1, 2], [3, 1], "o-")
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": "someone"})
    return folder


ORIGIN = {
    "study": "miniature",
    "python": "3.12.1",
    "revision": "abc, with uncommitted changes",
    "params": {"analyze": "measure: pearson\n"},
    "inputs": {"data/miniature/alignment.csv": "0" * 64},
    "libraries": {"numpy": "2.2.0"},
}


def tables() -> dict[str, list[Record]]:
    """A row or a few of every table."""
    r = [correlation(name, term, 0.5, 1) for name in NAMES[:3] for term in ("z²", "linear")]
    r.append(correlation(NAMES[3], "z²", None, None, undefined="all score the same"))
    paper = {"benchmark": "edges", "paper": 0.239, "paper_p": 1e-5, "difference": 0.261}
    ends = "r low high family_low family_high undefined models"
    numbers = (0.924, 0.9, 0.95, 0.8, 0.99, "", 40)
    spans = "alignment alignment_low alignment_high accuracy accuracy_low accuracy_high"
    ceilings = "set form measure judges stimuli leave_one_out upper split_half spearman_brown"
    judged = "set participant measure mean lowest highest best_model r_z2 r_linear task n"
    return {
        "u_tests": [
            two_lines(NAMES[0], True),
            two_lines(NAMES[3], None, undefined="all score the same"),
        ],
        "correlations": r,
        "table1": rows_of(
            "benchmark top measure group models accuracy paper difference",
            ("edges", 1, "pearson", "high", 5, 0.612, 0.6, 0.012),
        ),
        "table2": [r[0] | paper | {"top": 1}],
        "contrasts": rows_of(
            "quantity what factor a b family value_a value_b difference",
            ("alignment", "pearson", "λ <2>", "m1", "m2", "x", 0.3, 0.2, 0.1),
        ),
        "factors": rows_of(
            "factor quantity what pairs positive mean low high p q undefined",
            ("λ <2>", "alignment", "pearson", 1, 1, 0.1, None, None, None, None, "one pair"),
        ),
        "families": rows_of(
            f"group models task n covariate {spans}",
            ("repel", 5, "novel", 1, 0.5, 0.25, 0.25, 0.25, 0.375, 0.3, 0.45),
        ),
        "measures": rows_of(
            f"a b paper difference {ends}", ("pearson", "triplet", 0.824, 0.1, *numbers)
        ),
        "appendix_c": [labels(NAMES[0]) | rows_of(ends, numbers)[0]],
        "relabelled_tests": rows_of(f"measure term p {ends}", ("pearson", "z²", 0.5, *numbers)),
        "reliability": rows_of(
            "task head n repeats models sd rank_stability reliability",
            ("novel", "linear", 1, 1, 40, None, None, None),
        ),
        "ceilings": rows_of(
            f"{ceilings} best_model best_value",
            ("discs", "votes", "triplet", 3, 40, 0.7, 0.8, 0.6, None, "m1", 0.85),
        ),
        "participants": rows_of(
            judged, ("discs", "p01", "pearson", 0.2, -0.1, 0.5, "m1", None, 0.3, "novel", 1)
        ),
        "bridge_tests": rows_of(
            "outcome n rho p family_low family_high family_p models misaligned undefined",
            ("novel", 1, -0.42, 0.5, None, None, None, 40, 3, ""),
        ),
        "theory_queries": rows_of(
            "objects dimensions entropy alone strategy epsilon capacity queries bound by_places",
            (7, 2, 5.5, 0.25, "adaptive", 0.1, 0.5, 24.6, 11.2, 12.2),
            (7, 2, 5.5, 0.25, "adaptive", 0.2, 0.25, 45.2, 22.4, 24.4),
            (7, 2, 5.5, 0.25, "random", 0.1, 0.5, None, 11.2, 12.2),
        ),
        "models": rows_of(
            "model architecture group weights covariate pearson pearson_se",
            ("m<1>", "a", "repel", "untrained", 0.5, 0.4321, 0.0123),
        ),
    }


def page(path: Path, figures: Path, **changes: Any) -> str:
    values: dict[str, Any] = {
        "title": "A <study> & more",
        "study": "miniature",
        "tables": tables(),
        "facts": FACTS,
        "made": [Made("Judgments", ("discs", "<stars>"), "simulated observers", "simulated")],
        "captions": {"shape": "r < 0.05 & so on", "spread": "Of something else."},
        "svgs": figures,
        "left_out": {"net<script>alert(1)</script>": 'no weights ("gone")'},
        "provenance": ORIGIN,
        "notes": [],
    }
    write_report(path, **(values | changes))
    return path.read_text()


def test_page_is_well_formed_and_loads_nothing(tmp_path: Path, figures: Path) -> None:
    text = page(tmp_path / "report.html", figures)
    assert text == page(tmp_path / "again.html", figures)  # the same bytes
    parsed = Page(text)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert not re.search(r"@import|<script|<iframe|<object|<embed", text)
    for _, name, value in parsed.attributes:
        if name in ("href", "xlink:href"):
            assert value == "data:," or (value[1:] in parsed.ids and value[0] == "#")
        assert name not in ("src", "srcset", "data", "action")
        assert not name.startswith("on")
        if name.startswith("aria-labelledby"):
            assert value in parsed.ids
    for target in re.findall(r"url\(([^)]*)\)", text):
        assert target[0] == "#"
        assert target[1:] in parsed.ids
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


def test_figures_are_inline_each_with_its_caption(tmp_path: Path, figures: Path) -> None:
    text = page(tmp_path / "report.html", figures)
    assert text.count("<svg") == 2
    assert "r &lt; 0.05 &amp; so on" in text
    assert "someone" not in text
    assert not re.search(r"(?<!\w )\*\{", text)  # a figure's style is about itself
    with pytest.raises(DataError, match=r"noise\.svg"):
        page(tmp_path / "report.html", figures, captions={"noise": ""})


def test_inlined_figure_keeps_all_marks(figures: Path) -> None:
    own, inlined = (figures / "shape.svg").read_text(), str(inline(figures / "shape.svg", "f"))
    for tag in ("<path", "<use", "<text", "<g"):
        assert own.count(tag) == inlined.count(tag) > 0


def test_text_is_escaped_and_left_out_models_named(tmp_path: Path, figures: Path) -> None:
    text = page(tmp_path / "report.html", figures)
    assert "<h1>A &lt;study&gt; &amp; more</h1>" in text
    assert "net&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "λ &lt;2&gt;" in text
    said = Page(text).text
    assert 'net<script>alert(1)</script>: no weights ("gone")' in said
    assert "1 of the study’s models has no place" in said
    note = "Solvers differ by < 1e-3."
    assert note in Page(page(tmp_path / "n.html", figures, notes=[note])).text
    assert "None: every model" in Page(page(tmp_path / "r.html", figures, left_out={})).text


def test_page_says_what_it_must(tmp_path: Path, figures: Path) -> None:
    text = page(tmp_path / "report.html", figures)
    said = Page(text).text
    for sentence in answer(tables(), FACTS):
        assert sentence in said
    assert "judgments here are simulated" in said
    assert "<stars>" in said
    for words in ("m<1>", "0.432± 0.012", "+0.100", "0.924", "p01", "37.5", "30.0 to 45.0", "0.85"):
        assert words in said
    # By hand: bounds and queries times capacity, and 7 · 6 / 2 queries that are possible.
    assert " 7 2 5.5 5.6 6.1 11.3 to 12.3 – 21 0.25 " in " ".join(said.split())
    assert "−0.42" in said
    for reason in (
        "games hit the limit of queries",
        "one pair",
        "needs two draws",
        "all models score the same",
    ):
        assert f'title="{reason}">–</span></td>' in text
    assert "60.0 (+1.2)" in said  # the paper's Table 1 and the difference
    for value in ("0.239", "< .001", "+0.261", "∪ +0.30", "0" * 64, "2.2.0", "uncommitted"):
        assert value in said
    assert 'title="all score the same">–</span></td>' in text
    real = Page(page(tmp_path / "r.html", figures, facts=replace(FACTS, simulated=False), made=[]))
    assert "simulated observers" not in real.text
    assert "judgments here are simulated" not in real.text


def test_page_without_any_table(tmp_path: Path, figures: Path) -> None:
    said = Page(page(tmp_path / "r.html", figures, tables={}, captions={})).text
    assert "inconclusive" in said
    assert "This study has no benchmark of robustness." in said
    assert "This study has no relabelled benchmark whose results" in said


def test_cells_of_numbers() -> None:
    shown = [number("v")({"v": v}).text for v in (-0.001, -0.5, 0.456, None)]
    assert shown == ["0.00", "−0.50", "0.46", "–"]
    shown = [number("v", signed=True)({"v": v}).text for v in (0.304, -0.05, -0.004, -1.2)]
    assert shown == ["+0.30", "−0.05", "0.00", "−1.20"]
    shown = [p_value("p")({"p": p}).text for p in (0.0, 0.0009, 0.001, 0.05, 1.0)]
    assert shown == ["< .001", "< .001", ".001", ".050", "1.000"]
    assert number("v")({"v": None, "why": "one pair"}).title == "one pair"
    ends = ((0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1), (None, 0.1))
    styles = [interval("a", "b")({"a": a, "b": b}).style for a, b in ends]
    assert styles == ["n clear", "n clear", "n", "n"]


def test_a_table_is_html_with_every_text_escaped_and_numbers_right() -> None:
    long = "<b>" + "x" * 200
    rows: list[Record] = [{"a": long, "b": 0.5}, {"a": "&", "b": None, "why": '"why"'}]
    table = ReportTable(rows, [("<a>", text("a")), ("b", number("b"))])
    assert table.reasons == ['"why"']
    cells = re.findall(r"<t[hd]><span[^>]*>(.*?)</span></t[hd]>", table.html)
    assert [html.unescape(cell) for cell in cells] == ["<a>", "b", long, "0.50", "&", "–"]
    assert re.findall(r'class="(\w)', table.html.partition("<thead>")[2]) == list("tntntn")
    assert "<b>" not in table.html
    assert "&#34;why&#34;" in table.html


def git(root: Path, *words: str) -> str:
    name = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *name, *words], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def repository(root: Path) -> Path:
    (root / "stages").mkdir(parents=True)
    (root / "stages" / "a.py").write_text("1\n")
    (root / "dvc.yaml").write_text("stages: {a: {cmd: a, deps: [stages/a.py, data/x]}}\n")
    (root / "studies").mkdir()
    for name in ("s", "other"):
        (root / "studies" / f"{name}.yaml").write_text("title: x\n")
    (root / "params.yaml").write_text("study: s\ncompute: {workers: 3}\nanalyze: {measure: x}\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "code")
    return root


def test_revision_is_of_the_code_not_of_results(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    commit = git(root, "rev-parse", "HEAD")
    assert revision(root, "s") == commit
    (root / "report.html").write_text("x")
    (root / "stages" / "door.py").write_text("1\n")  # no stage depends on it
    (root / "studies" / "other.yaml").write_text("title: y\n")
    (root / "params.yaml").write_text("study: s\nseed: 1\n")  # its values are in the report
    assert revision(root, "s") == commit
    git(root, "add", ".")
    git(root, "commit", "-qm", "results")
    assert revision(root, "s") == commit
    (root / "stages" / "a.py").write_text("2\n")
    assert revision(root, "s") == f"{commit}, with uncommitted changes"
    git(root, "commit", "-qam", "more code")
    assert revision(root, "s") == git(root, "rev-parse", "HEAD") != commit
    (root / "report.html").write_text("y")
    git(root, "commit", "-qam", "results")  # a shallow clone does not know, and no clone either
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{root}", "shallow")
    assert revision(tmp_path / "shallow", "s") == "unknown in a shallow clone"
    shutil.rmtree(root / ".git")
    assert revision(root, "s") == "not in git"


def test_provenance_has_digests_and_no_machine(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    (root / "t.csv").write_bytes(b"abc")
    params = {"study": "s", "compute": {"workers": 3}, "analyze": {"measure": "x"}}
    found = provenance(root, "s", [root / "t.csv"], params)
    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, "abc"
    assert found["inputs"] == {"t.csv": sha}
    assert found["params"] == {"study": "s\n", "analyze": "measure: x\n"}
    assert found["libraries"]["matplotlib"] == mpl.__version__
    with pytest.raises(DataError, match=r"none\.csv"):
        provenance(root, "s", [root / "none.csv"], params)


def test_what_is_real_and_what_is_simulated_is_told_of_every_part() -> None:
    for name in ("miniature", "laptop", "open", "paper"):
        study = load(ROOT, name).study
        made = made_of(study)
        for part, members in (
            ("Judgments of similarity", study.stimuli),
            ("Few-shot tasks", study.tasks),
            ("Benchmarks of robustness", study.benchmarks),
        ):
            told = [member for row in made if row.part == part for member in row.names]
            assert sorted(told) == sorted(members)
    kinds = {n: row.kind for row in made_of(load(ROOT, "miniature").study) for n in row.names}
    assert (kinds["discs"], kinds["novel"], kinds["edges"]) == ("simulated",) * 3
    assert (kinds["digits"], kinds["untrained"], kinds["repel"]) == (
        "real",
        "untrained",
        "trained here",
    )
    assert all(row.kind != "simulated" for row in made_of(load(ROOT, "laptop").study))
