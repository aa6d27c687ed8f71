"""Statistics against statsmodels, closed forms and brute force."""

import numpy as np
import pandas as pd
import pingouin
import pytest
import statsmodels.api as sm
from scipy.stats import norm

from stages.analysis.families import Resampling
from stages.analysis.inputs import aligned, mean_alignment
from stages.analysis.partial import SAME, partial_correlation, quadratic_curve, z, z_squared
from stages.analysis.results import groups
from stages.runtime.errors import DataError


@pytest.mark.parametrize("shape", [(40,), (60, 3)])
@pytest.mark.parametrize("seed", range(4))
def test_partial_correlation_is_that_of_residuals(seed: int, shape: tuple[int, ...]) -> None:
    """Of one covariate, and of several."""
    rng = np.random.default_rng(seed)
    c = rng.normal(size=shape)
    x, y = (w * c.T[0] + c.T[-1] + rng.normal(size=len(c)) for w in (1, 0.5))
    design = sm.add_constant(c)
    rx, ry = (sm.OLS(v, design).fit().resid for v in (x, y))
    result = partial_correlation(x, y, c)
    assert result["r"] == pytest.approx(np.corrcoef(rx, ry)[0, 1], abs=1e-10)
    # Its p-value is that of x's coefficient in the regression of y on x and the covariates.
    fit = sm.OLS(y, sm.add_constant(np.column_stack([x, c]))).fit()
    assert result["p"] == pytest.approx(fit.pvalues[1], abs=1e-10)
    by_family = Resampling(0.95, 1000, 0).intervals(x, y[:, None], c, np.arange(len(c)) % 12)
    assert by_family["r"][0] == pytest.approx(result["r"])


def test_without_covariates_it_is_the_plain_correlation() -> None:
    x, y = np.random.default_rng(1).normal(size=(2, 60))
    plain = pingouin.corr(pd.Series(x), pd.Series(y))["r"].iloc[0]
    assert partial_correlation(x, y, np.empty((60, 0)))["r"] == pytest.approx(plain)


@pytest.mark.parametrize("noise", [1e-4, 0.01, 0.3, 10])
def test_partial_correlation_is_pingouins_in_every_digit(noise: float) -> None:
    x, c, e = np.random.default_rng(5).normal(size=(3, 12))
    y = 2 * c - x + noise * e
    row = pingouin.partial_corr(pd.DataFrame({"x": x, "y": y, "c": c}), "x", "y", "c").iloc[0]
    result = partial_correlation(x, y, c)
    assert (result["r"], result["undefined"]) == (row["r"], "")
    assert result["p"] == pytest.approx(row["p_val"], rel=1e-9, abs=1e-15)
    assert [round(result[end], 2) for end in ("low", "high")] == row["CI95"].tolist()


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_interval_is_fishers(confidence: float) -> None:
    x, y, c = np.random.default_rng(1).normal(size=(3, 30))
    result = partial_correlation(x, y, c, confidence)
    half = norm.ppf(0.5 + confidence / 2) / np.sqrt(30 - 1 - 3)
    ends = np.tanh(np.arctanh(result["r"]) + np.array([-half, half]))
    assert [result["low"], result["high"]] == pytest.approx(list(ends), rel=1e-12)


def test_what_has_no_partial_correlation_says_why() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 10))
    same = np.full(10, 0.1)
    for arguments, reason in (
        ((x, same, y), SAME),
        ((same, y, x), "all models have the same alignment"),
        ((x, y, same), "all models have the same covariate"),
        ((x, 3 * y - 7, y), "the outcome is a linear function of the covariate"),
        ((2 * y, x, y), "alignment is a linear function of the covariate"),
        ((x, y + 1e-9 * x, y), "the outcome is a linear function of the covariate"),
    ):
        result = partial_correlation(*arguments)
        assert result.pop("undefined") == reason
        assert result == dict.fromkeys(("r", "low", "high", "p"))


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
    assert partial_correlation(z_squared(x), u, c)["r"] > 0.9
    assert abs(partial_correlation(z_squared(x), line, c)["r"]) < 0.15


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
        ("s1", "pearson", "group", 0.2),
        ("s1", "pearson", "p01", 0.9),
        ("s2", "pearson", "group", 0.4),
        ("s1", "triplet", "group", 0.6),
        ("s3", "triplet", "group", 0.7),
    ]
    table = pd.DataFrame(rows, columns=["set", "measure", "judge", "value"])
    mean, _ = mean_alignment(table.assign(model="a", se=0.1))
    assert mean.loc["a"].to_dict() == pytest.approx({"pearson": 0.3, "triplet": 0.65})


def test_a_model_without_a_value_is_an_error_never_dropped() -> None:
    with pytest.raises(DataError, match="no value for b"):
        aligned(pd.Series({"a": 1.0}), pd.Index(["a", "b"]), "few-shot")
    with pytest.raises(DataError, match="alignment: no value for c"):
        aligned(pd.Series({"a": 1.0, "c": 2.0}), pd.Index(["a"]), "few-shot")
