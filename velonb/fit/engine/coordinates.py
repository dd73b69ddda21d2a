"""The coordinates of a fit: C, P, s, E0 where f and A are free, else f, A, s, E0.

In the first ones the curve is linear in two of four. A shape of one term has A in place of P.
"""

from __future__ import annotations

from numba.extending import register_jitable

from velonb.curves.shapes import slope_and_plateau
from velonb.curves.term import SQRT_2PI
from velonb.fit.engine.algebra import carry, congruence, set_unit
from velonb.fit.engine.data import Array, Scan, Work, compiled

register_jitable(slope_and_plateau)


@compiled
def linear(scan: Scan, x: Array) -> tuple[float, float]:
    """C and P, in which the curve is linear."""
    return (x[0], x[1]) if scan.linear else slope_and_plateau(x[0], x[1], x[2])


@compiled
def from_parameters(scan: Scan, values: Array, x: Array) -> None:
    """Set the coordinates from f, A, s and E0."""
    x[0], x[1], x[2], x[3] = values[0], values[1], values[2], values[3]
    if scan.linear:
        x[0], x[1] = 0.0, values[1]
        if scan.terms > 1:
            x[0], x[1] = slope_and_plateau(values[0], values[1], values[2])


@compiled
def to_parameters(scan: Scan, x: Array, values: Array, covariance: Array, work: Work) -> None:
    """Set f, A, s and E0 from the coordinates, and carry the covariance over as J V J'."""
    values[0], values[1], values[2], values[3] = x[0], x[1], x[2], x[3]
    if not scan.linear or scan.terms == 1:
        return
    C, P, s, jacobian = x[0], x[1], x[2], work.chain
    A = C + SQRT_2PI * s * P
    values[0], values[1] = C / A, A
    set_unit(jacobian)
    jacobian[0, 0] = SQRT_2PI * s * P / A**2
    jacobian[0, 1] = -SQRT_2PI * s * C / A**2
    jacobian[0, 2] = -SQRT_2PI * P * C / A**2
    jacobian[1, 0], jacobian[1, 1], jacobian[1, 2] = 1.0, SQRT_2PI * s, SQRT_2PI * P
    carry(jacobian, covariance, work.half)


@compiled
def to_natural(x: Array, work: Work) -> None:
    """Carry slope and Hessian from C, P, s, E0 over to f, A, s, E0."""
    chain_to_natural(x[0], x[1], x[2], work.chain)
    congruence(work.chain, work.slope, work.hessian, work.half)


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


@compiled
def add_bending_of_coordinates(x: Array, slope_C: float, slope_P: float, hessian: Array) -> None:
    """Take the second derivatives of C and P, times the slopes, from the Hessian."""
    f, A, s = x[0], x[1], x[2]
    plateau = 1 / (SQRT_2PI * s)
    bend_fA = slope_C - slope_P * plateau
    bend_fs = slope_P * A * plateau / s
    bend_As = slope_P * (f - 1) * plateau / s
    for a, b, bend in ((0, 1, bend_fA), (0, 2, bend_fs), (1, 2, bend_As)):
        hessian[a, b] -= bend
        hessian[b, a] -= bend
    hessian[2, 2] -= 2 * slope_P * (1 - f) * A * plateau / s**2
