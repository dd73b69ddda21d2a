"""The records that the compiled functions work on, and how functions are compiled.

A record passes as one pointer; a tuple of arrays would pass as a dozen numbers an array.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from velonb import minimised as _minimised
from velonb.curves import shapes as _shapes
from velonb.system.kept_code import keep_compiled

Array = NDArray[Any]

LANES = 8
"""Thresholds are padded to a multiple of it, as many as a processor works on at once."""
MOST_THRESHOLDS = 16392
"""As many as a counter of 14 bits has values, padded; not a power of 2, which caches dislike."""
NO_EXPOSURE = 1e-200
"""Exposure (s) of the padding: too small to count, large enough to divide by."""


# Nobody counts who uses an array ("nrt"), as none is made: half of the time of a small function.
OPTIONS: Any = {"nogil": True, "error_model": "numpy", "_nrt": False}


def compiled(function: Any) -> Any:
    """Compile at first use; other threads run while the function does. It may make no arrays."""
    return njit(**OPTIONS)(function)


def compiled_within(function: Any) -> Any:
    """Compile as a part of its only caller, which takes a fraction of the time."""
    return njit(inline="always", **OPTIONS)(function)


def compiled_and_kept(function: Any) -> Any:
    """Compile at first use and keep the result, with all that it calls, on disk."""
    return keep_compiled(njit(**OPTIONS)(function))


def compiled_sums(function: Any) -> Any:
    """Compile with sums in any order over thresholds, so that the processor's vectors are used."""
    return njit(fastmath={"reassoc", "contract", "nsz"}, **OPTIONS)(function)


class Kind(NamedTuple):
    """What the engine is compiled for: a shape with its table, and a statistic."""

    shape: Any
    statistic: Any


# Every shape and every statistic is a type of its own, by which the compiler tells them apart.
SHAPE_TYPES: dict[str, Any] = {name: namedtuple(name, "table") for name in _shapes.SHAPES}
STATISTIC_TYPES: dict[str, Any] = {
    name: namedtuple(name, "likelihood") for name in _minimised.STATISTICS
}
# What is kept on disk names the types by their place in this module.
globals().update(SHAPE_TYPES | STATISTIC_TYPES)
NO_TABLE = np.zeros((0, 0, 0))


def kind_of(shape: str, statistic: str, table: Array | None = None) -> Kind:
    """The kind of a fit; `table` has three dimensions."""
    table = NO_TABLE if table is None else np.ascontiguousarray(table, dtype=float)
    likelihood = statistic == "poisson"
    return Kind(SHAPE_TYPES[shape](table), STATISTIC_TYPES[statistic](likelihood))


SCAN = np.dtype(
    [
        ("size", "u8"),  # thresholds, padded; unsigned, or loops over them gather their data
        ("threshold", "f8", MOST_THRESHOLDS),
        ("exposure", "f8", MOST_THRESHOLDS),
        ("start", "f8", 4),  # f, A, s, E0 of the average pixel
        ("free", "u1", 4),  # which of f, A, s, E0 are fitted
        ("linear", "u1"),  # whether the fit moves in C, P, s, E0 (A in place of P for one term)
        ("terms", "u1"),
        ("low", "f8", 4),  # edges of the physical region, in the coordinates of the fit
        ("high", "f8", 4),
    ],
    align=True,
)
"""What all pixels of a fit share."""

FITS = np.dtype(
    [
        ("values", "f8", 4),  # f, A, s, E0
        ("error", "f8", 4),
        ("statistic", "f8"),
        ("mean", "f8"),  # expected of the statistic
        ("variance", "f8"),
        ("p_value", "f8"),
        ("evaluations", "i4"),
        ("found", "?"),
        ("inside", "?"),  # whether E0 lies within the scan
        ("at_limit", "?"),
        ("lower_at_limit", "?"),  # whether there is a lower minimum without a visible photopeak
    ],
    align=True,
)
"""The outcome for a pixel."""

WORK = np.dtype(
    [
        ("x", "f8", 4),  # the best place so far, in the coordinates of the fit
        ("trial", "f8", 4),
        ("begin", "f8", 4),
        ("step", "f8", 4),
        ("far", "?"),  # whether the last minimum lies far from where its search began
        ("active", "u1", 4),  # free and not pressed against an edge
        ("slope", "f8", 4),  # of half the statistic, downhill, in the coordinates of the fit
        ("hessian", "f8", (4, 4)),
        ("exact", "?"),  # whether the Hessian is the exact one, not the expected
        ("kept_slope", "f8", 4),
        ("kept_hessian", "f8", (4, 4)),
        ("kept_exact", "?"),
        ("factor", "f8", (4, 4)),
        ("covariance", "f8", (4, 4)),
        ("inverse", "f8", (4, 4)),
        ("chain", "f8", (4, 4)),
        ("half", "f8", (4, 4)),
        ("rows", "f8", (9, MOST_THRESHOLDS)),
    ],
    align=True,
)
"""What one thread writes again and again."""
C, P, S, E0, FLUX, KAPPA_1, KAPPA_2, KAPPA_11, KAPPA_12 = range(9)
"""Rows of work: gradient of the flux, the flux, and the moments of the statistic."""

Scan = Any
Fits = Any
Work = Any
