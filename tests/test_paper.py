"""What stands beside the paper's values: its own values, definitions, and scipy."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, pearsonr

from stages.analysis.families import Resampling
from stages.analysis.paper import (
    appendix_c,
    gain,
    measures,
    relabelled,
    relabelled_tests,
    with_published,
)
from stages.analysis.partial import plain_correlation
from stages.analysis.results import Results
from stages.study.load import load
from stages.study.values import Key, read_values
from tests import made_tables
from tests.conftest import ROOT

VALUES = ROOT / "studies" / "published" / "sucholutsky2023.csv"
BENCHMARKS: dict[str, str | None] = {name: name for name in made_tables.BENCHMARKS}
FAMILIES = Resampling(0.95, 100, 0)


def study_results(classifier: str = "published", constant: str = "") -> Results:
    """Random results of 12 models, each a family; ImageNet by a classifier; one constant task."""
    about = dict(list(made_tables.index().items())[:12])
    for name, entry in about.items():
        entry["group"] = name
    alignment, fewshot, robustness = made_tables.tables(list(about), np.random.default_rng(0))
    fewshot.loc[fewshot["task"] == constant, "accuracy"] = 0.1
    robustness.loc[robustness["benchmark"] == "imagenet", "classifier"] = classifier
    source = ("imagenet", classifier)
    return Results(alignment, fewshot, robustness, source, about, "group", 3)


# The paper's values


def test_published_values_are_complete() -> None:
    values = read_values(VALUES, "test")
    benchmarks, names = ("imagenet_a", "imagenet_r", "imagenet_sketch"), study_results().measures
    cells = [(b, top, m) for b in benchmarks for top in (1, 5) for m in names]
    expected = {
        *(
            Key("table1", b, 0, top, m, group, "accuracy")
            for b, top, m in cells
            for group in ("high", "mid", "low")
        ),
        *(Key("table2", b, 0, top, m, "", s) for b, top, m in cells for s in ("r", "p")),
        *(Key("appendix_c", b, 0, 1, "", "", "r") for b in benchmarks),
        *(Key("appendix_c", t, 1, 0, "", "", "r") for t in ("cifar100", "fashion_mnist", "mnist")),
        *(Key("measures", "triplet", 0, 0, m, "", "r") for m in ("pearson", "spearman")),
    }
    assert set(values) == expected
    assert values[Key("table1", "imagenet_r", 0, 5, "spearman", "mid", "accuracy")] == 0.5681
    assert values[Key("table2", "imagenet_a", 0, 5, "spearman", "", "p")] == 0.013
    for top1 in (key for key in values if key.item == "table1" and key.top == 1):
        assert values[top1] < values[top1._replace(top=5)]
    for mid in (key for key in values if key.group == "mid"):
        high, low = (values[mid._replace(group=group)] for group in ("high", "low"))
        assert values[mid] < low < high


def test_printed_correlations_have_the_printed_p() -> None:
    """Table 2's r of 491 models, one covariate given, have its p, as far as three decimals go."""
    values = read_values(VALUES, "test")
    printed = {key: value for key, value in values.items() if key.statistic == "p"}
    for key, p in printed.items():
        r = values[key._replace(statistic="r")]
        t = np.abs(r) * np.sqrt(488 / (1 - r**2))
        assert 2 * norm.sf(t) == pytest.approx(p, abs=1.1e-3), key


def test_studies_name_the_values_of_their_benchmarks_and_tasks() -> None:
    for name in ("paper", "open"):
        study = load(ROOT, name).study
        assert study.paper is not None
        assert study.paper.values == str(VALUES.relative_to(ROOT))
        values = read_values(VALUES, "test")
        known = {*study.benchmarks, *study.tasks, "triplet"}
        assert {key.outcome for key in values} <= known
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
    tables = {
        "table1": [{**mine, "top": 5}, {**mine, "top": 1}],
        "table2": [
            {"benchmark": "imagenet_a", "top": 1, "measure": "triplet", "r": 0.25},
            {"benchmark": "imagenet_a", "top": 5, "measure": "triplet", "r": 0.25},
        ],
        "measures": [{"a": "spearman", "b": "triplet", "r": 0.5}],
        "appendix_c": [{**few, "n": 1, "r": None}, {**few, "n": 5, "r": 0.25}],
        "families": [{"group": "a", "r": 1.0}],
    }
    found = with_published(tables, values)
    assert [(r["paper"], r["difference"]) for r in found["table1"]] == [(0.25, 0.25), (None, None)]
    assert [(r["paper"], r["paper_p"], r["difference"]) for r in found["table2"]] == [
        (0.5, 0.125, -0.25),
        (None, None, None),
    ]
    assert [(r["paper"], r["difference"]) for r in found["measures"]] == [(0.75, -0.25)]
    swapped = [{"a": "triplet", "b": "spearman", "r": 1.0}]
    assert with_published({"measures": swapped}, values)["measures"][0]["difference"] == 0.25
    assert [(r["paper"], r["difference"]) for r in found["appendix_c"]] == [
        (0.5, None),
        (None, None),
    ]
    assert found["families"] == tables["families"]
    without = with_published(tables, {})
    assert [r["paper"] for name in tables if name != "families" for r in without[name]] == [
        None
    ] * 7
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
    x = np.arange(5.0)
    for one, other in ((x, np.full(5, 0.1)), (np.full(5, 0.1), x)):
        found = plain_correlation(one, other, 0.95)
        assert [found[key] for key in ("r", "low", "high", "p")] == [None] * 4
        assert found["undefined"] == "all models score the same"
    three = plain_correlation(np.array([1.0, 2, 4]), np.array([1.0, 3, 2]), 0.95)
    assert three["r"] is not None
    assert (three["low"], three["undefined"]) == (None, "an interval needs 4 models")


def test_measures_are_every_two() -> None:
    results = study_results()
    table = measures(results, FAMILIES)
    assert [(r["a"], r["b"]) for r in table] == list(
        combinations(("pearson", "spearman", "triplet"), 2)
    )
    for row in table:
        a, b = (results.alignment[row[key]].to_numpy() for key in ("a", "b"))
        expected = np.corrcoef(a, b)[0, 1]
        assert row["r"] == pytest.approx(expected)
        assert row["low"] < row["r"] < row["high"]


def test_appendix_c_is_the_covariate_with_each_outcome() -> None:
    results = study_results(constant="mnist")
    table = {row["outcome"]: row for row in appendix_c(results, FAMILIES)}
    assert list(table) == ["cifar100", "fashion_mnist", "mnist", *made_tables.BENCHMARKS[1:]]
    assert (table["cifar100"]["head"], table["cifar100"]["n"]) == ("linear", 1)
    few = results.fewshot.query("task == 'cifar100' and head == 'linear' and n == 1")
    assert table["cifar100"]["r"] == pytest.approx(
        few.groupby("model")["accuracy"].mean().corr(results.covariate)
    )
    assert table["imagenet_real"]["r"] == pytest.approx(
        results.top("imagenet_real", 1).corr(results.covariate)
    )
    assert (table["mnist"]["r"], table["mnist"]["undefined"]) == (None, "all models score the same")


# Appendix D


def test_gain_is_top1_on_real_less_that_on_imagenet() -> None:
    results = study_results()
    top1 = results.robustness.pivot_table(index="model", columns="benchmark", values="top1")
    gained = gain(results, BENCHMARKS)
    assert gained is not None
    pd.testing.assert_series_equal(
        gained.sort_index(),
        (top1["imagenet_real"] - top1["imagenet"]).sort_index(),
        check_names=False,
    )
    assert gain(results, {"imagenet": "imagenet"}) is None
    assert gain(results, {"imagenet_real": "imagenet_real"}) is None
    assert gain(study_results("own"), BENCHMARKS) is None


def test_relabelled_has_the_parabola_of_the_gain() -> None:
    results = study_results()
    gained = gain(results, BENCHMARKS)
    assert gained is not None
    table = relabelled(results, "pearson", gained, 0.95)
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
        table = {
            (row["measure"], row["term"]): row
            for row in relabelled_tests(results, inverted, FAMILIES)
        }
        assert len(table) == 6
        assert table[measure, "z²"]["r"] == pytest.approx(-1)
        expected = pearsonr(x, inverted)
        assert table[measure, "linear"]["r"] == pytest.approx(expected.statistic)
        assert table[measure, "linear"]["p"] == pytest.approx(expected.pvalue)
        assert table[measure, "linear"]["models"] == 12
