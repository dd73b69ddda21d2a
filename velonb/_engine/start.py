"""Where the fit of a pixel begins: at the best of the ASIC's curves, shifted along the thresholds.

The shifted curves and all their derivatives are computed once for a block of pixels, so the first
evaluation of every fit costs nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from velonb._engine.algebra import dot
from velonb._engine.curve import FLOOR, fill_basis, moves_linearly
from velonb._engine.data import POISSON, Array, Scan, Work, compiled
from velonb._shapes import SQRT_2PI

SHIFTS = 61


class Starts(NamedTuple):
    """The ASIC's curve at several E0."""

    baseline: float
    E0: Array
    basis: Array
    logarithm: Array
    """Of the flux for A = 1."""
    expected: Array
    """Hits of all thresholds for A = 1."""


@compiled
def prepare_starts(scan: Scan, baseline: float) -> Starts:
    """Shift the ASIC's curve over the scan, or leave it where it is if E0 is held."""
    threshold, exposure = scan.threshold, scan.exposure
    f, s = scan.start[0], scan.start[2]
    E0 = np.full(1, scan.start[3])
    if scan.free[3]:
        E0 = np.linspace(threshold.min(), threshold.max(), SHIFTS + 2)[1:-1].copy()
    basis = np.empty((E0.size, 12, threshold.size))
    logarithm, expected = np.empty((E0.size, threshold.size)), np.empty(E0.size)
    for k in range(E0.size):
        fill_basis(scan, baseline, s, E0[k], basis[k])
        for i in range(threshold.size):
            flux = f * basis[k, 0, i] + (1 - f) / (SQRT_2PI * s) * basis[k, 6, i]
            logarithm[k, i] = math.log(max(flux, FLOOR))
        expected[k] = dot(np.exp(logarithm[k]), exposure)
    return Starts(baseline, E0, basis, logarithm, expected)


@compiled
def start_at(k: int, scan: Scan, starts: Starts, baseline: float, work: Work, x: Array) -> None:
    """Set x to one of the shifted curves, with the best A; fill the basis there."""
    work.basis[:] = starts.basis[k]
    work.place[0], work.place[1] = scan.start[2], starts.E0[k]
    if baseline != starts.baseline:
        work.place[0] = math.nan
    f, A, s = scan.start[0], scan.start[1], scan.start[2]
    if scan.free[1]:
        A = _amplitude(scan, starts, k, work.counts)
    x[0], x[1], x[2], x[3] = f, A, s, starts.E0[k]
    if moves_linearly(scan):
        x[0], x[1] = f * A, (1 - f) / (SQRT_2PI * s) * A


@compiled
def most_likely(starts: Starts, counts: Array) -> int:
    """Climb to the shift with the largest likelihood, each with its best A."""
    logarithm, expected, total = starts.logarithm, starts.expected, counts.sum()
    last = expected.size - 1
    k = last // 2
    best = dot(counts, logarithm[k]) - total * math.log(expected[k])
    for step in (1, -1):
        climbing = True
        while climbing and 0 <= k + step <= last:
            there = dot(counts, logarithm[k + step]) - total * math.log(expected[k + step])
            climbing = there > best
            if climbing:
                k, best = k + step, there
    return k


@compiled
def _amplitude(scan: Scan, starts: Starts, k: int, counts: Array) -> float:
    """The best A for a given shape, which has a closed form for both statistics."""
    if scan.statistic == POISSON:
        return counts.sum() / starts.expected[k]
    above = below = 0.0
    for i in range(counts.size):
        if counts[i] > 0:
            expected = math.exp(starts.logarithm[k, i]) * scan.exposure[i]
            above, below = above + expected, below + expected * expected / counts[i]
    return above / below
