"""Noise of alignment: tables of ceilings, participants and errors over stimuli."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from stages.analysis import noise
from stages.analysis.inputs import mean_alignment, read_measurements
from stages.analysis.results import Outcome
from stages.runtime.errors import DataError
from stages.runtime.files import pack, unpack
from stages.runtime.tables import write_table
from stages.similarity.ceilings import noise_ceilings
from stages.similarity.measures import MEASURES, pearson
from stages.sources.human import Judgments, stimulus_files


def test_a_blank_standard_error_comes_back_as_nan(tmp_path: Path) -> None:
    names = {"weights": "trained", "set": "007", "measure": "pearson"}
    rows: list[dict[str, Any]] = [
        {"model": "nan", **names, "judge": "group", "value": 0.1, "se": 0.012345678901234567},
        {"model": "1e5", **names, "judge": "p01", "value": 0.2, "se": None},
    ]
    path = tmp_path / "alignment.csv"
    write_table(path, rows)
    table = read_measurements(path)
    assert table["model"].tolist() == ["nan", "1e5"]
    assert table["set"].tolist() == ["007", "007"]
    assert table["se"].dtype == float
    assert table["se"][0] == rows[0]["se"]
    assert math.isnan(table["se"][1])
    write_table(path, rows[1:])
    assert read_measurements(path)["se"].isna().all()
    path.write_text(path.read_text().replace("0.2,", "0.2,much"))
    with pytest.raises(DataError, match="line 2: se: 'much'; a number is needed"):
        read_measurements(path)


MODELS = [f"m{i}" for i in range(12)]


def table(rng: np.random.Generator) -> pd.DataFrame:
    """Alignment of 12 models with a set of two participants and one of judged triplets."""
    columns = ["model", "set", "measure", "judge", "value", "se"]
    rows = [
        (model, "people", measure, judge, rng.random(), 0.1 if judge == "group" else math.nan)
        for model in MODELS
        for measure in MEASURES
        for judge in ("group", "p01", "p02")
    ]
    rows += [(model, "voted", "triplet", "group", rng.random(), 0.2) for model in MODELS]
    return pd.DataFrame(rows, columns=columns)


def test_table_of_ceilings(tmp_path: Path) -> None:
    rng = np.random.default_rng(17)
    measured = table(rng)
    people = rng.normal(size=(2, 10, 10))
    people += people.transpose(0, 2, 1)
    t = np.array([rng.permutation(10)[:3] for _ in range(50)])
    votes = np.stack([rng.integers(4, 8, 50), rng.integers(0, 4, 50)], 1)
    judgments = {
        "people": Judgments(10, similarity=people.mean(0), participants=people),
        "once": Judgments(10, similarity=people[0]),
        "voted": Judgments(10, triplets=t, votes=votes),
        "voted once": Judgments(10, triplets=t, votes=np.tile([1, 0], (50, 1))),
    }
    for name, human in judgments.items():
        images = {f"{i}.png": b"" for i in range(human.n)}  # only counted
        unpack(pack(stimulus_files(images, human, {})), tmp_path / name)
    sets = {name: noise_ceilings(tmp_path / name, name, 0) for name in judgments}
    assert [name for name, found in sets.items() if found] == ["people", "voted"]
    rows = noise.ceilings(sets, measured)
    assert [(r["set"], r["form"], r["measure"], r["judges"]) for r in rows] == [
        ("people", "participants", "pearson", 2),
        ("people", "participants", "spearman", 2),
        ("people", "participants", "triplet", 2),
        ("voted", "votes", "triplet", votes.sum(1).max()),
    ]
    for column in ("leave_one_out", "split_half"):  # of two, both are their correlation
        assert rows[0][column] == pytest.approx(pearson(*people))
    for row in rows:
        own = measured[(measured["set"] == row["set"]) & (measured["measure"] == row["measure"])]
        own = own[(own["judge"] != "group") == (row["form"] == "participants")]
        best = {model: own[own["model"] == model]["value"].mean() for model in MODELS}
        assert row["best_model"] == max(best, key=lambda model: best[model])
        assert row["best_value"] == pytest.approx(max(best.values()))
        assert row["stimuli"] == 10
    assert noise.ceilings(dict(reversed(sets.items())), measured)[1:] == rows[:3]
    assert noise_ceilings(tmp_path / "people", "people", 0) == sets["people"]


def test_table_of_participants() -> None:
    rng = np.random.default_rng(18)
    measured = table(rng)
    covariate, values = (pd.Series(rng.normal(size=12), MODELS[::-1]) for _ in range(2))
    outcome = Outcome("few-shot", "novel", "linear", 1, 0, values)
    rows = noise.participants(measured, covariate, outcome)
    assert len(rows) == 2 * 3
    assert {row["set"] for row in rows} == {"people"}
    row = next(r for r in rows if (r["participant"], r["measure"]) == ("p02", "spearman"))
    own = measured[(measured["judge"] == "p02") & (measured["measure"] == "spearman")]
    x = own.set_index("model")["value"]
    assert (row["mean"], row["lowest"], row["highest"]) == (x.mean(), x.min(), x.max())
    assert row["best_model"] == x.idxmax()
    assert (row["task"], row["n"]) == ("novel", 1)
    design = sm.add_constant(covariate[x.index])
    square = (x - x.mean()) ** 2 / x.var(ddof=0)
    for column, term in (("r_linear", x), ("r_z2", square)):
        a, b = (sm.OLS(v, design).fit().resid for v in (term, values[x.index]))
        assert row[column] == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-10)
    flat = noise.participants(measured, covariate, replace(outcome, values=values * 0))
    assert {(r["r_z2"], r["r_linear"]) for r in flat} == {(None, None)}
    flat = noise.participants(measured.assign(value=0.5), covariate, outcome)
    assert {(r["mean"], r["r_z2"], r["r_linear"]) for r in flat} == {(0.5, None, None)}
    with pytest.raises(DataError, match=r"people, p01: the outcome: no value for m11"):
        noise.participants(measured, covariate, replace(outcome, values=values.drop("m11")))


def test_error_of_the_mean_over_sets() -> None:
    measured = table(np.random.default_rng(19))
    own = measured.query("model == 'm3' and judge == 'group' and measure == 'triplet'")["value"]
    error = math.hypot(0.1, 0.2) / 2
    means, errors = mean_alignment(measured)
    assert list(means.index) == list(errors.index) == MODELS
    assert means.loc["m3", "triplet"] == pytest.approx(own.mean())
    assert list(errors.loc["m3", ["triplet", "pearson"]]) == pytest.approx([error, 0.1])
    measured.loc[(measured["model"] == "m3") & (measured["set"] == "voted"), "se"] = math.nan
    means, errors = mean_alignment(measured)
    assert list(errors.loc[["m3", "m4"], "triplet"]) == pytest.approx(
        [math.nan, error], nan_ok=True
    )
    assert means.loc["m3", "triplet"] == pytest.approx(own.mean())
    for only in mean_alignment(measured[measured["set"] == "voted"]):
        assert list(only) == ["triplet"]
