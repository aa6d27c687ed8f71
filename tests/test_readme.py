"""The README says what the committed results say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("study", ["miniature", "laptop"])
def test_every_row_of_its_tables_is_in_the_metrics(study: str) -> None:
    readme = (ROOT / "README.md").read_text()
    for file in ("fewshot", "robustness"):
        metrics = json.loads((ROOT / "metrics" / study / f"{file}.json").read_text())
        for name, row in metrics[file].items():
            assert row_of(name, row) in readme, (study, name)


def row_of(name: str, row: dict[str, float]) -> str:
    """A task's or benchmark's line of the README's table."""
    return (
        f"| {name} | {row['accuracy']:.2f} | {row['r_z2']:+.2f} | {row['p_z2']:.3f} "
        f"| {row['r_linear']:+.2f} |"
    )


@pytest.mark.parametrize("study", ["miniature", "laptop"])
def test_committed_results_are_complete(study: str) -> None:
    """What README shows is in git, so that a fresh clone shows it too."""
    figures = ROOT / "plots" / study / "figures"
    assert len(list(figures.glob("*.png"))) == 14
    assert f"plots/{study}/figures/alignment_fewshot.png" in (ROOT / "README.md").read_text()
    points = json.loads((ROOT / "plots" / study / "alignment_fewshot.json").read_text())
    alignment = json.loads((ROOT / "metrics" / study / "alignment.json").read_text())
    assert len({row["model"] for row in points}) == alignment["n_models"] == 40
