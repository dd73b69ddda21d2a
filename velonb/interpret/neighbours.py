"""Pixels that are unlike their neighbours, whatever gradients and light do over the chip."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import xarray as xr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from velonb.statistics import scatter

Array = NDArray[Any]

RATIOS = ("A", "f", "s")
"""Parameters that are compared as ratios: light varies over the chip."""


def unlike_neighbours(fits: xr.Dataset, parameter: str, known: Array, distance: int = 2) -> Array:
    """Distance of a parameter from the median of the neighbours, in standard deviations.

    The unit is the error that the neighbours have, and the scatter of the chip in that unit: a
    pixel's own value does not enter the measure that it is held against.

    Parameters
    ----------
    fits : xarray.Dataset
        Of one fit.
    parameter : str
        A free parameter of it.
    known : ndarray of bool, shape (row, column)
        Pixels that count.
    distance : int
        Rows and columns that a neighbour is away at most.

    Returns
    -------
    ndarray of float64, shape (row, column)
        NaN where the pixel is not known or has fewer than three neighbours that are.
    """
    value, error = fits[parameter].values, fits[f"{parameter}_err"].values
    known = known & np.isfinite(value) & np.isfinite(error)
    if parameter in RATIOS:
        known = known & (value > 0)
        value = np.log(np.where(known, value, 1))
        error = error / np.exp(value)
    others = _neighbours(np.where(known, value, np.nan), distance)
    away = np.where(known, value, np.nan) - _median(others)
    away[np.isfinite(others).sum(axis=-1) < 3] = np.nan
    away = away / _median(_neighbours(np.where(known, error, np.nan), distance))
    if not np.isfinite(away).any():
        return away
    known_away = away[~np.isnan(away)]
    return np.asarray((away - np.median(known_away)) / max(scatter(known_away), 1.0))


def _neighbours(values: Array, distance: int) -> Array:
    """The values around every pixel without its own, NaN beyond the edge, in the last axis."""
    side = 2 * distance + 1
    wide = np.pad(values, distance, constant_values=np.nan)
    around = sliding_window_view(wide, (side, side)).reshape(*values.shape, side * side)
    return np.delete(around, side * side // 2, axis=-1)


def _median(values: Array) -> Array:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        return np.asarray(np.nanmedian(values, axis=-1))
