"""The fits of a block of pixels, one after the other."""

from __future__ import annotations

import math

import numpy as np

from velonb._engine.algebra import congruence, factorise, invert
from velonb._engine.curve import exact_curvature, expected_curvature, fill_basis, moves_linearly
from velonb._engine.data import CHI2, POISSON, Array, Fits, Scan, Work, compiled, compiled_and_kept
from velonb._engine.goodness import expected
from velonb._engine.newton import minimise, select_active
from velonb._shapes import SQRT_2PI


@compiled_and_kept
def fit_block(scan: Scan, baseline: Array, hits: Array, fits: Fits) -> None:
    """Fit every pixel of a block.

    Shapes: `baseline` (pixel), `hits` (pixel, threshold); `fits` is filled.
    """
    size = scan.threshold.size
    work = Work(
        np.zeros(2), np.zeros((12, size)), np.zeros((4, size)), np.zeros(size), np.zeros(size),
        np.zeros(size), np.zeros((4, size)), np.zeros((4, size)),
        np.zeros(4), np.zeros((4, 4)), np.zeros((4, 4)), np.zeros((4, 4)),
    )  # fmt: skip
    common = np.zeros((12, size))
    known = math.nan
    for pixel in range(hits.shape[0]):
        if baseline[pixel] != known:
            known = baseline[pixel]
            fill_basis(scan, known, scan.start[2], scan.start[3], common)
        work.basis[:], work.place[0], work.place[1] = common, scan.start[2], scan.start[3]
        _fit_pixel(scan, baseline[pixel], hits[pixel], work, pixel, fits)


@compiled
def _fit_pixel(
    scan: Scan, baseline: float, hits: Array, work: Work, pixel: int, fits: Fits
) -> None:
    x = np.empty(4)
    _start(scan, hits, work.basis, x)
    found, statistic, evaluations = minimise(scan, baseline, hits, x, work)
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
def _start(scan: Scan, hits: Array, basis: Array, x: Array) -> None:
    """The curve of the ASIC with the best A, which has a closed form."""
    f, A, s, E0 = scan.start[0], scan.start[1], scan.start[2], scan.start[3]
    plateau = (1 - f) / (SQRT_2PI * s)
    if scan.free[1]:
        above = below = 0.0
        for i in range(hits.size):
            unit = (f * basis[0, i] + plateau * basis[6, i]) * scan.exposure[i]
            if scan.statistic == POISSON:
                above, below = above + hits[i], below + unit
            elif hits[i] > 0:
                above, below = above + unit, below + unit * unit / hits[i]
        A = above / below
    x[0], x[1], x[2], x[3] = f, A, s, E0
    if moves_linearly(scan):
        x[0], x[1] = f * A, plateau * A


@compiled
def _covariance(scan: Scan, x: Array, work: Work, covariance: Array) -> None:
    """Inverse of the observed Hessian for the likelihood, of the expected one for chi-square."""
    if scan.statistic == CHI2:
        expected_curvature(scan, x, work)
    else:
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
