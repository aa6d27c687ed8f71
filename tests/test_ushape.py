"""Regressions against statsmodels and brute force; the two-lines test's published properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.interpolate import make_smoothing_spline
from scipy.stats import binom

from stages.analysis.regression import Regression, UndefinedError
from stages.analysis.twolines import smooth, two_lines
from stages.analysis.ushape import capacity, u_tests
from stages.runtime.tables import Record


def data(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Terms [M, 2], outcomes [M, 3], families of 2 to 5 models."""
    rng = np.random.default_rng(seed)
    family = np.repeat(np.arange(9), rng.integers(2, 6, 9))
    X = rng.normal(size=(len(family), 2)) + rng.normal(size=(9, 2))[family]
    return X, X @ rng.normal(size=(2, 3)) + rng.normal(size=(len(family), 3)), family


@pytest.mark.parametrize("effects", [False, True])
def test_regression_is_statsmodels(effects: bool) -> None:
    X, Y, family = data(0)
    fit = Regression(X, Y, family, effects)
    intercepts = (
        (family[:, None] == np.arange(9)).astype(float) if effects else np.ones((len(X), 1))
    )
    for k in range(3):
        reference = sm.OLS(Y[:, k], np.column_stack([X, intercepts])).fit()
        np.testing.assert_allclose(fit.value[:, k], reference.params[:2])
        np.testing.assert_allclose(fit.classical.error[:, k], reference.bse[:2])
        np.testing.assert_allclose(fit.classical.p[:, k], reference.pvalues[:2], atol=1e-12)
        np.testing.assert_allclose(
            np.column_stack(fit.classical.interval(0.9))[:, [k, k + 3]],
            reference.conf_int(0.1)[:2],
        )
        np.testing.assert_allclose(fit.hc3.error[:, k], reference.HC3_se[:2])


@pytest.mark.parametrize("effects", [False, True])
def test_by_family_is_the_jackknife_of_families(effects: bool) -> None:
    X, Y, family = data(1)
    fit = Regression(X, Y, family, effects)
    for k in range(3):
        values = []
        for g in range(9):
            there = family != g
            dummies = family[there][:, None] == np.unique(family[there])
            ones = dummies.astype(float) if effects else np.ones((there.sum(), 1))
            values.append(sm.OLS(Y[there, k], np.column_stack([X[there], ones])).fit().params[:2])
        spread = 8 / 9 * ((np.array(values) - fit.value[:, k]) ** 2).sum(0)
        np.testing.assert_allclose(fit.by_family.error[:, k], np.sqrt(spread))
    assert fit.by_family.freedom == 8


def test_one_model_a_family_makes_cr3_nearly_hc3() -> None:
    X, Y, _ = data(2)
    fit = Regression(X, Y, np.arange(len(X)))
    shrink = np.sqrt((len(X) - 1) / len(X))
    np.testing.assert_allclose(fit.by_family.error, fit.hc3.error * shrink)


def test_families_of_one_tell_nothing_beside_family_effects() -> None:
    X, Y, family = data(3)
    more = np.vstack([X, [[5, 5], [9, 9]]]), np.vstack([Y, np.ones((2, 3))]), np.r_[family, 20, 21]
    fits = [Regression(X, Y, family, True), Regression(*more, effects=True)]
    np.testing.assert_allclose(fits[0].value, fits[1].value)
    np.testing.assert_allclose(fits[0].by_family.error, fits[1].by_family.error)
    np.testing.assert_allclose(fits[0].hc3.error, fits[1].hc3.error)


def test_what_cannot_be_told_is_said() -> None:
    X, Y, family = data(4)
    with pytest.raises(UndefinedError, match="collinear"):
        Regression(np.column_stack([X, X[:, 0]]), Y, family)
    with pytest.raises(UndefinedError, match="collinear"):
        Regression(np.column_stack([X, family]), Y, family, effects=True)
    with pytest.raises(UndefinedError, match="too few"):
        Regression(X[:3], Y[:3], family[:3])
    one_family = np.column_stack([X, family == 0])
    with pytest.raises(UndefinedError, match="one family"):
        _ = Regression(one_family, Y, family).by_family
    one_model = np.column_stack([X, np.arange(len(X)) == 0])
    with pytest.raises(UndefinedError, match="one model"):
        _ = Regression(one_model, Y, family).hc3


def test_smooth_finds_the_curve_beside_other_terms() -> None:
    rng = np.random.default_rng(5)
    x, c = rng.uniform(-2, 2, 400), rng.normal(size=400)
    truth = np.sin(2 * x)
    y = truth + 3 * c + 0.2 * rng.normal(size=400)
    found = smooth(x, np.column_stack([y, 2 * y + 1]), c[:, None], np.zeros(400, np.intp))
    gap = found.fitted[:, 0] - (truth - truth.mean())
    assert np.sqrt(np.mean(gap**2)) < 0.05
    # Scale and place of the outcome change nothing else.
    np.testing.assert_allclose(found.fitted[:, 1], 2 * found.fitted[:, 0], atol=1e-9)
    # The truth is within two standard errors nearly everywhere.
    assert np.mean(np.abs(gap) < 2 * found.error[:, 0]) > 0.8
    # Without other terms it is close to SciPy's smoothing spline, whose penalty is by GCV too.
    alone = smooth(x, (y - 3 * c)[:, None], np.empty((400, 0)), np.zeros(400, np.intp))
    order = np.argsort(x)
    reference = make_smoothing_spline(x[order], (y - 3 * c)[order])(x)
    assert np.abs(alone.fitted[:, 0] - (reference - reference.mean())).max() < 0.15


def test_smooth_of_a_line_is_the_line() -> None:
    x = np.random.default_rng(0).normal(size=60)
    found = smooth(x, (2 * x + 5)[:, None], np.empty((60, 0)), np.zeros(60, np.intp))
    np.testing.assert_allclose(found.fitted[:, 0], 2 * (x - x.mean()), atol=1e-6)


def test_error_of_the_smooth_is_that_of_the_fitted_value() -> None:
    """Where GCV leaves a line, the fit is ordinary least squares at the other terms' means."""
    rng = np.random.default_rng(0)
    x, c, noise = rng.normal(size=(3, 80))
    y = x + c + 0.01 * noise
    found = smooth(x, y[:, None], c[:, None], np.zeros(80, np.intp))
    reference = sm.OLS(y, np.column_stack([np.ones(80), x, c])).fit()
    at = np.column_stack([np.ones(80), x, np.full(80, c.mean())])
    np.testing.assert_allclose(found.error[:, 0], reference.get_prediction(at).se_mean, rtol=1e-3)


def lines(
    x: np.ndarray,
    y: np.ndarray,
    c: np.ndarray | None = None,
    effects: bool = False,
    families: int = 10,
) -> Record:
    controls = np.empty((len(x), 0)) if c is None else c[:, None]
    return two_lines(x, y[:, None], controls, np.arange(len(x)) % families, effects)[0]


SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "log": lambda x: np.log(x + 0.1),
    "exponential": np.exp,
    "half a parabola": lambda x: x**2,
    "a line": lambda x: x,
    "flat": lambda x: 0 * x,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_false_alarms_where_y_never_falls_and_rises(shape: str) -> None:
    """Simonsohn (2018): the quadratic regression cries U at a bent line, two lines do not."""
    lines_say = family_says = quadratic_says = 0
    simulations = 200
    for seed in range(simulations):
        rng = np.random.default_rng(seed)
        x, noise = rng.uniform(0, 2, 100), rng.normal(size=100)
        curve = SHAPES[shape](x)
        y = curve + 0.5 * max(curve.std(), 0.1) * noise
        found = lines(x, y)
        lines_say += found["p"] < 0.05
        family_says += found["family_p"] < 0.05
        fit = Regression(np.column_stack([x, x**2]), y[:, None], np.arange(100))
        quadratic_says += fit.classical.p[1, 0] < 0.05
    # Above this a rate of 5 % would be refuted at p < .001; benchmarks.planted counts thousands.
    most = binom.ppf(0.999, simulations, 0.05)
    assert lines_say <= most
    assert family_says <= most
    if shape in ("log", "exponential", "half a parabola"):
        assert quadratic_says > 0.5 * simulations


def test_a_u_is_found_and_where_it_turns() -> None:
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x, c = rng.normal(size=(2, 120))
        y = (x - 0.3) ** 2 + 2 * c + 0.5 * rng.normal(size=120)
        found.append(lines(x, y, c))
    assert np.mean([f["p"] < 0.05 for f in found]) > 0.95
    assert np.mean([f["family_p"] < 0.05 for f in found]) > 0.95
    assert np.mean([f["break"] for f in found]) == pytest.approx(0.3, abs=0.15)
    assert all(f["slope_low"] < 0 < f["slope_high"] for f in found)


def test_an_inverted_u_is_none() -> None:
    x, noise = np.random.default_rng(1).normal(size=(2, 120))
    found = lines(x, -(x**2) + noise)
    assert found["p"] == found["family_p"] == 1


@pytest.mark.parametrize("effects", [False, True])
def test_two_lines_are_a_statsmodels_regression_at_the_break(effects: bool) -> None:
    rng = np.random.default_rng(2)
    x, c, noise = rng.normal(size=(3, 80))
    found = lines(x, x**2 + c + noise, c, effects, families=3)
    family = np.arange(80) % 3
    apart = (x - found["break"]) / x.std()
    ones = (family[:, None] == np.arange(3)).astype(float) if effects else np.ones((80, 1))
    y = x**2 + c + noise
    y = (y - y.mean()) / y.std()
    right = apart > 0
    terms = [np.where(right, 0, apart), np.where(right, apart, 0), right, c]
    reference = sm.OLS(y, np.column_stack([*terms, ones])).fit()
    assert found["slope_low"] == pytest.approx(reference.params[0])
    assert found["slope_high"] == pytest.approx(reference.params[1])
    robust = reference.get_robustcov_results("HC3", use_t=True)
    assert found["p_low"] == pytest.approx(robust.pvalues[0], rel=1e-6)
    assert found["p_high"] == pytest.approx(robust.pvalues[1], rel=1e-6)


def test_two_lines_do_not_see_units_and_see_mirrors() -> None:
    rng = np.random.default_rng(3)
    x, noise = rng.normal(size=(2, 90))
    y = x**2 + noise
    one, other = lines(x, y), lines(3 * x - 1, 5 * y + 2)
    assert other["break"] == pytest.approx(3 * one["break"] - 1)
    assert all(other[key] == pytest.approx(one[key]) for key in ("slope_low", "p", "family_p"))
    mirrored = lines(-x, y)
    assert mirrored["slope_low"] == pytest.approx(-one["slope_high"])
    assert (mirrored["p_low"], mirrored["p_high"]) == pytest.approx((one["p_high"], one["p_low"]))
    assert mirrored["break"] == pytest.approx(-one["break"])


@pytest.mark.parametrize("seed", range(5))
def test_two_lines_do_not_see_the_units_of_other_terms(seed: int) -> None:
    x, c, noise = np.random.default_rng(seed).normal(size=(3, 90))
    one, other = lines(x, x**2 + c + noise, c), lines(x, x**2 + c + noise, 100 * c + 7)
    assert other["break"] == pytest.approx(one["break"])
    assert other["p"] == pytest.approx(one["p"])


def test_capacity_is_that_of_a_binary_symmetric_channel() -> None:
    np.testing.assert_allclose(capacity(np.array([0.0, 0.5, 1.0])), [1, 0, 1])
    e = np.array([0.11])
    entropy = -(e * np.log2(e) + (1 - e) * np.log2(1 - e))
    np.testing.assert_allclose(capacity(1 - e), 1 - entropy)
    np.testing.assert_allclose(capacity(e), capacity(1 - e))
    for wrong in (1.2, -0.1, np.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            capacity(np.array([0.5, wrong]))


def grid(seed: int, size: int, families: int, curve: float) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    x, c = rng.normal(size=(2, size))
    Y = np.column_stack([curve * x**2 + 0.4 * rng.normal(size=size) + c, np.full(size, 0.5)])
    measures = {"pearson": x, "triplet": 0.5 + 0.05 * x}
    labels = [{"outcome": "u"}, {"outcome": "same"}]
    return u_tests(measures, c, labels, Y, np.arange(size) % families, 0.95)


def test_the_grid_holds_every_specification_and_controls_false_discoveries() -> None:
    rows = grid(0, 80, 8, 1.0)
    keys = {(r["measure"], r["test"], r["linear"], r["family_effects"]) for r in rows}
    # z² and two lines for both measures, capacity for triplets; z² and capacity with a line too.
    assert len(keys) == 2 * (4 + 2) + 4
    assert len(rows) == 2 * len(keys)
    found = [r for r in rows if r["outcome"] == "u"]
    assert all(r["u"] is True for r in found)
    # Benjamini & Hochberg by definition, of each kind of test: the smallest of m p / rank over
    # ranks no smaller.
    for test in ("z²", "capacity", "two lines"):
        kind = [r for r in found if r["test"] == test]
        p = np.array([r["family_p"] for r in kind], float)
        order, m = np.argsort(p), len(p)
        expected = np.empty(m)
        expected[order] = np.minimum.accumulate((p[order] * m / np.arange(1, m + 1))[::-1])[::-1]
        np.testing.assert_allclose([r["q"] for r in kind], np.minimum(expected, 1))
    same = [r for r in rows if r["outcome"] == "same"]
    assert all(r["q"] is None and r["u"] is None for r in same)
    assert all(r["undefined"] == "all models score the same" for r in same)


def test_nothing_is_claimed_without_families_or_models() -> None:
    few = grid(1, 80, 3, 1.0)
    assert all(r["u"] is None and r["family_p"] is None for r in few)
    assert all(r["q"] is not None for r in few if r["outcome"] == "u")
    tiny = grid(2, 5, 5, 1.0)
    assert all(r["undefined"] for r in tiny if r["test"] == "two lines")
    inverted = grid(3, 80, 8, -1.0)
    assert not any(r["u"] for r in inverted)


def one_u(family: np.ndarray) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    x, c, noise = rng.normal(size=(3, len(family)))
    return u_tests({"x": x}, c, [{}], (x**2 + c + 0.4 * noise)[:, None], family, 0.95)


def test_families_of_one_are_no_families_beside_family_effects() -> None:
    """Eight families, but only three in which models can be compared."""
    rows = one_u(np.r_[np.repeat([0, 1, 2], 25), 3, 4, 5, 6, 7])
    for row in rows:
        within = row["family_effects"]
        assert (row["models"], row["families"]) == ((75, 3) if within else (80, 8))
        assert (row["u"] is None) == (row["family_p"] is None) == (row["q"] is None) == within
        assert row["undefined"] == ("by family: too few families" if within else "")


def test_too_few_families_leave_the_published_test() -> None:
    """Both slopes' p are then those of HC3, as the row's p."""
    for row in one_u(np.arange(80) % 3):
        assert row["family_p"] is row["u"] is None
        assert row["q"] is not None
        if row["test"] == "two lines":
            assert max(row["p_low"], row["p_high"]) == row["p"] < 0.05


@pytest.mark.parametrize("same", ["alignment", "covariate"])
def test_models_that_do_not_differ_are_said_to(same: str) -> None:
    x, c, y = np.random.default_rng(0).normal(size=(3, 60))
    x, c = (np.full(60, 0.5), c) if same == "alignment" else (0.5 + 0.05 * x, np.full(60, 0.5))
    rows = u_tests({"triplet": x}, c, [{}], y[:, None], np.arange(60) % 6, 0.95)
    assert {row["undefined"] for row in rows} == {f"all models have the same {same}"}
    assert all(row["estimate"] is row["p"] is row["q"] is row["u"] is None for row in rows)
