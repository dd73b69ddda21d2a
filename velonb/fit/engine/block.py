"""The fits of a block of pixels, one after the other."""

from __future__ import annotations

import math

import numpy as np

from velonb.curves.shapes import SQRT_2PI
from velonb.fit.engine.algebra import congruence, copy_into, count_true, factorise, invert
from velonb.fit.engine.curve import expected_curvature, moves_linearly
from velonb.fit.engine.data import (
    POISSON,
    Array,
    Fits,
    Scan,
    Work,
    compiled_and_kept,
    compiled_within,
    new_work,
)
from velonb.fit.engine.goodness import expected
from velonb.fit.engine.newton import minimise, select_active
from velonb.fit.engine.start import Starts, most_likely, prepare_starts, start_at

FAR = 0.5
"""Distance from the start, in units of the ASIC's s, from which a second start is tried."""


@compiled_and_kept
def fit_block(scan: Scan, baseline: Array, hits: Array, fits: Fits) -> None:
    """Fit every pixel of a block.

    Shapes: `baseline` (pixel), `hits` (pixel, threshold); `fits` is filled.
    """
    work = new_work(scan.threshold.size)
    starts = prepare_starts(scan, baseline[0] if baseline.size else 0.0)
    for pixel in range(hits.shape[0]):
        copy_into(hits[pixel], work.counts)
        _fit_pixel(scan, starts, baseline[pixel], work, pixel, fits)


@compiled_within
def _fit_pixel(
    scan: Scan, starts: Starts, baseline: float, work: Work, pixel: int, fits: Fits
) -> None:
    x = np.empty(4)
    found, statistic, evaluations = _lowest_minimum(scan, starts, baseline, work, x)
    fits.found[pixel], fits.evaluations[pixel] = found, evaluations
    if not found:
        return
    covariance, active = fits.covariance[pixel], np.zeros(4, dtype=np.bool_)
    select_active(scan, x, work.slope, active)
    observed = scan.statistic == POISSON and work.exact[0]
    observed = observed and factorise(work.hessian, scan.free, 0.0, work.factor)
    if observed:
        invert(work.factor, scan.free, covariance)
    expected_curvature(scan, x, work)
    if not observed and factorise(work.hessian, scan.free, 0.0, work.factor):
        invert(work.factor, scan.free, covariance)
    if scan.statistic == POISSON:
        mean, variance = expected(scan, active, work)
        # A parameter pressed against an edge has been fitted too, and took its share.
        pressed = count_true(scan.free) - count_true(active)
        fits.mean[pixel], fits.variance[pixel] = mean - pressed, variance - 2 * pressed
    fits.at_limit[pixel] = count_true(active) < count_true(scan.free)
    fits.statistic[pixel] = max(statistic, 0.0)
    copy_into(x, fits.values[pixel])
    if moves_linearly(scan):
        _natural(x, fits.values[pixel], covariance, work.chain)


@compiled_within
def _lowest_minimum(
    scan: Scan, starts: Starts, baseline: float, work: Work, x: Array
) -> tuple[bool, float, int]:
    """Minimise from the most likely shift; after a long way from the ASIC's own place as well.

    So long a way may have led past the lowest minimum. x and the work arrays end at the lower one.
    """
    trial, total, found_any, lowest = np.empty(4), 0, False, math.inf
    place = most_likely(starts, work.counts)
    start_at(place, scan, starts, baseline, work, trial)
    for attempt in range(3):
        found, statistic, evaluations = minimise(scan, baseline, trial, work)
        total += evaluations
        lower = found and statistic <= lowest + 1e-9 * abs(lowest)
        if lower or attempt == 0:
            copy_into(trial, x)
            found_any, lowest = found, statistic
        if attempt == 0 and (not found or abs(x[3] - starts.E0[place]) > FAR * scan.start[2]):
            start_at(starts.of_asic, scan, starts, baseline, work, trial)
        elif attempt == 1 and not lower:
            copy_into(x, trial)
        else:
            break
    return found_any, lowest, total


@compiled_within
def _natural(x: Array, values: Array, covariance: Array, chain: Array) -> None:
    """Carry values and covariance from C, P, s, E0 over to f, A, s, E0."""
    C, P, s = x[0], x[1], x[2]
    A = C + SQRT_2PI * s * P
    values[0], values[1] = C / A, A
    for a in range(4):
        for b in range(4):
            chain[a, b] = 1.0 if a == b else 0.0
    chain[0, 0] = SQRT_2PI * s * P / A**2
    chain[1, 0] = -SQRT_2PI * s * C / A**2
    chain[2, 0] = -SQRT_2PI * P * C / A**2
    chain[0, 1], chain[1, 1], chain[2, 1] = 1.0, SQRT_2PI * s, SQRT_2PI * P
    congruence(chain, np.zeros(4), covariance)
