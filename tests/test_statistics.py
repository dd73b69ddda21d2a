"""Statistics: likelihood chi-square, its p-value, means, spreads, rounding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from scipy import integrate, stats
from toys import PARAMETERS, TYPICAL, draw_flux, thresholds

from velonb import threshold_curve
from velonb.curves.model import threshold_gradient
from velonb.fit.batch import fit_all
from velonb.fit.problem import describe_scan, prepare_pixels
from velonb.minimised import STATISTICS
from velonb.statistics import (
    MANY_HITS,
    expected_statistic,
    gamma_p_value,
    intrinsic_spread,
    likelihood_chi_square,
    likelihood_moments,
    likelihood_residual,
    likelihood_residual_slope,
    weighted_mean,
)

counts = st.integers(0, 10_000)
expectations = st.floats(1e-3, 1e5)


@given(n=counts, mu=expectations)
def test_likelihood_chi_square_is_twice_the_log_likelihood_ratio(n: int, mu: float) -> None:
    saturated = stats.poisson.logpmf(n, n) if n else 0.0
    ratio = 2 * (saturated - stats.poisson.logpmf(n, mu))
    assert likelihood_chi_square(n, mu) == pytest.approx(ratio, rel=1e-8, abs=1e-6)


def test_likelihood_chi_square_of_no_hits_is_twice_the_expected_hits() -> None:
    np.testing.assert_array_equal(likelihood_chi_square([0, 0], [3.5, 0.0]), [7.0, 0.0])


def test_likelihood_chi_square_is_zero_where_counts_are_as_expected() -> None:
    np.testing.assert_array_equal(likelihood_chi_square([1, 17, 1e6], [1, 17, 1e6]), 0)


def test_likelihood_chi_square_of_hits_where_none_can_be_is_infinite() -> None:
    assert likelihood_chi_square(1, 0.0) == np.inf


def test_likelihood_residual_stays_finite_where_the_curve_has_underflowed() -> None:
    for mu in (0.0, 1e-320, 1e-200):
        assert np.isfinite(likelihood_residual(1, mu))
        assert np.isfinite(likelihood_residual_slope(1, mu))


@pytest.mark.parametrize("compare", STATISTICS.values(), ids=STATISTICS)
@pytest.mark.parametrize("n", [0, 1, 7, 400])
def test_derivatives_of_a_statistic_agree_with_central_differences(compare: Any, n: int) -> None:
    flux, exposure, shift = 0.3, 131.0, 1e-4
    up, here, down = (compare(n, exposure, flux + step) for step in (shift, 0, -shift))
    assert -here.residual == pytest.approx((up.value - down.value) / (2 * shift), rel=1e-4)
    slope = (down.residual - up.residual) / (2 * shift)
    assert here.curvature == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_expected_curvature_of_a_likelihood_is_its_mean_curvature() -> None:
    n, flux, exposure = np.arange(200), 0.3, 131.0
    probability = stats.poisson.pmf(n, flux * exposure)
    of = STATISTICS["poisson"](n, exposure, flux)
    assert np.sum(probability * of.curvature) == pytest.approx(of.expected, rel=1e-9)


def test_neyman_is_the_squared_distance_over_the_error_and_nothing_without_hits() -> None:
    hits, exposure, flux = np.array([0, 4, 25]), 2.0, 7.0
    distance, error = hits / exposure - flux, np.sqrt(hits[1:]) / exposure
    value = STATISTICS["chi2"](hits, exposure, flux).value
    np.testing.assert_allclose(2 * value, [0, *(distance[1:] / error) ** 2])


def test_likelihood_chi_square_tends_to_pearson_for_many_hits() -> None:
    n, mu = 1_000_500, 1e6
    assert likelihood_chi_square(n, mu) == pytest.approx((n - mu) ** 2 / mu, rel=1e-3)


@given(n=counts, mu=expectations)
def test_likelihood_residual_has_the_sign_of_the_difference(n: int, mu: float) -> None:
    residual = likelihood_residual(n, mu)
    assert residual**2 == pytest.approx(likelihood_chi_square(n, mu))
    assert np.sign(residual) in (0, np.sign(n - mu))


@given(n=counts, mu=st.floats(1e-2, 1e4))
def test_likelihood_residual_slope_agrees_with_central_differences(n: int, mu: float) -> None:
    # Close to n = mu the residual is the square root of a rounded zero: see the test below.
    assume(abs(n - mu) > 0.02 * mu)
    shift = 1e-5 * mu
    up, down = likelihood_residual(n, mu + shift), likelihood_residual(n, mu - shift)
    assert likelihood_residual_slope(n, mu) == pytest.approx((up - down) / (2 * shift), rel=1e-4)


@pytest.mark.parametrize("n", [1, 9, 400, 1_000_000])
@pytest.mark.parametrize("distance", [0, 1e-9, -9e-5, 1.1e-4, -1e-3])
def test_likelihood_residual_slope_is_smooth_where_counts_are_as_expected(
    n: int, distance: float
) -> None:
    mu = n * (1 + distance)
    assert likelihood_residual_slope(n, mu) == pytest.approx(-1 / math.sqrt(mu), rel=2e-3)


@pytest.mark.parametrize("mu", [1e-6, 0.01, 0.3, 1.0, 4.0, 30.0, 99.9])
def test_likelihood_moments_are_sums_over_the_poisson_distribution(mu: float) -> None:
    n = np.arange(0, 400)
    probability, d = stats.poisson.pmf(n, mu), likelihood_chi_square(n, mu)
    mean = np.sum(probability * d)
    expected = [
        mean,
        np.sum(probability * (d - mean) ** 2),
        np.sum(probability * (d - mean) * (n - mu)),
        np.sum(probability * (d - mean) * (n - mu) ** 2) / mu,
    ]
    np.testing.assert_allclose(likelihood_moments(mu), expected, rtol=1e-9)


@pytest.mark.parametrize("mu", [0.2, 2.0, 150.0])
def test_likelihood_moments_are_those_of_drawn_counts(mu: float) -> None:
    n = np.random.default_rng(1).poisson(mu, 1_000_000)
    d = likelihood_chi_square(n, mu)
    centred = d - d.mean()
    drawn = [centred**1 + d.mean(), centred**2, centred * (n - mu), centred * (n - mu) ** 2 / mu]
    for moment, values in zip(likelihood_moments(mu), drawn, strict=True):
        # Five standard deviations of the toys: one false alarm in two million.
        assert moment == pytest.approx(values.mean(), abs=5 * values.std() / 1000)


def test_likelihood_moments_join_their_series_at_many_hits() -> None:
    summed, series = likelihood_moments([MANY_HITS, MANY_HITS * (1 + 1e-9)]).T
    np.testing.assert_allclose(summed, series, rtol=1e-3, atol=1e-4)


def test_likelihood_moments_of_many_hits_are_those_of_a_chi_square() -> None:
    np.testing.assert_allclose(likelihood_moments(1e8), [1, 2, 0, 2], atol=1e-7)


@pytest.mark.parametrize("total", [10, 50, 1000, 50_000])
def test_expected_statistic_is_that_of_toys_with_the_same_fit(total: int) -> None:
    curve = threshold_curve(thresholds(), **TYPICAL)
    mu = total * curve / curve.sum()
    # The likelihood fit of A alone depends on the sum of the counts: all these have the same.
    n = np.random.default_rng(2).multinomial(total, mu / total, 100_000)
    statistic = likelihood_chi_square(n, mu).sum(axis=1)
    mean, variance = expected_statistic(mu, mu)
    assert mean == pytest.approx(statistic.mean(), rel=0.005)
    assert variance == pytest.approx(statistic.var(), rel=0.03)


def test_expected_statistic_of_many_hits_is_that_of_the_degrees_of_freedom() -> None:
    t = thresholds(30)[:20]
    curve, gradient = threshold_curve(t, **TYPICAL), threshold_gradient(t, **TYPICAL)
    mean, variance = expected_statistic(1e9 * curve, 1e9 * gradient)
    assert mean == pytest.approx(16, abs=1e-3)
    assert variance == pytest.approx(32, abs=1e-3)


def test_expected_statistic_is_not_changed_by_thresholds_that_expect_nothing() -> None:
    mu = np.array([9.0, 5.0, 2.0, 0.5])
    more = np.append(mu, [1e-12, 0.0])
    assert expected_statistic(more, more) == pytest.approx(expected_statistic(mu, mu))


@pytest.mark.parametrize("free", [("A",), ("A", "E0"), ("f", "s"), ("f", "A", "s", "E0")])
def test_expected_statistic_is_what_the_compiled_fit_uses(free: tuple[str, ...]) -> None:
    flux = draw_flux((10, 10), exposure=60.0, seed=3)
    start = TYPICAL
    pixels = prepare_pixels(flux, np.zeros((10, 10)), "poisson", 0.8)
    problem = describe_scan(pixels, start, free, "velo", "poisson")
    fits = fit_all({"one": problem}, pixels, progress=False)["one"].fits
    inside = np.flatnonzero(fits["found"] & ~fits["at_limit"])
    rows = [PARAMETERS.index(name) for name in free]
    assert inside.size > 70
    for pixel in inside:
        arguments = pixels.threshold, *fits["values"][pixel]
        mu = pixels.exposure * threshold_curve(*arguments)
        gradient = pixels.exposure * threshold_gradient(*arguments)[rows]
        mean, variance = expected_statistic(mu, gradient)
        # The moments of the fit come from a table.
        assert fits["mean"][pixel] == pytest.approx(mean, rel=1e-4)
        assert fits["variance"][pixel] == pytest.approx(variance, rel=1e-4)


def test_expected_statistic_on_the_edge_counts_what_is_pressed_against_it_as_fitted() -> None:
    flux = draw_flux((20, 20), exposure=40.0, seed=4)
    pixels = prepare_pixels(flux, np.zeros((20, 20)), "poisson", 0.8)
    problem = describe_scan(pixels, TYPICAL, PARAMETERS, "velo", "poisson")
    fits = fit_all({"free": problem}, pixels, progress=False)["free"].fits
    f, _, s, _ = fits["values"].T
    lowest_s = problem.scan["low"][0, 2]
    without_continuum = np.flatnonzero(fits["found"] & (f == 0) & (s > lowest_s))
    assert without_continuum.size > 5
    for pixel in without_continuum:
        arguments = pixels.threshold, *fits["values"][pixel]
        mu = pixels.exposure * threshold_curve(*arguments)
        gradient = pixels.exposure * threshold_gradient(*arguments)
        mean, variance = expected_statistic(mu, gradient[1:])
        assert fits["mean"][pixel] == pytest.approx(mean - 1, rel=1e-4)
        assert fits["variance"][pixel] == pytest.approx(variance - 2, rel=1e-4)


@given(statistic=st.floats(0, 500), dof=st.integers(1, 120))
def test_gamma_p_value_with_moments_of_a_chi_square_is_its_survival(
    statistic: float, dof: int
) -> None:
    expected = stats.chi2.sf(statistic, dof)
    assert gamma_p_value(statistic, dof, 2 * dof) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_gamma_p_value_has_the_given_mean_and_variance() -> None:
    x = np.linspace(0, 400, 400_001)
    p_value = gamma_p_value(x, 30.0, 45.0)
    mean = integrate.trapezoid(p_value, x)
    assert mean == pytest.approx(30, rel=1e-6)
    assert 2 * integrate.trapezoid(x * p_value, x) - mean**2 == pytest.approx(45, rel=1e-6)


def test_gamma_p_value_at_both_ends() -> None:
    np.testing.assert_array_equal(gamma_p_value([0.0, -1e-9, np.inf], 30, 45), [1, 1, 0])


@pytest.mark.parametrize(
    ("mean", "variance"), [(0, 1), (-1, 1), (1, 0), (1, -1), (np.nan, 1), (1, np.nan)]
)
def test_gamma_p_value_is_unknown_where_nothing_is_expected(mean: float, variance: float) -> None:
    assert np.isnan(gamma_p_value(1.0, mean, variance))


def test_gamma_p_value_of_unknown_statistic_is_unknown() -> None:
    assert np.isnan(gamma_p_value(np.nan, 30, 45))


def test_weighted_mean_of_no_pixel_is_unknown() -> None:
    assert np.isnan(weighted_mean([], [])).all()
    assert np.isnan(weighted_mean([np.nan, 5.0, 6.0, 7.0], [1.0, np.nan, 0.0, np.inf])).all()


def test_weighted_mean_of_one_pixel_is_that_pixel() -> None:
    assert weighted_mean([1550.0], [3.0]) == pytest.approx((1550.0, 3.0))


def test_weighted_mean_leaves_out_zero_infinite_and_unknown_errors() -> None:
    value, error = [10.0, 11.0, 500.0, 500.0, 500.0, np.nan], [1, 1, 0, np.inf, np.nan, 1]
    assert weighted_mean(value, error) == pytest.approx((10.5, 0.5**0.5))


def test_weighted_mean_of_values_within_their_errors_is_the_usual_one() -> None:
    value, error = np.array([10.0, 10.4, 9.9]), np.array([1.0, 0.5, 2.0])
    mean, mean_error = weighted_mean(value, error)
    assert mean == pytest.approx(np.average(value, weights=error**-2.0))
    assert mean_error == pytest.approx(np.sum(error**-2.0) ** -0.5)


def test_weighted_mean_is_not_ruled_by_a_pixel_with_an_error_near_zero() -> None:
    rng = np.random.default_rng(3)
    value, error = rng.normal(1550, 5, 1000), np.full(1000, 3.0)
    honest, honest_error = weighted_mean(value, error)
    value[0], error[0] = 1700.0, 1e-9
    mean, mean_error = weighted_mean(value, error)
    assert mean == pytest.approx(honest, abs=2 * honest_error)
    assert mean_error == pytest.approx(honest_error, rel=0.5)


def test_weighted_mean_of_equal_values_with_an_error_near_zero_keeps_an_error() -> None:
    _, error = weighted_mean(np.full(100, 7.0), np.append(np.ones(99), 1e-12))
    assert error > 0.05


def test_weighted_mean_error_is_the_scatter_of_means() -> None:
    rng = np.random.default_rng(4)
    error = rng.uniform(1, 6, (2000, 50))
    value = rng.normal(1550, np.hypot(error, 5.0))
    means = np.array([weighted_mean(v, e) for v, e in zip(value, error, strict=True)])
    pulls = (means[:, 0] - 1550) / means[:, 1]
    # Width 1 to 5 %: three standard deviations of the toys, and the spread is itself estimated.
    assert pulls.std() == pytest.approx(1, abs=0.05 + 0.03)
    assert abs(pulls.mean()) < 0.1


def test_weighted_mean_takes_one_error_for_all_and_leaves_its_input_alone() -> None:
    value = np.array([1.0, 2.0, 3.0])
    assert weighted_mean(value, 1.0)[0] == pytest.approx(2.0)
    np.testing.assert_array_equal(value, [1, 2, 3])


@pytest.mark.parametrize("spread", [1.0, 6.0, 30.0])
def test_intrinsic_spread_is_recovered_from_toys_with_unequal_errors(spread: float) -> None:
    rng = np.random.default_rng(5)
    error = rng.uniform(0.5, 5, 20_000)
    value = rng.normal(1550, np.hypot(spread, error))
    assert intrinsic_spread(value, error) == pytest.approx(spread, rel=0.04, abs=0.1)


def test_intrinsic_spread_is_zero_where_errors_explain_more_than_the_scatter() -> None:
    assert intrinsic_spread([10.0, 10.1, 9.9], [1.0, 1.0, 1.0]) == 0
    assert intrinsic_spread([5.0, 5.0, 5.0], [1.0, 2.0, 3.0]) == 0


@pytest.mark.parametrize("value", [[], [1.0], [1.0, np.nan]])
def test_intrinsic_spread_of_fewer_than_two_values_is_unknown(value: list[float]) -> None:
    assert np.isnan(intrinsic_spread(value, np.ones(len(value))))


def test_intrinsic_spread_of_two_values_without_error_is_their_scatter() -> None:
    assert intrinsic_spread([0.0, 10.0], [1e-6, 1e-6]) == pytest.approx(50**0.5, rel=1e-4)


def test_likelihood_residual_where_nothing_is_expected_is_finite() -> None:
    """A minimiser that strays to where the curve is zero turns back."""
    residual = likelihood_residual([0, 1, 5], 0.0)
    assert residual[0] == pytest.approx(0)
    assert np.isfinite(residual).all()
    assert (np.diff(residual) > 0).all()
    assert np.isfinite(likelihood_residual_slope([0, 1, 5], 0.0)).all()
