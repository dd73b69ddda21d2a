"""The minimum of one pixel's statistic."""

from __future__ import annotations

import math

import numpy as np

from velonb.fit.engine.algebra import copy_into, factorise, solve_lower, solve_upper
from velonb.fit.engine.curve import evaluate, exact_curvature, expected_curvature
from velonb.fit.engine.data import Array, Scan, Work, compiled, compiled_within

ENOUGH = 1e-3
"""Expected decrease of the statistic below which the next step is the last.

That step is 3 % of an error, and Newton's method squares what is left: 0.1 % of an error.
"""
MOST_EVALUATIONS = 100
SLIGHT_DAMPING, FIRST_DAMPING, MOST_DAMPING = 1e-6, 1e-2, 1e10


@compiled_within
def minimise(scan: Scan, baseline: float, x: Array, work: Work) -> tuple[bool, float, int]:
    """Move x to the minimum; return whether it was found, its statistic and the evaluations."""
    trial, step, active = np.zeros(4), np.zeros(4), np.zeros(4, dtype=np.bool_)
    copy_into(x, trial)
    statistic, damping = math.inf, 0.0
    for evaluations in range(1, MOST_EVALUATIONS + 1):
        reached = evaluate(scan, baseline, trial, work)
        if reached <= statistic + 1e-9 * (1.0 + abs(reached)):
            copy_into(trial, x)
            statistic = reached
            damping = 0.1 * damping if damping > SLIGHT_DAMPING else 0.0
            damping = _downhill(scan, x, work, active, damping)
        else:
            damping = max(10.0 * damping, FIRST_DAMPING)
        if not damping < MOST_DAMPING:
            return False, statistic, evaluations
        factorise(work.hessian, active, damping, work.factor)
        decrease = _newton_step(scan, x, work, active, step, trial)
        if decrease < ENOUGH and damping <= SLIGHT_DAMPING:
            copy_into(trial, x)
            return True, statistic - decrease, evaluations
    return False, statistic, MOST_EVALUATIONS


@compiled_within
def _downhill(scan: Scan, x: Array, work: Work, active: Array, damping: float) -> float:
    """Fill slope and Hessian at x; return the damping with which a step leads downhill.

    The exact Hessian is taken where it is positive definite, the expected one elsewhere.
    """
    exact_curvature(scan, x, work)
    select_active(scan, x, work.slope, active)
    if factorise(work.hessian, active, damping, work.factor):
        return damping
    expected_curvature(scan, x, work)
    damping = max(damping, SLIGHT_DAMPING)
    while damping < MOST_DAMPING and not factorise(work.hessian, active, damping, work.factor):
        damping *= 10.0
    return damping


@compiled
def select_active(scan: Scan, x: Array, slope: Array, active: Array) -> None:
    """Leave out what is held and what is pressed against an edge of the physical region."""
    for a in range(4):
        pressed = (x[a] <= scan.low[a] and slope[a] < 0) or (x[a] >= scan.high[a] and slope[a] > 0)
        active[a] = scan.free[a] and not pressed


@compiled_within
def _newton_step(
    scan: Scan, x: Array, work: Work, active: Array, step: Array, trial: Array
) -> float:
    """Fill the next place to try; return the decrease of the statistic expected there."""
    solve_lower(work.factor, active, work.slope, step)
    decrease = step[0] ** 2 + step[1] ** 2 + step[2] ** 2 + step[3] ** 2
    solve_upper(work.factor, step, step)
    for a in range(4):
        low = max(scan.low[a], _lowest_next(a, x))
        trial[a] = min(max(x[a] + step[a], low), scan.high[a]) if active[a] else x[a]
    return decrease


@compiled
def _lowest_next(a: int, x: Array) -> float:
    # A long first step may throw s or P (A) onto its edge, where the curve no longer depends on
    # the others and the way back is lost. Only what is negligible already may vanish.
    negligible = a == 1 and x[1] <= 1e-6 * (x[1] + 100 * x[0])
    return 0.2 * x[a] if a in (1, 2) and not negligible else -math.inf
