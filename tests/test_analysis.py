"""The tables of a whole analysis: what is in them, and what they say where nothing can be said."""

import json
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pingouin
import pytest

from stages.analysis.analysis import Context, all_tables
from stages.analysis.families import Resampling
from stages.analysis.metrics import metrics, outcomes, plot_rows
from stages.analysis.outcomes import Tables
from stages.analysis.results import Results
from stages.runtime.errors import DataError
from stages.runtime.tables import Record
from tests import made_tables
from tests.made_tables import HEADS, SHOTS, Made, curve

RESAMPLES = Resampling(0.95, 200, 0)
NOTHING = Context({}, [], {}, {}, curve())


@cache
def results(families: int = 8, same: bool = False) -> Results:
    """24 models in families; with `same`, all of them score alike on ImageNet-R."""

    def change(made: Made) -> None:
        table = made["robustness"]
        table.loc[same & (table["benchmark"] == "imagenet_r"), ["top1", "top5"]] = 0.5

    return made_tables.results(24, families, change)


@cache
def found(families: int = 8, same: bool = False) -> Tables:
    return all_tables({"": results(families, same)}, "pearson", RESAMPLES, NOTHING)


def select(table: str, same: bool = False, **where: Any) -> list[Record]:
    rows = found(same=same)[table]
    return [row for row in rows if all(row[k] == v for k, v in where.items())]


def test_every_outcome_measure_and_term_is_there_once() -> None:
    rows = pd.DataFrame(found()["correlations"])
    assert not rows.duplicated([*results().shown[0].labels, "measure", "term"]).any()
    assert len(rows) == (3 * len(HEADS) * len(SHOTS) + 4 * 2) * 3 * 2
    assert (rows["models"] == 24).all()
    assert (rows["families"] == 8).all()


def test_naive_intervals_are_pingouins() -> None:
    whole = results()
    outcomes = {tuple(o.labels.values()): o.values for o in whole.outcomes}
    transforms = {"z²": lambda x: ((x - x.mean()) / x.std()) ** 2, "linear": lambda x: x}
    for row in found()["correlations"]:
        x = transforms[row["term"]](whole.alignment[row["measure"]])
        y = outcomes[tuple(row[name] for name in whole.outcomes[0].labels)]
        table = pd.DataFrame({"c": whole.covariate, "x": x, "y": y})
        expected = pingouin.partial_corr(table, "x", "y", "c").iloc[0]
        assert row["r"] == pytest.approx(expected["r"], abs=1e-10)
        assert row["p"] == pytest.approx(expected["p_val"], abs=1e-10)
        level = {"confidence": RESAMPLES.confidence, "decimals": 12}
        interval = pingouin.compute_esci(row["r"], 24 - 1, 24 - 1, eftype="r", **level)
        assert [row["low"], row["high"]] == pytest.approx(list(interval), abs=1e-10)


def test_the_same_analysis_gives_the_same_tables() -> None:
    again = all_tables({"": results()}, "pearson", RESAMPLES, NOTHING)
    assert json.dumps(again) == json.dumps(found())
    other = all_tables({"": results()}, "pearson", Resampling(0.95, 200, 1), NOTHING)
    for column, alike in (("family_low", False), ("low", True)):  # the seed is of the resamples
        one, two = ([row[column] for row in t["correlations"]] for t in (other, again))
        assert (one == two) == alike


def test_where_all_models_score_the_same_nothing_is_said_and_nothing_fails() -> None:
    rows = select("correlations", same=True, outcome="imagenet_r")
    assert rows
    for row in rows:
        assert row["undefined"] == "all models score the same"
        assert {row[k] for k in ("r", "low", "p", "family_low", "family_p", "slope")} == {None}
    others, before = (select("correlations", s, outcome="imagenet_a") for s in (True, False))
    assert [row["r"] for row in others] == [row["r"] for row in before]
    shown = outcomes(results(same=True), found(same=True), "pearson")
    (row,) = (row for row in shown if row["outcome"] == "imagenet_r")
    assert (row["z2"]["r"], row["accuracy"]) == (None, 0.5)


def test_with_too_few_families_only_naive_values_are_there() -> None:
    for row in found(families=3)["correlations"]:
        assert row["r"] is not None
        assert {row[k] for k in ("family_low", "family_high", "family_p", "slope_p")} == {None}
    values = metrics(results(3), found(3), "pearson", [], 0.05)
    assert values["outcomes_following_u"] is values["outcomes_rising_with_alignment"] is None


def test_one_family_of_all_models_is_too_few_and_no_crash() -> None:
    assert all(row["family_p"] is None for row in found(families=1)["correlations"])
    assert all(row["u"] is None for row in found(families=1)["u_tests"])


def test_alignment_that_hardly_varies_is_an_error_that_names_it() -> None:
    with pytest.raises(DataError, match="fewer than 3 different values of pearson alignment"):
        made_tables.results(
            change=lambda made: made.update(alignment=made["alignment"].assign(value=0.5))
        )


def test_groups_are_means_of_their_models() -> None:
    alignment = results().alignment["spearman"].sort_values()
    top5 = results().top("imagenet_a", 5)
    where: dict[str, Any] = {"benchmark": "imagenet_a", "top": 5, "measure": "spearman"}
    rows = {row["group"]: row for row in select("table1", **where)}
    assert rows["high"]["accuracy"] == pytest.approx(top5[alignment.index[-5:]].mean())
    assert rows["low"]["accuracy"] == pytest.approx(top5[alignment.index[:5]].mean())
    assert rows["mid"]["models"] == 5


def test_groups_of_few_models_are_a_third_of_them() -> None:
    """Of 14 models, which are fewer than three groups of five."""
    few = made_tables.results(14)
    assert few.group_size == 4
    for groups in few.groups.values():
        assert {len(set(names)) for names in groups.values()} == {4}
        assert not {*groups["high"]} & {*groups["low"]}


def test_families_hold_every_model_once() -> None:
    assert sum(row["models"] for row in found()["families"]) == 24
    (one,) = select("families", group="family 3")
    own = np.array(results().families) == "family 3"
    assert one["alignment"] == pytest.approx(results().alignment["pearson"][own].mean())
    assert one["accuracy_high"] == results().shown[0].values[own].max()


def test_plots_are_few_rows_of_numbers() -> None:
    plots = plot_rows(found(), "pearson", "linear", 1, 0.05, {"models": 24, "untrained_models": 0})
    assert {len(plots[name]) for name in ("alignment_fewshot", "covariate_alignment")} == {72, 24}
    assert len(plots["correlation_by_n"]) == 3 * len(HEADS) * len(SHOTS)
    assert len(plots["groups_by_n"]) == 3 * len(SHOTS) * 3
    assert len(plots["robustness"]) == 4 * 2 * 2
    for rows in plots.values():
        json.dumps(rows, allow_nan=False)
        assert all(row["models"] == 24 for row in rows)


def test_metrics_are_few_and_plain() -> None:
    values = metrics(results(), found(), "pearson", ["x"], 0.05)
    assert len(values) <= 12
    assert (values["models"], values["models_left_out"], values["untrained_models"]) == (24, 1, 0)
    assert values["one_judge_agreement"] is None  # no judgments were given
    shown = results().shown
    for name, term in (("r_z2", "z²"), ("r_alignment", "linear")):
        (row,) = select("correlations", term=term, measure="pearson", **shown[0].labels)
        assert values[f"{name}_main_outcome"] == pytest.approx(row["r"], rel=1e-3)
    few = [o.values.mean() for o in shown if o.kind == "few-shot"]
    assert values["mean_fewshot_accuracy"] == pytest.approx(np.mean(few), rel=1e-3)
    assert values["mean_alignment"] == pytest.approx(results().alignment["pearson"].mean(), 1e-3)
    where: dict[str, Any] = {"test": "two lines", "family_effects": False, "measure": "pearson"}
    us = [row["u"] for o in shown for row in select("u_tests", **where, **o.labels) if row["u"]]
    assert values["outcomes_following_u"] == len(us)
    (row,) = select("bridge_tests", outcome="cifar100", n=1)
    assert values["theory_rank_correlation"] == pytest.approx(row["rho"], rel=1e-3)
