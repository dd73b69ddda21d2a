"""The noise peak of a pixel: counts against threshold without a source, where they are counts.

The rate at which noise crosses a threshold is a Gaussian about the baseline, as wide as the noise
(Rice, Bell System Tech. J. 24 (1945) 46). Near its top the counter is full: such a count says only
that there were as many or more. The logarithm of the rate is a parabola,

    ln mu = c0 + c1 x + c2 x^2,

and its likelihood, with the full counts censored, is concave: Newton's steps lead to its maximum.
The far tails of measured peaks are higher than Gaussian; they are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaln

Array = NDArray[Any]

STEPS = 40
LARGEST_STEP = 1.5
"""Of the logarithm of the expected hits, in one step."""
FOUND = 1e-6
"""Step of the logarithm below which the maximum is found."""
FEWEST_POINTS = 4
"""Thresholds with hits below the limit of the counter that tell a peak of three parameters."""
REACH = 3.5
"""Widths from the baseline to where the far tails begin."""
PASSES = 2
"""Fits without the far tails, after one with them."""
CHUNK = 8192


def noise_peaks(threshold: Array, counts: Array, counter_max: int) -> dict[str, Array]:
    """Find position and width of the noise peak of every pixel.

    Parameters
    ----------
    threshold : ndarray, shape (threshold,)
        DAC.
    counts : ndarray of int, shape (threshold, pixel)
        Hits; from `counter_max` on the counter is full.
    counter_max : int
        The largest count that the counter can hold.

    Returns
    -------
    dict of str to ndarray of float64, shape (pixel,)
        `baseline`, `noise_width` and their errors `baseline_err`, `noise_width_err` (DAC), NaN
        where there is no peak inside the scan.

    Examples
    --------
    >>> t = np.arange(1300.0, 1361, 2)
    >>> mu = 400 * np.exp(-(((t - 1330) / 8) ** 2) / 2)
    >>> counts = np.minimum(np.random.default_rng(1).poisson(mu[:, None], (31, 1)), 63)
    >>> peak = noise_peaks(t, counts, 63)
    >>> bool(abs(peak["noise_width"][0] - 8) < 3 * peak["noise_width_err"][0])
    True
    """
    scale = 0.5 * np.ptp(threshold)
    x = (threshold - threshold.mean()) / scale
    powers = np.stack([np.ones_like(x), x, x * x])
    middle = threshold.mean()
    usable = np.flatnonzero(_enough(counts, counter_max))
    fitted = [
        _find_peaks(powers, counts[:, some], counter_max, scale)
        for some in np.array_split(usable, 1 + usable.size // CHUNK)
    ]
    result = {}
    for name in fitted[0]:
        result[name] = np.full(counts.shape[1], np.nan)
        result[name][usable] = np.concatenate([maps[name] for maps in fitted])
    result["baseline"] += middle
    return result


def _find_peaks(powers: Array, counts: Array, counter_max: int, scale: float) -> dict[str, Array]:
    """Peaks inside the scan, counted from its middle (DAC)."""
    t = scale * powers[1][:, np.newaxis]
    near = np.ones(counts.shape, dtype=bool)
    for _ in range(1 + PASSES):
        maps = _in_dac(*_climb(powers, counts, near, counter_max), scale)
        away = np.abs(t - maps["baseline"])
        near = ~(away > REACH * maps["noise_width"])
    inside = np.abs(maps["baseline"]) <= scale
    return {name: np.where(inside, values, np.nan) for name, values in maps.items()}


def _enough(counts: Array, counter_max: int) -> NDArray[np.bool_]:
    telling = (counts > 0) & (counts < counter_max)
    return np.asarray(telling.sum(axis=0) >= FEWEST_POINTS)


def _climb(powers: Array, counts: Array, near: Array, counter_max: int) -> tuple[Array, Array]:
    """Coefficients of the parabola with their covariance, NaN where there is no maximum."""
    n, use = counts.T, near.T
    c = _log_parabola(powers, np.where(use, n, 0), counter_max)
    covariance = np.full((*c.shape, 3), np.nan)
    climbing = np.arange(len(c))
    for _ in range(STEPS):
        slope, bend = _derivatives(c[climbing] @ powers, n[climbing], use[climbing], counter_max)
        information = np.einsum("pt,at,bt->pab", bend, powers, powers) + 1e-9 * np.eye(3)
        step = np.linalg.solve(information, (slope @ powers.T)[..., np.newaxis])[..., 0]
        size = np.abs(step @ powers).max(axis=1)
        c[climbing] += step * np.minimum(1, LARGEST_STEP / np.maximum(size, 1e-12))[:, np.newaxis]
        there = size < FOUND
        covariance[climbing[there]] = np.linalg.inv(information[there])
        climbing = climbing[~there]
    c[climbing] = np.nan
    return c, covariance


def _log_parabola(powers: Array, n: Array, counter_max: int) -> Array:
    """Start: a parabola through the logarithms of the counts, each weighted with its count."""
    weight = np.where(n < counter_max, n, 0.0)
    normal = np.einsum("pt,at,bt->pab", weight, powers, powers) + 1e-6 * np.eye(3)
    right = (weight * np.log(np.maximum(n, 1))) @ powers.T
    return np.asarray(np.linalg.solve(normal, right[..., np.newaxis])[..., 0])


def _derivatives(eta: Array, n: Array, use: Array, counter_max: int) -> tuple[Array, Array]:
    """First and, of the other sign, second derivative of the log likelihood by ln mu."""
    eta, full = np.clip(eta, -50, 12), n >= counter_max
    mu = np.exp(eta)
    slope, bend = n - mu, mu.copy()
    # Of a full counter: P(n >= limit) is an incomplete gamma function of mu.
    few, of_full = mu[full], eta[full]
    chance = np.maximum(gammainc(counter_max, few), 1e-290)
    hazard = np.exp(counter_max * of_full - few - gammaln(counter_max) - np.log(chance))
    hazard = np.where(few < 0.1 * counter_max, counter_max - few, hazard)
    slope[full] = hazard
    bend[full] = np.maximum(hazard * (hazard + few - counter_max), 0)
    return slope * use, bend * use


def _in_dac(c: Array, covariance: Array, scale: float) -> dict[str, Array]:
    """Position and width, from -c1 / 2 c2 and 1 / sqrt(-2 c2), with their errors."""
    _, c1, c2 = np.where((c[:, 2:] < 0), c, np.nan).T
    zero = np.zeros_like(c1)
    position, width = -c1 / (2 * c2), (-2 * c2) ** -0.5
    slopes = {
        "baseline": np.stack([zero, -1 / (2 * c2), c1 / (2 * c2**2)], axis=1),
        "noise_width": np.stack([zero, zero, width**3], axis=1),
    }
    errors = {
        f"{name}_err": scale * np.sqrt(np.einsum("pa,pab,pb->p", of, covariance, of))
        for name, of in slopes.items()
    }
    return {"baseline": scale * position, "noise_width": scale * width} | errors
