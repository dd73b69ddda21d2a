"""The minimum of one pixel's statistic."""

from __future__ import annotations

import math

from velonb.fit.engine.algebra import copy_into, copy_matrix, factorise, solve_lower, solve_upper
from velonb.fit.engine.curve import evaluate, evaluate_expected
from velonb.fit.engine.data import Array, Kind, Scan, Work, compiled, compiled_within

ENOUGH = 1e-4
"""Expected decrease of the statistic below which the next step is the last.

That step is 1 % of an error, and Newton's method squares what is left: 0.01 % of an error.
"""
MOST_EVALUATIONS = 100
SLIGHT_DAMPING, FIRST_DAMPING, MOST_DAMPING = 1e-6, 1e-2, 1e10


@compiled
def minimise(
    kind: Kind, scan: Scan, baseline: float, hits: Array, x: Array, work: Work
) -> tuple[bool, float, int]:
    """Move x to the minimum; return whether it was found, its statistic and the evaluations.

    At a minimum work holds the exact Hessian from one step before, as the kept one, slope and
    expected Hessian from the minimum itself, and the curve in its rows.
    """
    trial, active = work.trial, work.active
    copy_into(x, trial)
    statistic, damping = math.inf, 0.0
    for evaluations in range(1, MOST_EVALUATIONS + 1):
        reached = evaluate(kind, scan, baseline, hits, trial, work)
        if not_above(reached, statistic):
            copy_into(trial, x)
            statistic = reached
            damping = 0.1 * damping if damping > SLIGHT_DAMPING else 0.0
            damping = _downhill(kind, scan, baseline, hits, x, work, damping)
            _keep(work)
        else:
            damping = max(10.0 * damping, FIRST_DAMPING)
        if not damping < MOST_DAMPING:
            return False, statistic, evaluations
        factorise(work.kept_hessian, active, damping, work.factor)
        decrease = _newton_step(scan, x, work)
        if decrease < ENOUGH and damping <= SLIGHT_DAMPING:
            statistic = _settle(kind, scan, baseline, hits, x, statistic, work)
            return True, statistic, evaluations
    return False, statistic, MOST_EVALUATIONS


@compiled
def not_above(reached: float, statistic: float) -> bool:
    """Whether a statistic is not above another by more than rounding."""
    return reached <= statistic + 1e-9 * (1.0 + abs(statistic))


@compiled
def _keep(work: Work) -> None:
    copy_into(work.slope, work.kept_slope)
    copy_matrix(work.hessian, work.kept_hessian)
    work.kept_exact = work.exact


@compiled_within
def _settle(
    kind: Kind, scan: Scan, baseline: float, hits: Array, x: Array, before: float, work: Work
) -> float:
    """Take the last step, unless it leads uphill on a curve that bends too much."""
    reached = evaluate_expected(kind, scan, baseline, hits, work.trial, work)
    if reached <= before:
        copy_into(work.trial, x)
        return reached
    return evaluate_expected(kind, scan, baseline, hits, x, work)


@compiled_within
def _downhill(
    kind: Kind, scan: Scan, baseline: float, hits: Array, x: Array, work: Work, damping: float
) -> float:
    """Return the damping with which a step from x leads downhill.

    The exact Hessian is taken where it is positive definite, the expected one elsewhere.
    """
    select_active(scan, x, work)
    if factorise(work.hessian, work.active, damping, work.factor):
        return damping
    evaluate_expected(kind, scan, baseline, hits, x, work)
    damping = max(damping, SLIGHT_DAMPING)
    while damping < MOST_DAMPING and not factorise(work.hessian, work.active, damping, work.factor):
        damping *= 10.0
    return damping


@compiled
def select_active(scan: Scan, x: Array, work: Work) -> None:
    """Leave out what is held and what is pressed against an edge of the physical region."""
    for a in range(4):
        downhill = work.slope[a]
        pressed = (x[a] <= scan.low[a] and downhill < 0) or (x[a] >= scan.high[a] and downhill > 0)
        work.active[a] = scan.free[a] and not pressed


@compiled_within
def _newton_step(scan: Scan, x: Array, work: Work) -> float:
    """Fill the next place to try; return the decrease of the statistic expected there."""
    step, trial, active = work.step, work.trial, work.active
    solve_lower(work.factor, active, work.kept_slope, step)
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
