"""The arrays that the compiled functions work on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from velonb.curves import shapes as _shapes
from velonb.system.kept_code import keep_compiled

Array = NDArray[Any]

POISSON, CHI2 = 0, 1
STATISTICS = {"poisson": POISSON, "chi2": CHI2}
SHAPE_CODES = {shape: code for code, shape in enumerate(_shapes.SHAPES)}


def compiled(function: Any) -> Any:
    """Compile at first use; other threads run while the function does."""
    return njit(nogil=True, error_model="numpy")(function)


def compiled_within(function: Any) -> Any:
    """Compile as a part of its only caller, which takes a fraction of the time."""
    return njit(nogil=True, error_model="numpy", inline="always")(function)


def compiled_and_kept(function: Any) -> Any:
    """Compile at first use and keep the result, with all that it calls, on disk."""
    return keep_compiled(njit(nogil=True, error_model="numpy")(function))


def compiled_sums(function: Any) -> Any:
    """Compile with sums in any order over thresholds, so that the processor's vectors are used."""
    return njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})(function)


class Scan(NamedTuple):
    """What all pixels of a fit share."""

    shape: int
    statistic: int
    threshold: Array
    exposure: Array
    start: Array
    """f, A, s, E0 of the average pixel."""
    shifts: Array
    """E0 at which a fit may begin."""
    free: Array
    """Which of f, A, s, E0 are fitted, as four booleans."""
    low: Array
    high: Array
    """Edges of the physical region, in the coordinates of the fit."""
    moments: Array
    """Table of the moments of the likelihood chi-square, see `goodness.moment_table`."""


class Fits(NamedTuple):
    """The outcome for each pixel of a block."""

    values: Array
    """f, A, s, E0."""
    covariance: Array
    statistic: Array
    mean: Array
    variance: Array
    """Expected of the statistic."""
    found: Array
    at_limit: Array
    evaluations: Array


class Work(NamedTuple):
    """What one thread writes again and again."""

    counts: Array
    """Hits of the pixel at every threshold."""
    place: Array
    """s and E0 at which the basis was computed."""
    basis: Array
    """Both terms of the curve with their derivatives at every threshold."""
    gradient: Array
    """Of the flux with respect to C, P, s and E0."""
    flux: Array
    residual: Array
    weight: Array
    kappa: Array
    """Moments of the statistic of every threshold."""
    whitened: Array
    slope: Array
    hessian: Array
    """Of half the statistic, in the coordinates of the fit."""
    exact: Array
    """Whether the Hessian is the exact one, not the expected; one boolean."""
    chain: Array
    factor: Array


@compiled
def new_work(size: int) -> Work:
    """Work arrays for a scan of that many thresholds."""
    return Work(
        np.zeros(size),
        np.zeros(2),
        np.zeros((12, size)),
        np.zeros((4, size)),
        np.zeros(size),
        np.zeros(size),
        np.zeros(size),
        np.zeros((4, size)),
        np.zeros((4, size)),
        np.zeros(4),
        np.zeros((4, 4)),
        np.zeros(1, dtype=np.bool_),
        np.zeros((4, 4)),
        np.zeros((4, 4)),
    )
