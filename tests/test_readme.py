"""The README says what the committed results say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("study", ["miniature", "laptop"])
def test_every_row_of_its_tables_is_in_the_results(study: str) -> None:
    readme = (ROOT / "README.md").read_text()
    answer = json.loads((ROOT / "plots" / study / "answer.json").read_text())
    assert len(answer["outcomes"]) == 8
    for row in answer["outcomes"]:
        assert row_of(row) in readme, (study, row["outcome"])


def row_of(row: dict[str, Any]) -> str:
    """An outcome's line of the README's table."""
    u = {None: "not told", True: "yes", False: "no"}[row["two_lines"]["u"]]
    square, line, p = row["z2"], row["linear"], row["z2"]["p"]
    shown = "< .001" if p < 0.001 else f"{p:.3f}"[1:]
    return (
        f"| {row['outcome']} | {row['accuracy']:.2f} | {square['r']:+.2f} | {shown} "
        f"| {interval(square)} | {line['r']:+.2f} | {interval(line)} | {u} |"
    )


def interval(row: dict[str, float]) -> str:
    return f"{row['family_low']:+.2f} to {row['family_high']:+.2f}"


@pytest.mark.parametrize("study", ["miniature", "laptop"])
def test_what_it_says_of_the_theory_is_in_the_results(study: str) -> None:
    readme = " ".join((ROOT / "README.md").read_text().split())
    theory, fewshot = (
        json.loads((ROOT / "metrics" / study / f"{name}.json").read_text())
        for name in ("theory", "fewshot")
    )
    rho = ", ".join(f"{task} {value:+.2f}" for task, value in fewshot["theory_rho"].items())
    assert f"| {study} | {rho} |" in readme
    exponent, efficiency = theory["exponent"], theory["efficiency"]
    for row in (
        f"theory: 1 | x = {exponent['adaptive']:.2f} | x = {exponent['random']:.2f} |",
        f"spent on it | {efficiency['adaptive']:.0%} | {efficiency['random']:.0%} |".replace(
            "%", " %"
        ),
        f"(p = {theory['symmetry_p']:.2f} over all pairs",
        f"within {max(theory['largest_z'][k] for k in ('shift', 'maximum')):.1f} standard errors",
        f"up to {theory['largest_z']['maximum_as_printed']:.0f} away",
    ):
        assert row in readme, row


@pytest.mark.parametrize("study", ["miniature", "laptop"])
def test_committed_results_are_complete(study: str) -> None:
    """What README shows is in git, so that a fresh clone shows it too."""
    plots, readme = ROOT / "plots" / study, (ROOT / "README.md").read_text()
    figures = {path.stem for path in (plots / "figures").glob("*.png")}
    assert len(figures) == 18
    assert {path.stem for path in (plots / "svg").glob("*.svg")} == figures
    assert f"plots/{study}/figures/alignment_fewshot.png" in readme
    assert f"plots/{study}/report.html" in readme
    points = json.loads((plots / "alignment_fewshot.json").read_text())
    metrics = json.loads((ROOT / "metrics" / study / "alignment.json").read_text())
    assert len({row["model"] for row in points}) == metrics["n_models"] == 40
