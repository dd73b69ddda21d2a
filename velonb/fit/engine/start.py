"""Where the fit of a pixel begins: at the best of the ASIC's curves, shifted along the thresholds.

From there one step of Fisher's scoring is linear in the counts: its coefficients are computed once
for all pixels, so that it costs a product and no evaluation.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from velonb.curves.shapes import slope_and_plateau
from velonb.fit.engine.algebra import dot, total
from velonb.fit.engine.coordinates import chain_to_natural, from_parameters
from velonb.fit.engine.curve import terms
from velonb.fit.engine.data import Array, Kind, Scan, compiled
from velonb.minimised import FLOOR


class Starts(NamedTuple):
    """The ASIC's curve at several E0, with A = 1."""

    E0: Array
    logarithm: Array
    """Of the flux, shape (shift, threshold)."""
    expected: Array
    """Hits of all thresholds."""
    step: Array
    """Of the coordinates, per hit at each threshold; shape (shift, coordinate, threshold)."""
    offset: Array
    """What is taken away from it; shape (shift, coordinate)."""
    of_asic: int
    """Which of them lies nearest to the ASIC's own place."""


NO_STARTS = Starts(
    E0=np.zeros(0),
    logarithm=np.zeros((0, 0)),
    expected=np.zeros(0),
    step=np.zeros((0, 0, 0)),
    offset=np.zeros((0, 0)),
    of_asic=0,
)
"""Of a fit that begins where it is told to."""


def prepare_starts(kind: Kind, scan: Scan, points: int, shifts: Array, baseline: float) -> Starts:
    """Shift the ASIC's curve over the thresholds: so many, without the padding."""
    threshold, exposure = scan["threshold"][:points], scan["exposure"][:points]
    f, _, s, E0 = scan["start"]
    C, P = slope_and_plateau(f, 1.0, s) if scan["terms"] > 1 else (0.0, 1.0)
    sharing, peak = terms(kind.shape, threshold, s, shifts[:, None], baseline)
    gradient = [sharing.value, peak.value, C * sharing.s + P * peak.s, C * sharing.E0 + P * peak.E0]
    slope = np.stack(np.broadcast_arrays(*gradient, peak.value)[:4], axis=1)
    flux = np.maximum(C * slope[:, 0] + P * slope[:, 1], FLOOR)
    if not scan["linear"]:
        chain = np.eye(4)
        chain_to_natural.py_func(f, 1.0, s, chain)
        slope = chain.T @ slope
    slope = slope * scan["free"][:, None] / flux[:, None]
    weight = flux * exposure
    information = np.einsum("kai,kbi,ki->kab", slope, slope, weight)
    step = np.linalg.pinv(information, hermitian=True) @ slope
    return Starts(
        shifts,
        np.log(flux),
        weight.sum(axis=1),
        step,
        np.einsum("kai,ki->ka", step, weight),
        int(np.abs(shifts - E0).argmin()),
    )


@compiled
def start_at(k: int, scan: Scan, starts: Starts, counts: Array, stepping: bool, x: Array) -> None:
    """Set x to one of the shifted curves, with the best A and one step of Fisher's scoring."""
    from_parameters(scan, scan.start, x)
    A = scan.start[1]
    if scan.free[1]:
        A = total(counts) / starts.expected[k]
    factor = A / scan.start[1]
    x[0], x[1], x[3] = (x[0] * factor if scan.linear else x[0]), x[1] * factor, starts.E0[k]
    for a in range(4):
        if stepping and scan.free[a]:
            scale = A if a == 1 or (a == 0 and scan.linear) else 1.0
            moved = x[a] + scale * (dot(starts.step[k, a], counts) / A - starts.offset[k, a])
            if a in (1, 2):
                moved = min(max(moved, 0.4 * x[a]), 2.5 * x[a])
            x[a] = min(max(moved, scan.low[a]), scan.high[a])


@compiled
def most_likely(starts: Starts, counts: Array) -> int:
    """Climb to the shift with the largest likelihood, each with its best A."""
    hits, k = total(counts), starts.of_asic
    last, best = starts.E0.size - 1, _likelihood(starts, counts, hits, k)
    for step in (1, -1):
        climbing = True
        while climbing and 0 <= k + step <= last:
            there = _likelihood(starts, counts, hits, k + step)
            climbing = there > best
            if climbing:
                k, best = k + step, there
    return k


@compiled
def _likelihood(starts: Starts, counts: Array, hits: float, k: int) -> float:
    return dot(starts.logarithm[k], counts) - hits * math.log(starts.expected[k])
