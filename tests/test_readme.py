"""The README says what the committed results say."""

import json
from typing import Any

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
RESULTS = ROOT / "docs" / "results"
STUDIES = ("miniature", "laptop")


def answer(study: str) -> list[dict[str, Any]]:
    """A row an outcome that the study shows."""
    content = json.loads((RESULTS / study / "answer.json").read_text())
    outcomes: list[dict[str, Any]] = content["outcomes"]
    return outcomes


@pytest.mark.parametrize("study", STUDIES)
def test_every_row_of_its_tables_is_in_the_results(study: str) -> None:
    assert len(answer(study)) == 8
    for row in answer(study):
        u = {None: "inconclusive", True: "yes", False: "no"}[row["two_lines"]["u"]]
        square, line, p = row["z2"], row["linear"], row["z2"]["p"]
        shown = "< .001" if p < 0.001 else f"{p:.3f}"[1:]
        assert (
            f"| {row['outcome']} | {row['accuracy']:.2f} | {square['r']:+.2f} | {shown} "
            f"| {interval(square)} | {line['r']:+.2f} | {interval(line)} | {u} |"
        ) in README, (study, row["outcome"])


def interval(row: dict[str, float]) -> str:
    return f"{row['family_low']:+.2f} to {row['family_high']:+.2f}"


@pytest.mark.parametrize("study", STUDIES)
def test_what_it_says_of_the_theory_is_in_the_results(study: str) -> None:
    if study == "laptop":  # published before outcomes said so, see docs/results/README.md
        rhos = json.loads((RESULTS / study / "metrics.json").read_text())["fewshot"]["theory_rho"]
    else:
        few_shot = [row for row in answer(study) if row["kind"] == "few-shot"]
        rhos = {row["outcome"]: row["theory_rho"] for row in few_shot}
    rho = ", ".join(f"{task} {value:+.2f}" for task, value in rhos.items())
    assert f"| {study} | {rho} |" in " ".join(README.split())


def test_what_it_says_of_the_simulations_is_in_the_results() -> None:
    readme = " ".join(README.split())
    theory = json.loads((RESULTS / "miniature" / "theory.json").read_text())
    exponent, spent, largest = theory["exponent"], theory["efficiency"], theory["largest_z"]
    for row in (
        f"theory: 1 | x = {exponent['adaptive']:.2f} | x = {exponent['random']:.2f} |",
        f"spent on it | {100 * spent['adaptive']:.0f} % | {100 * spent['random']:.0f} % |",
        f"(p = {theory['symmetry_p']:.2f} over all pairs",
        f"within {max(largest['shift'], largest['maximum']):.1f} standard errors",
        f"up to {largest['maximum_as_printed']:.0f} away",
    ):
        assert row in readme, row


@pytest.mark.parametrize("study", STUDIES)
def test_committed_results_are_complete(study: str) -> None:
    """What README shows is in git, so that a fresh clone shows it too."""
    figures = {path.stem for path in (RESULTS / study / "figures").glob("*.png")}
    assert len(figures) == 18
    assert f"docs/results/{study}/report.html" in README
    assert (RESULTS / study / "report.html").is_file()
    if study == "laptop":
        metrics = json.loads((RESULTS / study / "metrics.json").read_text())
        assert metrics["alignment"]["n_models"] == 40
    else:
        assert json.loads((RESULTS / study / "summary.json").read_text())["models"] == 40


def test_committed_plots_are_of_the_default_study() -> None:
    points = json.loads((ROOT / "plots" / "alignment_fewshot.json").read_text())
    assert len({row["model"] for row in points}) == 40
    assert (ROOT / "plots" / "figures" / "alignment_fewshot.png").is_file()
    assert "plots/figures/alignment_fewshot.png" in README
