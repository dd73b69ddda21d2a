"""What the fits minimise, what its value is worth, and how numbers are combined.

The likelihood chi-square of Poisson counts follows a chi-square distribution only where every
threshold expects many hits. Here most expect few, so its distribution is worked out from the
curve itself: mean and variance of each count's term (Kaastra, A&A 605 (2017) A51), given the
fitted parameters (McCullagh, JASA 81 (1986) 104), and a gamma distribution that has both.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import gammaincc, gammaln, xlogy

from velonb.minimised import poisson

MANY_HITS = 100.0
"""Expected hits above which the moments of the likelihood chi-square are given by their series."""
HARDLY_ANY_HITS = 1e-7
"""Expected hits below which a threshold carries no information worth a number."""


def likelihood_chi_square(n: ArrayLike, mu: ArrayLike) -> NDArray[np.float64]:
    """Likelihood chi-square of each count, after Baker & Cousins, NIM 221 (1984) 437.

    Parameters
    ----------
    n : array_like
        Observed hits.
    mu : array_like
        Expected hits.

    Returns
    -------
    ndarray of float64
        2 (mu - n + n ln(n / mu)): zero where n equals mu, infinite where mu is zero and n is not.

    Examples
    --------
    >>> likelihood_chi_square([0, 4, 9], [2.0, 4.0, 4.0]).round(3)
    array([4.   , 0.   , 4.597])
    """
    n, mu = np.asarray(n, dtype=float), np.asarray(mu, dtype=float)
    value = 2 * np.maximum(poisson(n, 1.0, mu).value, 0)
    return np.where(mu > 0, value, np.where(n > 0, np.inf, 0))


def likelihood_residual(n: ArrayLike, mu: ArrayLike) -> NDArray[np.float64]:
    """Signed square root of `likelihood_chi_square`, positive where n exceeds mu.

    As in the fit of every pixel mu is at least `velonb.minimised.FLOOR`, and this finite.
    """
    of = poisson(np.asarray(n, dtype=float), 1.0, np.asarray(mu, dtype=float))
    return np.asarray(np.sign(of.residual) * np.sqrt(2 * np.maximum(of.value, 0)))


def likelihood_residual_slope(n: ArrayLike, mu: ArrayLike) -> NDArray[np.float64]:
    """Derivative of `likelihood_residual` with respect to mu."""
    of = poisson(np.asarray(n, dtype=float), 1.0, np.asarray(mu, dtype=float))
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = -np.abs(of.residual) / np.sqrt(2 * np.maximum(of.value, 0))
    return np.where(np.abs(of.residual) < 1e-4, -np.sqrt(of.expected), slope)


def likelihood_moments(mu: ArrayLike) -> NDArray[np.float64]:
    """Moments of the likelihood chi-square d of a Poisson count n.

    Parameters
    ----------
    mu : array_like
        Expected hits, above 0.

    Returns
    -------
    ndarray of float64, shape (4, ...)
        Mean of d, variance of d, covariance of d with n, and the third joint cumulant of
        (d, n, n) over mu. Summed over n up to `MANY_HITS` expected hits, by their series above.

    Examples
    --------
    >>> likelihood_moments([0.1, 1.0, 1000.0])[0].round(3)
    array([0.474, 1.147, 1.   ])
    """
    mu = np.asarray(mu, dtype=np.float64)
    series = [1 + 1 / (6 * mu), 2 + 2 / (3 * mu), -1 / (6 * mu), np.full_like(mu, 2.0)]
    few = np.minimum(mu, MANY_HITS)[..., np.newaxis]
    n = np.arange(MANY_HITS + 12 * math.sqrt(MANY_HITS) + 30)
    probability = np.exp(xlogy(n, few) - few - gammaln(n + 1))
    d = likelihood_chi_square(n, few)
    mean = np.sum(probability * d, axis=-1, keepdims=True)
    terms = [d, (d - mean) ** 2, (d - mean) * (n - few), (d - mean) * (n - few) ** 2 / few]
    summed = [np.sum(probability * term, axis=-1) for term in terms]
    return np.where(mu > MANY_HITS, series, summed)


def expected_statistic(mu: ArrayLike, gradient: ArrayLike) -> tuple[float, float]:
    """Mean and variance of the minimised likelihood chi-square, given the fitted curve.

    Each fitted parameter takes away what the data spent on it: McCullagh's conditional moments,
    with the leverage h of each threshold and the regression b of the statistic on the counts.

    Parameters
    ----------
    mu : array_like, shape (threshold,)
        Expected hits at the minimum.
    gradient : array_like, shape (parameter, threshold)
        Derivatives of mu with respect to the fitted parameters.

    Returns
    -------
    mean, variance : float

    Examples
    --------
    >>> mu = np.full(41, 1e6)
    >>> mean, variance = expected_statistic(mu, [mu])
    >>> round(mean, 3), round(variance, 3)
    (40.0, 80.0)
    """
    mu = np.asarray(mu, dtype=float)
    counted = mu > HARDLY_ANY_HITS
    mu, slope = mu[counted], np.atleast_2d(gradient)[:, counted] / mu[counted]
    kappa_1, kappa_2, kappa_11, kappa_12 = likelihood_moments(mu)
    covariance = np.linalg.pinv((slope * mu) @ slope.T, hermitian=True)
    h = mu * np.einsum("at,ab,bt->t", slope, covariance, slope)
    b = slope.T @ (covariance @ (slope @ kappa_11))
    mean = np.sum(kappa_1 - 0.5 * h * (kappa_12 - b))
    variance = np.sum((1 - h) * kappa_2 - b * kappa_11)
    return float(mean), float(variance)


def gamma_p_value(
    statistic: ArrayLike, mean: ArrayLike, variance: ArrayLike
) -> NDArray[np.float64]:
    """Probability of a larger statistic, from a gamma distribution of given mean and variance.

    Parameters
    ----------
    statistic, mean, variance : array_like
        Minimised statistic with the mean and variance expected of it.

    Returns
    -------
    ndarray of float64
        The p-value; NaN where mean or variance is not positive.

    Examples
    --------
    >>> gamma_p_value([37.0, 52.0], 37.0, 74.0).round(3)
    array([0.469, 0.052])
    """
    statistic, mean, variance = (np.asarray(x, dtype=float) for x in (statistic, mean, variance))
    known = (mean > 0) & (variance > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        p_value = gammaincc(mean**2 / variance, np.maximum(statistic, 0) * mean / variance)
    return np.where(known, p_value, np.nan)


def intrinsic_spread(value: ArrayLike, error: ArrayLike) -> float:
    """Spread of values beyond their errors, after Paule & Mandel, J. Res. NBS 87 (1982) 377.

    Parameters
    ----------
    value, error : array_like
        Values with their errors, in one unit. Pairs that are not finite or have no positive error
        are left out.

    Returns
    -------
    float
        The standard deviation tau for which the sum of (value - mean)^2 / (error^2 + tau^2) is
        its expectation; 0 where the errors alone explain the spread, NaN for fewer than two values.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> round(intrinsic_spread(rng.normal(1550, 5, 10_000), np.full(10_000, 3.0)), 1)
    4.0
    """
    value, error = _usable(value, error)
    if value.size < 2:
        return math.nan

    def excess(tau: float) -> float:
        weight = 1 / (error**2 + tau**2)
        mean = np.average(value, weights=weight)
        return float(np.sum(weight * (value - mean) ** 2) - (value.size - 1))

    if excess(0.0) <= 0:
        return 0.0
    largest = float(np.ptp(value))
    return float(brentq(excess, 0.0, largest, xtol=1e-6 * largest))


def scatter(values: ArrayLike) -> float:
    """Standard deviation of a normal distribution with the median distance of the values.

    Whatever a few of them do; 1.4826 times the median distance from the median.

    Examples
    --------
    >>> scatter([1.0, 2.0, 3.0, 4.0, 1000.0])
    1.4826
    """
    values = np.asarray(values, dtype=float)
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def described_share(p_value: ArrayLike) -> tuple[float, float]:
    """Share of pixels that a curve describes, with its error, after Storey, JRSS B 64 (2002) 479.

    p-values of pixels that follow the curve are uniform, those of the others are small: twice the
    part above one half. The part above 5 % would count the others that are not rejected, too.

    Parameters
    ----------
    p_value : array_like
        p-values of the pixels; those that are not finite are left out.

    Returns
    -------
    tuple of float
        The share, at most 1, and its standard deviation; NaN without a p-value.

    Examples
    --------
    >>> described_share([0.01, 0.02, 0.3, 0.6, 0.9])
    (0.8, 0.438...)
    """
    known = np.asarray(p_value, dtype=float)
    known = known[np.isfinite(known)]
    if known.size == 0:
        return math.nan, math.nan
    upper = float((known > 0.5).mean())
    return min(2 * upper, 1.0), 2 * math.sqrt(upper * (1 - upper) / known.size)


def weighted_mean(value: ArrayLike, error: ArrayLike) -> tuple[float, float]:
    """Mean of values that may differ by more than their errors.

    The weight is 1 / (error^2 + tau^2) with the `intrinsic_spread` tau, so that no pixel with an
    error near zero rules the mean of a chip whose pixels differ.

    Parameters
    ----------
    value, error : array_like
        Values with their errors, in one unit. Pairs that are not finite or have no positive error
        are left out.

    Returns
    -------
    mean, error : float
        NaN, NaN if no usable pair is left; the pair itself if there is one.

    Examples
    --------
    >>> mean, error = weighted_mean([10.0, 11.0], [1.0, 1.0])
    >>> round(mean, 3), round(error, 3)
    (10.5, 0.707)
    """
    value, error = _usable(value, error)
    if value.size == 0:
        return math.nan, math.nan
    tau = intrinsic_spread(value, error) if value.size > 1 else 0.0
    weight = 1 / (error**2 + tau**2)
    return float(np.average(value, weights=weight)), float(1 / np.sqrt(np.sum(weight)))


def _usable(value: ArrayLike, error: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values, errors = np.broadcast_arrays(np.asarray(value, float), np.asarray(error, float))
    usable = np.isfinite(values) & np.isfinite(errors) & (errors > 0)
    values, errors = values[usable], errors[usable]
    if errors.size:
        # An error far below all others is a failed one: it may not count as a better measurement.
        errors = np.maximum(errors, 0.1 * np.median(errors))
    return values, errors
