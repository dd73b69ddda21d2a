"""Two halves of a scan: what both find in a pixel is the pixel's, what they differ in is error."""

from __future__ import annotations

from typing import Any

import lmfit
import numpy as np
import pandas as pd
import xarray as xr

from velonb.fit import fit_pixels
from velonb.interpret.sample import error_of_root, mean_and_error, near_median, signed_root
from velonb.interpret.spreads import good_values


def split_halves(
    flux: xr.Dataset,
    reference: lmfit.model.ModelResult,
    *,
    free: tuple[str, ...] = ("A", "E0"),
    **options: Any,
) -> pd.DataFrame:
    """Fit every other threshold, and the others, and compare: a check that needs no errors.

    The hits of two thresholds are independent, so that the covariance of both fits over the chip
    is the variance of the pixels, whatever the errors are. (Single acquisitions are not kept; two
    halves of them would do the same.)

    Parameters
    ----------
    flux : xarray.Dataset
        What `compute_flux` returns.
    reference : lmfit.model.ModelResult
        What `fit_asic` or `fit_typical` returns.
    free : tuple of str
        Parameters that are fitted.
    **options
        Passed on to `fit_pixels`.

    Returns
    -------
    pandas.DataFrame
        A row for each parameter: `spread` with `spread_err`, from the covariance; `by_errors`,
        from the mean variance without that of the errors; `error_ratio` with `error_ratio_err`,
        that of the scatter between the halves and of the errors that the fits tell: 1.

    Raises
    ------
    ValueError
        As `fit_pixels`.

    Examples
    --------
    >>> import velonb as vb
    >>> vb.split_halves(flux, typical)  # doctest: +SKIP
    """
    used = flux.isel(threshold=np.flatnonzero(flux["exposure"] > 0)).sortby("threshold")
    options = {"progress": False} | options
    fits = [
        fit_pixels(used.isel(threshold=slice(first, None, 2)), reference, free=free, **options)
        for first in (0, 1)
    ]
    name = str(fits[0]["fit"].values[0])
    rows = {
        parameter: _compare([good_values(each, parameter, name) for each in fits])
        for parameter in free
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _compare(halves: list[tuple[xr.DataArray, xr.DataArray]]) -> dict[str, float]:
    values = [value.values for value, _ in halves]
    used = near_median(*values, *(error.values for _, error in halves))
    first, second = (value[used] - value[used].mean() for value in values if used.any())
    error = np.mean([each.values[used] ** 2 for _, each in halves], axis=0)
    common, common_err = mean_and_error(first * second)
    by_errors = mean_and_error(0.5 * (first**2 + second**2) - error)[0]
    apart = 0.5 * (first - second) ** 2
    square = mean_and_error(apart)[0] / mean_and_error(error)[0]
    square_err = mean_and_error((apart - square * error) / error.mean())[1]
    return {
        "pixels": int(used.sum()),
        "spread": signed_root(common),
        "spread_err": error_of_root(abs(common), common_err),
        "by_errors": signed_root(by_errors),
        "error_ratio": float(np.sqrt(square)),
        "error_ratio_err": square_err / (2 * float(np.sqrt(square))),
    }
