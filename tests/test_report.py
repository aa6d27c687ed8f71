"""The report: its answer says no more than the tests, and its page needs nothing else."""

from __future__ import annotations

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

from stages.figures.cells import interval, number, probability
from stages.figures.made import Made, made_of
from stages.figures.provenance import provenance, revision
from stages.figures.report import inline, write_report
from stages.inference.answer import answer
from stages.inference.facts import Facts, FewShot
from stages.runtime.errors import DataError
from stages.study.load import load
from tests.conftest import ROOT

Record = dict[str, Any]
FACTS = Facts(
    measure="pearson",
    simulated=True,
    group_size=5,
    confidence=0.95,
    few_shot=FewShot("linear", 1, 3),
    models=40,
    untrained=5,
    given="the accuracy of a linear readout on clean images",
    zoo="40 models trained here, 5 of them untrained",
    family="recipe",
    families=8,
)
FEW = replace(FACTS, families=3)
NAMES = ("novel 1-shot", "digits 1-shot", "edges top-1", "mosaic top-1")
VOID = {"meta", "link", "br", "img", "input", "hr"}


def labels(name: str) -> Record:
    outcome, what = name.split()
    few = what == "1-shot"
    return {
        "kind": "few-shot" if few else "robustness",
        "outcome": outcome,
        "head": "linear" if few else "",
        "n": 1 if few else 0,
        "top": 0 if few else 1,
        "measure": "pearson",
    }


def two_lines(name: str, u: bool | None, **more: Any) -> Record:
    estimate = None if u is None else 0.3
    row = {
        **labels(name),
        "test": "two lines",
        "linear": False,
        "family_effects": False,
        "models": 40,
        "families": 8,
        "estimate": estimate,
        "break": estimate,
        "slope_low": None if u is None else -0.3,
        "slope_high": estimate,
        "q": None if u is None else 0.01 if u else 0.7,
        "u": u,
        "undefined": "",
    }
    return row | more


def correlation(name: str, term: str, r: float | None, sign: int | None, **more: Any) -> Record:
    """A correlation whose interval by family is above 0, below it, around it, or missing."""
    low, high = (None, None) if sign is None else ((-0.9, 0.9), (0.1, 0.9), (-0.9, -0.1))[sign]
    row = {
        **labels(name),
        "term": term,
        "r": r,
        "low": None if r is None else r - 0.1,
        "high": None if r is None else r + 0.1,
        "p": None if r is None else 0.0002,
        "family_low": low,
        "family_high": high,
        "family_p": None if sign is None else 0.02,
        "q": None if sign is None else 0.03 if sign else 0.4,
        **dict.fromkeys(("slope", "slope_low", "slope_high", "slope_p"), low),
        "undefined": "",
    }
    return row | more


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
        "By the two-lines test accuracy is shown to follow a U of Pearson alignment with simulated "
        "observers in 1 of 4 outcomes (novel 1-shot); z², which alone does not show a U, is also "
        "positively correlated with digits 1-shot (partial r = 0.50) (p < 0.05 where models are "
        "taken for independent)."
    )


@pytest.mark.parametrize(
    ("us", "words"),
    [
        ([True], "in the one outcome tested (novel 1-shot)."),
        ([False], "in no outcome: not in novel 1-shot."),
        ([False, False], "in none of 2 outcomes."),
        ([True, True], "in all 2 outcomes tested (novel 1-shot and digits 1-shot)."),
        ([False, None], "digits 1-shot it cannot be told (undefined)."),
        ([None, None], "cannot be told: undefined."),
        ([], "cannot be told: there is no two-lines test of an outcome."),
    ],
)
def test_counts_of_us_in_words(us: list[bool | None], words: str) -> None:
    rows = [two_lines(name, u) for name, u in zip(NAMES, us, strict=False)]
    assert sentences(rows, [])[0].endswith(words)


def test_too_few_families_and_other_reasons_are_told() -> None:
    u = [two_lines(name, None) for name in NAMES]
    r = [correlation(name, term, 0.5, None) for name in NAMES for term in ("z²", "linear")]
    for sentence in sentences(u, r, FEW):
        assert sentence.endswith("cannot be told: too few families.")
    same = "all models score the same"
    u[0] |= {"undefined": same}
    r[1] |= {"r": None, "undefined": same}
    for sentence in sentences(u, r, FEW):
        assert sentence.endswith(f"cannot be told: {same}, too few families.")


def test_signs_of_alignment_itself() -> None:
    rows = [
        correlation(NAMES[0], "linear", 0.52, 1),
        correlation(NAMES[1], "linear", 0.4, 1),
        correlation(NAMES[2], "linear", -0.314, -1),
        correlation(NAMES[3], "linear", 0.2, 0),
    ]
    assert sentences([], rows)[1] == (
        "Beyond the accuracy of a linear readout on clean images, alignment itself goes with "
        "higher accuracy in novel 1-shot (partial r = 0.52) and digits 1-shot (0.40) and with "
        "lower accuracy in edges top-1 (partial r = −0.31); in mosaic top-1 no such relation is "
        "shown (95 % intervals by family, q < 0.05)."
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
    assert sentences(u, [])[0].endswith("in no outcome: not in novel 1-shot.")
    r = [correlation(NAMES[0], "linear", 0.5, 1, measure="triplet")]
    assert sentences([], r)[1].endswith("there is no correlation with an outcome.")


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
    u = re.search(r"outcomes?(?: tested)? \((.*?)\)", sentence)
    square = re.search(r"correlated with (.*) \(p < ", sentence)
    rest = re.search(r"; for (.*) it cannot be told", sentence)
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
        for name in ("shape", "unheard_of"):
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


BROAD = {"family_low": 0.8, "family_high": 0.99}
ENDS = {"r": 0.924, "low": 0.9, "high": 0.95, "undefined": "", **BROAD}


def tables() -> dict[str, list[Record]]:
    u = [two_lines(NAMES[0], True), two_lines(NAMES[3], None, undefined="all score the same")]
    r = [correlation(name, term, 0.5, 1) for name in NAMES[:3] for term in ("z²", "linear")]
    r.append(correlation(NAMES[3], "z²", None, None, undefined="all score the same"))
    table1 = {
        "benchmark": "edges",
        "top": 1,
        "measure": "pearson",
        "group": "high",
        "models": 5,
        "accuracy": 0.612,
        "paper": 0.6,
        "difference": 0.012,
    }
    table2 = {**r[0], "benchmark": "edges", "top": 1, "paper": 0.239, "paper_p": 1e-5}
    table2["difference"] = table2["r"] - 0.239
    pair = {"quantity": "alignment", "what": "pearson", "factor": "λ <2>", "a": "m1", "b": "m2"}
    return {
        "u_tests": u,
        "correlations": r,
        "table1": [table1],
        "table2": [table2],
        "contrasts": [pair | {"family": "x", "value_a": 0.3, "value_b": 0.2, "difference": 0.1}],
        "factors": [
            {
                **{key: pair[key] for key in ("factor", "quantity", "what")},
                "pairs": 1,
                "positive": 1,
                "mean": 0.1,
                **dict.fromkeys(("low", "high", "p", "q")),
                "undefined": "one pair",
            }
        ],
        "families": [
            {
                **{"group": "repel", "models": 5, "task": "novel", "n": 1, "covariate": 0.5},
                **{f"alignment{end}": 0.25 for end in ("", "_low", "_high")},
                **{f"accuracy{end}": 0.375 for end in ("", "_low", "_high")},
            }
        ],
        "measures": [
            {
                **ENDS,
                "a": "pearson",
                "b": "triplet",
                "models": 40,
                "paper": 0.824,
                "difference": 0.1,
            }
        ],
        "appendix_c": [{**labels(NAMES[0]), **ENDS, "models": 40}],
        "relabelled_tests": [{**ENDS, "measure": "pearson", "term": "z²", "p": 0.5, "models": 40}],
        "reliability": [
            {
                **{"task": "novel", "head": "linear", "n": 1, "repeats": 1, "models": 40},
                **dict.fromkeys(("sd", "rank_stability", "reliability")),
            }
        ],
        "ceilings": [
            {
                **{"set": "discs", "form": "votes", "measure": "triplet", "judges": 3},
                **{"stimuli": 40, "leave_one_out": 0.7, "upper": 0.8, "split_half": 0.6},
                **{"spearman_brown": None, "best_model": "m1", "best_value": 0.85},
            }
        ],
        "participants": [
            {
                **{"set": "discs", "participant": "p01", "measure": "pearson", "mean": 0.2},
                **{"lowest": -0.1, "highest": 0.5, "best_model": "m1", "r_z2": None},
                **{"r_linear": 0.3, "task": "novel", "n": 1},
            }
        ],
        "models": [
            {
                **{"model": "m<1>", "architecture": "a", "group": "repel", "weights": "untrained"},
                **{"covariate": 0.5, "pearson": 0.4321, "pearson_se": 0.0123},
            }
        ],
    }


def page(path: Path, figures: Path, **changes: Any) -> str:
    values: dict[str, Any] = {
        "title": "A <study> & more",
        "study": "miniature",
        "tables": tables(),
        "facts": FACTS,
        "made": [Made("Judgments", ("discs", "<stars>"), "simulated observers", "simulated")],
        "captions": {"shape": "r < 0.05 & so on", "unheard_of": "Of something else."},
        "figures_folder": figures,
        "left_out": {"net<script>alert(1)</script>": 'no weights ("gone")'},
        "provenance": ORIGIN,
    }
    write_report(path, **(values | changes))
    return path.read_text()


def test_page_is_well_formed_and_loads_nothing(tmp_path: Path, figures: Path) -> None:
    text = page(tmp_path / "report.html", figures)
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
    assert "Other figures" in text
    assert "someone" not in text
    assert not re.search(r"(?<!\w )\*\{", text)  # a figure's style is about itself
    with pytest.raises(DataError, match=r"lost\.svg"):
        page(tmp_path / "report.html", figures, captions={"lost": ""})


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
    assert "None: every model" in Page(page(tmp_path / "r.html", figures, left_out={})).text


def test_page_says_what_it_must(tmp_path: Path, figures: Path) -> None:
    text = page(tmp_path / "report.html", figures)
    said = Page(text).text
    for sentence in answer(tables(), FACTS):
        assert sentence in said
    assert "judgments here are simulated" in said
    assert "<stars>" in said
    for words in ("m<1>", "0.432± 0.012", "+0.100", "0.924", "p01", "37.5 to 37.5", "0.85"):
        assert words in said
    for reason in ("one pair", "needs two draws", "all models score the same"):
        assert f'title="{reason}">–</td>' in text
    assert "60.0 (+1.2)" in said  # the paper's Table 1 and the difference
    for value in ("0.239", "< .001", "+0.261", "∪ +0.30", "0" * 64, "2.2.0", "uncommitted"):
        assert value in said
    assert 'title="all score the same">–</td>' in text
    real = Page(page(tmp_path / "r.html", figures, facts=replace(FACTS, simulated=False), made=[]))
    assert "simulated observers" not in real.text
    assert "judgments here are simulated" not in real.text


def test_same_inputs_give_the_same_bytes(tmp_path: Path, figures: Path) -> None:
    first = page(tmp_path / "a.html", figures)
    assert first == page(tmp_path / "b.html", figures)


def test_page_without_any_table(tmp_path: Path, figures: Path) -> None:
    said = Page(page(tmp_path / "r.html", figures, tables={}, captions={})).text
    assert "cannot be told" in said
    assert "This study has no benchmark of robustness." in said
    assert "This study has no relabelled benchmark whose results" in said


def test_cells_of_numbers() -> None:
    assert [number(v).text for v in (-0.001, -0.5, 0.456, None)] == ["0.00", "−0.50", "0.46", "–"]
    assert [probability(p).text for p in (0.0, 0.0009, 0.001, 0.05, 1.0)] == [
        "< .001",
        "< .001",
        ".001",
        ".050",
        "1.000",
    ]
    assert number(None, reason="one pair").title == "one pair"
    assert [interval(*ends).mark for ends in ((0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1))] == [
        "clear",
        "clear",
        "",
    ]


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


def test_revision_of_a_shallow_clone_and_of_no_clone(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    (root / "report.html").write_text("x")
    git(root, "add", ".")
    git(root, "commit", "-qm", "results")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{root}", "shallow")
    assert revision(tmp_path / "shallow", "s") == "unknown in a shallow clone"
    shutil.rmtree(root / ".git")
    assert revision(root, "s") == "not in git"


def test_provenance_has_digests_and_no_machine(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    (root / "t.csv").write_bytes(b"abc")
    found = provenance(root, "s", [root / "t.csv"])
    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, "abc"
    assert found["inputs"] == {"t.csv": sha}
    assert found["params"] == {"study": "s\n", "analyze": "measure: x\n"}
    assert found["libraries"]["matplotlib"] == mpl.__version__
    with pytest.raises(DataError, match=r"none\.csv"):
        provenance(root, "s", [root / "none.csv"])


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
