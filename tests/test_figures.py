"""Figures: what is written, what captions say, and what becomes of undefined values."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import re
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from stages.figures.intervals import reach
from stages.figures.labels import apart, legible
from stages.figures.scatter import curve
from stages.figures.study import FIGURES, draw_all
from stages.figures.words import minus
from stages.inference.facts import Facts, FewShot
from stages.inference.outcomes import Record, Tables
from stages.inference.partial import quadratic_curve
from stages.runtime.machine import Place

MEASURES = ("pearson", "spearman", "triplet")
FAMILIES = 6
FACTS = Facts(
    measure="pearson",
    simulated=True,
    group_size=2,
    confidence=0.9,
    few_shot=FewShot("linear", 1, 4),
    models=12,
    untrained=2,
    given="the accuracy of a readout",
    zoo="12 models trained here, 2 of them untrained",
    family="recipe",
    families=FAMILIES,
)
THEORY = {"bridge", "theory_fewshot", "theory_queries", "theory_appendix"}
"""Figures that show what the theory's simulations found, whoever judged."""
INTERVALS = {"low": -0.2, "high": 0.6, "family_low": -0.5, "family_high": 0.8}


def theory() -> Tables:
    """Made-up rows of the theory, and its bridge to 12 models, of which one is beyond 0.5."""
    epsilons, ends = (0.0, 0.25, 0.5, 0.75, 1.0), {"low": 0.1, "high": 0.9, "worlds": 8}
    size: Record = {"dimensions": 2, "games": 64, "confidence": 0.95, "placed": 1.0}
    at = [0.3 + 0.02 * i for i in range(12)]
    return {
        "theory_queries": [
            {"strategy": s, "objects": n, "epsilon": e, **size, **ends, "worlds": 8}
            | {"queries": None if e == 0.5 else 9.0, "low": 8.0, "high": 10.0}
            | {"queries_right": None if e == 0.5 else 8.0}
            | {"bound": None if e == 0.5 else 7.0}
            for s in ("adaptive", "random")
            for n in (4, 8)
            for e in epsilons
        ],
        "theory_fewshot": [
            {"epsilon": e, "n": n, "accuracy": 0.5, **ends} for e in epsilons for n in (1, 5)
        ],
        "theory_shift": [
            {"epsilon": e, "shift": 0.1, "teacher": 0.1, "student": 0.3, "expected": 0.3, **ends}
            for e in epsilons
        ],
        "theory_adversarial": [
            {"epsilon": e, "candidates": 10, "disagreement": 0.3, "expected": 0.3, "printed": 0.2}
            | ends
            for e in epsilons
        ],
        "bridge": [
            {"outcome": "novel", "n": 1, "model": f"m{i}", "group": f"recipe{i % FAMILIES}"}
            | {"weights": "untrained" if i < 2 else "trained", "epsilon": at[i]}
            | {"epsilon_low": at[i] - 0.02, "epsilon_high": at[i] + 0.02, "predicted": 0.5}
            | {"predicted_rank": 1.0 + i, "measured_rank": 12.0 - i}
            for i in range(12)
        ],
        "bridge_tests": [{"outcome": "novel", "n": 1, "rho": -1.0}],
    }


def small() -> Tables:
    """Made-up rows of every table: 12 models, a task, a benchmark, two n, one head."""
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.normal(0.4, 0.1, 12)), rng.uniform(0.2, 0.8, 12)
    fit, low, high = quadratic_curve(x, y, x, 0.9)
    models: list[Record] = [
        {
            "model": f"m{i}",
            "architecture": f"net{i % 2}",
            "group": f"recipe{i % FAMILIES}",
            "weights": "untrained" if i < 2 else "trained",
        }
        for i in range(12)
    ]
    fitted: list[Record] = [
        {"alignment": x[i], "fit": fit[i], "fit_low": low[i], "fit_high": high[i]}
        for i in range(12)
    ]
    few = [
        {"kind": "few-shot", "outcome": "novel", "head": "linear", "n": n, "top": 0} for n in (1, 5)
    ]
    top = [{"kind": "robustness", "outcome": "edges", "head": "", "n": 0, "top": 1}]
    test: Record = {"q": 0.01, "u": True, "slope_low": -1.0, "slope_high": 1.0, "undefined": ""}
    test |= {"p_low": 0.01, "p_high": 0.2}
    whats = [("alignment", "pearson"), ("accuracy", "novel 1-shot"), ("accuracy", "edges top-1")]
    ends = {"alignment_low": 0.3, "alignment_high": 0.5, "accuracy_low": 0.2, "accuracy_high": 0.7}
    return theory() | {
        "alignment_fewshot": [
            {**models[i], **fitted[i], "accuracy": y[i], "task": "novel", "n": 1} for i in range(12)
        ],
        "covariate_alignment": [{**models[i], **fitted[i], "accuracy": y[i]} for i in range(12)],
        "relabelled": [
            {"model": f"m{i}", "group": models[i]["group"], **fitted[i], "gain": y[i]}
            for i in range(12)
        ],
        "relabelled_tests": [
            {"measure": "pearson", "term": "z²", "r": -0.3, "low": -0.5, "high": 0.1, "p": 0.2}
        ],
        "groups_by_n": [
            {"measure": m, "task": "novel", "head": "linear", "group": g, "n": n, "accuracy": a}
            for m in MEASURES
            for n in (1, 5)
            for g, a in (("high", 0.6), ("mid", 0.3), ("low", 0.31))
        ],
        "correlations": [
            {**labels, "measure": m, "term": term, "r": 0.25, **INTERVALS, "undefined": ""}
            for labels in few + top
            for m in MEASURES
            for term in ("z²", "linear")
        ],
        "table1": [
            {
                "benchmark": b,
                "top": 1,
                "measure": "pearson",
                "group": g,
                "accuracy": a,
                "paper": None,
            }
            for b in ("clean", "edges")
            for g, a in (("high", 0.6), ("mid", 0.3), ("low", 0.4))
        ],
        "table2": [
            {"benchmark": "edges", "top": 1, "measure": "pearson", "r": 0.25, "paper": 0.239}
        ],
        "u_tests": [
            {**labels, **test, "measure": m, "test": name, "linear": False, "family_effects": by}
            | {"estimate": None if name == "two lines" else 0.3}
            for labels in few + top
            for m in MEASURES
            for name in ("z²", "capacity", "two lines")
            for by in (False, True)
            if name != "capacity" or m == "triplet"
        ],
        "measures": [
            {"a": "pearson", "b": "triplet", "r": 0.9, "low": 0.8, "high": 0.95, "paper": 0.824}
        ],
        "families": [
            {"group": f"recipe{i}", "models": 2, "alignment": x[i], "accuracy": y[i], **ends}
            | {"task": "novel", "n": 1}
            for i in range(FAMILIES)
        ],
        "factors": [
            {
                "factor": "pull",
                "quantity": quantity,
                "what": what,
                "pairs": 3,
                "over": "pairs",
                "mean": 0.1,
            }
            | {"low": -0.1, "high": 0.3, "q": 0.2, "undefined": ""}
            for quantity, what in whats
        ],
        "contrasts": [
            {"factor": "pull", "what": what, "difference": d}
            for _, what in whats
            for d in (0.0, 0.1, 0.2)
        ],
        "reliability": [
            {"task": "novel", "head": "linear", "n": n, "rank_stability": 0.9, "reliability": 0.95}
            for n in (1, 5)
        ],
        "ceilings": [
            {"set": "discs", "form": "participants", "measure": "pearson", "judges": 3}
            | {"leave_one_out": 0.6, "upper": 0.7, "split_half": 0.65, "best_value": 0.5},
            {"set": "things", "form": "votes", "measure": "triplet", "judges": 4}
            | {"leave_one_out": 0.6, "upper": None, "split_half": None, "best_value": 0.58},
        ],
        "participants": [
            {"set": "discs", "measure": "pearson", "mean": m, "lowest": m - 0.1, "highest": m + 0.1}
            for m in (0.3, 0.4, 0.2)
        ],
        "models": [
            {**models[i], "pearson": x[i], "triplet": y[i], "pearson_se": 0.02} for i in range(12)
        ],
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("figures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARTIFACT_CACHE", str(tmp_path_factory.mktemp("cache")))
        return folder, draw_all(folder, small(), FACTS, Place(2))


def test_every_figure_is_written_both_ways(drawn: tuple[Path, dict[str, str]]) -> None:
    folder, captions = drawn
    assert list(captions) == list(FIGURES)
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{suffix}" for name in FIGURES for suffix in ("svg", "png")
    }
    for name, caption in captions.items():
        with Image.open(folder / f"{name}.png") as image:
            assert image.info["Description"] == caption
            height = image.height / 160
        root = ElementTree.parse(folder / f"{name}.svg").getroot()  # noqa: S314
        assert float(root.attrib["height"].removesuffix("pt")) / 72 < height - 0.2  # no caption
        texts = [str(text.text) for text in root.iter("{http://www.w3.org/2000/svg}text")]
        assert len(texts) > 3
        assert not any(caption[:30] in text for text in texts)
        svg = (folder / f"{name}.svg").read_text()
        assert "sans-serif" in svg
        assert mpl.__version__ not in svg
        assert not re.search(r"\b20\d\d-\d\d-\d\d", svg)


def test_files_are_the_same_the_second_time(
    drawn: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    with mpl.rc_context({"font.size": 20, "svg.fonttype": "path"}):  # a user's own settings
        assert draw_all(tmp_path, small(), FACTS, Place()) == drawn[1]
        assert mpl.rcParams["font.size"] == 20
    for path in drawn[0].iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_a_figure_is_drawn_anew_where_what_it_shows_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "figures"
    tables = {name: small()[name] for name in ("families", "models")}
    draw_all(folder, tables, FACTS, Place())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert before.keys() == {f"{n}.{f}" for n in ("families", "spread") for f in ("svg", "png")}
    tables["models"] = tables["models"][:-1]
    draw_all(folder, tables, FACTS, Place())
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"spread.svg", "spread.png"}
    draw_all(folder, tables, dataclasses.replace(FACTS, few_shot=FewShot("linear", 5, 4)), Place())
    first, second, third = capsys.readouterr().err.splitlines()
    assert f"{len(FIGURES)} units, 0 from the cache" in first
    # `measures` sees the table too, and has nothing to show without its other one.
    assert f"{len(FIGURES)} units, {len(FIGURES) - 2} from the cache, 2 computed" in second
    few = sum(drawing.few_shot for drawing in FIGURES.values())
    assert f"{len(FIGURES)} units, {len(FIGURES) - few} from the cache, {few} computed" in third


def test_a_figure_sees_all_that_it_shows() -> None:
    for name, drawing in FIGURES.items():
        whole, own = (
            made(name, *both) for both in ((small(), FACTS), drawing.seen(small(), FACTS))
        )
        assert whole is not None, name
        assert own is not None, name
        assert whole[1] == own[1], name
        shown = [[len(axis.get_children()) for axis in one[0].axes] for one in (whole, own)]
        assert shown[0] == shown[1], name


def test_captions_say_who_how_many_and_which_interval(drawn: tuple[Path, dict[str, str]]) -> None:
    captions = drawn[1]
    for name in THEORY:
        assert "simulated" in captions[name]
    assert "ρ is Spearman’s. Here 1 of the models lies beyond 0.5" in captions["bridge"]
    assert "2 of them untrained; 0.30 to 0.52" in captions["theory_fewshot"]
    assert "over 8 worlds of 8 games" in captions["theory_queries"]
    for name, caption in captions.items():
        if name in ("theory_queries", "theory_appendix"):
            continue
        assert "12 models trained here, 2 of them untrained" in caption, name
        assert "simulated observers" in caption or name == "reliability", name
    for name in ("correlation_by_n", "correlation_by_task", "robustness"):
        assert "90 % intervals" in captions[name]
        assert "6 families, each a recipe" in captions[name]
        assert "given the accuracy of a readout" in captions[name]
        assert "ot computed" not in captions[name]
    for name in ("groups_by_n", "groups_by_task"):
        assert "2 models" in captions[name]
        assert "mean of 4 draws" in captions[name]
    assert "Linear probe, mean of 4 draws" in captions["alignment_fewshot"]
    assert "q < 0.1" in captions["shape"]
    assert "−0.30 [−0.50, 0.10]" in captions["relabelled"]
    assert "the paper's values" in captions["robustness"]
    assert "n.c." not in captions["shape"]
    assert "Upper bound not computed: 1" in captions["noise"]


def made(name: str, tables: Tables, facts: Facts) -> tuple[Figure, str] | None:
    """A figure and its caption, neither laid out nor written."""
    module = importlib.import_module(f"stages.figures.{FIGURES[name].module}")
    found: tuple[Figure, str] | None = getattr(module, name)(tables, facts)
    return found


def captions_of(tables: Tables, facts: Facts) -> dict[str, str]:
    """The captions alone: nothing is laid out or written."""
    drawn = {name: made(name, tables, facts) for name in FIGURES}
    return {name: one[1] for name, one in drawn.items() if one is not None}


def test_people_are_not_called_simulated() -> None:
    facts = dataclasses.replace(FACTS, simulated=False, untrained=0, zoo="12 published models")
    captions = captions_of(small(), facts)
    assert list(captions) == list(FIGURES)
    for name, caption in captions.items():
        assert "simulated observers" not in caption
        assert "simulated" not in caption or name in THEORY
        assert "untrained" not in caption


def test_undefined_values_are_named_and_not_drawn(tmp_path: Path) -> None:
    tables = copy.deepcopy(small())
    for row in tables["correlations"]:
        row.update(family_low=None, family_high=None)
        if row["outcome"] == "edges" or row["n"] == 5:
            row.update(r=None, low=None, high=None, undefined="all models score the same")
    for row in tables["u_tests"]:
        if row["family_effects"]:
            row.update(estimate=None, slope_low=None, slope_high=None, p_low=None, q=None, u=None)
            row["undefined"] = "too few families"
    for row in tables["models"]:
        row["pearson_se"] = None
    tables["factors"][0].update(mean=None, low=None, high=None, q=None, undefined="no pair")
    tables["reliability"][0].update(rank_stability=None, reliability=None)
    tables["measures"][0].update(r=None, low=None, high=None)
    tables["relabelled_tests"][0].update(r=None, low=None, high=None)
    captions = captions_of(tables, dataclasses.replace(FACTS, families=3))
    assert list(captions) == list(FIGURES)
    written = {name: tables[name] for name in ("u_tests", "measures", "models", "factors")}
    assert len(draw_all(tmp_path, written, FACTS, Place())) == 4
    same = "(all models score the same)"
    assert f"not computed, 3 of 6 {same}" in captions["correlation_by_n"]
    assert f"not computed, 2 of 2 {same}" in captions["robustness"]
    for name in ("correlation_by_n", "correlation_by_task", "robustness"):
        assert "3 families are too few" in captions[name]
        assert "broad" not in captions[name]
    assert "n.c.: not computed, 6 (too few families)" in captions["shape"]
    assert (tmp_path / "shape.svg").read_text().count("n.c.") == 6 + 1  # and the description
    assert "Standard errors are not computed" in captions["spread"]
    assert "No interval: 1 of 3 (no pair)" in captions["contrasts"]
    assert "Not computed: 1 of 2" in captions["reliability"]
    assert ">r not computed<" in (tmp_path / "measures.svg").read_text()


def test_absent_or_empty_tables_make_no_figure(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    tables = small() | {name: [] for name in ("relabelled", "factors", "ceilings", "measures")}
    captions = captions_of(tables, FACTS)
    assert set(FIGURES) - set(captions) == {"relabelled", "contrasts", "noise", "measures"}
    assert draw_all(folder, {"models": tables["models"]}, FACTS, Place()).keys() == {"spread"}
    assert {path.name for path in folder.iterdir()} == {"spread.svg", "spread.png"}
    assert draw_all(folder, {}, FACTS, Place()) == {}


@pytest.mark.parametrize("seed", range(3))
def test_the_fine_curve_is_the_parabola_with_its_band(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0.4, 0.15, 9), rng.uniform(size=9)
    fit, low, high = quadratic_curve(x, y, x, 0.95)
    rows = pd.DataFrame({"alignment": x, "fit": fit, "fit_low": low, "fit_high": high})
    grid, *drawn = curve(rows)
    assert len(grid) > len(x)
    assert (grid.min(), grid.max()) == pytest.approx((x.min(), x.max()))
    np.testing.assert_allclose(drawn, quadratic_curve(x, y, grid, 0.95), atol=1e-8)


def test_labels_are_apart_in_their_order_and_no_farther_than_needed() -> None:
    values = np.array([0.5, 0.52, 0.1, 0.49])
    placed = apart(values, 0.1)
    assert (np.argsort(placed) == np.argsort(values)).all()
    assert np.diff(np.sort(placed)).min() == pytest.approx(0.1)
    assert placed[2] == 0.1
    assert placed[[0, 1, 3]].mean() == pytest.approx(values[[0, 1, 3]].mean())
    np.testing.assert_array_equal(apart(values, 0.001), values)


def test_a_legend_names_the_largest_families() -> None:
    groups = pd.Series([f"f{i}" for i in range(20) for _ in range(i + 1)])
    shown, names = legible(groups)
    assert names == [f"f{i}" for i in range(19, 12, -1)] + ["other"]
    assert (shown == "other").sum() == sum(range(1, 14))
    few = pd.Series(["b", "a", "b"])
    assert legible(few)[1] == ["b", "a"]


def test_numbers_as_text() -> None:
    assert [minus(f"{v:+.2f}") for v in (0.304, -0.05, -0.004, -1.2)] == [
        "+0.30",
        "−0.05",
        "0.00",
        "−1.20",
    ]


def test_limits_hold_zero_and_every_interval() -> None:
    rows = pd.DataFrame({"r": [0.4, np.nan], "low": [0.33, np.nan], "family_high": [0.71, np.nan]})
    low, high = reach(rows)
    assert -0.2 < low < 0 < 0.71 < high <= 0.9
    assert reach(rows[["r"]].iloc[1:]) == (-1, 1)
