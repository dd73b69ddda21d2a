"""The fits of a block of pixels, one after the other."""

from __future__ import annotations

import math

from velonb.fit.engine.algebra import copy_matrix, count_true, factorise, invert
from velonb.fit.engine.coordinates import to_parameters
from velonb.fit.engine.data import (
    Array,
    Fits,
    Kind,
    Scan,
    Work,
    compiled_and_kept,
    compiled_within,
)
from velonb.fit.engine.goodness import expected
from velonb.fit.engine.newton import select_active
from velonb.fit.engine.search import lowest_minimum
from velonb.fit.engine.start import Starts


@compiled_and_kept
def fit_block(
    kind: Kind,
    scan: Scan,
    starts: Starts,
    table: Array,
    baseline: Array,
    chosen: Array,
    hits: Array,
    below: Fits,
    fits: Fits,
    covariances: Array,
    work: Work,
) -> None:
    """Fit the chosen pixels of a block.

    Shapes: `hits` (pixel, padded threshold), all others (pixel) but `scan` and `work`, which have
    one entry. `below` holds the lowest minimum of the fits in which less is free, where there is
    one; `fits` is filled, and `covariances` unless it is empty.
    """
    for pixel in range(hits.shape[0]):
        if not chosen[pixel]:
            continue
        fit = fits[pixel]
        lowest_minimum(
            kind, scan[0], starts, baseline[pixel], hits[pixel], below[pixel], work[0], fit
        )
        if fit.found:
            _describe(kind, scan[0], table, work[0], fit)
            if covariances.size:
                copy_matrix(work[0].covariance, covariances[pixel])


@compiled_within
def _describe(kind: Kind, scan: Scan, table: Array, work: Work, fit: Fits) -> None:
    """Values, errors and what to expect of the statistic, at the minimum in work."""
    covariance, likelihood = work.covariance, kind.statistic.likelihood
    # A likelihood has the errors of its exact Hessian, where that has an inverse.
    exact = likelihood and work.kept_exact
    exact = exact and factorise(work.kept_hessian, scan.free, 0.0, work.factor)
    if exact or factorise(work.hessian, scan.free, 0.0, work.factor):
        invert(work.factor, scan.free, covariance)
    else:
        covariance[0, 0] = covariance[1, 1] = covariance[2, 2] = covariance[3, 3] = math.nan
    select_active(scan, work.x, work)
    # A parameter pressed against an edge has been fitted too, and took its share.
    pressed = count_true(scan.free) - count_true(work.active)
    fit.at_limit = pressed > 0
    if likelihood and table.size:
        mean, variance = expected(scan, table, work)
        fit.mean, fit.variance = mean - pressed, variance - 2 * pressed
    fit.statistic = max(fit.statistic, 0.0)
    to_parameters(scan, work.x, fit.values, covariance, work)
    for a in range(4):
        fit.error[a] = math.sqrt(covariance[a, a])
