"""Which pixels a variance is taken of, and what mean values over them are worth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from velonb.statistics import scatter

Array = NDArray[Any]

FAR = 5.0
"""Pixels farther than this from the median, in units of the scatter, are left out: a handful of
them would rule the variance of a chip."""
FEWEST_PIXELS = 50


def near_median(*values: Array) -> NDArray[np.bool_]:
    """Pixels at which all values are known and none is far from its median."""
    inside = np.all(np.isfinite(values), axis=0)
    if not inside.any():
        return np.asarray(inside)
    for each in values:
        away, width = np.abs(each - np.median(each[inside])), scatter(each[inside])
        inside &= (width == 0) | (away <= FAR * width)
    return np.asarray(inside)


def mean_and_error(of_pixels: Array) -> tuple[float, float]:
    """Mean over pixels of a number that each of them has, with the error of the mean."""
    if of_pixels.size < FEWEST_PIXELS:
        return np.nan, np.nan
    mean, error = float(of_pixels.mean()), float(of_pixels.std(ddof=1) / np.sqrt(of_pixels.size))
    # Of a number that is the same in all pixels only rounding is left.
    return mean, 0.0 if error <= 1e-12 * abs(mean) else error


def signed_root(variance: float) -> float:
    """Root of a variance, or of a covariance with its sign."""
    return float(np.sign(variance) * np.sqrt(np.abs(variance)))


def error_of_root(variance: float, error: float) -> float:
    """Error of the root of a variance, which may be none at all."""
    return error / (2 * np.sqrt(variance)) if variance > error else float(np.sqrt(error))
