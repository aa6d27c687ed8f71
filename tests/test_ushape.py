"""Regressions against statsmodels and brute force; the two-lines test's published properties."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.interpolate import make_smoothing_spline
from scipy.stats import binom

from stages.analysis.regression import Regression, UndefinedError
from stages.analysis.twolines import smooth, two_lines
from stages.analysis.ushape import u_tests
from stages.runtime.tables import Record


def data(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Terms [M, 2], outcomes [M, 3], families of 2 to 5 models."""
    rng = np.random.default_rng(seed)
    family = np.repeat(np.arange(9), rng.integers(2, 6, 9))
    X = rng.normal(size=(len(family), 2)) + rng.normal(size=(9, 2))[family]
    return X, X @ rng.normal(size=(2, 3)) + rng.normal(size=(len(family), 3)), family


def ols(y: np.ndarray, terms: np.ndarray, family: np.ndarray, effects: bool) -> Any:
    """Statsmodels' regression, with an intercept or one a family."""
    dummies = (family[:, None] == np.unique(family)).astype(float)
    intercepts = dummies if effects else np.ones((len(y), 1))
    return sm.OLS(y, np.column_stack([terms, intercepts])).fit()


@pytest.mark.parametrize("effects", [False, True])
def test_regression_is_statsmodels(effects: bool) -> None:
    X, Y, family = data(0)
    fit = Regression(X, Y, family, effects)
    for k in range(3):
        reference = ols(Y[:, k], X, family, effects)
        np.testing.assert_allclose(fit.value[:, k], reference.params[:2])
        np.testing.assert_allclose(fit.classical.error[:, k], reference.bse[:2])
        np.testing.assert_allclose(fit.classical.p[:, k], reference.pvalues[:2], atol=1e-12)
        low, high = fit.classical.interval(0.9)
        expected = reference.conf_int(0.1)[:2]
        np.testing.assert_allclose(np.column_stack([low[:, k], high[:, k]]), expected)
        np.testing.assert_allclose(fit.hc3.error[:, k], reference.HC3_se[:2])


@pytest.mark.parametrize("effects", [False, True])
def test_by_family_is_the_jackknife_of_families(effects: bool) -> None:
    X, Y, family = data(1)
    fit = Regression(X, Y, family, effects)
    for k in range(3):
        without = [family != g for g in range(9)]
        values = [ols(Y[t, k], X[t], family[t], effects).params[:2] for t in without]
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
    for term, effects in ((X[:, 0], False), (family, True)):
        with pytest.raises(UndefinedError, match="collinear"):
            Regression(np.column_stack([X, term]), Y, family, effects)
    with pytest.raises(UndefinedError, match="too few models"):
        Regression(X[:3], Y[:3], family[:3])
    with pytest.raises(UndefinedError, match="too few models"):
        Regression(X, Y, np.arange(len(X)), effects=True)
    with pytest.raises(UndefinedError, match="one family"):
        _ = Regression(np.column_stack([X, family == 0]), Y, family).by_family
    with pytest.raises(UndefinedError, match="one model"):
        _ = Regression(np.column_stack([X, np.arange(len(X)) == 0]), Y, family).hc3


def smoothed(x: np.ndarray, Y: np.ndarray, c: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
    """The curve beside one other term or none, and its error, without family effects."""
    terms = np.empty((len(x), 0)) if c is None else c[:, None]
    return smooth(x, Y.reshape(len(x), -1), terms, np.zeros(len(x), np.intp))


def test_smooth_finds_the_curve_beside_other_terms() -> None:
    rng = np.random.default_rng(5)
    x, c = rng.uniform(-2, 2, 400), rng.normal(size=400)
    truth = np.sin(2 * x)
    y = truth + 3 * c + 0.2 * rng.normal(size=400)
    fitted, error = smoothed(x, np.column_stack([y, 2 * y + 1]), c)
    gap = fitted[:, 0] - (truth - truth.mean())
    assert np.sqrt(np.mean(gap**2)) < 0.05
    # Scale and place of the outcome change nothing else.
    np.testing.assert_allclose(fitted[:, 1], 2 * fitted[:, 0], atol=1e-9)
    # The truth is within two standard errors nearly everywhere.
    assert np.mean(np.abs(gap) < 2 * error[:, 0]) > 0.8
    # Without other terms it is close to SciPy's smoothing spline, whose penalty is by GCV too.
    alone, _ = smoothed(x, y - 3 * c)
    order = np.argsort(x)
    reference = make_smoothing_spline(x[order], (y - 3 * c)[order])(x)
    assert np.abs(alone[:, 0] - (reference - reference.mean())).max() < 0.15


def test_smooth_of_a_line_is_the_line() -> None:
    """Where GCV leaves a line, the fit is ordinary least squares at the other terms' means."""
    x, c, noise = np.random.default_rng(0).normal(size=(3, 80))
    fitted, _ = smoothed(x, 2 * x + 5)
    np.testing.assert_allclose(fitted[:, 0], 2 * (x - x.mean()), atol=1e-6)
    y = x + c + 0.01 * noise
    _, error = smoothed(x, y, c)
    reference = sm.OLS(y, np.column_stack([np.ones(80), x, c])).fit()
    at = np.column_stack([np.ones(80), x, np.full(80, c.mean())])
    np.testing.assert_allclose(error[:, 0], reference.get_prediction(at).se_mean, rtol=1e-3)


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
        noise = rng.normal(size=120)
        found.append(lines(x, (x - 0.3) ** 2 + 2 * c + 0.5 * noise, c))
    for p in ("p", "family_p"):
        assert np.mean([f[p] < 0.05 for f in found]) > 0.95
    assert np.mean([f["break"] for f in found]) == pytest.approx(0.3, abs=0.15)
    assert all(f["slope_low"] < 0 < f["slope_high"] for f in found)
    inverted = lines(x, -(x**2) + noise)
    assert inverted["p"] == inverted["family_p"] == 1


@pytest.mark.parametrize("effects", [False, True])
def test_two_lines_are_a_statsmodels_regression_at_the_break(effects: bool) -> None:
    rng = np.random.default_rng(2)
    x, c, noise = rng.normal(size=(3, 80))
    y = x**2 + c + noise
    found = lines(x, y, c, effects, families=3)
    apart = (x - found["break"]) / x.std()
    right = apart > 0
    terms = np.column_stack([np.where(right, 0, apart), np.where(right, apart, 0), right, c])
    reference = ols((y - y.mean()) / y.std(), terms, np.arange(80) % 3, effects)
    robust = reference.get_robustcov_results("HC3", use_t=True)
    for side, end in enumerate(("low", "high")):
        assert found[f"slope_{end}"] == pytest.approx(reference.params[side])
        assert found[f"p_{end}"] == pytest.approx(robust.pvalues[side], rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_two_lines_do_not_see_units_and_see_mirrors(seed: int) -> None:
    x, c, noise = np.random.default_rng(seed).normal(size=(3, 90))
    y = x**2 + c + noise
    one, other = lines(x, y, c), lines(3 * x - 1, 5 * y + 2, 100 * c + 7)
    assert other["break"] == pytest.approx(3 * one["break"] - 1)
    assert all(other[key] == pytest.approx(one[key]) for key in ("slope_low", "p", "family_p"))
    mirrored = lines(-x, y, c)
    assert mirrored["slope_low"] == pytest.approx(-one["slope_high"])
    assert (mirrored["p_low"], mirrored["p_high"]) == pytest.approx((one["p_high"], one["p_low"]))
    assert mirrored["break"] == pytest.approx(-one["break"])


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
    for test in ("z²", "capacity", "two lines"):
        kind = [r for r in found if r["test"] == test]
        # Benjamini & Hochberg by definition: the smallest m p / rank over ranks no smaller.
        p, m = sorted(r["family_p"] for r in kind), len(kind)
        q = [min(1, *(m * p[k] / (k + 1) for k in range(rank, m))) for rank in range(m)]
        np.testing.assert_allclose(sorted(r["q"] for r in kind), q)
    for row in (r for r in rows if r["outcome"] == "same"):
        assert row["q"] is row["u"] is None
        assert row["undefined"] == "all models score the same"


def test_nothing_is_claimed_without_families_or_models() -> None:
    tiny = grid(2, 5, 5, 1.0)
    assert all(r["undefined"] for r in tiny if r["test"] == "two lines")
    inverted = grid(3, 80, 8, -1.0)
    assert not any(r["u"] for r in inverted)
    for row in grid(1, 80, 3, 1.0):  # too few families leave the published test
        assert row["family_p"] is row["u"] is None
        assert (row["q"] is not None) == (row["outcome"] == "u")
        if row["test"] == "two lines" and row["outcome"] == "u":  # slopes' p are then by HC3 too
            assert max(row["p_low"], row["p_high"]) == row["p"] < 0.05


def test_families_of_one_are_no_families_beside_family_effects() -> None:
    """Eight families, but only three in which models can be compared."""
    x, c, noise = np.random.default_rng(0).normal(size=(3, 80))
    family = np.r_[np.repeat([0, 1, 2], 25), 3, 4, 5, 6, 7]
    for row in u_tests({"x": x}, c, [{}], (x**2 + c + 0.4 * noise)[:, None], family, 0.95):
        within = row["family_effects"]
        assert (row["models"], row["families"]) == ((75, 3) if within else (80, 8))
        assert (row["u"] is None) == (row["family_p"] is None) == (row["q"] is None) == within
        assert row["undefined"] == ("by family: too few families" if within else "")


@pytest.mark.parametrize("same", ["alignment", "covariate"])
def test_models_that_do_not_differ_are_said_to(same: str) -> None:
    x, c, y = np.random.default_rng(0).normal(size=(3, 60))
    x, c = (np.full(60, 0.5), c) if same == "alignment" else (0.5 + 0.05 * x, np.full(60, 0.5))
    rows = u_tests({"triplet": x}, c, [{}], y[:, None], np.arange(60) % 6, 0.95)
    assert {row["undefined"] for row in rows} == {f"all models have the same {same}"}
    assert all(row["estimate"] is row["p"] is row["q"] is row["u"] is None for row in rows)
