"""What stands beside the paper's values: its own values, definitions, and scipy."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, pearsonr

from stages.analysis import paper
from stages.analysis.families import Resampling
from stages.analysis.partial import plain_correlation
from stages.analysis.results import Results
from stages.study.load import load
from stages.study.tables import Key, read_values
from tests import made_tables
from tests.conftest import ROOT
from tests.made_tables import MEASURES, TASKS, Made

VALUES = ROOT / "studies" / "published" / "sucholutsky2023.csv"
BENCHMARKS: dict[str, str | None] = {name: name for name in made_tables.BENCHMARKS}
FAMILIES = Resampling(0.95, 100, 0)
ALIKE = "all models score the same"


def study_results(classifier: str = "published") -> Results:
    """12 models, each a family, that score alike on MNIST; ImageNet by a classifier."""

    def change(made: Made) -> None:
        few, robustness = made["fewshot"], made["robustness"]
        few.loc[few["task"] == "mnist", "accuracy"] = 0.1
        robustness.loc[robustness["benchmark"] == "imagenet", "classifier"] = classifier

    return made_tables.results(12, 12, change, classifier)


# The paper's values


def test_published_values_are_complete() -> None:
    values = read_values(VALUES, "test")
    benchmarks = ("imagenet_a", "imagenet_r", "imagenet_sketch")
    cells = [(b, top, m) for b in benchmarks for top in (1, 5) for m in MEASURES]
    groups = ("high", "mid", "low")
    expected = {
        *(Key("table1", b, 0, top, m, g, "accuracy") for b, top, m in cells for g in groups),
        *(Key("table2", b, 0, top, m, "", s) for b, top, m in cells for s in ("r", "p")),
        *(Key("appendix_c", b, 0, 1, "", "", "r") for b in benchmarks),
        *(Key("appendix_c", task, 1, 0, "", "", "r") for task in TASKS),
        *(Key("measures", "triplet", 0, 0, m, "", "r") for m in ("pearson", "spearman")),
    }
    assert set(values) == expected
    assert values[Key("table1", "imagenet_r", 0, 5, "spearman", "mid", "accuracy")] == 0.5681
    assert values[Key("table2", "imagenet_a", 0, 5, "spearman", "", "p")] == 0.013
    for key in (key for key in values if key.item == "table1"):
        assert key.top == 5 or values[key] < values[key._replace(top=5)]
        high, mid, low = (values[key._replace(group=group)] for group in groups)
        assert mid < low < high


def test_printed_correlations_have_the_printed_p() -> None:
    """Table 2's r of 491 models, one covariate given, have its p, as far as three decimals go."""
    values = read_values(VALUES, "test")
    for key, p in values.items():
        if key.statistic == "p":
            r = values[key._replace(statistic="r")]
            t = np.abs(r) * np.sqrt(488 / (1 - r**2))
            assert 2 * norm.sf(t) == pytest.approx(p, abs=1.1e-3), key


@pytest.mark.parametrize("name", ["paper", "open"])
def test_studies_name_the_values_of_their_benchmarks_and_tasks(name: str) -> None:
    study = load(ROOT, name).study
    assert study.paper is not None
    assert study.paper.values == str(VALUES.relative_to(ROOT))
    values = read_values(VALUES, "test")
    assert {key.outcome for key in values} <= {*study.benchmarks, *study.tasks, "triplet"}
    for benchmark, r in study.paper.covariate_r.items():
        assert values[Key("appendix_c", benchmark, 0, 1, "", "", "r")] == r


def test_values_stand_beside_what_is_found() -> None:
    values = {
        Key("table1", "imagenet_a", 0, 5, "pearson", "mid", "accuracy"): 0.25,
        Key("table2", "imagenet_a", 0, 1, "triplet", "", "r"): 0.5,
        Key("table2", "imagenet_a", 0, 1, "triplet", "", "p"): 0.125,
        Key("measures", "triplet", 0, 0, "spearman", "", "r"): 0.75,
        Key("appendix_c", "mnist", 1, 0, "", "", "r"): 0.5,
    }
    few = {"kind": "few-shot", "outcome": "mnist", "head": "linear", "top": 0}
    mine = {"benchmark": "imagenet_a", "measure": "pearson", "group": "mid", "accuracy": 0.5}
    own = {"benchmark": "imagenet_a", "measure": "triplet", "r": 0.25}
    tables = {
        "table1": [{**mine, "top": 5}, {**mine, "top": 1}],
        "table2": [{**own, "top": 1}, {**own, "top": 5}],
        "measures": [
            {"a": "spearman", "b": "triplet", "r": 0.5},
            {"a": "triplet", "b": "spearman", "r": 1.0},
        ],
        "appendix_c": [{**few, "n": 1, "r": None}, {**few, "n": 5, "r": 0.25}],
    }
    families = [{"group": "a", "r": 1.0}]
    found = paper.with_published(tables | {"families": families}, values)
    assert found.pop("families") == families
    pairs = {name: [(r["paper"], r["difference"]) for r in rows] for name, rows in found.items()}
    assert pairs == {
        "table1": [(0.25, 0.25), (None, None)],
        "table2": [(0.5, -0.25), (None, None)],
        "measures": [(0.75, -0.25), (0.75, 0.25)],
        "appendix_c": [(0.5, None), (None, None)],
    }
    assert [row["paper_p"] for row in found["table2"]] == [0.125, None]
    for rows in paper.with_published(tables, {}).values():
        assert all(row["paper"] is None for row in rows)
    assert "paper" not in tables["table1"][0]


# Correlations


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_correlation_is_pearsons_with_fishers_interval(confidence: float) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 15))
    found = plain_correlation(x, y, confidence)
    half = norm.ppf(0.5 + confidence / 2) / np.sqrt(15 - 3)
    r = np.cov(x, y)[0, 1] / np.sqrt(np.var(x, ddof=1) * np.var(y, ddof=1))
    assert found["r"] == pytest.approx(r)
    assert found["low"] == pytest.approx(np.tanh(np.arctanh(r) - half))
    assert found["high"] == pytest.approx(np.tanh(np.arctanh(r) + half))
    assert found["p"] == pytest.approx(pearsonr(x, y).pvalue)
    assert (found["models"], found["undefined"]) == (15, "")


def test_what_has_no_correlation_says_why() -> None:
    x, same = np.arange(5.0), np.full(5, 0.1)
    for one, other in ((x, same), (same, x)):
        found = plain_correlation(one, other, 0.95)
        assert [found[key] for key in ("r", "low", "high", "p")] == [None] * 4
        assert found["undefined"] == ALIKE
    three = plain_correlation(np.array([1.0, 2, 4]), np.array([1.0, 3, 2]), 0.95)
    assert three["r"] is not None
    assert (three["low"], three["undefined"]) == (None, "an interval needs 4 models")


def test_measures_are_every_two() -> None:
    results = study_results()
    table = paper.measures(results, FAMILIES)
    assert [(row["a"], row["b"]) for row in table] == list(combinations(MEASURES, 2))
    for row in table:
        a, b = (results.alignment[row[key]] for key in ("a", "b"))
        assert row["r"] == pytest.approx(np.corrcoef(a, b)[0, 1])
        assert row["low"] < row["r"] < row["high"]


def test_appendix_c_is_the_covariate_with_each_outcome() -> None:
    results = study_results()
    assert results.covariate is not None
    table = {row["outcome"]: row for row in paper.appendix_c(results, FAMILIES)}
    assert list(table) == [*TASKS, *made_tables.BENCHMARKS[1:]]
    assert (table["cifar100"]["head"], table["cifar100"]["n"]) == ("linear", 1)
    cells = results.fewshot.query("task == 'cifar100' and head == 'linear' and n == 1")
    few = cells.groupby("model")["accuracy"].mean()
    for name, outcome in (("cifar100", few), ("imagenet_real", results.top("imagenet_real", 1))):
        assert table[name]["r"] == pytest.approx(outcome.corr(results.covariate))
    assert (table["mnist"]["r"], table["mnist"]["undefined"]) == (None, ALIKE)


# Appendix D


def test_gain_is_top1_on_real_less_that_on_imagenet() -> None:
    results = study_results()
    top1 = results.robustness.pivot_table(index="model", columns="benchmark", values="top1")
    gained = paper.gain(results, BENCHMARKS)
    assert gained is not None
    expected = (top1["imagenet_real"] - top1["imagenet"])[gained.index]
    pd.testing.assert_series_equal(gained, expected, check_names=False)
    for one in ("imagenet", "imagenet_real"):
        assert paper.gain(results, {one: one}) is None
    assert paper.gain(study_results("own"), BENCHMARKS) is None


def test_relabelled_has_the_parabola_of_the_gain() -> None:
    results = study_results()
    gained = paper.gain(results, BENCHMARKS)
    assert gained is not None
    table = paper.relabelled(results, "pearson", gained, 0.95)
    x = results.alignment["pearson"].to_numpy()
    fit = np.polyval(np.polyfit(x, gained.to_numpy(), 2), x)
    assert [row["model"] for row in table] == list(results.models)
    np.testing.assert_allclose([row["gain"] for row in table], gained)
    np.testing.assert_allclose([row["fit"] for row in table], fit)
    assert all(row["fit_low"] < row["fit"] < row["fit_high"] for row in table)
    columns = ["model", "group", "alignment", "gain", "fit", "fit_low", "fit_high"]
    assert list(table[0]) == columns


def test_relabelled_tests_see_an_inverted_u() -> None:
    results = study_results()
    for measure in results.measures:
        x = results.alignment[measure]
        inverted = 1 - (x - x.mean()) ** 2
        rows = paper.relabelled_tests(results, inverted, FAMILIES)
        table = {(row["measure"], row["term"]): row for row in rows}
        assert len(table) == 6
        assert table[measure, "z²"]["r"] == pytest.approx(-1)
        linear, expected = table[measure, "linear"], pearsonr(x, inverted)
        assert linear["r"] == pytest.approx(expected.statistic)
        assert linear["p"] == pytest.approx(expected.pvalue)
        assert linear["models"] == 12
