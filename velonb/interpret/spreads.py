"""How far pixels lie apart, compared with the errors of their fits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from velonb.curves import PARAMETERS
from velonb.statistics import intrinsic_spread, weighted_mean
from velonb.vocabulary import free_parameters, good


def good_values(fits: xr.Dataset, parameter: str, fit: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Values and errors of a parameter, NaN where the fit is not good or lies on a limit."""
    usable = good(fits, fit)
    if parameter not in PARAMETERS:
        raise ValueError(f"parameter is {parameter!r}; it must be one of {', '.join(PARAMETERS)}")
    one = fits.sel(fit=fit)
    return one[parameter].where(usable), one[f"{parameter}_err"].where(usable)


def compare_spreads(fits: xr.Dataset, fit: str = "free") -> pd.DataFrame:
    """Compare the spread of each parameter over the chip with its errors.

    Parameters
    ----------
    fits : xarray.Dataset
        What `fit_pixels` returns.
    fit : str
        Which of its fits.

    Returns
    -------
    pandas.DataFrame
        A row for each free parameter: `pixels`, weighted `mean` and `mean_err`, `median`, the 68 %
        half-width of the values (`spread`), the median `error`, and what is left of the spread
        beyond the errors, `intrinsic` with `intrinsic_err`, in the parameter's unit. Where the
        error grows with the value, as for f and A of weak fits, the weighted mean lies too low;
        the median does not. NaN where no pixel has a good fit; of one pixel there is no spread.

    Raises
    ------
    ValueError
        If there is no such fit.

    Examples
    --------
    >>> import velonb as vb
    >>> vb.compare_spreads(fits, "A+E0")  # doctest: +SKIP
    """
    rows = {}
    for parameter in PARAMETERS:
        value, error = (x.values.ravel() for x in good_values(fits, parameter, fit))
        known = np.isfinite(value) & np.isfinite(error)
        if known.any() or parameter in free_parameters(fit, fits.attrs.get("shape", "velo")):
            rows[parameter] = _compare_spread(value[known], error[known])
    return pd.DataFrame.from_dict(rows, orient="index")


def _compare_spread(value: NDArray[Any], error: NDArray[Any]) -> dict[str, float]:
    intrinsic = intrinsic_spread(value, error)
    mean, mean_err = weighted_mean(value, error)
    low, median, high = np.percentile(value, [15.865, 50, 84.135]) if value.size else [np.nan] * 3
    return {
        "pixels": value.size,
        "mean": mean,
        "mean_err": mean_err,
        "median": median,
        "spread": (high - low) / 2,
        "error": float(np.median(error)) if error.size else np.nan,
        "intrinsic": intrinsic,
        "intrinsic_err": _error_of_spread(error, intrinsic),
    }


def _error_of_spread(error: NDArray[Any], spread: float) -> float:
    if not math.isfinite(spread):
        return math.nan
    # The variance of tau^2 is 2 / sum(w^2): that of a chi-square with the weights w.
    of_square = math.sqrt(2 / np.sum(1 / (error**2 + spread**2) ** 2))
    return of_square / (2 * spread) if spread**2 > of_square else math.sqrt(of_square)
