"""Statistics against statsmodels, closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pingouin
import pytest
import statsmodels.api as sm

from stages.inference.groups import groups
from stages.inference.partial import (
    partial_correlation,
    partial_r,
    quadratic_curve,
    z,
    z_squared,
)
from stages.inference.tables import aligned, best_classifier, mean_alignment
from stages.runtime.errors import DataError


@pytest.mark.parametrize("seed", range(4))
def test_partial_correlation_is_that_of_residuals(seed: int) -> None:
    rng = np.random.default_rng(seed)
    c = rng.normal(size=40)
    x, y = c + rng.normal(size=40), 0.5 * c + rng.normal(size=40)
    design = sm.add_constant(c)
    rx, ry = (sm.OLS(v, design).fit().resid for v in (x, y))
    expected = np.corrcoef(rx, ry)[0, 1]
    result = partial_correlation(x, y, c, 0.95)
    assert result.r == pytest.approx(expected, abs=1e-10)
    # Its p-value is that of x's coefficient in the regression of y on x and the covariate.
    fit = sm.OLS(y, sm.add_constant(np.column_stack([x, c]))).fit()
    assert result.p == pytest.approx(fit.pvalues[1], abs=1e-10)
    assert result.models == 40
    assert partial_r(x, y, c) == pytest.approx(expected, abs=1e-12)


def test_partial_correlation_is_pingouins_also_near_one() -> None:
    rng = np.random.default_rng(5)
    for noise in (1e-4, 0.01, 0.3, 10):
        x, c = rng.normal(size=(2, 12))
        y, c = 2 * c - x + noise * rng.normal(size=12), 1e3 * c
        table = pd.DataFrame({"x": x, "y": y, "c": c})
        row = pingouin.partial_corr(table, "x", "y", "c").iloc[0]
        result = partial_correlation(x, y, c, 0.95)
        interval = pingouin.compute_esci(float(row["r"]), 11, 11, eftype="r", decimals=12)
        assert result.r == pytest.approx(row["r"], abs=1e-10)
        assert [result.low, result.high] == pytest.approx(list(interval), abs=1e-8)
        assert result.p == pytest.approx(row["p_val"], rel=1e-5)


@pytest.mark.parametrize(("confidence", "quantile"), [(0.95, 1.959964), (0.9, 1.644854)])
def test_interval_is_fishers(confidence: float, quantile: float) -> None:
    rng = np.random.default_rng(1)
    x, y, c = rng.normal(size=(3, 30))
    result = partial_correlation(x, y, c, confidence)
    half = quantile / np.sqrt(30 - 1 - 3)
    assert result.low == pytest.approx(np.tanh(np.arctanh(result.r) - half), abs=1e-6)
    assert result.high == pytest.approx(np.tanh(np.arctanh(result.r) + half), abs=1e-6)


def test_a_constant_has_no_correlation() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 10))
    with pytest.raises(ValueError, match="equal"):
        partial_correlation(x, np.full(10, 0.1), y, 0.95)
    with pytest.raises(ValueError, match="the outcome is a line of the covariate"):
        partial_correlation(x, 3 * y - 7, y, 0.95)


def test_z_squared() -> None:
    x = np.array([1.0, 2.0, 3.0, 6.0])
    sd = np.sqrt(((x - 3) ** 2).mean())
    np.testing.assert_allclose(z_squared(x), ((x - 3) / sd) ** 2)
    np.testing.assert_allclose(z_squared(-5 * x + 7), z_squared(x))
    assert z(x).mean() == pytest.approx(0)


def test_a_planted_u_is_found_and_a_line_is_not_taken_for_one() -> None:
    rng = np.random.default_rng(2)
    x, c = rng.uniform(-1, 1, 200), rng.normal(size=200)
    u = x**2 + 0.1 * rng.normal(size=200)
    line = x + 0.1 * rng.normal(size=200)
    assert partial_correlation(z_squared(x), u, c, 0.95).r > 0.9
    assert abs(partial_correlation(z_squared(x), line, c, 0.95).r) < 0.15


def test_curve_is_statsmodels() -> None:
    x, y = np.random.default_rng(3).normal(size=(2, 25))
    design = sm.add_constant(np.column_stack([x, x**2]))
    plain = sm.OLS(y, design).fit().get_prediction(design).summary_frame(0.05)
    curve = quadratic_curve(x, y, x, 0.95)
    for ours, column in zip(curve, ["mean", "mean_ci_lower", "mean_ci_upper"], strict=True):
        np.testing.assert_allclose(ours, plain[column], atol=1e-9)


def test_groups_by_brute_force() -> None:
    rng = np.random.default_rng(4)
    values = pd.Series(rng.normal(size=17), index=[f"m{i:02d}" for i in range(17)])
    found = groups(values, 5)
    by_value = sorted(values.index, key=lambda name: values[name])
    assert set(found["low"]) == set(by_value[:5])
    assert set(found["high"]) == set(by_value[-5:])
    by_distance = sorted(values.index, key=lambda name: abs(values[name] - values.mean()))
    assert set(found["mid"]) == set(by_distance[:5])
    assert groups(values[::-1], 5) == found  # the order of rows does not matter


def test_mean_over_sets_that_support_the_measure() -> None:
    rows = [
        ("a", "s1", "pearson", "group", 0.2),
        ("a", "s1", "pearson", "p01", 0.9),
        ("a", "s2", "pearson", "group", 0.4),
        ("a", "s1", "triplet", "group", 0.6),
        ("a", "s3", "triplet", "group", 0.7),
    ]
    table = pd.DataFrame(rows, columns=["model", "set", "measure", "judge", "value"])
    mean = mean_alignment(table)
    assert mean.loc["a", "pearson"] == pytest.approx(0.3)
    assert mean.loc["a", "triplet"] == pytest.approx(0.65)


def test_own_classifier_where_there_is_one() -> None:
    rows = [("a", "x", "readout", 0.1), ("a", "x", "own", 0.2), ("b", "x", "readout", 0.3)]
    table = pd.DataFrame(rows, columns=["model", "benchmark", "classifier", "top1"])
    chosen = best_classifier(table).set_index("model")["top1"]
    assert chosen.to_dict() == {"a": 0.2, "b": 0.3}


def test_a_model_without_a_value_is_an_error_never_dropped() -> None:
    with pytest.raises(DataError, match="no value for b"):
        aligned(pd.Series({"a": 1.0}), pd.Index(["a", "b"]), "few-shot")
    with pytest.raises(DataError, match="alignment: no value for c"):
        aligned(pd.Series({"a": 1.0, "c": 2.0}), pd.Index(["a"]), "few-shot")
