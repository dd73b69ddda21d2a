"""The curve of one pixel and its statistic: one pass over the thresholds each.

A pass keeps its sums in registers, calls nothing and does not branch, so that it is vectorised.
The sums are those of g = C * sharing + P * peak and of the comparison q(g) of each threshold::

    slope    = - sum q'(g) dg             (downhill)
    Hessian  =   sum q''(g) dg dg' + q'(g) ddg

with derivatives d with respect to C, P, s and E0. The expected Hessian has the expectation of q''
and no second term, as q' expects to be zero.
"""

from __future__ import annotations

from typing import Any

from numba.extending import overload, register_jitable

from velonb import minimised as _minimised
from velonb.curves import sensor as _sensor, shapes as _shapes
from velonb.curves.term import Term, Terms
from velonb.fit.engine.coordinates import add_bending_of_coordinates, linear, to_natural
from velonb.fit.engine.data import (
    E0,
    FLUX,
    Array,
    C,
    Kind,
    P,
    S,
    Scan,
    Work,
    compiled,
    compiled_sums,
)
from velonb.functions import INLINE
from velonb.minimised import Comparison

within_loops: Any = register_jitable(**INLINE)
for _function in (
    _shapes._photopeak,
    _shapes._two_lines,
    _sensor.weights,
    *_shapes.SHAPES.values(),
    *_minimised.STATISTICS.values(),
):
    within_loops(_function)

NOTHING = Term(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def terms(shape: Any, t: Any, s: Any, E0: Any, baseline: Any) -> tuple[Term, Term]:
    """Both terms of the curve of a shape, given its type."""
    return two_terms(_shapes.SHAPES[type(shape).__name__](t, s, E0, baseline, shape.table))


def two_terms(terms: Terms) -> tuple[Term, Term]:
    """Put nothing before the only term of a shape of one."""
    return (NOTHING, terms[0]) if len(terms) == 1 else (terms[0], terms[1])


def compare(statistic: Any, n: Any, exposure: Any, flux: Any) -> Comparison:
    """Half of a statistic, given its type, with its derivatives."""
    return _minimised.STATISTICS[type(statistic).__name__](n, exposure, flux)


# Without annotations: numba compares them with those of the function within.
@overload(terms, jit_options=INLINE)
def _compiled_terms(shape, t, s, E0, baseline):  # type: ignore[no-untyped-def]
    function = _shapes.SHAPES[shape.instance_class.__name__]
    return lambda shape, t, s, E0, baseline: two_terms(function(t, s, E0, baseline, shape.table))


@overload(two_terms, jit_options=INLINE)
def _compiled_two_terms(terms):  # type: ignore[no-untyped-def]
    return (lambda terms: (NOTHING, terms[0])) if len(terms) == 1 else (lambda terms: terms)


@overload(compare, jit_options=INLINE)
def _compiled_compare(statistic, n, exposure, flux):  # type: ignore[no-untyped-def]
    function = _minimised.STATISTICS[statistic.instance_class.__name__]
    return lambda statistic, n, exposure, flux: function(n, exposure, flux)


@compiled
def evaluate(kind: Kind, scan: Scan, baseline: float, hits: Array, x: Array, work: Work) -> float:
    """Fill slope, downhill, and Hessian of half the statistic; return the statistic."""
    slope_C, plateau_P = linear(scan, x)
    half = _sum_exact(kind, scan, baseline, hits, slope_C, plateau_P, x[2], x[3], work)
    work.exact = True
    if not scan.linear:
        bend_C, bend_P = work.slope[0], work.slope[1]
        to_natural(x, work)
        add_bending_of_coordinates(x, bend_C, bend_P, work.hessian)
    return 2 * half


@compiled
def evaluate_expected(
    kind: Kind, scan: Scan, baseline: float, hits: Array, x: Array, work: Work
) -> float:
    """The same with the expected Hessian, which is never indefinite; fills the rows of work."""
    slope_C, plateau_P = linear(scan, x)
    _fill_rows(kind, scan, baseline, slope_C, plateau_P, x[2], x[3], work.rows)
    half = _sum_expected(kind, scan, hits, work)
    work.exact = False
    if not scan.linear:
        to_natural(x, work)
    return 2 * half


@compiled_sums
def _sum_exact(
    kind: Kind, scan: Scan, baseline: float, hits: Array,
    height_C: float, height_P: float, s: float, place: float, work: Work,
) -> float:  # fmt: skip
    shape, statistic = kind.shape, kind.statistic
    threshold, exposure = scan.threshold, scan.exposure
    half = g_C = g_P = g_s = g_E0 = 0.0
    CC = CP = PP = Cs = Ps = ss = CE0 = PE0 = sE0 = E0E0 = 0.0
    for i in range(scan.size):
        sharing, peak = terms(shape, threshold[i], s, place, baseline)
        a, b = sharing.value, peak.value
        c = height_C * sharing.s + height_P * peak.s
        d = height_C * sharing.E0 + height_P * peak.E0
        q = compare(statistic, hits[i], exposure[i], height_C * a + height_P * b)
        r, w = q.residual, q.curvature
        half += q.value
        g_C, g_P, g_s, g_E0 = g_C + r * a, g_P + r * b, g_s + r * c, g_E0 + r * d
        CC, CP, PP = CC + w * a * a, CP + w * a * b, PP + w * b * b
        Cs, Ps = Cs + (w * a * c - r * sharing.s), Ps + (w * b * c - r * peak.s)
        CE0, PE0 = CE0 + (w * a * d - r * sharing.E0), PE0 + (w * b * d - r * peak.E0)
        ss += w * c * c - r * (height_C * sharing.ss + height_P * peak.ss)
        sE0 += w * c * d - r * (height_C * sharing.sE0 + height_P * peak.sE0)
        E0E0 += w * d * d - r * (height_C * sharing.E0E0 + height_P * peak.E0E0)
    _set(work.slope, g_C, g_P, g_s, g_E0)
    _set_symmetric(work.hessian, CC, CP, PP, Cs, Ps, ss, CE0, PE0, sE0, E0E0)
    return half


@compiled_sums
def _fill_rows(
    kind: Kind, scan: Scan, baseline: float,
    height_C: float, height_P: float, s: float, place: float, rows: Array,
) -> None:  # fmt: skip
    shape, threshold = kind.shape, scan.threshold
    for i in range(scan.size):
        sharing, peak = terms(shape, threshold[i], s, place, baseline)
        rows[C, i], rows[P, i] = sharing.value, peak.value
        rows[S, i] = height_C * sharing.s + height_P * peak.s
        rows[E0, i] = height_C * sharing.E0 + height_P * peak.E0
        rows[FLUX, i] = height_C * sharing.value + height_P * peak.value


@compiled_sums
def _sum_expected(kind: Kind, scan: Scan, hits: Array, work: Work) -> float:
    statistic, exposure, rows = kind.statistic, scan.exposure, work.rows
    half = g_C = g_P = g_s = g_E0 = 0.0
    CC = CP = PP = Cs = Ps = ss = CE0 = PE0 = sE0 = E0E0 = 0.0
    for i in range(scan.size):
        a, b, c, d = rows[C, i], rows[P, i], rows[S, i], rows[E0, i]
        q = compare(statistic, hits[i], exposure[i], rows[FLUX, i])
        r, w = q.residual, q.expected
        half += q.value
        g_C, g_P, g_s, g_E0 = g_C + r * a, g_P + r * b, g_s + r * c, g_E0 + r * d
        CC, CP, PP = CC + w * a * a, CP + w * a * b, PP + w * b * b
        Cs, Ps, ss = Cs + w * a * c, Ps + w * b * c, ss + w * c * c
        CE0, PE0 = CE0 + w * a * d, PE0 + w * b * d
        sE0, E0E0 = sE0 + w * c * d, E0E0 + w * d * d
    _set(work.slope, g_C, g_P, g_s, g_E0)
    _set_symmetric(work.hessian, CC, CP, PP, Cs, Ps, ss, CE0, PE0, sE0, E0E0)
    return half


@compiled
def _set(vector: Array, C: float, P: float, s: float, E0: float) -> None:
    vector[0], vector[1], vector[2], vector[3] = C, P, s, E0


@compiled
def _set_symmetric(
    matrix: Array, CC: float, CP: float, PP: float, Cs: float, Ps: float, ss: float,
    CE0: float, PE0: float, sE0: float, E0E0: float,
) -> None:  # fmt: skip
    _set(matrix[0], CC, CP, Cs, CE0)
    _set(matrix[1], CP, PP, Ps, PE0)
    _set(matrix[2], Cs, Ps, ss, sE0)
    _set(matrix[3], CE0, PE0, sE0, E0E0)
