"""The fits of a block of pixels, one after the other."""

from __future__ import annotations

import math

import numpy as np

from velonb._engine.algebra import congruence, factorise, invert
from velonb._engine.curve import evaluate, exact_curvature, expected_curvature, moves_linearly
from velonb._engine.data import (
    CHI2,
    POISSON,
    Array,
    Fits,
    Scan,
    Work,
    compiled,
    compiled_and_kept,
    new_work,
)
from velonb._engine.goodness import expected
from velonb._engine.newton import minimise, select_active
from velonb._engine.start import Starts, most_likely, prepare_starts, start_at
from velonb._shapes import SQRT_2PI

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
        work.counts[:] = hits[pixel]
        _fit_pixel(scan, starts, baseline[pixel], work, pixel, fits)


@compiled
def _fit_pixel(
    scan: Scan, starts: Starts, baseline: float, work: Work, pixel: int, fits: Fits
) -> None:
    x = np.empty(4)
    start_at(most_likely(starts, work.counts), scan, starts, baseline, work, x)
    began = x[3]
    found, statistic, evaluations = minimise(scan, baseline, x, work)
    if abs(x[3] - began) > FAR * scan.start[2] or not found:
        # So long a way may have led past the lowest minimum: try from the ASIC's place as well.
        found, statistic, more = _minimise_again(scan, starts, baseline, work, x, found, statistic)
        evaluations += more
    fits.found[pixel], fits.evaluations[pixel] = found, evaluations
    if not found:
        return
    active = np.zeros(4, dtype=np.bool_)
    _covariance(scan, x, work, fits.covariance[pixel])
    select_active(scan, x, work.slope, active)
    fits.at_limit[pixel] = np.sum(active) < np.sum(scan.free)
    fits.statistic[pixel] = max(statistic, 0.0)
    if scan.statistic == POISSON:
        mean, variance = expected(scan, active, x, work)
        # A parameter pressed against an edge has been fitted too, and took its share.
        pressed = np.sum(scan.free) - np.sum(active)
        fits.mean[pixel], fits.variance[pixel] = mean - pressed, variance - 2 * pressed
    fits.values[pixel] = x
    if moves_linearly(scan):
        _natural(x, fits.values[pixel], fits.covariance[pixel], work.chain)


@compiled
def _minimise_again(
    scan: Scan,
    starts: Starts,
    baseline: float,
    work: Work,
    x: Array,
    found: bool,
    statistic: float,
) -> tuple[bool, float, int]:
    """Minimise from the ASIC's own place; leave x and the work arrays at the lower minimum."""
    other = np.empty(4)
    nearest = np.argmin(np.abs(starts.E0 - scan.start[3]))
    start_at(nearest, scan, starts, baseline, work, other)
    found_other, statistic_other, evaluations = minimise(scan, baseline, other, work)
    if found_other and (not found or statistic_other < statistic):
        x[:] = other
        return True, statistic_other, evaluations
    evaluate(scan, baseline, x, work)
    exact_curvature(scan, x, work)
    return found, statistic, evaluations + 1


@compiled
def _covariance(scan: Scan, x: Array, work: Work, covariance: Array) -> None:
    """Inverse of the observed Hessian for the likelihood, of the expected one for chi-square."""
    if scan.statistic == CHI2:
        expected_curvature(scan, x, work)
    elif not work.exact[0]:
        exact_curvature(scan, x, work)
    if not factorise(work.hessian, scan.free, 0.0, work.factor):
        expected_curvature(scan, x, work)
        if not factorise(work.hessian, scan.free, 0.0, work.factor):
            covariance[:] = math.nan
            return
    invert(work.factor, scan.free, covariance)


@compiled
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
