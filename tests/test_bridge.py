"""Models on the theory's curve: interpolation, ranks, their correlation, and the stage's tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, spearmanr

from stages.analysis.bridge import bridge, bridge_tests, predicted
from stages.analysis.families import Resampling
from stages.analysis.inputs import COUNTS, THEORY, read_theory
from stages.analysis.partial import SAME
from stages.analysis.results import Results
from stages.runtime.errors import DataError
from stages.runtime.tables import write_table
from tests.made_tables import curve, index, tables

GIVEN = ("imagenet", "published")
RESAMPLES = Resampling(0.95, 200, 0)
SHOWN = ("cifar100", "fashion_mnist", "mnist")


def results(
    alignment: Sequence[float] | None = None,
    families: int = 6,
    accuracy: float | None = None,
    error: float | None = 0.02,
    without: str = "",
) -> Results:
    """20 models of planted triplet alignment, in families; with one accuracy on MNIST, if given."""
    about = dict(list(index().items())[::20][:20])
    for i, entry in enumerate(about.values()):
        entry["group"] = f"family {i % families}"
    judged, fewshot, robustness = tables(list(about), np.random.default_rng(1))
    if alignment is not None:
        planted = judged["model"].map(dict(zip(about, alignment, strict=True)))
        judged["value"] = judged["value"].where(judged["measure"] != "triplet", planted)
    judged["se"] = error
    judged = judged[judged["measure"] != without]
    if accuracy is not None:
        fewshot.loc[fewshot["task"] == "mnist", "accuracy"] = accuracy
    return Results(judged, fewshot, robustness, GIVEN, about, "group", 5)


def both_arms() -> list[float]:
    return list(np.random.default_rng(2).permutation(np.linspace(0.1, 0.95, 20)))


def test_between_two_simulated_epsilons_is_the_line_through_them() -> None:
    points = [
        {"epsilon": 0.4, "n": 5, "accuracy": 0.2},  # in no order
        {"epsilon": 0.1, "n": 5, "accuracy": 0.8},
        {"epsilon": 0.2, "n": 5, "accuracy": 0.6},
        {"epsilon": 0.2, "n": 1, "accuracy": 0.3},
    ]
    for epsilon, value in ((0.1, 0.8), (0.15, 0.7), (0.2, 0.6), (0.25, 0.5), (0.4, 0.2)):
        assert predicted(epsilon, 5, points) == pytest.approx(value)
    assert predicted(0.2, 1, points) == pytest.approx(0.3)
    for epsilon, n in ((0.05, 5), (0.41, 5), (0.1, 1), (0.2, 10)):
        assert np.isnan(predicted(epsilon, n, points))
    assert np.isnan(predicted(0.2, 5, []))


def test_every_model_has_a_row_an_outcome_with_epsilon_and_its_interval() -> None:
    alignment = both_arms()
    whole = results(alignment)
    rows = bridge(whole, curve(), 0.9)
    assert len(rows) == 20 * 3
    assert {row["n"] for row in rows} == {1}
    by_model = dict(zip(whole.index, alignment, strict=True))
    error = 0.02 / np.sqrt(6)  # of a mean of six sets
    for row in rows:
        epsilon = 1 - by_model[row["model"]]
        assert row["epsilon"] == pytest.approx(epsilon)
        half = norm.ppf(0.95) * error
        assert row["epsilon_low"] == pytest.approx(epsilon - half)
        assert row["epsilon_high"] == pytest.approx(epsilon + half)
        assert row["predicted"] == pytest.approx(predicted(epsilon, 1, curve()))
        assert row["group"] == whole.index[row["model"]]["group"]
        measured = whole.accuracy(row["outcome"], "linear", 1)[row["model"]]
        assert row["accuracy"] == pytest.approx(measured)


def test_intervals_are_of_shares_and_blank_where_there_is_no_error() -> None:
    alignment = both_arms()
    alignment[3] = 0.999
    alignment[4] = 0.001
    rows = bridge(results(alignment, error=0.2), curve(), 0.95)
    assert min(row["epsilon_low"] for row in rows) == 0
    assert max(row["epsilon_high"] for row in rows) == 1
    for row in bridge(results(error=None), curve(), 0.95):
        assert (row["epsilon_low"], row["epsilon_high"]) == (None, None)


def test_ranks_run_from_the_best_and_follow_the_distance_from_one_half() -> None:
    alignment = both_arms()
    whole = results(alignment)
    names = list(whole.index)
    best_first = sorted(names, key=lambda m: -abs(alignment[names.index(m)] - 0.5))
    for task in SHOWN:
        rows = {row["model"]: row for row in bridge(whole, curve(), 0.95) if row["outcome"] == task}
        assert sorted(rows, key=lambda m: rows[m]["predicted_rank"]) == best_first
        measured = sorted(rows, key=lambda m: rows[m]["measured_rank"])
        assert measured == sorted(rows, key=lambda m: -rows[m]["accuracy"])
        assert sorted(row["measured_rank"] for row in rows.values()) == list(range(1, 21))


def test_models_that_score_alike_share_a_rank() -> None:
    rows = bridge(results(accuracy=0.5), curve(), 0.95)
    assert {row["measured_rank"] for row in rows if row["outcome"] == "mnist"} == {10.5}


def test_rho_is_scipys_and_of_capacity() -> None:
    alignment = both_arms()
    whole = results(alignment)
    rows = bridge_tests(whole, RESAMPLES)
    assert [(row["outcome"], row["n"]) for row in rows] == [
        (task, n) for task in SHOWN for n in (1, 5, 10, 20, 40, 80)
    ]
    order = dict(zip(whole.index, alignment, strict=True))
    distance = [abs(order[str(m)] - 0.5) for m in whole.models]
    for row in rows:
        expected = spearmanr(distance, whole.accuracy(row["outcome"], "linear", row["n"]))
        assert row["rho"] == pytest.approx(expected.statistic)
        assert row["p"] == pytest.approx(expected.pvalue)
        assert row["family_low"] < row["rho"] < row["family_high"]
        assert row["misaligned"] == sum(a < 0.5 for a in alignment) > 0
        assert (row["models"], row["undefined"]) == (20, "")


def test_where_all_are_aligned_the_order_is_that_of_alignment_itself() -> None:
    whole = results(list(np.linspace(0.55, 0.9, 20)))
    for row in bridge_tests(whole, RESAMPLES):
        accuracy = whole.accuracy(row["outcome"], "linear", row["n"])
        assert row["misaligned"] == 0
        assert row["rho"] == pytest.approx(spearmanr(whole.alignment["triplet"], accuracy)[0])
    mirrored = results(list(1 - np.linspace(0.55, 0.9, 20)))
    for row in bridge_tests(mirrored, RESAMPLES):
        accuracy = mirrored.accuracy(row["outcome"], "linear", row["n"])
        assert row["misaligned"] == 20
        assert row["rho"] == pytest.approx(-spearmanr(mirrored.alignment["triplet"], accuracy)[0])


def test_the_order_that_theory_predicts_is_found() -> None:
    alignment = both_arms()
    whole = results(alignment)
    names = list(whole.index)
    noise = np.random.default_rng(0).normal(size=20)
    planted = {m: abs(a - 0.5) + 0.02 * e for m, a, e in zip(names, alignment, noise, strict=True)}
    fewshot = whole.fewshot.assign(accuracy=whole.fewshot["model"].map(planted))
    again = Results(
        whole.judged, fewshot, results().robustness.assign(), GIVEN, whole.index, "group", 5
    )
    for row in bridge_tests(again, RESAMPLES):
        assert row["rho"] > 0.9
        assert row["family_low"] > 0.5
        assert row["family_p"] < 0.05


def test_a_constant_outcome_and_too_few_families_are_reasons() -> None:
    rows = bridge_tests(results(accuracy=0.5), RESAMPLES)
    for row in rows:
        none = row["outcome"] == "mnist"
        assert row["undefined"] == (SAME if none else "")
        assert (row["rho"] is None) == (row["family_p"] is None) == none
    for row in bridge_tests(results(families=4), RESAMPLES):
        assert row["undefined"] == "by family: too few families"
        assert row["rho"] is not None
        assert {row[k] for k in ("family_low", "family_high", "family_p")} == {None}


def test_a_study_without_triplets_has_no_bridge() -> None:
    whole = results(without="triplet")
    assert whole.measures == ["pearson", "spearman"]
    assert bridge(whole, curve(), 0.95) == []
    assert bridge_tests(whole, RESAMPLES) == []


# --- the theory stage's tables ---


def row_of(name: str, **values: Any) -> dict[str, Any]:
    columns = THEORY[name].split()
    return {column: 1 if column in COUNTS else 0.5 for column in columns} | values


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in THEORY:
        write_table(tmp_path / f"{name}.csv", [row_of(name)])
    rows = [
        row_of("queries", strategy="adaptive", queries=1 / 3, objects=4),
        row_of("queries", strategy="random", queries=None, objects=4),
    ]
    write_table(tmp_path / "queries.csv", rows)
    return tmp_path


def test_tables_are_read_as_they_were_written(folder: Path) -> None:
    read = read_theory(folder)
    assert set(read) == {f"theory_{name}" for name in THEORY}
    adaptive, random = read["theory_queries"]
    assert (adaptive["strategy"], adaptive["queries"]) == ("adaptive", 1 / 3)
    assert (random["queries"], random["objects"]) == (None, 4)
    assert isinstance(random["objects"], int)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("fewshot", None, "fewshot.csv cannot be read"),
        ("shift", "", "shift.csv: column 'epsilon' is missing"),
        ("fewshot", "epsilon,n,accuracy,low\n1,1,1,1\n", "fewshot.csv: column 'high' is missing"),
        ("adversarial", f"{THEORY['adversarial'].replace(' ', ',')}\n", "csv: has no rows"),
    ],
)
def test_what_is_no_table_of_the_theory_is_named(
    folder: Path, name: str, content: str | None, message: str
) -> None:
    path = folder / f"{name}.csv"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_theory(folder)
