"""Paired contrasts and reliability, against scipy, statsmodels, simulation and definitions."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import timm
from scipy.stats import spearmanr, t, ttest_rel
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from stages.analysis.contrasts import contrasts, factors
from stages.analysis.inputs import MEASUREMENTS
from stages.analysis.noise import accuracy, reliability
from stages.analysis.results import Results
from stages.runtime.errors import DataError
from stages.runtime.tables import Record
from stages.study.load import load
from stages.study.models import all_models
from stages.study.pairs import Pair, pairs_of, read_pairs
from stages.study.spec import Study
from tests.conftest import ROOT, TINY

MODELS = ROOT / "studies" / "models"


def study_results(rng: np.random.Generator, models: list[str]) -> Results:
    """Results with random numbers: two measures, one task, one benchmark."""
    alignment = [
        (m, "trained", "s", measure, "group", rng.random(), 0.1)
        for m, measure in product(models, ("pearson", "triplet"))
    ]
    fewshot = [
        (m, "trained", "novel", "linear", n, repeat, rng.random())
        for m, n, repeat in product(models, (1, 5), (0, 1))
    ]
    robustness = [
        (m, benchmark, "readout", "trained", 9, rng.random(), rng.random())
        for m, benchmark in product(models, ("clean", "edges"))
    ]
    return Results(
        frame("alignment", alignment),
        frame("fewshot", fewshot),
        frame("robustness", robustness),
        ("clean", "readout"),
        {m: {"architecture": m, "group": m[0], "weights": "trained"} for m in models},
        "group",
        1,
    )


def frame(name: str, rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """A tidy table of the stage called `name`."""
    return pd.DataFrame(rows, columns=[column for part in MEASUREMENTS[name] for column in part])


def rows(differences: dict[str, list[float]], what: str = "pearson") -> list[Record]:
    """Rows of `contrasts` of one factor: differences by family."""
    about = {"factor": "depth", "quantity": "alignment", "what": what}
    return [about | {"family": f, "difference": d} for f, ds in differences.items() for d in ds]


def test_contrasts_are_differences_of_what_the_models_have() -> None:
    results = study_results(np.random.default_rng(0), ["a1", "a2", "b1"])
    table = contrasts(results, [Pair("depth", "a2", "a1", "a"), Pair("width", "b1", "a1", "b")])
    assert [(r["factor"], r["quantity"], r["what"]) for r in table] == [
        (factor, quantity, what)
        for factor in ("depth", "width")
        for quantity, what in (
            ("alignment", "pearson"),
            ("alignment", "triplet"),
            ("accuracy", "novel 1-shot"),
            ("accuracy", "edges top-1"),
        )
    ]
    few = results.fewshot[results.fewshot["n"] == 1].groupby("model")["accuracy"].mean()
    assert table[2]["value_a"] == pytest.approx(few["a2"])
    assert table[2]["difference"] == pytest.approx(few["a2"] - few["a1"])
    edges = results.robustness.set_index(["benchmark", "model"])["top1"]["edges"]
    assert table[7]["difference"] == pytest.approx(edges["b1"] - edges["a1"])
    assert table[7]["family"] == "b"


def test_a_factor_of_two_families_is_tested_over_pairs() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 8))
    (row,) = factors(rows({"x": list((a - b)[:5]), "y": list((a - b)[5:])}), 0.9)
    expected = ttest_rel(a, b)
    low, high = expected.confidence_interval(0.9)
    assert (row["over"], row["pairs"], row["families"]) == ("pairs", 8, 2)
    assert row["positive"] == int((a > b).sum())
    assert [row[k] for k in ("mean", "low", "high", "p")] == pytest.approx(
        [(a - b).mean(), low, high, expected.pvalue]
    )
    assert row["q"] == pytest.approx(row["p"])
    assert row["undefined"] == ""


def test_a_factor_of_three_families_is_tested_over_their_means() -> None:
    given = {"x": [0.1, 0.3], "y": [0.5], "z": [-0.1, 0.0, 0.4]}
    (row,) = factors(rows(given), 0.95)
    means = DescrStatsW([0.2, 0.5, 0.1])
    assert (row["over"], row["pairs"], row["families"], row["positive"]) == ("families", 6, 3, 4)
    assert (row["low"], row["high"]) == pytest.approx(means.tconfint_mean(0.05))
    assert row["p"] == pytest.approx(means.ttest_mean(0)[1])
    assert row["mean"] == pytest.approx(0.8 / 3)
    # A pair twice in its family changes a test over pairs, and not this one.
    (again,) = factors(rows(given | {"y": [0.5, 0.5]}), 0.95)
    assert again["p"] == pytest.approx(row["p"])


def test_swapping_the_models_of_every_pair_changes_signs_only() -> None:
    given = {"x": [0.1, 0.3], "y": [0.5], "z": [-0.1, 0.2, 0.4]}
    (row,) = factors(rows(given), 0.95)
    (swapped,) = factors(rows({family: [-d for d in ds] for family, ds in given.items()}), 0.95)
    assert (swapped["low"], swapped["high"]) == pytest.approx((-row["high"], -row["low"]))
    assert (swapped["mean"], swapped["p"]) == pytest.approx((-row["mean"], row["p"]))
    assert swapped["positive"] == row["pairs"] - row["positive"]


def test_what_cannot_be_tested_says_why() -> None:
    one, same, two = (
        factors(rows(given), 0.95)[0]
        for given in ({"x": [0.2]}, {"x": [0.2, 0.2]}, {"x": [0.2], "y": [0.3]})
    )
    for row, reason in ((one, "one pair"), (same, "all differences are equal")):
        assert (row["mean"], row["undefined"]) == (0.2, reason)
        assert all(row[key] is None for key in ("low", "high", "p", "q"))
    assert two["p"] is not None
    assert factors([], 0.95) == []


def test_q_is_benjamini_hochbergs_over_the_table() -> None:
    rng = np.random.default_rng(2)
    table = [
        row
        for i in range(12)
        for row in rows({"x": list(rng.normal(i / 8, 1, size=6))}, what=str(i))
    ]
    table += rows({"x": [0.3]}, what="untested")
    found = factors(table, 0.95)
    tested = [row for row in found if row["what"] != "untested"]
    _, q, _, _ = multipletests([row["p"] for row in tested], method="fdr_bh")
    assert [row["q"] for row in tested] == pytest.approx(list(q))
    assert found[-1]["q"] is None


# Pairs of published models


def table() -> dict[str, dict[str, str]]:
    with (MODELS / "paper.csv").open(newline="") as stream:
        return {row["name"]: row for row in csv.DictReader(stream)}


def test_pairs_keep_the_rules() -> None:
    """Names that exist, one input size, one recipe (timm's tag) but where that is the factor."""
    models, pairs = table(), read_pairs(MODELS / "pairs.csv", "test")
    differ = {
        "distillation": {("fb_dist_in1k", "fb_in1k"), ("fb_distilled_in1k", "fb_in1k")},
        "pretraining": {("fb_in22k_ft_in1k", "fb_in1k"), ("in21k_ft_in1k", "in1k")},
        "adversarial training": {
            ("ap_in1k", "aa_in1k"),
            ("tf_adv_in1k", "tf_in1k"),
            ("tf_ens_adv_in1k", "tf_in1k"),
        },
        # in1k names no recipe.
        "pruning": {("in1k", "ra_in1k"), ("miil_in1k", "miil_in1k")},
    }
    assert len({(f, frozenset((a, b))) for f, a, b in pairs}) == len(pairs)
    # No two models are contrasted under two factors.
    assert max(Counter(frozenset(pair[1:]) for pair in pairs).values()) == 1
    for factor, a, b in pairs:
        assert a != b
        one, other = models[a], models[b]
        assert one["timm"], a
        assert other["timm"], b
        assert "unverified" not in one["evidence"] + other["evidence"]
        assert one["input_size"] == other["input_size"], (a, b)
        (arch, _, tag), (arch_b, _, tag_b) = (m["timm"].partition(".") for m in (one, other))
        if factor in differ:
            assert (tag, tag_b) in differ[factor], (factor, a, b)
            assert arch.removesuffix("_pruned") == arch_b, (factor, a, b)
        else:
            assert tag == tag_b, (factor, a, b)
        if factor in ("depth", "width", "squeeze-and-excitation", "batch normalisation"):
            assert int(one["parameters"]) > int(other["parameters"]), (factor, a, b)
        if factor == "depth" and one["family"] != "densenet":  # whose layers each add channels
            assert one["features"] == other["features"], (a, b)
        if factor == "finer patches":
            assert float(one["gmacs"]) > float(other["gmacs"]), (a, b)
        if factor == "pruning":  # whole channels, or single weights, which stay as zeros
            assert int(one["parameters"]) <= int(other["parameters"]), (a, b)


def test_pairs_are_prepared_and_pretrained_alike() -> None:
    """What timm's tags do not tell: how images are prepared, and with what settings ViTs were.

    Steiner et al. (2022; doi:10.48550/arXiv.2106.10270) chose augmentation and weight decay for
    each ViT; the name of its file says which.
    """
    models, vits = table(), 0
    for factor, a, b in read_pairs(MODELS / "pairs.csv", "test"):
        one, other = (vars(timm.get_pretrained_cfg(models[m]["timm"])) for m in (a, b))
        same = ["input_size", "interpolation", "crop_pct", "crop_mode"]
        if factor != "adversarial training":  # AdvProp's weights have a normalisation of their own
            same += ["mean", "std"]
        for key in same:
            assert one[key] == other[key], (a, b, key)
        if one["tag"].startswith("augreg"):
            recipe, recipe_b = (re.split(r"/[A-Za-z]+_\d+-", cfg["url"])[1] for cfg in (one, other))
            assert "-aug_" in recipe
            assert recipe == recipe_b, (a, b)
            vits += 1
    assert vits > 0


def test_pairs_with_a_model_that_is_not_there_are_returned_apart() -> None:
    study = load(ROOT, "open").study
    every = all_models(study, "open")
    used, left = pairs_of(study, every, [m.name for m in every], ROOT)
    assert (len(used), left) == (len(read_pairs(MODELS / "pairs.csv", "test")), [])
    groups = {m.name: m.group for m in every}
    assert all(pair.family == groups[pair.a] for pair in used)
    fewer, left = pairs_of(study, every, [m.name for m in every if m.name != "vgg16"], ROOT)
    assert {("depth", "vgg19", "vgg16"), ("batch normalisation", "vgg16_bn", "vgg16")} <= set(left)
    assert len(fewer) + len(left) == len(used)
    assert all("vgg16" in line for line in left)


def tiny(**recipes: dict[str, Any]) -> Study:
    grid = {"architectures": ["test_vit", "test_resnet"], "recipes": list(recipes)}
    content = TINY | {"recipes": recipes | {"categories": {}}, "models": [grid]}
    return Study.model_validate(content)


def test_networks_trained_here_are_paired_by_pull_alone() -> None:
    study = tiny(
        untrained={"steps": 0},
        still={"steps": 0, "pull": 2.0},
        plain={"labels": "categories"},
        attract={"labels": "categories", "pull": 2.0},
        same={"labels": "categories", "pull": -0.5, "steps": 3},  # training.steps
        longer={"labels": "categories", "pull": 2.0, "steps": 9},
        other={"labels": "shuffled", "pull": 2.0},
    )
    every = all_models(study, "tiny")
    used, left = pairs_of(study, every, [m.name for m in every])
    assert left == []
    assert used == [
        Pair(factor, f"{architecture}.{a}", f"{architecture}.plain", architecture)
        for architecture in ("test_vit", "test_resnet")
        for factor, a in (("λ = 2 against 0", "attract"), ("λ = −0.5 against 0", "same"))
    ]
    used, left = pairs_of(study, every, [m.name for m in every if m.name != "test_vit.plain"])
    assert len(used) == 2
    assert left == [
        ("λ = 2 against 0", "test_vit.attract", "test_vit.plain"),
        ("λ = −0.5 against 0", "test_vit.same", "test_vit.plain"),
    ]


# Reliability


def fewshot(values: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """The few-shot table of accuracies [M models, R repeats], of one cell; rows shuffled."""
    rows = [
        (f"m{i}", "trained", "novel", "linear", 1, repeat, value)
        for (i, repeat), value in np.ndenumerate(values)
    ]
    return frame("fewshot", rows).sample(frac=1, random_state=rng)


def test_reliability_by_its_definition() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(20, 1)) + 0.7 * rng.normal(size=(20, 4))
    values[3] = values[4]  # ties
    (row,) = reliability(fewshot(values, rng))
    pairs = list(combinations(values.T, 2))
    r = np.mean([np.corrcoef(x, y)[0, 1] for x, y in pairs])
    assert row["rank_stability"] == pytest.approx(np.mean([spearmanr(x, y)[0] for x, y in pairs]))
    assert row["reliability"] == pytest.approx(4 * r / (1 + 3 * r))
    assert row["sd"] == pytest.approx(np.mean([np.std(x, ddof=1) for x in values]))
    assert (row["repeats"], row["models"], row["undefined"]) == (4, 20, "")


def test_reliability_is_the_correlation_of_two_means_over_repeats() -> None:
    """What Spearman and Brown's formula foretells, seen with as many repeats again."""
    rng = np.random.default_rng(4)
    values = rng.normal(size=(20_000, 1)) + 1.5 * rng.normal(size=(20_000, 6))
    (row,) = reliability(fewshot(values[:, :3], rng))
    again = np.corrcoef(values[:, :3].mean(1), values[:, 3:].mean(1))[0, 1]
    assert row["reliability"] == pytest.approx(again, abs=0.02)


@pytest.mark.parametrize(
    ("values", "reason", "sd", "rank_stability"),
    [
        ([[0.1], [0.2], [0.4]], "one repeat", None, None),
        ([[0.1, 0.3]], "one model", np.sqrt(0.02), None),
        (
            [[0.1, 0.5], [0.1, 0.7], [0.1, 0.3]],
            "all models score the same in a repeat",
            1.2 / 3 / np.sqrt(2),
            None,
        ),
        (
            [[0.1, 0.5], [0.3, 0.2], [0.5, 0.1]],
            "repeats correlate negatively",
            0.9 / 3 / np.sqrt(2),
            -1.0,
        ),
    ],
)
def test_undefined_reliability_says_why(
    values: list[list[float]], reason: str, sd: float | None, rank_stability: float | None
) -> None:
    (row,) = reliability(fewshot(np.array(values), np.random.default_rng(0)))
    assert row["undefined"] == reason
    assert row["reliability"] is None
    assert row["sd"] == (None if sd is None else pytest.approx(sd))
    assert row["rank_stability"] == (
        None if rank_stability is None else pytest.approx(rank_stability)
    )


def test_a_missing_repeat_is_an_error() -> None:
    rng = np.random.default_rng(0)
    whole = fewshot(rng.random((3, 2)), rng).sort_values(["model", "repeat"])
    with pytest.raises(DataError, match="missing of m2"):
        reliability(whole.iloc[:-1])


def test_accuracy_has_the_t_interval_of_its_repeats() -> None:
    rng = np.random.default_rng(5)
    values = rng.random((4, 3))
    found = {row["model"]: row for row in accuracy(fewshot(values, rng), 0.9)}
    for i, x in enumerate(values):
        row = found[f"m{i}"]
        assert (row["task"], row["head"], row["n"], row["repeats"]) == ("novel", "linear", 1, 3)
        expected = t.interval(0.9, 2, loc=x.mean(), scale=x.std(ddof=1) / np.sqrt(3))
        assert row["accuracy"] == pytest.approx(x.mean())
        assert (row["low"], row["high"]) == pytest.approx(expected)


def test_accuracy_of_one_repeat_has_no_interval() -> None:
    rng = np.random.default_rng(6)
    found = accuracy(fewshot(rng.random((4, 1)), rng), 0.9)
    assert all(row["low"] is None and row["high"] is None for row in found)
    assert "NaN" not in json.dumps(found)
