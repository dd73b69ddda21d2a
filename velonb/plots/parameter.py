"""What a figure of one parameter shows, as plain arrays and text: nothing here draws."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from velonb.plots.map_parts import no_value_reason
from velonb.plots.pixel import check_fit, value_text
from velonb.plots.style import readable
from velonb.statistics import weighted_mean
from velonb.vocabulary import GOOD

MAP_DIMS = ("row", "column")


def parameter_map(
    fits: xr.Dataset, parameter: str, fit: str
) -> tuple[xr.DataArray, NDArray[np.int8]]:
    """The map of a parameter and why pixels are without a value.

    Parameters
    ----------
    fits : xarray.Dataset
        From `fit_pixels`.
    parameter : str
        Any variable of every pixel and fit, but the fit type.
    fit : str
        Which fit.

    Returns
    -------
    values : xarray.DataArray, shape (row, column)
        The map.
    reason : ndarray of int8, shape (row, column)
        From `no_value_reason`.

    Raises
    ------
    ValueError
        If there is no such parameter or fit.
    """
    check_fit(fits, fit)
    allowed = [str(name) for name in fits if set(fits[name].dims) == {"fit", *MAP_DIMS}]
    allowed = [name for name in allowed if "flag_values" not in fits[name].attrs]
    if parameter not in allowed:
        raise ValueError(f"parameter is {parameter!r}; it must be one of {', '.join(allowed)}")
    chosen = fits.sel(fit=fit)
    mask = fits["mask"].values if "mask" in fits else None
    fit_type = chosen["fit_type"].transpose(*MAP_DIMS).values
    values = chosen[parameter].transpose(*MAP_DIMS)
    return values, no_value_reason(values, mask=mask, fit_type=fit_type)


def good_values(fits: xr.Dataset, variable: str, fit: str) -> NDArray[np.float64]:
    """Return the values of a variable in good pixels, in one dimension; NaN is kept."""
    values = fits[variable].sel(fit=fit).transpose(*MAP_DIMS).values
    return np.asarray(values[good_pixels(fits, fit)], dtype=float)


def good_pixels(fits: xr.Dataset, fit: str) -> NDArray[np.bool_]:
    """Mark the pixels whose values count: the fit is good and does not end on a limit."""
    chosen = fits.sel(fit=fit).transpose(..., *MAP_DIMS)
    good = chosen["fit_type"].values == GOOD
    return good & (chosen["at_limit"].values == 0) if "at_limit" in chosen else good


def settled_values(fits: xr.Dataset, variable: str, fit: str) -> NDArray[np.float64]:
    """The values that a colour scale should show well.

    A fit that ended on the edge of the physical region says nothing about the spread of the chip,
    nor does the long tail of f towards that edge: a hundredth of all pixels can be in either.

    Parameters
    ----------
    fits : xarray.Dataset
        From `fit_pixels`.
    variable : str
        Any variable of every pixel and fit.
    fit : str
        Which fit.

    Returns
    -------
    ndarray of float64, one dimension
        Of good pixels that are not on the edge and at most four 68 % half widths from the median;
        of all pixels where none is good.
    """
    values = np.asarray(fits[variable].sel(fit=fit).transpose(*MAP_DIMS).values, dtype=float)
    kept = values[good_pixels(fits, fit) & np.isfinite(values)]
    if not kept.size:
        return values.ravel()
    low, median, high = np.percentile(kept, (15.87, 50, 84.13))
    core = (kept >= median - 4 * (median - low)) & (kept <= median + 4 * (high - median))
    return kept[core]


def median_text(name: str, values: ArrayLike, units: str | None) -> str:
    """Return a median in words, or that there is none."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return f"{readable(name)}: no value"
    return f"median {value_text(readable(name), float(np.median(finite)), None, units)}"


def parameter_title(fits: xr.Dataset, parameter: str, fit: str) -> str:
    """The summary of a parameter over the good pixels of a fit that are not at a limit.

    Parameters
    ----------
    fits : xarray.Dataset
        From `fit_pixels`.
    parameter : str
        The parameter.
    fit : str
        Which fit.

    Returns
    -------
    str
        The weighted mean and its error, of a parameter that was held fixed its value, of a
        variable that has no error its median; in a second line the fit and how many pixels.
    """
    values, units = good_values(fits, parameter, fit), fits[parameter].attrs.get("units")
    who = f"{fit} fit, {values.size:,} good pixels"
    if f"{parameter}_err" not in fits or not values.size:
        return f"{median_text(parameter, values, units)}\n{who}"
    errors = good_values(fits, f"{parameter}_err", fit)
    if not np.isfinite(errors).any():
        return f"{value_text(parameter, float(np.median(values)), None, units)}, held fixed\n{who}"
    return f"{value_text(parameter, *weighted_mean(values, errors), units)}\nweighted mean, {who}"


def width_text(fits: xr.Dataset, parameter: str, fit: str) -> str:
    """The spread of a parameter over good pixels and, to compare, its median error.

    Parameters
    ----------
    fits : xarray.Dataset
        From `fit_pixels`.
    parameter : str
        The parameter.
    fit : str
        Which fit.

    Returns
    -------
    str
        Half the width that holds 68 % of the pixels, and the median error if there is one.
    """
    values = good_values(fits, parameter, fit)
    values = values[np.isfinite(values)]
    if not values.size:
        return ""
    unit = fits[parameter].attrs.get("units")
    low, high = np.percentile(values, (15.87, 84.13))
    lines = [f"{value_text('68 % half width', float(f'{(high - low) / 2:.3g}'), None, unit)}"]
    if f"{parameter}_err" in fits:
        errors = good_values(fits, f"{parameter}_err", fit)
        if np.isfinite(errors).any():
            error = float(f"{np.nanmedian(errors):.3g}")
            lines.append(value_text("median error", error, None, unit))
    return "\n".join(lines)
