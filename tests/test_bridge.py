"""Models on the theory's curve: interpolation, ranks, their correlation, and the stage's tables."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm, spearmanr

from stages.analysis.bridge import bridge, bridge_tests, predicted
from stages.analysis.families import Resampling
from stages.analysis.inputs import COUNTS, THEORY, read_theory
from stages.analysis.partial import SAME
from stages.analysis.results import Results
from stages.runtime.errors import DataError
from stages.runtime.tables import Record, write_table
from tests import made_tables
from tests.made_tables import SHOTS, TASKS, Made, curve

RESAMPLES = Resampling(0.95, 200, 0)
BOTH_ARMS = list(np.random.default_rng(2).permutation(np.linspace(0.1, 0.95, 20)))


def results(
    alignment: Sequence[float] = BOTH_ARMS,
    families: int = 6,
    error: float | None = 0.02,
    mnist: float | None = None,
    fewshot: Sequence[float] | None = None,
) -> Results:
    """20 models of planted triplet alignment; with one accuracy on MNIST, or one a model."""

    def change(made: Made) -> None:
        table, few = made["alignment"], made["fewshot"]
        models = table["model"].unique()
        planted = table["model"].map(dict(zip(models, alignment, strict=True)))
        value = table["value"].where(table["measure"] != "triplet", planted)
        made["alignment"] = table.assign(value=value, se=error)
        if mnist is not None:
            few.loc[few["task"] == "mnist", "accuracy"] = mnist
        if fewshot is not None:
            few["accuracy"] = few["model"].map(dict(zip(models, fewshot, strict=True)))

    return made_tables.results(20, families, change)


def test_between_two_simulated_epsilons_is_the_line_through_them() -> None:
    rows = [(0.4, 5, 0.2), (0.1, 5, 0.8), (0.2, 5, 0.6), (0.2, 1, 0.3)]  # in no order
    points = [{"epsilon": e, "n": n, "accuracy": accuracy} for e, n, accuracy in rows]
    for epsilon, value in ((0.1, 0.8), (0.15, 0.7), (0.2, 0.6), (0.25, 0.5), (0.4, 0.2)):
        assert predicted(epsilon, 5, points) == pytest.approx(value)
    assert predicted(0.2, 1, points) == pytest.approx(0.3)
    for epsilon, n in ((0.05, 5), (0.41, 5), (0.1, 1), (0.2, 10)):
        assert np.isnan(predicted(epsilon, n, points))
    assert np.isnan(predicted(0.2, 5, []))


def test_every_model_has_a_row_an_outcome_with_epsilon_and_its_interval() -> None:
    whole = results()
    rows = bridge(whole, curve(), 0.9)
    assert len(rows) == 20 * 3
    assert {row["n"] for row in rows} == {1}
    by_model = dict(zip(whole.models, BOTH_ARMS, strict=True))
    half = norm.ppf(0.95) * 0.02 / np.sqrt(6)  # of a mean of six sets
    for row in rows:
        epsilon = 1 - by_model[row["model"]]
        assert row["epsilon"] == pytest.approx(epsilon)
        assert row["epsilon_low"] == pytest.approx(epsilon - half)
        assert row["epsilon_high"] == pytest.approx(epsilon + half)
        assert row["predicted"] == pytest.approx(predicted(epsilon, 1, curve()))
        assert row["group"] == whole.index[row["model"]]["group"]
        measured = whole.accuracy(row["outcome"], "linear", 1)[row["model"]]
        assert row["accuracy"] == pytest.approx(measured)


def test_intervals_are_of_shares_and_blank_where_there_is_no_error() -> None:
    rows = bridge(results([*BOTH_ARMS[:-2], 0.999, 0.001], error=0.2), curve(), 0.95)
    assert min(row["epsilon_low"] for row in rows) == 0
    assert max(row["epsilon_high"] for row in rows) == 1
    for row in bridge(results(error=None), curve(), 0.95):
        assert (row["epsilon_low"], row["epsilon_high"]) == (None, None)


def test_ranks_run_from_the_best_and_follow_the_distance_from_one_half() -> None:
    whole = results(mnist=0.5)
    distance = dict(zip(whole.models, np.abs(np.array(BOTH_ARMS) - 0.5), strict=True))
    found = bridge(whole, curve(), 0.95)
    for task in TASKS:
        rows = {row["model"]: row for row in found if row["outcome"] == task}
        predicted_order = sorted(rows, key=lambda m: rows[m]["predicted_rank"])
        assert predicted_order == sorted(rows, key=lambda m: -distance[m])
        if task == "mnist":  # models that score alike share a rank
            assert {row["measured_rank"] for row in rows.values()} == {10.5}
            continue
        measured = sorted(rows, key=lambda m: rows[m]["measured_rank"])
        assert measured == sorted(rows, key=lambda m: -rows[m]["accuracy"])
        assert sorted(row["measured_rank"] for row in rows.values()) == list(range(1, 21))


@pytest.mark.parametrize(
    ("alignment", "misaligned"),
    [
        (BOTH_ARMS, sum(a < 0.5 for a in BOTH_ARMS)),
        (np.linspace(0.55, 0.9, 20), 0),
        (1 - np.linspace(0.55, 0.9, 20), 20),
    ],
)
def test_rho_is_scipys_and_of_capacity(alignment: Sequence[float], misaligned: int) -> None:
    """Where all are aligned the order is that of alignment itself; where none is, its reverse."""
    whole = results(alignment)
    rows = bridge_tests(whole, RESAMPLES)
    assert [(row["outcome"], row["n"]) for row in rows] == [(t, n) for t in TASKS for n in SHOTS]
    triplet = whole.alignment["triplet"]
    order = {0: triplet, 20: -triplet}.get(misaligned, np.abs(triplet - 0.5))
    for row in rows:
        expected = spearmanr(order, whole.accuracy(row["outcome"], "linear", row["n"]))
        assert row["rho"] == pytest.approx(expected.statistic)
        assert row["p"] == pytest.approx(expected.pvalue)
        assert row["family_low"] < row["rho"] < row["family_high"]
        assert (row["models"], row["misaligned"], row["undefined"]) == (20, misaligned, "")


def test_the_order_that_theory_predicts_is_found() -> None:
    noise = np.random.default_rng(0).normal(size=20)
    planted = np.abs(np.array(BOTH_ARMS) - 0.5) + 0.02 * noise
    for row in bridge_tests(results(fewshot=list(planted)), RESAMPLES):
        assert row["rho"] > 0.9
        assert row["family_low"] > 0.5
        assert row["family_p"] < 0.05


def test_a_constant_outcome_and_too_few_families_are_reasons() -> None:
    for row in bridge_tests(results(mnist=0.5), RESAMPLES):
        none = row["outcome"] == "mnist"
        assert row["undefined"] == (SAME if none else "")
        assert (row["rho"] is None) == (row["family_p"] is None) == none
    for row in bridge_tests(results(families=4), RESAMPLES):
        assert row["undefined"] == "by family: too few families"
        assert row["rho"] is not None
        assert {row[k] for k in ("family_low", "family_high", "family_p")} == {None}


def test_a_study_without_triplets_has_no_bridge() -> None:
    whole = made_tables.results(
        change=lambda made: made.update(alignment=made["alignment"].query("measure != 'triplet'"))
    )
    assert whole.measures == ["pearson", "spearman"]
    assert bridge(whole, curve(), 0.95) == []
    assert bridge_tests(whole, RESAMPLES) == []


# --- the theory stage's tables ---


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, columns in THEORY.items():
        row: Record = {column: 1 if column in COUNTS else 0.5 for column in columns.split()}
        rows = [row]
        if name == "queries":
            rows = [row | {"strategy": "adaptive", "queries": 1 / 3, "objects": 4}]
            rows += [row | {"strategy": "random", "queries": None, "objects": 4}]
        write_table(tmp_path / f"{name}.csv", rows)
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
