"""README and docs/results.md say what the committed results say."""

import json
import re
import tomllib
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
PAGE = (ROOT / "docs" / "results.md").read_text()
RESULTS = ROOT / "docs" / "results"
TRAINED = ("miniature", "laptop")
PUBLISHED = {"clickme": 5, "brain": 4, "layers": 2}
"""Studies of published results, and how many outcomes they show."""


def answer(study: str) -> list[dict[str, Any]]:
    """A row an outcome that the study shows."""
    content = json.loads((RESULTS / study / "answer.json").read_text())
    outcomes: list[dict[str, Any]] = content["outcomes"]
    return outcomes


@pytest.mark.parametrize(("study", "count"), [*((s, 8) for s in TRAINED), *PUBLISHED.items()])
def test_every_row_of_the_tables_is_in_the_results(study: str, count: int) -> None:
    assert len(answer(study)) == count
    for row in answer(study):
        u = {None: "inconclusive", True: "yes", False: "no"}[row["two_lines"]["u"]]
        square, line, p = row["z2"], row["linear"], row["z2"]["p"]
        shown = "< .001" if p < 0.001 else f"{p:.3f}"[1:]
        assert (
            f"| {row['outcome']} | {row['accuracy']:.2f} | {square['r']:+.2f} | {shown} "
            f"| {interval(square)} | {line['r']:+.2f} | {interval(line)} | {u} |"
        ) in PAGE, (study, row["outcome"])


def interval(row: dict[str, float]) -> str:
    return f"{row['family_low']:+.2f} to {row['family_high']:+.2f}"


def test_the_front_page_quotes_the_results() -> None:
    r = {row["outcome"]: row for row in answer("clickme")}
    squares = [r[name]["z2"]["r"] for name in ("imagenet_a", "imagenet_r", "imagenet_sketch")]
    assert f"(partial r = {', '.join(f'{value:+.2f}' for value in squares)} if" in " ".join(
        README.split()
    )
    lines = [r[name]["linear"] for name in ("imagenet_a", "imagenet_sketch")]
    assert all(line["family_high"] < 0 and line["q"] >= 0.05 for line in lines)
    less = " and ".join(f"{line['r']:+.2f}" for line in lines)
    assert f"less so (partial r = {less};" in " ".join(README.split())
    assert not any(row["two_lines"]["u"] for row in answer("clickme"))
    layers, laptop = answer("layers"), [r for r in answer("laptop") if r["kind"] == "few-shot"]
    assert f"(r = {max(row['linear']['r'] for row in layers):+.2f}); over 52" in " ".join(
        README.split()
    )
    assert all(row["linear"]["family_low"] < 0 < row["linear"]["family_high"] for row in laptop)
    assert not any(row["two_lines"]["u"] for row in layers + laptop)
    edges = next(row for row in answer("miniature") if row["outcome"] == "edges")
    assert f"chance ({100 * edges['accuracy']:.1f} % against {100 / 24:.1f} %)" in PAGE
    novel = next(row for row in answer("miniature") if row["outcome"] == "novel")
    assert f"(partial r = {novel['linear']['r']:+.2f})" in " ".join(README.split())
    assert not any(row["two_lines"]["u"] for row in answer("miniature"))


def test_what_metrics_diff_prints_is_of_the_results() -> None:
    """`dvc exp run -S fewshot.n=5` and `dvc metrics diff`."""
    printed = re.findall(r"metrics/summary\.json +(\w+) +([\d.]+) +([\d.]+) +(-?[\d.]+)", README)
    head = {name: float(value) for name, value, _, _ in printed}
    workspace = {name: float(value) for name, _, value, _ in printed}
    change = {name: float(value) for name, _, _, value in printed}
    committed = json.loads((ROOT / "metrics" / "summary.json").read_text())
    assert head == {name: committed[name] for name in head}
    table = pd.read_csv(RESULTS / "miniature" / "correlations.csv")
    novel = table.query("outcome == 'novel' and n == 5 and head == 'linear'")
    for term, name in (("z²", "r_z2_main_outcome"), ("linear", "r_alignment_main_outcome")):
        (five,) = novel[(novel["measure"] == "pearson") & (novel["term"] == term)]["r"]
        assert workspace[name] == round(five, 4)
        assert f"{head[name]:.2f} to {workspace[name]:.2f}" in README or (
            f"{workspace[name]:g} instead of {head[name]:g}" in README
        )
    assert change == {name: round(workspace[name] - head[name], 4) for name in head}


@pytest.mark.parametrize("study", PUBLISHED)
def test_counts_of_specifications_are_in_the_results(study: str) -> None:
    curve = pd.read_csv(RESULTS / study / "specification_curve.csv")
    u = curve[curve["claim"] == "a U"].set_index("outcome")
    page = " ".join(PAGE.split())
    shown = {"clickme": ["imagenet_a", "imagenet_r", "imagenet_sketch"], "layers": list(u.index)}
    counts = [str(u.loc[name, "supporting"]) for name in shown.get(study, [])]
    if counts:
        assert f"{', '.join(counts[:-1])} and {counts[-1]}" in page


def test_what_specifications_say_of_the_line_is_in_the_results() -> None:
    page = " ".join(PAGE.split())
    for study, sentence in (
        (
            "clickme",
            "On ImageNet-A, none of {specifications} specifications says so, and {opposing}",
        ),
        (
            "brain",
            "only {opposing} of {tested} testable specifications say so, and {supporting} say",
        ),
    ):
        curve = pd.read_csv(RESULTS / study / "specification_curve.csv")
        row = curve[(curve["claim"] != "a U") & (curve["outcome"] == "imagenet_a")].iloc[0]
        assert sentence.format(**row) in page
        assert study == "brain" or row["supporting"] == 0


def test_what_it_says_of_the_miniature_is_in_the_results() -> None:
    """Groups by alignment, and what the recipes that push away from people change."""
    page = " ".join(PAGE.split())
    groups = json.loads((ROOT / "plots" / "groups_by_n.json").read_text())
    novel = {r["group"]: r["accuracy"] for r in groups if (r["task"], r["n"]) == ("novel", 1)}
    high, mid, low = (f"{100 * novel[group]:.0f} %" for group in ("high", "mid", "low"))
    assert f"{high} for the five most aligned networks, {mid} for the five in the middle" in page
    assert f"and {low} for the five least aligned" in page

    rows = pd.read_csv(RESULTS / "miniature" / "factors.csv").to_dict("records")
    pushed = {row["what"]: row for row in rows if row["factor"] == "λ = −4 against 0"}
    named = [pushed[what] for what in ("pearson", "novel 1-shot", "adversarial top-1")]
    alignment, learning, fooled = (f"{-row['mean']:.2f}" for row in named)
    sentence = f"lowers alignment by {alignment}, 1-shot accuracy on new classes by {learning} and"
    assert f"{sentence} accuracy on adversarial images by {fooled} (q < 0.05)" in page
    assert all(row["q"] < 0.05 for row in named)
    assert not any(row["q"] < 0.05 for row in rows if row["factor"] == "λ = 2 against 0")

    shown = [row for row in answer("miniature") if row["z2"]["p"] < 0.05]
    names = [row["outcome"] for row in shown if row["z2"]["r"] > 0]
    count = {1: "one", 2: "two", 3: "three", 4: "four"}[len(names)]
    assert f"z² is significant for {count} of eight outcomes ({', '.join(names)})" in page


def test_what_it_says_of_the_laptop_is_in_the_results() -> None:
    """Parts of published networks, what pushes away from people, and what centring does."""
    page = " ".join(PAGE.split())
    rows = pd.read_csv(RESULTS / "laptop" / "factors.csv").set_index(["factor", "what"])
    assert (rows.loc[["published_cut against published", "λ = −4 against 0"]]["q"] < 0.05).any()

    def lost(factor: str) -> list[str]:
        each = rows.loc[[(factor, what) for what in ("pearson", "cifar40 1-shot")]]
        assert (each["q"] < 0.05).all()
        return [f"{-mean:.2f}" for mean in each["mean"]]

    cut, all_ = (lost(f"{recipe} against published") for recipe in ("published_cut", "untrained"))
    assert f"alignment by {cut[0]} and 1-shot accuracy on unseen classes by {cut[1]} (q" in page
    assert f"no training at all lowers them by {all_[0]} and {all_[1]}." in page
    pushed = lost("λ = −4 against 0")
    assert f"alignment by {pushed[0]} and 1-shot accuracy on unseen classes by {pushed[1]}" in page
    table = pd.read_csv(RESULTS / "laptop" / "features.csv").set_index("model")
    repelled = table[table.index.str.endswith(".repel")][["raw", "centred"]]
    raw, centred = repelled.mean()
    assert f"have {raw:.2f} on average with features as they are, and {centred:.2f}" in page
    raw, centred = repelled.loc["test_byobnet.repel"]
    assert f"test_byobnet goes from {raw:.2f} to {centred:.2f}" in page
    whole = table.loc[[name for name in table.index if "." not in name]]
    assert len(whole) == 4
    assert f"alignment by {(whole['centred'] - whole['raw']).abs().max():.2f} at most" in page
    assert f"Their alignment is {whole['raw'].min():.2f} to {whole['raw'].max():.2f}" in page


@pytest.mark.parametrize("study", ["miniature", "laptop", "clickme", "brain", "layers", "contrary"])
def test_the_front_page_counts_models_right(study: str) -> None:
    models = json.loads((RESULTS / study / "summary.json").read_text())["models"]
    (row,) = re.findall(rf"^\| `{study}`[^|]*\| (\d+)", README, re.M)
    assert int(row) == models


@pytest.mark.parametrize("study", TRAINED)
def test_what_it_says_of_the_theory_is_in_the_results(study: str) -> None:
    few_shot = [row for row in answer(study) if row["kind"] == "few-shot"]
    rhos = {row["outcome"]: row["theory_rho"] for row in few_shot}
    rho = ", ".join(f"{task} {value:+.2f}" for task, value in rhos.items())
    assert f"| {study} | {rho} |" in PAGE


def test_what_it_says_of_the_simulations_is_in_the_results() -> None:
    page = " ".join(PAGE.split())
    theory = json.loads((RESULTS / "miniature" / "theory.json").read_text())
    exponent, spent, largest = theory["exponent"], theory["efficiency"], theory["largest_z"]
    for row in (
        f"theory: 1 | x = {exponent['adaptive']:.2f} | x = {exponent['random']:.2f} |",
        f"spent on it | {100 * spent['adaptive']:.0f} % | {100 * spent['random']:.0f} % |",
        f"(p = {theory['symmetry_p']:.2f} over all pairs",
        f"within {max(largest['shift'], largest['maximum']):.1f} standard errors",
        f"up to {largest['maximum_as_printed']:.0f} standard errors away",
    ):
        assert row in page, row


@pytest.mark.parametrize("study", TRAINED)
def test_committed_results_are_complete(study: str) -> None:
    """What the page shows is in git, so that a fresh clone shows it too."""
    assert f"results/{study}/report.html" in PAGE
    models = {"miniature": 40, "laptop": 52}
    assert json.loads((RESULTS / study / "summary.json").read_text())["models"] == models[study]


def test_links_and_figures_are_there() -> None:
    """In README and every page of docs/."""
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), (page.name, link)


def test_committed_plots_are_of_the_default_study() -> None:
    points = json.loads((ROOT / "plots" / "alignment_fewshot.json").read_text())
    assert len({row["model"] for row in points}) == 40
    assert (ROOT / "plots" / "figures" / "alignment_fewshot.png").is_file()


def test_the_front_page_is_short() -> None:
    assert len(README.splitlines()) <= 130
    assert len(README.split()) <= 1200
    assert next(i for i, line in enumerate(README.splitlines()) if "make test " in line) < 25


def test_the_notice_names_every_published_table() -> None:
    notice = (ROOT / "NOTICE").read_text()
    for table in (ROOT / "studies").glob("[mp][ou]*/*.csv"):  # models/, published/
        assert table.name in notice, table


def test_the_citation_is_of_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == project["version"]
    assert citation["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
