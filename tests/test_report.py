"""The report: its answer says no more than the tests, and its page needs nothing else."""

import html
import html.parser
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from stages.analysis.answer import answer
from stages.analysis.description import models_in_words
from stages.analysis.facts import Facts
from stages.analysis.results import Results
from stages.report.cells import ReportTable, interval, number, probability, shown, text
from stages.report.provenance import Made, made_of, provenance, revision
from stages.report.report import inline, write_report
from stages.runtime.errors import DataError
from stages.study.load import load
from tests import test_figures
from tests.conftest import ROOT

Record = dict[str, Any]
FACTS = replace(
    test_figures.FACTS,
    confidence=0.95,
    given="the accuracy of a linear readout on clean images",
    families=8,
)
FEW = replace(FACTS, families=3)
NAMES = ("novel 1-shot", "digits 1-shot", "edges top-1", "mosaic top-1")
SAME = "all models score the same"
VOID = {"meta", "link", "br", "img", "input", "hr"}


def outcome(name: str) -> Record:
    task, what = name.split()
    few = what == "1-shot"
    about = {"kind": "few-shot" if few else "robustness", "outcome": task, "measure": "pearson"}
    return about | {"head": "linear" if few else "", "n": int(few), "top": int(not few)}


def two_lines(name: str, u: bool | None, **more: Any) -> Record:
    test = {"test": "two lines", "family_effects": False, "u": u, "undefined": ""}
    return outcome(name) | test | more


def correlation(name: str, term: str, r: float, sign: int | None, **more: Any) -> Record:
    """A correlation whose interval by family is above 0, below it, around it, or missing."""
    low, high = (None, None) if sign is None else ((-0.9, 0.9), (0.1, 0.9), (-0.9, -0.1))[sign]
    row = {"term": term, "r": r, "p": 0.0002, "family_low": low, "family_high": high}
    q = None if sign is None else 0.03 if sign else 0.4
    return outcome(name) | row | {"q": q, "undefined": ""} | more


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
    u[0] |= {"undefined": SAME}
    r[1] |= {"r": None, "undefined": SAME}
    for sentence in sentences(u, r, FEW):
        assert sentence.endswith(f"inconclusive: {SAME}, too few families.")


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
    said = sentences([], [rows[3] | {"family_low": 0.1, "q": 0.06}])[1]
    assert said.endswith(
        f"{none.removesuffix('.')}; of these, the interval excludes 0 for mosaic top-1 "
        "(partial r = 0.20), but q does not pass."
    )


def test_other_measures_heads_tops_and_specifications_are_not_read() -> None:
    other = {"measure": "triplet", "head": "mlp1", "n": 5, "test": "z²", "family_effects": True}
    u = [two_lines(NAMES[0], True, **{name: value}) for name, value in other.items()]
    u += [two_lines(NAMES[2], True, top=5), two_lines(NAMES[0], False)]
    assert sentences(u, [])[0].endswith("in none of 1 outcome.")
    r = [correlation(NAMES[0], "linear", 0.5, 1, measure="triplet")]
    assert sentences([], r)[1].endswith("there is no test of an outcome.")


SIGNS = st.sampled_from([None, 0, 1, -1])
CASE = st.tuples(st.sampled_from([None, True, False]), SIGNS, SIGNS)


@given(st.lists(CASE, max_size=4), st.booleans())
def test_never_more_than_the_tests_say(
    cases: list[tuple[bool | None, int | None, int | None]], simulated: bool
) -> None:
    facts = replace(FACTS, judges="simulated observers" if simulated else "people")
    named = list(zip(NAMES, cases, strict=False))
    first, second = sentences(
        [two_lines(name, u) for name, (u, _, _) in named],
        [correlation(name, "z²", 0.5, z, p=0.0002 if z == 1 else 0.4) for name, (_, z, _) in named]
        + [correlation(name, "linear", (line or 0) * 0.5, line) for name, (_, _, line) in named],
        facts,
    )
    assert ("simulated observers" in first) == (simulated)
    yes = "".join(re.findall(r"of \d outcomes? \((.*?)\)", first))
    no = "".join(re.findall(r"correlated with (.*) \(p < ", first))
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


class Page(html.parser.HTMLParser):
    """Attributes and text of a page; elements must be closed in their order."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source, self.said = source, ""
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open += [tag] * (tag not in VOID)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data


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
    "instructions": "portable",
    "params": {"analyze": "measure: pearson\n"},
    "inputs": {"data/miniature/alignment.csv": "0" * 64},
    "libraries": {"numpy": "2.2.0"},
}


def tables() -> dict[str, list[Record]]:
    """The rows that figures show; some with the paper's values, or without what is undefined."""
    found = test_figures.small()
    found["table1"][0] |= {"accuracy": 0.612, "paper": 0.6}
    edges = next(row for row in found["correlations"] if row["outcome"] == "edges")
    edges |= dict.fromkeys(("r", "low", "high", "p")) | {"undefined": SAME}
    found["u_tests"][0] |= {"estimate": None, "u": None, "undefined": SAME}
    found["factors"][0] |= dict.fromkeys(("low", "high", "p", "q")) | {"undefined": "one pair"}
    found["reliability"][0] |= dict.fromkeys(("sd", "rank_stability", "reliability"))
    found["reliability"][0]["undefined"] = "one repeat"
    found["models"][0] |= {"model": "m<1>", "pearson": 0.4321, "pearson_se": 0.0123}
    found["participants"][0] |= {"r_z2": None}
    for row in found["theory_queries"]:
        if row["strategy"] == "random" and row["objects"] == 7:
            row["queries"] = None
    return found


@pytest.fixture
def page(tmp_path: Path, figures: Path) -> Callable[..., Page]:
    """Writes a report with changes to what it shows."""
    values: dict[str, Any] = {
        "title": "A <study> & more",
        "tables": tables(),
        "facts": FACTS,
        "made": [Made("Judgments", ("discs", "<stars>"), "simulated observers", "simulated")],
        "captions": {"shape": "r < 0.05 & so on", "spread": "Of something else."},
        "svgs": figures,
        "left_out": {"net<script>alert(1)</script>": 'no weights ("gone")'},
        "provenance": ORIGIN,
        "notes": [],
        "read": {},
    }

    def make(**changes: Any) -> Page:
        write_report(tmp_path / "report.html", **(values | changes))
        return Page((tmp_path / "report.html").read_text())

    return make


def test_page_is_well_formed_and_loads_nothing(page: Callable[..., Page]) -> None:
    found = page()
    text = found.source
    assert text == page().source  # the same bytes
    ids = [value for name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert not re.search(r"@import|<script|<iframe|<object|<embed", text)
    for name, value in found.attributes:
        if name in ("href", "xlink:href"):
            assert value == "data:," or (value[1:] in ids and value[0] == "#")
        assert name not in ("src", "srcset", "data", "action")
        assert not name.startswith("on")
        if name.startswith("aria-labelledby"):
            assert value in ids
    for target in re.findall(r"url\(([^)]*)\)", text):
        assert target[0] == "#"
        assert target[1:] in ids
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


def test_figures_are_inline_each_with_its_caption(page: Callable[..., Page], figures: Path) -> None:
    text = page().source
    assert text.count("<svg") == 2
    assert "r &lt; 0.05 &amp; so on" in text
    assert "someone" not in text
    assert not re.search(r"(?<!\w )\*\{", text)  # a figure's style is about itself
    own, inlined = (figures / "shape.svg").read_text(), str(inline(figures / "shape.svg", "f"))
    for tag in ("<path", "<use", "<text", "<g"):
        assert own.count(tag) == inlined.count(tag) > 0
    with pytest.raises(DataError, match=r"noise\.svg"):
        page(captions={"noise": ""})


def test_page_says_what_it_must(page: Callable[..., Page]) -> None:
    note = "Solvers differ by < 1e-3."
    found = page(notes=[note])
    said = found.said
    for words in (
        *answer(tables(), FACTS),
        *("judgments here are simulated", "<stars>", note, "1 of the study’s models has no place"),
        'net<script>alert(1)</script>: no weights ("gone")',
        *(
            "m<1>",
            "0.432± 0.012",
            "+0.100",
            "0.924",
            "p0.4",
            "37.5",
            "20.0 to 70.0",
            "0.85",
            "−1.00",
        ),
        *("60.0 (+1.2)", "0.239", "< .001", "+0.011", "∪ +0.30"),  # also the paper's
        *("0" * 64, "2.2.0", "uncommitted"),
    ):
        assert words in said
    # By hand: bounds and queries times capacity, and 7 · 6 / 2 queries that are possible.
    assert " 7 2 5.5 5.6 6.1 4.5 to 5.0 – 21 0.25 " in " ".join(said.split())
    for reason in ("games hit the limit of queries", "one pair", "one repeat", SAME):
        assert f'title="{reason}">–</span></td>' in found.source
    real = page(facts=replace(FACTS, judges="people"), made=[], left_out={}).said
    assert "simulated observers" not in real
    assert "judgments here are simulated" not in real
    words = "likeness to people: gaze"
    seen = page(
        facts=replace(FACTS, judges="people", measure=words, asked="prove more robust")
    ).said
    assert "Do models with more likeness to people in gaze prove more robust?" in seen
    both = page(facts=replace(FACTS, judges="people and simulated observers")).said
    assert "some judgments here are simulated" in both
    assert "Alignment with each judge" in both
    assert "None: every model" in real


def test_sections_without_content_are_absent(page: Callable[..., Page]) -> None:
    """A table that is missing beside others says why; a section of nothing else is left out."""
    said = page(tables={}, captions={}).said
    assert "inconclusive" in said
    assert "Relabelled images" not in said
    assert "How well judges agree" not in said
    some = {"table1": tables()["table1"]}
    said = page(tables=some, captions={}).said
    assert "How often each model is right" in said
    assert "This study has no benchmark of robustness." in said  # instead of the second table


def test_cells_of_numbers() -> None:
    signed, p = number("v", signed=True), shown(probability, "v")
    for show, texts in (
        (number("v"), {-0.001: "0.00", -0.5: "−0.50", 0.456: "0.46", None: "–"}),
        (signed, {0.304: "+0.30", -0.05: "−0.05", -0.004: "0.00", -1.2: "−1.20"}),
        (p, {0.0: "< .001", 0.0009: "< .001", 0.001: ".001", 0.05: ".050", 1.0: "1.000"}),
    ):
        assert {value: show({"v": value}).text for value in texts} == texts
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
    return subprocess.check_output(["git", *name, *words], cwd=root, text=True).strip()


def test_revision_is_of_the_code_not_of_results(tmp_path: Path) -> None:
    root = tmp_path / "r"
    (root / "stages").mkdir(parents=True)
    (root / "studies").mkdir()
    (root / "stages" / "a.py").write_text("1\n")
    (root / "dvc.yaml").write_text("stages: {a: {cmd: a, deps: [stages/a.py, data/x]}}\n")
    for path in ("studies/s.yaml", "studies/other.yaml", "params.yaml"):
        (root / path).write_text("title: x\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "code")
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
    (tmp_path / "t.csv").write_bytes(b"abc")
    params = {"study": "s", "compute": {"workers": 3}, "analyze": {"measure": "x"}}
    found = provenance(tmp_path, "s", [tmp_path / "t.csv"], params)
    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, "abc"
    assert found["inputs"] == {"t.csv": sha}
    assert found["params"] == {"study": "s\n", "analyze": "measure: x\n"}
    assert found["libraries"]["matplotlib"] == mpl.__version__
    with pytest.raises(DataError, match=r"none\.csv"):
        provenance(tmp_path, "s", [tmp_path / "none.csv"], params)


def test_what_is_real_and_what_is_simulated_is_told_of_every_part() -> None:
    kinds = {}
    for name in ("miniature", "laptop", "open", "paper"):
        study = load(ROOT, name).study
        made = made_of(study)
        parts = {"Judgments of similarity": [*study.stimuli], "Few-shot tasks": [*study.tasks]}
        for part, members in (parts | {"Benchmarks of robustness": [*study.benchmarks]}).items():
            told = [member for row in made if row.part == part for member in row.names]
            assert sorted(told) == sorted(members)
        kinds[name] = {member: row.kind for row in made for member in row.names}
    expected = dict.fromkeys(("discs", "novel", "edges"), "simulated")
    expected |= {"digits": "real", "untrained": "untrained", "repel": "trained here"}
    assert kinds["miniature"] | expected == kinds["miniature"]
    assert "simulated" not in kinds["laptop"].values()


def test_whose_judgments_there_are_follows_from_the_sets() -> None:
    """Those of people who are added to the miniature are not called simulated."""
    miniature, laptop = load(ROOT, "miniature").study, load(ROOT, "laptop").study
    assert (miniature.judges, laptop.judges) == ("simulated observers", "people")
    assert load(ROOT, "clickme").study.judges == "people"
    both = miniature.model_copy(update={"stimuli": miniature.stimuli | laptop.stimuli})
    assert both.judges == "people and simulated observers"
    assert replace(FACTS, judges=both.judges).simulated


@pytest.mark.parametrize(
    ("sources", "untrained", "words"),
    [
        (
            "trained here, trained here, hub",
            1,
            "3 models (1 trained here, 1 published and 1 untrained)",
        ),
        ("package, features", 0, "2 models (1 with published weights and 1 given by features)"),
        ("trained here, trained here", 0, "2 models, trained here"),
        ("trained here, hub", 2, "2 models, untrained"),
        ("published, published, published", 0, "3 published layers"),
    ],
)
def test_models_of_each_kind_are_counted(sources: str, untrained: int, words: str) -> None:
    index = {str(i): {"source": source} for i, source in enumerate(sources.split(", "))}
    found = SimpleNamespace(models=list(index), untrained=list(index)[:untrained], index=index)
    assert models_in_words(cast(Results, found), "layers") == words
