"""The curve of one pixel, its statistic, slope and curvature."""

from __future__ import annotations

import math

from numba.extending import overload, register_jitable
from scipy.special import erfc

from velonb.curves import shapes as _shapes
from velonb.curves.shapes import SQRT_2PI, consistent, fe55, velo
from velonb.fit.engine.algebra import congruence
from velonb.fit.engine.data import POISSON, Array, Scan, Work, compiled, compiled_sums

FLOOR = 1e-100
"""Smallest flux (hits/s) of a curve: keeps logarithms and ratios finite far above E0."""


# Without annotations: numba compares them with those of the function within.
@overload(erfc)
def _compiled_erfc(x):  # type: ignore[no-untyped-def]
    return lambda x: math.erfc(x)


for _function in (_shapes._photopeak, _shapes._two_lines, velo, consistent, fe55):
    register_jitable(_function)


@compiled
def fill_basis(scan: Scan, baseline: float, s: float, E0: float, basis: Array) -> None:
    """Evaluate both terms of the curve with all their derivatives: one sweep over the scan."""
    threshold, shape = scan.threshold, scan.shape
    for i in range(threshold.size):
        t = threshold[i]
        if shape == 0:
            sharing, peak = velo(t, s, E0, baseline)
        elif shape == 1:
            sharing, peak = consistent(t, s, E0, baseline)
        else:
            sharing, peak = fe55(t, s, E0, baseline)
        for k, value in enumerate(sharing):
            basis[k, i] = value
        for k, value in enumerate(peak):
            basis[6 + k, i] = value


@compiled
def moves_linearly(scan: Scan) -> bool:
    return bool(scan.free[0] and scan.free[1])


@compiled
def linear(scan: Scan, x: Array) -> tuple[float, float]:
    if moves_linearly(scan):
        return x[0], x[1]
    return x[0] * x[1], (1 - x[0]) * x[1] / (SQRT_2PI * x[2])


@compiled
def evaluate(scan: Scan, baseline: float, x: Array, work: Work) -> float:
    """Fill flux, gradient and residual of every threshold; return the statistic."""
    if work.place[0] != x[2] or work.place[1] != x[3]:
        fill_basis(scan, baseline, x[2], x[3], work.basis)
        work.place[0], work.place[1] = x[2], x[3]
    C, P = linear(scan, x)
    basis, gradient, flux = work.basis, work.gradient, work.flux
    for i in range(flux.size):
        gradient[0, i], gradient[1, i] = basis[0, i], basis[6, i]
        gradient[2, i] = C * basis[1, i] + P * basis[7, i]
        gradient[3, i] = C * basis[2, i] + P * basis[8, i]
        flux[i] = C * basis[0, i] + P * basis[6, i]
    if scan.statistic == POISSON:
        return _likelihood(scan.exposure, work.counts, flux, work.residual)
    return _neyman(scan.exposure, work.counts, flux, work.residual, work.weight)


@compiled
def _likelihood(exposure: Array, hits: Array, flux: Array, residual: Array) -> float:
    total = 0.0
    for i in range(hits.size):
        expected, n = max(flux[i], FLOOR), hits[i]
        mu = expected * exposure[i]
        flux[i], residual[i] = expected, n / expected - exposure[i]
        total += mu - n
        if n > 0:
            total += n * math.log(n / mu)
    return 2 * total


@compiled
def _neyman(exposure: Array, hits: Array, flux: Array, residual: Array, weight: Array) -> float:
    total = 0.0
    for i in range(hits.size):
        weight[i] = exposure[i] ** 2 / hits[i] if hits[i] > 0 else 0.0
        distance = hits[i] / exposure[i] - flux[i]
        residual[i] = weight[i] * distance
        total += residual[i] * distance
    return total


@compiled
def exact_curvature(scan: Scan, x: Array, work: Work) -> None:
    """Slope, downhill, and Hessian of half the statistic, in the coordinates of the fit."""
    if scan.statistic == POISSON:
        for i in range(work.flux.size):
            work.weight[i] = (work.residual[i] + scan.exposure[i]) / work.flux[i]
    work.exact[0] = True
    _sum_products(work)
    _add_bending(scan, x, work)
    _mirror(work.hessian)
    if not moves_linearly(scan):
        bend_C, bend_P = work.slope[0], work.slope[1]
        _to_natural(x, work)
        _add_bending_of_coordinates(x, bend_C, bend_P, work.hessian)


@compiled
def expected_curvature(scan: Scan, x: Array, work: Work) -> None:
    """Slope as above and the expected Hessian, which is never indefinite."""
    if scan.statistic == POISSON:
        for i in range(work.flux.size):
            work.weight[i] = scan.exposure[i] / work.flux[i]
    work.exact[0] = False
    _sum_products(work)
    _mirror(work.hessian)
    if not moves_linearly(scan):
        _to_natural(x, work)


@compiled_sums
def _sum_products(work: Work) -> None:
    # One loop with all sums in registers: faster, and much faster to compile, than ten loops.
    gradient, residual, weight = work.gradient, work.residual, work.weight
    C = P = s = E0 = 0.0
    CC = CP = PP = Cs = Ps = ss = CE0 = PE0 = sE0 = E0E0 = 0.0
    for i in range(residual.size):
        r, w = residual[i], weight[i]
        g_C, g_P, g_s, g_E0 = gradient[0, i], gradient[1, i], gradient[2, i], gradient[3, i]
        C, P, s, E0 = C + r * g_C, P + r * g_P, s + r * g_s, E0 + r * g_E0
        CC, CP, PP = CC + w * g_C * g_C, CP + w * g_C * g_P, PP + w * g_P * g_P
        Cs, Ps, ss = Cs + w * g_C * g_s, Ps + w * g_P * g_s, ss + w * g_s * g_s
        CE0, PE0 = CE0 + w * g_C * g_E0, PE0 + w * g_P * g_E0
        sE0, E0E0 = sE0 + w * g_s * g_E0, E0E0 + w * g_E0 * g_E0
    slope, hessian = work.slope, work.hessian
    slope[0], slope[1], slope[2], slope[3] = C, P, s, E0
    hessian[0, 0], hessian[1, 0], hessian[1, 1] = CC, CP, PP
    hessian[2, 0], hessian[2, 1], hessian[2, 2] = Cs, Ps, ss
    hessian[3, 0], hessian[3, 1], hessian[3, 2], hessian[3, 3] = CE0, PE0, sE0, E0E0


@compiled
def _mirror(matrix: Array) -> None:
    for a in range(4):
        for b in range(a):
            matrix[b, a] = matrix[a, b]


@compiled_sums
def _add_bending(scan: Scan, x: Array, work: Work) -> None:
    """Take the second derivatives of the curve, times the residuals, from the Hessian."""
    basis, residual, hessian = work.basis, work.residual, work.hessian
    C, P = linear(scan, x)
    Cs = CE0 = Ps = PE0 = ss = sE0 = E0E0 = 0.0
    for i in range(residual.size):
        r = residual[i]
        Cs, CE0 = Cs + r * basis[1, i], CE0 + r * basis[2, i]
        Ps, PE0 = Ps + r * basis[7, i], PE0 + r * basis[8, i]
        ss += r * (C * basis[3, i] + P * basis[9, i])
        sE0 += r * (C * basis[4, i] + P * basis[10, i])
        E0E0 += r * (C * basis[5, i] + P * basis[11, i])
    hessian[2, 0], hessian[2, 1] = hessian[2, 0] - Cs, hessian[2, 1] - Ps
    hessian[3, 0], hessian[3, 1] = hessian[3, 0] - CE0, hessian[3, 1] - PE0
    hessian[2, 2], hessian[3, 2] = hessian[2, 2] - ss, hessian[3, 2] - sE0
    hessian[3, 3] -= E0E0


@compiled
def _to_natural(x: Array, work: Work) -> None:
    """Carry slope and Hessian from C, P, s, E0 over to f, A, s, E0."""
    chain_to_natural(x[0], x[1], x[2], work.chain)
    congruence(work.chain, work.slope, work.hessian)


@compiled
def _add_bending_of_coordinates(x: Array, slope_C: float, slope_P: float, hessian: Array) -> None:
    f, A, s = x[0], x[1], x[2]
    plateau = 1 / (SQRT_2PI * s)
    bend_fA = slope_C - slope_P * plateau
    bend_fs = slope_P * A * plateau / s
    bend_As = slope_P * (f - 1) * plateau / s
    for a, b, bend in ((0, 1, bend_fA), (0, 2, bend_fs), (1, 2, bend_As)):
        hessian[a, b] -= bend
        hessian[b, a] -= bend
    hessian[2, 2] -= 2 * slope_P * (1 - f) * A * plateau / s**2


@compiled
def chain_to_natural(f: float, A: float, s: float, chain: Array) -> None:
    """Derivatives of C, P, s, E0 (rows) with respect to f, A, s, E0 (columns)."""
    plateau = 1 / (SQRT_2PI * s)
    for a in range(4):
        for b in range(4):
            chain[a, b] = 1.0 if a == b else 0.0
    chain[0, 0], chain[0, 1] = A, f
    chain[1, 0], chain[1, 1] = -A * plateau, (1 - f) * plateau
    chain[1, 2] = (f - 1) * A * plateau / s
