"""What the minimised likelihood chi-square of one pixel is expected to be.

The compiled twin of `velonb.statistics.expected_statistic`, with its moments from a table.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from velonb.fit.engine.algebra import dot, factorise
from velonb.fit.engine.curve import moves_linearly
from velonb.fit.engine.data import Array, Scan, Work, compiled_within
from velonb.statistics import HARDLY_ANY_HITS, MANY_HITS, likelihood_moments

FIRST, STEP = math.log(HARDLY_ANY_HITS), 0.02


@lru_cache(maxsize=1)
def moment_table() -> Array:
    """Moments of the likelihood chi-square on a grid of ln mu, shape (point, moment)."""
    points = math.ceil((math.log(MANY_HITS) - FIRST) / STEP) + 2
    return np.ascontiguousarray(likelihood_moments(np.exp(FIRST + STEP * np.arange(points))).T)


@compiled_within
def expected(scan: Scan, fitted: Array, work: Work) -> tuple[float, float]:
    """Mean and variance of the minimised statistic, given the expected Hessian of the fit."""
    if not factorise(work.hessian, fitted, 0.0, work.factor):
        return math.nan, math.nan
    _fill_moments(scan.exposure, work.flux, scan.moments, work.kappa)
    _fill_whitened(scan, fitted, work)
    leverage, kappa, v = work.residual, work.kappa, work.whitened
    flux, exposure = work.flux, scan.exposure
    mean = variance = 0.0
    for i in range(leverage.size):
        square = v[0, i] ** 2 + v[1, i] ** 2 + v[2, i] ** 2 + v[3, i] ** 2
        leverage[i] = square * flux[i] * exposure[i]
        mean += kappa[0, i] - 0.5 * leverage[i] * kappa[3, i]
        variance += (1.0 - leverage[i]) * kappa[1, i]
    for a in range(4):
        u = dot(v[a], kappa[2])
        mean += 0.5 * u * dot(v[a], leverage)
        variance -= u * u
    return mean, variance


@compiled_within
def _fill_moments(exposure: Array, flux: Array, table: Array, kappa: Array) -> None:
    last = table.shape[0] - 2
    for i in range(flux.size):
        mu = flux[i] * exposure[i]
        if mu > MANY_HITS:
            kappa[0, i], kappa[1, i] = 1.0 + 1.0 / (6.0 * mu), 2.0 + 2.0 / (3.0 * mu)
            kappa[2, i], kappa[3, i] = -1.0 / (6.0 * mu), 2.0
            continue
        place = (math.log(max(mu, HARDLY_ANY_HITS)) - FIRST) / STEP
        k = min(int(place), last)
        w = place - k
        for a in range(4):
            kappa[a, i] = table[k, a] + w * (table[k + 1, a] - table[k, a])


@compiled_within
def _fill_whitened(scan: Scan, fitted: Array, work: Work) -> None:
    """Relative gradient of the flux in coordinates in which the expected Hessian is unity."""
    v, factor = work.whitened, work.factor
    _gradient_of_fit(scan, work)
    for a in range(4):
        if not fitted[a]:
            for i in range(v.shape[1]):
                v[a, i] = 0.0
            continue
        for b in range(a):
            for i in range(v.shape[1]):
                v[a, i] -= factor[a, b] * v[b, i]
        scale = 1.0 / factor[a, a]
        for i in range(v.shape[1]):
            v[a, i] *= scale


@compiled_within
def _gradient_of_fit(scan: Scan, work: Work) -> None:
    """Relative derivatives of the flux in the coordinates of the fit; none without hits."""
    v, gradient, chain = work.whitened, work.gradient, work.chain
    flux, exposure, natural = work.flux, scan.exposure, not moves_linearly(scan)
    for i in range(flux.size):
        relative = 1.0 / flux[i] if flux[i] * exposure[i] > HARDLY_ANY_HITS else 0.0
        C, P = gradient[0, i] * relative, gradient[1, i] * relative
        v[0, i], v[1, i] = C, P
        v[2, i], v[3, i] = gradient[2, i] * relative, gradient[3, i] * relative
        if natural:
            v[0, i] = chain[0, 0] * C + chain[1, 0] * P
            v[1, i] = chain[0, 1] * C + chain[1, 1] * P
            v[2, i] += chain[1, 2] * P
