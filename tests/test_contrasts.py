"""Paired contrasts and reliability, against scipy, statsmodels, simulation and definitions."""

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
from stages.analysis.noise import accuracy, reliability
from stages.runtime.errors import DataError
from stages.runtime.tables import Record
from stages.study.load import load
from stages.study.models import all_models
from stages.study.pairs import Pair, pairs_of
from stages.study.spec import Study
from stages.study.tables import read_pairs
from tests import made_tables
from tests.conftest import ROOT, TINY
from tests.made_tables import BENCHMARKS, MEASURES, TASKS, frame

MODELS = ROOT / "studies" / "models"


def rows(differences: dict[str, list[float]], what: str = "pearson") -> list[Record]:
    """Rows of `contrasts` of one factor: differences by family."""
    about = {"factor": "depth", "quantity": "alignment", "what": what}
    return [about | {"family": f, "difference": d} for f, ds in differences.items() for d in ds]


def test_contrasts_are_differences_of_what_the_models_have() -> None:
    results = made_tables.results(3)
    one, two, three = results.models
    table = contrasts(results, [Pair("depth", two, one, "a"), Pair("width", three, one, "b")])
    values = {("alignment", measure): results.alignment[measure] for measure in MEASURES}
    few = results.fewshot.query("n == 1 and head == 'linear'").groupby(["task", "model"])
    top1 = results.robustness.set_index(["benchmark", "model"])["top1"]
    values |= {("accuracy", f"{t} 1-shot"): few["accuracy"].mean()[t] for t in TASKS}
    values |= {("accuracy", f"{b} top-1"): top1[b] for b in BENCHMARKS[1:]}
    pairs = (("depth", two, one, "a"), ("width", three, one, "b"))
    assert [(*pair, *what) for pair, what in product(pairs, values)] == [
        tuple(row[k] for k in ("factor", "a", "b", "family", "quantity", "what")) for row in table
    ]
    for row in table:
        a, b = (values[row["quantity"], row["what"]][row[side]] for side in ("a", "b"))
        found = [row[k] for k in ("value_a", "value_b", "difference")]
        assert found == pytest.approx([a, b, a - b])


def test_a_factor_of_two_families_is_tested_over_pairs() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 8))
    (row,) = factors(rows({"x": list((a - b)[:5]), "y": list((a - b)[5:])}), 0.9)
    expected = ttest_rel(a, b)
    low, high = expected.confidence_interval(0.9)
    assert (row["over"], row["pairs"], row["families"]) == ("pairs", 8, 2)
    assert row["positive"] == int((a > b).sum())
    numbers = [row[k] for k in ("mean", "low", "high", "p", "q")]
    assert numbers == pytest.approx([(a - b).mean(), low, high, *[expected.pvalue] * 2])
    assert row["undefined"] == ""


def test_a_factor_of_three_families_is_tested_over_their_means() -> None:
    given = {"x": [0.1, 0.3], "y": [0.5], "z": [-0.1, 0.0, 0.4]}
    (row,) = factors(rows(given), 0.95)
    means = DescrStatsW([0.2, 0.5, 0.1])
    assert (row["over"], row["pairs"], row["families"], row["positive"]) == ("families", 6, 3, 4)
    assert (row["low"], row["high"]) == pytest.approx(means.tconfint_mean(0.05))
    assert (row["mean"], row["p"]) == pytest.approx((0.8 / 3, means.ttest_mean(0)[1]))
    # A pair twice in its family changes a test over pairs, and not this one.
    (again,) = factors(rows(given | {"y": [0.5, 0.5]}), 0.95)
    assert again["p"] == pytest.approx(row["p"])
    # Swapping the models of every pair changes signs only.
    given["z"][1] = 0.2
    (row,) = factors(rows(given), 0.95)
    (swapped,) = factors(rows({family: [-d for d in ds] for family, ds in given.items()}), 0.95)
    assert (swapped["low"], swapped["high"]) == pytest.approx((-row["high"], -row["low"]))
    assert (swapped["mean"], swapped["p"]) == pytest.approx((-row["mean"], row["p"]))
    assert swapped["positive"] == row["pairs"] - row["positive"]


def test_what_cannot_be_tested_says_why() -> None:
    for differences, reason in (([0.2], "one pair"), ([0.2, 0.2], "all differences are equal")):
        (row,) = factors(rows({"x": differences}), 0.95)
        assert (row["mean"], row["undefined"]) == (0.2, reason)
        assert all(row[key] is None for key in ("low", "high", "p", "q"))
    assert factors(rows({"x": [0.2], "y": [0.3]}), 0.95)[0]["p"] is not None
    assert factors([], 0.95) == []


def test_q_is_benjamini_hochbergs_over_the_table() -> None:
    rng = np.random.default_rng(2)
    drawn = {str(i): list(rng.normal(i / 8, 1, size=6)) for i in range(12)} | {"untested": [0.3]}
    found = factors([row for what, ds in drawn.items() for row in rows({"x": ds}, what)], 0.95)
    _, q, _, _ = multipletests([row["p"] for row in found[:-1]], method="fdr_bh")
    assert [row["q"] for row in found[:-1]] == pytest.approx(list(q))
    assert (found[-1]["what"], found[-1]["q"]) == ("untested", None)


# Pairs of published models


def test_pairs_keep_the_rules() -> None:
    """Names that exist, one input size, one recipe (timm's tag) but where that is the factor.

    And what timm's tags do not tell: how images are prepared, and with what settings ViTs were
    pretrained. Steiner et al. (2022; doi:10.48550/arXiv.2106.10270) chose augmentation and weight
    decay for each ViT; the name of its file says which.
    """
    table = pd.read_csv(MODELS / "paper.csv", dtype=str, keep_default_na=False)
    models = table.set_index("name").to_dict("index")
    pairs, vits = read_pairs(MODELS / "pairs.csv", "test"), 0
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
        cfg, cfg_b = (vars(timm.get_pretrained_cfg(model["timm"])) for model in (one, other))
        same = ["input_size", "interpolation", "crop_pct", "crop_mode"]
        if factor != "adversarial training":  # AdvProp's weights have a normalisation of their own
            same += ["mean", "std"]
        for key in same:
            assert cfg[key] == cfg_b[key], (a, b, key)
        if cfg["tag"].startswith("augreg"):
            recipe, recipe_b = (re.split(r"/[A-Za-z]+_\d+-", c["url"])[1] for c in (cfg, cfg_b))
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


def test_networks_trained_here_are_paired_by_pull_alone() -> None:
    recipes: dict[str, dict[str, Any]] = {
        "untrained": {"steps": 0},
        "still": {"steps": 0, "pull": 2.0},
        "plain": {"labels": "categories"},
        "attract": {"labels": "categories", "pull": 2.0},
        "same": {"labels": "categories", "pull": -0.5, "steps": 3},  # training.steps
        "longer": {"labels": "categories", "pull": 2.0, "steps": 9},
        "other": {"labels": "shuffled", "pull": 2.0},
        "contrary": {"labels": "categories", "pull": -20, "centred": True},
    }
    factors = {
        "attract": "λ = 2 against 0",
        "same": "λ = −0.5 against 0",
        "contrary": "λ = −20 (centred) against 0",
    }
    grid = {"architectures": ["test_vit", "test_resnet"], "recipes": list(recipes)}
    content = TINY | {"recipes": recipes | {"categories": {}}, "models": [grid]}
    study = Study.model_validate(content)
    every = all_models(study, "tiny")
    used, left = pairs_of(study, every, [m.name for m in every])
    assert left == []
    assert used == [
        Pair(factor, f"{architecture}.{a}", f"{architecture}.plain", architecture)
        for architecture in ("test_vit", "test_resnet")
        for a, factor in factors.items()
    ]
    used, left = pairs_of(study, every, [m.name for m in every if m.name != "test_vit.plain"])
    assert len(used) == 3
    assert left == [(name, f"test_vit.{a}", "test_vit.plain") for a, name in factors.items()]


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


SAME_IN_ONE = [[0.1, 0.5], [0.1, 0.7], [0.1, 0.3]]
OPPOSED = [[0.1, 0.5], [0.3, 0.2], [0.5, 0.1]]


@pytest.mark.parametrize(
    ("values", "reason", "sd", "rank_stability"),
    [
        ([[0.1], [0.2], [0.4]], "one repeat", None, None),
        ([[0.1, 0.3]], "one model", np.sqrt(0.02), None),
        (SAME_IN_ONE, "all models score the same in a repeat", 1.2 / 3 / np.sqrt(2), None),
        (OPPOSED, "repeats correlate negatively", 0.9 / 3 / np.sqrt(2), -1.0),
    ],
)
def test_undefined_reliability_says_why(
    values: list[list[float]], reason: str, sd: float | None, rank_stability: float | None
) -> None:
    (row,) = reliability(fewshot(np.array(values), np.random.default_rng(0)))
    assert (row["undefined"], row["reliability"]) == (reason, None)
    for name, expected in (("sd", sd), ("rank_stability", rank_stability)):
        assert row[name] == (None if expected is None else pytest.approx(expected))


def test_a_missing_repeat_is_an_error() -> None:
    rng = np.random.default_rng(0)
    whole = fewshot(rng.random((3, 2)), rng).sort_values(["model", "repeat"])
    with pytest.raises(DataError, match="missing of m2"):
        reliability(whole.iloc[:-1])


@pytest.mark.parametrize("repeats", [1, 3])
def test_accuracy_has_the_t_interval_of_its_repeats(repeats: int) -> None:
    """And none of one repeat."""
    rng = np.random.default_rng(5)
    values = rng.random((4, repeats))
    rows = accuracy(fewshot(values, rng), 0.9)
    assert "NaN" not in json.dumps(rows)
    found = {row["model"]: row for row in rows}
    for i, x in enumerate(values):
        row = found[f"m{i}"]
        assert [row[k] for k in ("task", "head", "n", "repeats")] == ["novel", "linear", 1, repeats]
        assert row["accuracy"] == pytest.approx(x.mean())
        interval = (None, None)
        if repeats > 1:
            interval = t.interval(0.9, 2, loc=x.mean(), scale=x.std(ddof=1) / np.sqrt(3))
        assert (row["low"], row["high"]) == pytest.approx(interval)
