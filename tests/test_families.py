"""Intervals by family against brute force, numerical derivatives, and invariances."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from stages.analysis.families import MIN_FAMILIES, Resampling, family_correlation
from stages.analysis.partial import partial_correlation, z_squared

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def data(seed: int, families: int = 7, outcomes: int = 3) -> Data:
    """x, Y, covariate and family of models whose families are of different sizes."""
    rng = np.random.default_rng(seed)
    family = np.repeat(np.arange(families), rng.integers(1, 6, families))
    shared = rng.normal(size=(families, 3 + outcomes))[family]
    own = rng.normal(size=shared.shape)
    values = 0.6 * shared + 0.8 * own
    covariate = values[:, 0] + 0.5 * values[:, 1]
    Y = values[:, 2 : 2 + outcomes] + 0.4 * covariate[:, None] + 0.5 * values[:, [1]] ** 2
    return 3 + 0.2 * values[:, 1], Y, covariate, family


def weighted_r(
    x: np.ndarray, y: np.ndarray, c: np.ndarray, weight: np.ndarray, square: bool
) -> float:
    """Partial correlation by its definition, where model i is there weight[i] times."""
    mean = np.average(x, weights=weight)
    u = (x - mean) ** 2 if square else x
    design = np.column_stack([np.ones_like(c), c])
    root = np.sqrt(weight)[:, None]
    residuals = []
    for v in (u, y):
        beta = np.linalg.lstsq(root * design, root[:, 0] * v, rcond=None)[0]
        residuals.append(v - design @ beta)
    a, b = residuals
    return float((weight * a) @ b / np.sqrt((weight * a) @ a * ((weight * b) @ b)))


def resampled(counts: np.ndarray, drawn: Data, square: bool) -> tuple[np.ndarray, np.ndarray]:
    """r and its error where family g is there counts[g] times."""
    x, Y, c, family = drawn
    x, Y, c = ((v - v.mean(0)) / v.std(0) for v in (x, Y, c))
    member = (family[:, None] == np.arange(len(counts))).astype(float)
    return family_correlation(counts, x, Y, c, member, square)


@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_resample_has_the_r_of_the_models_drawn_and_its_error(seed: int, square: bool) -> None:
    """The error is the infinitesimal jackknife of families.

    sqrt(G/(G-1) Σ (dr/dw_g)²), the derivative by the weight of a family taken numerically.
    """
    x, Y, c, family = data(seed)
    counts = np.random.default_rng(seed).multinomial(7, np.full(7, 1 / 7), size=4).astype(float)
    for count in (np.ones(7), *counts):
        r, error = resampled(count, (x, Y, c, family), square)
        drawn = np.repeat(np.arange(len(x)), count[family].astype(int))
        u = z_squared(x[drawn]) if square else x[drawn]
        for k, y in enumerate(Y.T):
            expected = partial_correlation(u, y[drawn], c[drawn])["r"]
            assert r[k] == pytest.approx(expected, abs=1e-9)
            slopes = []
            for g in range(7):
                weights = (np.maximum(count + s * (np.arange(7) == g), 0) for s in (1e-5, -1e-5))
                sides = [weighted_r(x, y, c, weight[family], square) for weight in weights]
                slopes.append((sides[0] - sides[1]) / 2e-5)
            here = count > 0
            expected = np.sqrt(7 / 6 * (count[here] @ np.square(slopes)[here]))
            assert error[k] * (1 - r[k] ** 2) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("square", [False, True])
def test_one_family_a_model_is_scipys_bootstrap_t(square: bool) -> None:
    """With each model its own family the spread of r is that of SciPy's paired bootstrap."""
    rng = np.random.default_rng(5)
    x, c, noise = rng.normal(size=(3, 60))
    y = x + x**2 + c + noise

    def r(*rows: np.ndarray) -> float:
        return weighted_r(rows[0], rows[1], rows[2], np.ones(len(rows[0])), square)

    reference = bootstrap(
        (x, y, c), r, paired=True, vectorized=False, n_resamples=1000, method="percentile", rng=0
    )
    ours = Resampling(0.95, 2000, 0).intervals(x, y[:, None], c, np.arange(60), square)
    assert ours["r"][0] == pytest.approx(r(x, y, c))
    width = ours["family_high"][0] - ours["family_low"][0]
    expected = reference.confidence_interval.high - reference.confidence_interval.low
    assert width == pytest.approx(expected, rel=0.25)


def intervals(x: np.ndarray, Y: np.ndarray, c: np.ndarray, family: np.ndarray) -> np.ndarray:
    """[4, K]: r, low, high and p of each outcome."""
    return Resampling(0.9, 200, 1).intervals(x, Y, c, family, square=True).to_numpy().T


def test_invariances() -> None:
    x, Y, c, family = data(9)
    before = intervals(x, Y, c, family)
    np.testing.assert_allclose(intervals(-4 * x + 1, 3 * Y - 2, 5 * c + 9, family), before)
    flipped = intervals(x, -Y, c, family)
    np.testing.assert_allclose(flipped, before[[0, 2, 1, 3]] * np.array([[-1], [-1], [-1], [1]]))
    mixed = np.random.default_rng(0).permutation(len(x))
    np.testing.assert_allclose(intervals(x[mixed], Y[mixed], c[mixed], family[mixed]), before)
    # One more outcome changes nothing of the others.
    more = np.column_stack([Y, Y[:, 0] ** 2])
    np.testing.assert_allclose(intervals(x, more, c, family)[:, :3], before)


def test_without_a_covariate_it_is_the_plain_correlation() -> None:
    x, Y, _, family = data(4)
    found = Resampling(0.95, 200, 0).intervals(x, Y, None, family)
    for k in range(Y.shape[1]):
        assert found["r"][k] == pytest.approx(np.corrcoef(x, Y[:, k])[0, 1])
        assert found["family_low"][k] < found["r"][k] < found["family_high"][k]


def test_undefined_is_said() -> None:
    x, Y, c, family = data(3)
    Y[:, 1] = 0.7
    found = intervals(x, Y, c, family)
    assert np.isnan(found[:, 1]).all()
    assert np.isfinite(found[:, [0, 2]]).all()
    few = np.arange(len(x)) % (MIN_FAMILIES - 1)
    found = intervals(x, Y, c, few)
    assert np.isfinite(found[0, [0, 2]]).all()
    assert np.isnan(found[1:]).all()
