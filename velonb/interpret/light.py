"""The light on the chip: how the source shines on it, apart from what pixels make of it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter

SMOOTHNESS = 12.0
"""Width of the mean over neighbours (pixels)."""


def light(A: xr.DataArray, *, smoothness: float = SMOOTHNESS) -> xr.DataArray:
    """Find the light on every pixel: A, smooth over its neighbours.

    Nothing in a scan tells light from a response that varies as slowly; what is left when A is
    divided by it differs from pixel to pixel.

    Parameters
    ----------
    A : xarray.DataArray, dimensions (row, column)
        Amplitudes of good pixels, NaN elsewhere.
    smoothness : float
        Width of the mean over neighbours (pixels).

    Returns
    -------
    xarray.DataArray, dimensions (row, column)
        Relative to its mean; NaN where A is.
    """
    known = np.isfinite(A.values)
    if not known.any():
        return xr.full_like(A, np.nan)
    width = min(smoothness, 0.25 * min(A.shape))
    total = gaussian_filter(np.where(known, A.values, 0.0), width, mode="nearest")
    smooth = total / np.maximum(gaussian_filter(known.astype(float), width, mode="nearest"), 1e-12)
    smooth = np.where(known, smooth, np.nan)
    return A.copy(data=smooth / np.nanmean(smooth))
