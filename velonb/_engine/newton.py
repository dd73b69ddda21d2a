"""The minimum of one pixel's statistic."""

from __future__ import annotations

import numpy as np

from velonb._engine.algebra import factorise, solve_lower, solve_upper
from velonb._engine.curve import evaluate, exact_curvature, expected_curvature
from velonb._engine.data import Array, Scan, Work, compiled

ENOUGH = 1e-5
"""Expected decrease of the statistic below which the next step is the last: 0.3 % of an error."""
MOST_EVALUATIONS = 100
SLIGHT_DAMPING, FIRST_DAMPING, MOST_DAMPING = 1e-6, 1e-2, 1e10


@compiled
def minimise(
    scan: Scan, baseline: float, hits: Array, x: Array, work: Work
) -> tuple[bool, float, int]:
    """Move x to the minimum; return whether it was found, its statistic and the evaluations."""
    trial, active = np.zeros(4), np.zeros(4, dtype=np.bool_)
    statistic, damping, evaluations = evaluate(scan, baseline, hits, x, work), 0.0, 1
    lowered = True
    while evaluations < MOST_EVALUATIONS and damping < MOST_DAMPING:
        if lowered:
            damping = _downhill(scan, x, work, active, damping)
        factorise(work.hessian, active, damping, work.factor)
        decrease = _newton_step(scan, x, work, active, trial)
        if decrease < ENOUGH and damping <= SLIGHT_DAMPING:
            x[:] = trial
            return True, statistic - decrease, evaluations
        reached = evaluate(scan, baseline, hits, trial, work)
        evaluations += 1
        lowered = reached <= statistic + 1e-9 * (1.0 + abs(statistic))
        if lowered:
            x[:], statistic = trial, reached
            damping = 0.1 * damping if damping > SLIGHT_DAMPING else 0.0
        else:
            damping = max(10.0 * damping, FIRST_DAMPING)
    return False, statistic, evaluations


@compiled
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


@compiled
def _newton_step(scan: Scan, x: Array, work: Work, active: Array, trial: Array) -> float:
    half, step = np.zeros(4), np.zeros(4)
    solve_lower(work.factor, active, work.slope, half)
    solve_upper(work.factor, half, step)
    for a in range(4):
        trial[a] = min(max(x[a] + step[a], scan.low[a]), scan.high[a]) if active[a] else x[a]
    decrease = 0.0
    for a in range(4):
        decrease += half[a] * half[a]
    return decrease
