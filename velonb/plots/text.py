"""Names, numbers and summaries as figures and tables show them: nothing here draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from velonb.statistics import round_to_error, weighted_mean
from velonb.vocabulary import SIGMA_PERCENTILES, good

TITLES = {"p_value": "p-value", "chi2": "chi-square", "fit_type": "fit type"}
TITLES["needs"] = "what the pixel needs"


def readable(name: str) -> str:
    """Return the name of a variable as a reader expects it."""
    return (
        f"error of {name.removesuffix('_err')}" if name.endswith("_err") else TITLES.get(name, name)
    )


def axis_label(name: str, units: Any) -> str:
    """Return a name with its unit, as axes carry it."""
    return readable(name) if units in (None, "", "1") else f"{readable(name)} ({units})"


def value_text(name: str, value: float, error: float | None, units: str | None) -> str:
    """Return ``name = value ± error unit``, rounded to the error, or to some digits without.

    Examples
    --------
    >>> value_text("E0", 1551.2387, 0.3142, "DAC")
    'E0 = 1551.24 ± 0.31 DAC'
    >>> value_text("p-value", 0.527991, None, "1")
    'p-value = 0.528'
    """
    if error is not None and np.isfinite(error) and error > 0:
        number = round_to_error(value, error)
    else:
        number = f"{value:.4g}" if abs(value) < 1000 else f"{value:.1f}"
    unit = "" if units in (None, "", "1") else f" {units}".replace(" 1/", " /")
    return f"{name} = {number}{unit}"


def median_text(name: str, values: ArrayLike, units: str | None) -> str:
    """Return a median in words, or that there is none."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return f"{readable(name)}: no value"
    return f"median {value_text(readable(name), float(np.median(finite)), None, units)}"


def good_values(fits: xr.Dataset, variable: str, fit: str) -> NDArray[np.float64]:
    """Return the values of a variable in good pixels, in one dimension; NaN is kept."""
    values = fits[variable].sel(fit=fit).transpose("row", "column").values
    return np.asarray(values[good(fits, fit).values], dtype=float)


def parameter_title(fits: xr.Dataset, parameter: str, fit: str) -> str:
    """Summarise a parameter over the good pixels of a fit, in two lines.

    The weighted mean and its error; of a parameter that was held fixed its value, of a variable
    that has no error its median. Then the fit and how many pixels.
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
    """Tell half the width that holds 68 % of good pixels and, to compare, their median error."""
    values = good_values(fits, parameter, fit)
    if not np.isfinite(values).any():
        return ""
    low, _, high = np.nanpercentile(values, SIGMA_PERCENTILES)
    widths = {"68 % half width": (high - low) / 2}
    if f"{parameter}_err" in fits:
        errors = good_values(fits, f"{parameter}_err", fit)
        widths |= {"median error": np.nanmedian(errors)} if np.isfinite(errors).any() else {}
    unit = fits[parameter].attrs.get("units")
    return "\n".join(value_text(name, float(f"{w:.3g}"), None, unit) for name, w in widths.items())
