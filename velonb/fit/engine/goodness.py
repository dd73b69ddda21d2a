"""What the minimised likelihood chi-square of one pixel is expected to be.

The compiled twin of `velonb.statistics.expected_statistic`. The statistic is a sum
of terms d, one for each count n that expects mu hits; of each term it takes

    kappa_1 = E(d),   kappa_2 = var(d)            Kaastra, A&A 605 (2017) A51
    kappa_11 = cov(d, n),   kappa_12 = cum(d, n, n) / mu
    u = d ln(mu) / d(C, P, s, E0)                 relative change of mu with the parameters

Given the fitted parameters, the sum has the conditional moments of McCullagh, JASA 81 (1986) 104;
with V the covariance of the fit they are

    y = V sum(kappa_11 u)                         regression of the statistic on the parameters
    h = mu u' V u                                 leverage of the count
    mean = sum(kappa_1) - sum(h (kappa_12 - y' u)) / 2
    variance = sum((1 - h) kappa_2) - y' sum(kappa_11 u)
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from velonb.fit.engine.algebra import carry, factorise, invert
from velonb.fit.engine.coordinates import chain_to_natural
from velonb.fit.engine.data import (
    E0,
    FLUX,
    KAPPA_1,
    KAPPA_2,
    KAPPA_11,
    KAPPA_12,
    Array,
    C,
    P,
    S,
    Scan,
    Work,
    compiled,
    compiled_sums,
)
from velonb.functions import log
from velonb.statistics import HARDLY_ANY_HITS, likelihood_moments

FIRST, STEP, MOST_HITS = math.log(HARDLY_ANY_HITS), 0.02, 1e7


@lru_cache(maxsize=1)
def moment_table() -> Array:
    """Moments on a grid of ln mu and their differences to the next point, shape (point, 8)."""
    points = math.ceil((math.log(MOST_HITS) - FIRST) / STEP) + 1
    moments = likelihood_moments(np.exp(FIRST + STEP * np.arange(points))).T
    return np.hstack([moments[:-1], np.diff(moments, axis=0)])


@compiled
def expected(scan: Scan, table: Array, work: Work) -> tuple[float, float]:
    """Mean and variance of the minimised statistic, given the expected Hessian at the minimum."""
    if not factorise(work.hessian, work.active, 0.0, work.factor):
        return math.nan, math.nan
    V, rows = work.inverse, work.rows
    invert(work.factor, work.active, V)
    if not scan.linear:
        chain_to_natural(work.x[0], work.x[1], work.x[2], work.chain)
        carry(work.chain, V, work.half)
    _fill_moments(scan, table, rows)
    mean, variance, u_C, u_P, u_s, u_E0 = _sum_moments(scan, rows)
    y_C = V[0, 0] * u_C + V[0, 1] * u_P + V[0, 2] * u_s + V[0, 3] * u_E0
    y_P = V[1, 0] * u_C + V[1, 1] * u_P + V[1, 2] * u_s + V[1, 3] * u_E0
    y_s = V[2, 0] * u_C + V[2, 1] * u_P + V[2, 2] * u_s + V[2, 3] * u_E0
    y_E0 = V[3, 0] * u_C + V[3, 1] * u_P + V[3, 2] * u_s + V[3, 3] * u_E0
    spent_mean, spent_variance = _sum_spent(scan, rows, V, y_C, y_P, y_s, y_E0)
    variance -= spent_variance + u_C * y_C + u_P * y_P + u_s * y_s + u_E0 * y_E0
    return mean - 0.5 * spent_mean, variance


@compiled_sums
def _fill_moments(scan: Scan, table: Array, rows: Array) -> None:
    """Divide the gradient by the flux and the flux by 1 / exposure; look the moments up."""
    exposure, last = scan.exposure, table.shape[0] - 1
    for i in range(scan.size):
        per_flux, mu = 1 / rows[FLUX, i], rows[FLUX, i] * exposure[i]
        if mu < HARDLY_ANY_HITS:
            per_flux, mu = 0.0, HARDLY_ANY_HITS
        rows[C, i], rows[P, i] = rows[C, i] * per_flux, rows[P, i] * per_flux
        rows[S, i], rows[E0, i] = rows[S, i] * per_flux, rows[E0, i] * per_flux
        rows[FLUX, i], rows[KAPPA_1, i] = mu, (log(mu) - FIRST) * (1 / STEP)
    for i in range(scan.size):
        place = rows[KAPPA_1, i]
        k = min(np.uint32(place), np.uint32(last))
        w = place - k
        rows[KAPPA_1, i] = table[k, 0] + w * table[k, 4]
        rows[KAPPA_2, i] = table[k, 1] + w * table[k, 5]
        rows[KAPPA_11, i] = table[k, 2] + w * table[k, 6]
        rows[KAPPA_12, i] = table[k, 3] + w * table[k, 7]


@compiled_sums
def _sum_moments(scan: Scan, rows: Array) -> tuple[float, ...]:
    mean = variance = u_C = u_P = u_s = u_E0 = 0.0
    for i in range(scan.size):
        kappa_11 = rows[KAPPA_11, i]
        mean, variance = mean + rows[KAPPA_1, i], variance + rows[KAPPA_2, i]
        u_C, u_P = u_C + rows[C, i] * kappa_11, u_P + rows[P, i] * kappa_11
        u_s, u_E0 = u_s + rows[S, i] * kappa_11, u_E0 + rows[E0, i] * kappa_11
    return mean, variance, u_C, u_P, u_s, u_E0


@compiled_sums
def _sum_spent(
    scan: Scan, rows: Array, V: Array, y_C: float, y_P: float, y_s: float, y_E0: float
) -> tuple[float, float]:
    """What the fitted parameters take away from mean and variance."""
    CC, CP, PP, Cs, Ps = V[0, 0], 2 * V[0, 1], V[1, 1], 2 * V[0, 2], 2 * V[1, 2]
    ss, CE0, PE0, sE0, E0E0 = V[2, 2], 2 * V[0, 3], 2 * V[1, 3], 2 * V[2, 3], V[3, 3]
    mean = variance = 0.0
    for i in range(scan.size):
        a, b, c, d = rows[C, i], rows[P, i], rows[S, i], rows[E0, i]
        form = a * (CC * a + CP * b + Cs * c + CE0 * d) + b * (PP * b + Ps * c + PE0 * d)
        form += c * (ss * c + sE0 * d) + E0E0 * d * d
        leverage = form * rows[FLUX, i]
        mean += leverage * (rows[KAPPA_12, i] - (y_C * a + y_P * b + y_s * c + y_E0 * d))
        variance += leverage * rows[KAPPA_2, i]
    return mean, variance
