"""What others published as a study's sources: bad tables, missing values, covariates, every
specification; then the three studies end to end, offline and without torch."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import yaml
from scipy.stats import pearsonr

from stages.analysis.analysis import features
from stages.analysis.known import over_known
from stages.analysis.partial import z, z_squared
from stages.analysis.results import Results, covariate_sets
from stages.analysis.specifications import TESTS, curve, specifications
from stages.runtime.errors import DataError, UsageError
from stages.runtime.tables import Column, Record
from stages.study.published import read_facts
from stages.study.stimuli import PublishedLikeness
from tests.conftest import PARAMS, ROOT, Workspace, make_workspace, read_yaml
from tests.made_tables import results

NUMBER = {"score": Column(float, blank=True)}


def facts(folder: Path, content: str) -> PublishedLikeness:
    """A published table with this content."""
    (folder / "table.csv").write_text(content)
    about = {"words": "likeness to people: made up", "citation": "none", "licence": "none"}
    made = PublishedLikeness(
        source="published", table="studies/files/t.csv", model="name", value="score", **about
    )
    return made.model_copy(update={"table": str(folder / "table.csv")})


def test_a_published_table_is_read_by_the_columns_that_are_named(tmp_path: Path) -> None:
    table = facts(tmp_path, "score,name,note\n0.5,a,x\n,b,y\n1.5,c,z\n")
    found = read_facts(table, NUMBER, ["a", "b", "d"], "here")
    assert found["name"].tolist() == ["a", "b"]
    assert found["score"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("name,value\na,1\n", "column 'score' is missing"),
        ("name,score\na,1\na,2\n", "line 3: duplicate: name 'a' is in an earlier line too"),
        ("name,score\na,high\n", "line 2: score: 'high'; a number is needed"),
        ("name,score\nz,1\n", r"name: none of the study's 2 models \(here\)"),
        ("name,score\n", "has no rows"),
    ],
)
def test_a_bad_table_is_one_clear_line(tmp_path: Path, content: str, line: str) -> None:
    with pytest.raises(UsageError, match=rf"^\S*table\.csv: {line}[^\n]*$"):
        read_facts(facts(tmp_path, content), NUMBER, ["a", "b"], "here")


def test_each_outcome_is_over_the_models_that_have_it() -> None:
    rng = np.random.default_rng(0)
    x, Y, c = rng.normal(size=40), rng.normal(size=(40, 5)), rng.normal(size=(40, 1))
    family = np.arange(40) % 7
    x[:3], Y[4:9, 1], Y[4:9, 2], Y[30:, 4] = np.nan, np.nan, np.nan, np.nan

    def find(x: np.ndarray, Y: np.ndarray, c: np.ndarray, family: np.ndarray) -> list[Record]:
        assert set(family) == set(range(family.max() + 1))
        return [{"models": len(x), "r": pearsonr(x, y)[0], "c": c.sum()} for y in Y.T]

    for y, found in zip(Y.T, over_known(x, Y, c, family, find), strict=True):
        both = np.isfinite(x) & np.isfinite(y)
        assert found["models"] == both.sum()
        assert found["r"] == pytest.approx(pearsonr(x[both], y[both])[0])
        assert found["c"] == pytest.approx(c[both].sum())
    with pytest.raises(DataError, match="fewer than 6 models have both"):
        over_known(np.where(np.arange(40) < 5, x, np.nan), Y, c, family, find)


def test_the_covariates_are_top_1_its_square_and_the_kind() -> None:
    c = pd.Series([0.1, 0.4, 0.2, 0.9])
    kinds = ["cnn", "vit", "cnn", "other"]
    sets = covariate_sets(c, kinds, 4)
    assert list(sets) == [
        *("none", "covariate", "covariate, its square"),
        *("kind", "covariate, kind", "covariate, its square, kind"),
    ]
    np.testing.assert_array_equal(sets["kind"], [[0, 0], [0, 1], [0, 0], [1, 0]])
    whole = sets["covariate, its square, kind"]
    np.testing.assert_array_equal(whole[:, :2], np.column_stack([c, z_squared(c.to_numpy())]))
    assert sets["none"].shape == (4, 0)
    assert list(covariate_sets(None, ["", ""], 2)) == ["none"]


def test_every_specification_is_made_once_and_the_papers_own_is_marked() -> None:
    made = results()
    rows = specifications({"2022": made, "2026": made}, "pearson", 0.95)
    given = len(made.given)  # without kinds of network: none, the covariate, with its square
    assert len(rows) == 2 * len(made.measures) * given * 2 * len(TESTS) * len(made.shown)
    table = pd.DataFrame(rows)
    choices = ["claim", "outcome", "measure", "table", "covariates", "family_effects", "test"]
    assert not table.duplicated(choices).any()
    own = table[table["paper"]]
    assert len(own) == 2 * len(made.shown)
    assert own.groupby("claim")["test"].unique().map(list).to_dict() == {
        "a U": ["z²"],
        "more with alignment": ["linear"],
    }
    first = made.shown[0]
    x, y = z_squared(made.alignment["pearson"].to_numpy()), first.values.to_numpy()
    design = sm.add_constant(np.column_stack([z(x), z(made.controls[:, 0])]))
    fit = sm.OLS(z(y), design).fit()
    row = own[(own["outcome"] == first.outcome) & (own["claim"] == "a U")].iloc[0]
    assert row["estimate"] == pytest.approx(fit.params[1])
    assert row["p"] == pytest.approx(fit.pvalues[1])


def test_what_is_done_to_features_is_a_choice_of_specifications() -> None:
    made = results()
    judged = made.judged.query("judge == 'group'").drop(columns=["judge", "se"])
    tables = [
        judged.assign(features=name, value=judged["value"] ** k)
        for k, name in ((1, "centred"), (2, "raw"))
    ]
    index = {name: dict(row) for name, row in made.index.items()}
    given = (made.judged, made.fewshot, made.robustness, made.covariate_from, index, "group", 5)
    both = Results(*given, features=pd.concat(tables))
    assert list(both.by_features) == ["centred", "raw"]
    pd.testing.assert_frame_equal(both.by_features["centred"], made.alignment)
    model = made.models[3]
    squares = judged[(judged["model"] == model) & (judged["measure"] == "pearson")]["value"] ** 2
    assert both.by_features["raw"].loc[model, "pearson"] == pytest.approx(squares.mean())
    table = pd.DataFrame(specifications({"": both}, "pearson", 0.95))
    assert len(table) == 2 * len(specifications({"": made}, "pearson", 0.95))
    assert set(table[table["paper"]]["features"]) == {"centred"}
    rows = features(both, "pearson")
    assert rows[3]["raw"] == pytest.approx(squares.mean())

    # Likeness that is published beside what is measured knows no features.
    gaze = made.judged.query("measure == 'triplet'").assign(measure="gaze", set="gaze")
    given = (pd.concat([made.judged, gaze]), *given[1:])
    mixed = Results(*given, features=pd.concat(tables))
    table = pd.DataFrame(specifications({"": mixed}, "pearson", 0.95))
    assert set(table[table["measure"] == "gaze"]["features"]) == {"centred"}
    assert features(mixed, "gaze") == []


def test_the_curve_counts_what_specifications_say() -> None:
    rows = specifications({"": results()}, "pearson", 0.95)
    table = pd.DataFrame(rows)
    for summary in curve(rows):
        key = ["kind", "outcome", "head", "n", "top", "claim"]
        part = table[(table[key] == pd.Series(summary)[key]).all(axis=1)]
        assert summary["specifications"] == len(part)
        estimates, p = part["estimate"].astype(float), part["family_p"].astype(float)
        assert summary["supporting"] == ((estimates > 0) & (p < 0.05)).sum()
        down = (estimates < 0) & (p < 0.05) & (part["test"] != "two lines")
        assert summary["opposing"] == down.sum()
        own = part[part["paper"]]["estimate"].iloc[0]
        assert summary["paper_rank"] == 1 + (estimates > own).sum()


FOUND: dict[str, dict[str, dict[str, float]]] = {
    "clickme": {
        "z²": {"imagenet_a": 0.36, "imagenet_r": 0.24, "imagenet_sketch": 0.30},
        "linear": {"imagenet_a": -0.32, "imagenet_r": -0.22, "imagenet_sketch": -0.26},
    },
    "brain": {
        "z²": {"imagenet_a": 0.12, "imagenet_r": 0.08, "imagenet_sketch": 0.03},
        "linear": {"imagenet_a": -0.46, "imagenet_r": -0.17, "imagenet_sketch": -0.17},
    },
}
LOC = {1: 0.629, 5: 0.662, 20: 0.697, 50: 0.712}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A fresh copy without caches, network or torch: importing that is an error."""
    folder = tmp_path_factory.mktemp("facts")
    workspace = make_workspace(folder)
    params = read_yaml("params.yaml") | {"theory": PARAMS["theory"]}  # of which nothing is asked
    (workspace.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (folder / "no").mkdir()
    (folder / "no" / "torch.py").write_text("raise ImportError('torch is not needed here')\n")
    workspace.git()
    workspace.environment |= {"PYTHONPATH": str(folder / "no"), "HF_HUB_OFFLINE": "1"}
    workspace.environment |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    return workspace


@pytest.mark.parametrize("study", ["clickme", "brain", "layers"])
def test_the_studies_run_offline_and_find_what_was_computed_elsewhere(
    repository: Workspace, study: str
) -> None:
    repository.edit("params.yaml", "study", value=study)
    repository.dvc("repro") if study == "clickme" else repository.stages()
    found = pd.read_csv(repository.root / "data" / "tables" / "correlations.csv")
    answer = json.loads((repository.root / "data" / "report" / "answer.json").read_text())
    report = (repository.root / "data" / "report" / "report.html").read_text()
    first = str(found["measure"].iloc[0])
    assert first.startswith("likeness to people: ")
    assert f"a U of {first.replace(': ', ' in ')}" in answer["answer"][0]
    assert "lignment with people" not in report
    shown = found[(found["measure"] == first) & (found["top"] == 1)]
    for term, values in FOUND.get(study, {}).items():
        rs = shown[shown["term"] == term].set_index("outcome")["r"]
        np.testing.assert_allclose(rs[list(values)], list(values.values()), rtol=0, atol=0.0055)
    if study == "layers":
        wanted = "measure == @first and head == 'prototype' and term == 'linear'"
        own = found.query(wanted).set_index("n")["r"]
        assert found[found["head"] == "prototype"]["models"].eq(536).all()
        assert found[found["head"] == "linear"]["models"].eq(520).all()
        for n in (1, 5, 20, 50):
            assert own[n] == pytest.approx(LOC[n], abs=5e-4)


def test_another_table_and_another_covariate(repository: Workspace) -> None:
    """All of 2026's models, one of them without ImageNet-A; then top-1's square and the kind."""
    repository.edit("params.yaml", "study", value="clickme")
    repository.edit("params.yaml", "models", "table", value=2026)
    repository.edit("studies/clickme.yaml", "covariate", "square", value=True)
    repository.stages("align", "fewshot", "robustness", "analyze")
    found = pd.read_csv(repository.root / "data" / "tables" / "correlations.csv")
    counts = found[found["top"] == 1].groupby("outcome")["models"].first()
    assert counts.to_dict() == dict.fromkeys(counts.index, 551) | {"imagenet_a": 550}
    report = (repository.root / "data" / "report" / "report.html").read_text()
    assert "1 of 551 have no value of imagenet_a top-1." in report
    assert "published top-1 on imagenet and its square" in report


def test_layers_at_one_n(repository: Workspace) -> None:
    repository.edit("params.yaml", "study", value="layers")
    for n, said in ((5, ""), (7, r"error: params.yaml: fewshot.n: [7]; ")):
        repository.edit("params.yaml", "fewshot", "n", value=n)
        done = repository.stage("fewshot")
        assert said in done.stderr
        assert done.returncode == bool(said)
    assert set(repository.table("fewshot")["n"]) == {5}


def test_the_studies_declare_where_everything_is_from() -> None:
    """Every published table of a study is among the facts that docs/published.md describes."""
    page = (ROOT / "docs" / "published.md").read_text(encoding="utf-8")
    for study, name in product(("clickme", "brain", "layers"), ("clickme", "brain", "layers")):
        text = (ROOT / "studies" / f"{study}.yaml").read_text(encoding="utf-8")
        if f"studies/published/{name}" in text:
            assert f"published/{name}.csv" in page
