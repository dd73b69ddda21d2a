"""The best minimum of one pixel: minimised from several places.

Of two minima the lower one is better, with two exceptions. A minimum inside the scan is better than
any with E0 at an end of it. And where hits are so few that a curve without a photopeak, or with one
narrower than the steps of the scan, describes them better, it does not replace one with a photopeak
that can be seen: the fit only notes that there is a lower minimum.
"""

from __future__ import annotations

import math

from velonb.fit.engine.algebra import copy_into, factorise, invert
from velonb.fit.engine.coordinates import from_parameters
from velonb.fit.engine.data import (
    Array,
    Fits,
    Kind,
    Scan,
    Work,
    compiled,
    compiled_within,
)
from velonb.fit.engine.newton import minimise, not_above
from velonb.fit.engine.start import Starts, most_likely, start_at

FAR = 0.3
"""Distance from the start, in units of the ASIC's s, from which a second start is tried."""
HARDLY_ANY = 2.5
"""Height of the photopeak, in its errors, below which a curve without one is tried."""
BEYOND = 1.5
"""Where E0 of that curve begins: beyond that of the photopeak, in units of the ASIC's s."""
LIKELIEST, OF_ASIC, FROM_BELOW, WITHOUT_PEAK = range(4)


@compiled_within
def lowest_minimum(
    kind: Kind,
    scan: Scan,
    starts: Starts,
    baseline: float,
    hits: Array,
    below: Fits,
    work: Work,
    fit: Fits,
) -> None:
    """Minimise from one place after the other; work ends at the best minimum."""
    x, begin = work.x, work.begin
    fit.found = fit.inside = fit.lower_at_limit = False
    fit.statistic, fit.evaluations = math.inf, 0
    work.far, at_best = False, True
    for attempt in range(8):
        # Every other attempt goes back to the best minimum, where the one before has left it.
        if attempt % 2 == 1:
            if at_best or not fit.found:
                continue
            copy_into(x, begin)
        elif not _begin(attempt // 2, scan, starts, hits, below, work, fit):
            continue
        origin = begin[3]
        found, statistic, evaluations = minimise(kind, scan, baseline, hits, begin, work)
        fit.evaluations += evaluations
        inside = scan.threshold[0] < begin[3] < scan.threshold[scan.size - 1]
        work.far = not (found and inside) or abs(begin[3] - origin) > FAR * scan.start[2]
        lower = not_above(statistic, fit.statistic)
        at_best = found and (lower if inside == fit.inside else inside)
        if attempt == 2 * WITHOUT_PEAK and at_best:
            fit.lower_at_limit = _has_peak(scan, x) and not _has_peak(scan, begin)
            at_best = not fit.lower_at_limit
        if at_best:
            copy_into(begin, x)
            fit.found, fit.inside, fit.statistic = True, inside, statistic


@compiled_within
def _begin(
    attempt: int, scan: Scan, starts: Starts, hits: Array, below: Fits, work: Work, fit: Fits
) -> bool:
    """Set where an attempt begins; return whether it is worth its while."""
    searching = starts.E0.size > 0
    if attempt == LIKELIEST and searching:
        start_at(most_likely(starts, hits), scan, starts, hits, True, work.begin)
        return True
    # A long way may have led past the lowest minimum.
    if attempt == OF_ASIC and searching and work.far:
        start_at(starts.of_asic, scan, starts, hits, False, work.begin)
        return True
    # With more free parameters the statistic cannot rise.
    above = not (fit.inside and not_above(fit.statistic, below.statistic))
    if attempt == FROM_BELOW and below.found and above:
        from_parameters(scan, below.values, work.begin)
        return True
    if attempt == WITHOUT_PEAK and searching and fit.inside and _hardly_any_peak(scan, work):
        _start_without_peak(scan, hits, work.x, work.begin)
        return True
    return False


@compiled
def _has_peak(scan: Scan, x: Array) -> bool:
    """Whether there is a photopeak, and wide enough to be seen."""
    return bool(x[1] > scan.low[1] and x[2] > scan.low[2])


@compiled
def _hardly_any_peak(scan: Scan, work: Work) -> bool:
    if not scan.linear or scan.terms == 1:
        return False
    if not factorise(work.hessian, scan.free, 0.0, work.factor):
        return True
    invert(work.factor, scan.free, work.inverse)
    return work.x[1] < HARDLY_ANY * math.sqrt(work.inverse[1, 1])


@compiled
def _start_without_peak(scan: Scan, hits: Array, x: Array, begin: Array) -> None:
    """A continuum alone, with all hits, that reaches beyond E0."""
    begin[1], begin[2] = 0.0, x[2]
    begin[3] = min(x[3] + BEYOND * scan.start[2], scan.high[3])
    counted = reach = 0.0
    for i in range(scan.size):
        counted += hits[i]
        reach += scan.exposure[i] * max(begin[3] - scan.threshold[i], 0.0)
    begin[0] = counted / reach
