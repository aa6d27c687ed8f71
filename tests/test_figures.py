"""Figures: what is written, what captions say, and what becomes of undefined values."""

import copy
import dataclasses
import re
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from stages.analysis.facts import Facts, FewShot
from stages.analysis.outcomes import Record, Tables, records
from stages.analysis.partial import quadratic_curve
from stages.analysis.specifications import A_U, MORE
from stages.report.accuracy import reach
from stages.report.figure import frame
from stages.report.report import DRAWINGS, draw_all
from stages.report.scatter import coloured, curve
from stages.report.words import WORDS, fill
from stages.runtime.machine import Place

FIGURES = list(DRAWINGS)
MEASURES = ("pearson", "spearman", "triplet")
FAMILIES = 6
FACTS = Facts(
    measure="pearson",
    judges="simulated observers",
    asked="learn better from few examples and prove more robust",
    group_size=2,
    confidence=0.9,
    few_shot=FewShot("linear", 1, 4),
    models=12,
    untrained=2,
    given="the accuracy of a readout",
    zoo="12 models (10 trained here and 2 untrained)",
    family="recipe",
    families=FAMILIES,
)
THEORY = {"bridge", "theory_fewshot", "theory_queries", "theory_appendix"}
"""Figures that show what the theory's simulations found, whoever judged."""
GROUPS = {"high": 0.6, "mid": 0.3, "low": 0.31}
"""Groups of models and their accuracy."""


def crossed(**columns: Any) -> list[Record]:
    """A row for each combination of the values in lists; any other value stands in every row."""
    lists = [value if isinstance(value, list) else [value] for value in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in product(*lists)]


MODELS: list[Record] = [
    {"model": f"m{i}", "architecture": f"net{i % 2}", "group": f"recipe{i % FAMILIES}"}
    | {"weights": "untrained" if i < 2 else "trained"}
    for i in range(12)
]


def theory() -> Tables:
    """Made-up rows of the theory, and its bridge to 12 models, of which one is beyond 0.5."""
    epsilon, band = [0.0, 0.25, 0.5, 0.75, 1.0], {"low": 0.1, "high": 0.9}
    game = {"strategy": ["adaptive", "random"], "objects": [4, 7], "epsilon": epsilon}
    game |= {"dimensions": 2, "games": 64, "worlds": 8, "confidence": 0.95, "placed": 1.0}
    game |= {"low": 8.0, "high": 10.0, "entropy": 5.5, "alone": 0.25, "capacity": 0.5}
    games = [
        row
        | {"queries": 9 + row["epsilon"], "queries_right": 8.0, "bound": 11.2, "by_places": 12.2}
        for row in crossed(**game)
    ]
    for row in games:
        if row["epsilon"] == 0.5:
            row |= dict.fromkeys(("queries", "queries_right", "bound", "by_places"))
            row["capacity"] = 0.0
    none = dict.fromkeys(("family_low", "family_high", "family_p"))
    return {
        "theory_queries": games,
        "theory_fewshot": crossed(epsilon=epsilon, n=[1, 5], accuracy=0.5, worlds=8, **band),
        "theory_shift": crossed(epsilon=epsilon, teacher=0.1, student=0.3, expected=0.3, **band),
        "theory_adversarial": crossed(
            epsilon=epsilon, candidates=10, disagreement=0.3, expected=0.3, printed=0.2, **band
        ),
        "theory_reach": [
            row | {"epsilon": {"smooth": 0.22, "lookup": 0.7}.get(row["representation"], 0.5)}
            for row in crossed(representation=["random", "lookup", "smooth"], stimuli=[10, 30])
        ],
        "theory_reached": crossed(epsilon=[0.7], n=1, accuracy=0.5),
        "decomposition": [
            {
                "model": model["model"],
                "set": s,
                "pearson": 0.02 * i,
                "centred": 0.03 * i,
                "typicality": -0.01 * i,
            }
            | {"bound": -0.05, "floor": -0.25, "eigenvalue": -0.01}
            for i, model in enumerate(MODELS)
            for s in ("discs", "stars")
        ],
        "bridge": [
            {**model, "outcome": "novel", "n": 1, "epsilon": e, "predicted": 0.5}
            | {"epsilon_low": e - 0.02, "epsilon_high": e + 0.02}
            | {"predicted_rank": 1.0 + i, "measured_rank": 12.0 - i}
            for i, model in enumerate(MODELS)
            for e in [0.3 + 0.02 * i]
        ],
        "bridge_tests": crossed(
            outcome="novel", n=1, rho=-1.0, p=0.5, **none, models=12, misaligned=1, undefined=""
        ),
    }


def small() -> Tables:
    """Made-up rows of every table: 12 models, a task, a benchmark, two n, one head."""
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.normal(0.4, 0.1, 12)), rng.uniform(0.2, 0.8, 12)
    fit, low, high = quadratic_curve(x, y, x, 0.9)
    curves = pd.DataFrame(MODELS).assign(alignment=x, fit=fit, fit_low=low, fit_high=high)
    outcomes = [
        *crossed(kind="few-shot", outcome="novel", head="linear", n=[1, 5], top=0),
        *crossed(kind="robustness", outcome="edges", head="", n=0, top=1),
    ]
    found = {"r": 0.25, "low": -0.2, "high": 0.6, "p": 1e-5, "models": 12, "undefined": ""}
    found |= {"family_low": -0.5, "family_high": 0.8, "family_p": 0.3}
    paper = {"paper": 0.239, "paper_p": 1e-5, "difference": 0.011}
    slope = {"slope": 0.2, "slope_low": -0.1, "slope_high": 0.5, "slope_p": 0.2, "q": 0.4}
    test: Record = {"measure": list(MEASURES), "test": ["z²", "capacity", "two lines"]}
    test |= {"linear": False, "family_effects": [False, True], "estimate": 0.3, "q": 0.01}
    test |= {"u": True, "undefined": "", "break": 0.4}
    test |= {"slope_low": -1.0, "slope_high": 1.0, "p_low": 0.01, "p_high": 0.2}
    choices: Record = {"claim": [A_U, MORE], "measure": "pearson", "features": "", "table": ""}
    choices |= {"test": "z²", "covariates": ["none", "covariate"], "family_effects": [False, True]}
    spans = {"alignment_low": 0.3, "alignment_high": 0.5, "accuracy_low": 0.2, "accuracy_high": 0.7}
    whats = {"pearson": "alignment", "novel 1-shot": "accuracy", "edges top-1": "accuracy"}
    sets = crossed(best_model="m1", leave_one_out=0.6, spearman_brown=None, stimuli=40)[0]
    top = {"top": 1, "paper": None}
    repeats: Record = {"repeats": 4, "models": 12, "undefined": ""}
    repeats |= {"sd": 0.02, "rank_stability": 0.9, "reliability": 0.95}
    people = {"set": "discs", "form": "participants", "measure": "pearson", "judges": 3}
    votes = {"set": "things", "form": "votes", "measure": "triplet", "judges": 4}
    return theory() | {
        "alignment_fewshot": records(curves.assign(accuracy=y, task="novel", n=1)),
        "alignment_benchmarks": records(curves.assign(accuracy=y, task="edges", n=0)),
        "covariate_alignment": records(curves.assign(accuracy=y)),
        "relabelled": records(curves.drop(columns=["architecture", "weights"]).assign(gain=y)),
        "relabelled_tests": crossed(
            measure="pearson", term="z²", **found | {"r": -0.3, "low": -0.5, "high": 0.1}
        ),
        "groups_by_n": [
            row | {"accuracy": GROUPS[row["group"]]}
            for row in crossed(
                measure=list(MEASURES), task="novel", head="linear", group=list(GROUPS), n=[1, 5]
            )
        ],
        "correlations": [
            outcome | row
            for outcome in outcomes
            for row in crossed(measure=list(MEASURES), term=["z²", "linear"], **found, **slope)
        ],
        "table1": [
            row | {"accuracy": GROUPS[row["group"]]}
            for row in crossed(
                benchmark=["clean", "edges"], measure="pearson", group=list(GROUPS), **top
            )
        ],
        "table2": crossed(benchmark="edges", top=1, measure="pearson", **found, **paper),
        "appendix_c": [outcome | found for outcome in outcomes],
        "u_tests": [
            outcome | row
            for outcome in outcomes
            for row in crossed(**test)
            if row["test"] != "capacity" or row["measure"] == "triplet"
        ],
        "specifications": [
            outcome | row | {"estimate": 0.2 * i - 0.5, "paper": i == 1, "supports": i % 3 - 1}
            for outcome in outcomes
            for i, row in enumerate(crossed(**choices))
        ],
        "measures": crossed(
            a="pearson", b="triplet", paper=0.824, difference=0.1, **found | {"r": 0.924}
        ),
        "families": [
            {"group": f"recipe{i}", "models": 2, "task": "novel", "n": 1, "covariate": 0.375}
            | {"alignment": x[i], "accuracy": y[i], **spans}
            for i in range(FAMILIES)
        ],
        "factors": [
            {"quantity": quantity, "what": what, "factor": "pull", "pairs": 3, "positive": 2}
            | {"over": "pairs", "mean": 0.1, "low": -0.1, "high": 0.3, "p": 0.1, "q": 0.2}
            | {"undefined": ""}
            for what, quantity in whats.items()
        ],
        "contrasts": [
            {"factor": "pull", "quantity": quantity, "what": what, "a": f"m{i}", "b": "m0"}
            | {"difference": 0.1 * i}
            for what, quantity in whats.items()
            for i in range(3)
        ],
        "reliability": crossed(task="novel", head="linear", n=[1, 5], **repeats),
        "ceilings": [
            sets | people | {"upper": 0.7, "split_half": 0.65, "best_value": 0.85},
            sets | votes | {"upper": None, "split_half": None, "best_value": 0.58},
        ],
        "participants": [
            {"set": "discs", "participant": f"p{mean}", "measure": "pearson", "mean": mean}
            | {"lowest": mean - 0.1, "highest": mean + 0.1, "best_model": "m1", "r_z2": 0.1}
            | {"r_linear": 0.3, "task": "novel", "n": 1}
            for mean in (0.3, 0.4, 0.2)
        ],
        "models": [
            {**model, "covariate": 0.5, "pearson": a, "triplet": b, "spearman": None}
            | {"pearson_se": 0.02, "triplet_se": None, "spearman_se": None}
            for model, a, b in zip(MODELS, x, y, strict=True)
        ],
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("figures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARTIFACT_CACHE", str(tmp_path_factory.mktemp("cache")))
        return folder, draw_all(small(), FACTS, Place(2), folder, folder)


def test_every_figure_is_written_both_ways(drawn: tuple[Path, dict[str, str]]) -> None:
    folder, captions = drawn
    assert list(captions) == FIGURES
    sections = WORDS["sections"].values()
    assert [name for section in sections for name in section["figures"]] == FIGURES
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
        assert draw_all(small(), FACTS, Place(), tmp_path, tmp_path) == drawn[1]
        assert mpl.rcParams["font.size"] == 20
    for path in drawn[0].iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_a_figure_is_drawn_anew_where_what_it_shows_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "figures"
    tables = {name: small()[name] for name in ("families", "models")}
    draw_all(tables, FACTS, Place(), folder, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert before.keys() == {f"{n}.{f}" for n in ("families", "spread") for f in ("svg", "png")}
    tables["models"] = tables["models"][:-1]
    draw_all(tables, FACTS, Place(), folder, folder)
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"spread.svg", "spread.png"}
    new = dataclasses.replace(DRAWINGS["families"], caption="Of {{ facts.models }}.")
    monkeypatch.setitem(DRAWINGS, "families", new)
    assert draw_all(tables, FACTS, Place(), folder, folder)["families"] == "Of 12."
    found = [line.partition(":")[2] for line in capsys.readouterr().err.splitlines()]
    assert [line.rpartition(",")[0] for line in found] == [
        " 2 units, 0 from the cache, 2 computed, 0 failed",
        " 2 units, 1 from the cache, 1 computed, 0 failed",
        " 2 units, 1 from the cache, 1 computed, 0 failed",
    ]


def test_a_figure_sees_all_that_it_shows() -> None:
    for name in FIGURES:
        whole, own = (made(name, tables) for tables in (small(), DRAWINGS[name].inputs(small())))
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
    assert "2 untrained); 0.30 to 0.52" in captions["theory_fewshot"]
    assert "over 8 worlds of 8 games" in captions["theory_queries"]
    for name, caption in captions.items():
        if name in ("theory_queries", "theory_appendix"):
            continue
        assert "12 models (10 trained here and 2 untrained)" in caption, name
        assert "simulated observers" in caption or name == "reliability", name
    for name in ("correlation_by_n", "correlation_by_task", "robustness"):
        assert "90 % intervals" in captions[name]
        assert "6 families, each a recipe" in captions[name]
        assert "controlling for the accuracy of a readout" in captions[name]
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


def made(name: str, tables: Tables, facts: Facts = FACTS) -> tuple[Figure, str] | None:
    """A figure and its caption, neither laid out nor written."""
    frames = {table: frame(rows) for table, rows in tables.items() if rows}
    found = DRAWINGS[name].draw(frames, facts) if DRAWINGS[name].inputs(tables) else None
    if found is None:
        return None
    caption = WORDS["macros"] + DRAWINGS[name].caption
    return found[0], fill(caption, facts=facts, **found[1])


def captions_of(tables: Tables, facts: Facts) -> dict[str, str]:
    """The captions alone: nothing is laid out or written."""
    drawn = {name: made(name, tables, facts) for name in FIGURES}
    return {name: one[1] for name, one in drawn.items() if one is not None}


def test_people_are_not_called_simulated() -> None:
    facts = dataclasses.replace(FACTS, judges="people", untrained=0, zoo="12 published models")
    captions = captions_of(small(), facts)
    assert list(captions) == FIGURES
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
    for name in ("reliability", "measures", "relabelled_tests"):
        absent = ("r", "low", "high", "rank_stability", "reliability")
        tables[name][0] |= dict.fromkeys(absent)
    captions = captions_of(tables, dataclasses.replace(FACTS, families=3))
    assert list(captions) == FIGURES
    drawn = ("u_tests", "measures", "models", "factors", "contrasts")
    written = {name: tables[name] for name in drawn}
    assert len(draw_all(written, FACTS, Place(), tmp_path, tmp_path)) == 4
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
    some = {"models": tables["models"]}
    assert draw_all(some, FACTS, Place(), folder, folder).keys() == {"spread"}
    assert {path.name for path in folder.iterdir()} == {"spread.svg", "spread.png"}
    assert draw_all({}, FACTS, Place(), folder, folder) == {}


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


def test_a_legend_names_the_largest_families() -> None:
    groups = [f"f{i}" for i in range(20) for _ in range(i + 1)]
    found = coloured(pd.DataFrame({"group": groups})).sort_values("rank")
    assert list(found["shown"].unique()) == ["other", *(f"f{i}" for i in range(19, 12, -1))]
    assert (found["shown"] == "other").sum() == sum(range(1, 14))
    assert found.groupby("shown")["colour"].nunique().eq(1).all()
    assert found["colour"].nunique() == 8
    few = coloured(pd.DataFrame({"group": ["b", "a", "b"]}))
    assert list(few["shown"]) == ["b", "a", "b"]
    assert list(few["rank"]) == [0, 1, 0]


def test_limits_hold_zero_and_every_interval() -> None:
    rows = pd.DataFrame({"r": [0.4, np.nan], "low": [0.33, np.nan], "family_high": [0.71, np.nan]})
    low, high = reach(rows)
    assert -0.2 < low < 0 < 0.71 < high <= 0.9
    assert reach(rows[["r"]].iloc[1:]) == (-1, 1)
