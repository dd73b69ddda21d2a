"""Where the fit of a pixel begins: at the best of the ASIC's curves, shifted along the thresholds.

The shifted curves and all their derivatives are computed once for a block of pixels, so the first
evaluation of every fit costs nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from velonb.curves.shapes import SQRT_2PI
from velonb.fit.engine.algebra import copy_into, dot, total
from velonb.fit.engine.curve import FLOOR, fill_basis, moves_linearly
from velonb.fit.engine.data import POISSON, Array, Scan, Work, compiled


class Starts(NamedTuple):
    """The ASIC's curve at several E0."""

    baseline: float
    E0: Array
    basis: Array
    logarithm: Array
    """Of the flux for A = 1."""
    expected: Array
    """Hits of all thresholds for A = 1."""
    of_asic: int
    """Which of them lies nearest to the ASIC's own place."""


@compiled
def prepare_starts(scan: Scan, baseline: float) -> Starts:
    """Shift the ASIC's curve over the scan, or leave it where it is if E0 is held."""
    threshold, exposure, E0 = scan.threshold, scan.exposure, scan.shifts
    f, s = scan.start[0], scan.start[2]
    basis = np.empty((E0.size, 12, threshold.size))
    logarithm, expected = np.empty((E0.size, threshold.size)), np.empty(E0.size)
    of_asic = 0
    for k in range(E0.size):
        fill_basis(scan, baseline, s, E0[k], basis[k])
        expected[k] = 0.0
        for i in range(threshold.size):
            flux = f * basis[k, 0, i] + (1 - f) / (SQRT_2PI * s) * basis[k, 6, i]
            logarithm[k, i] = math.log(max(flux, FLOOR))
            expected[k] += flux * exposure[i]
        if abs(E0[k] - scan.start[3]) < abs(E0[of_asic] - scan.start[3]):
            of_asic = k
    return Starts(baseline, E0, basis, logarithm, expected, of_asic)


@compiled
def start_at(k: int, scan: Scan, starts: Starts, baseline: float, work: Work, x: Array) -> None:
    """Set x to one of the shifted curves, with the best A; fill the basis there."""
    for row in range(12):
        copy_into(starts.basis[k, row], work.basis[row])
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
    logarithm, expected, hits = starts.logarithm, starts.expected, total(counts)
    last = expected.size - 1
    k = last // 2
    best = dot(counts, logarithm[k]) - hits * math.log(expected[k])
    for step in (1, -1):
        climbing = True
        while climbing and 0 <= k + step <= last:
            there = dot(counts, logarithm[k + step]) - hits * math.log(expected[k + step])
            climbing = there > best
            if climbing:
                k, best = k + step, there
    return k


@compiled
def _amplitude(scan: Scan, starts: Starts, k: int, counts: Array) -> float:
    """The best A for a given shape, which has a closed form for both statistics."""
    if scan.statistic == POISSON:
        return total(counts) / starts.expected[k]
    above = below = 0.0
    for i in range(counts.size):
        if counts[i] > 0:
            expected = math.exp(starts.logarithm[k, i]) * scan.exposure[i]
            above, below = above + expected, below + expected * expected / counts[i]
    return above / below
