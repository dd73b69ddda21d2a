"""What figures and tables tell of a pixel and of a parameter: plain numbers and words."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from velonb.curves.model import threshold_curve
from velonb.curves.sensor import clouds_of
from velonb.curves.shapes import parameters_of
from velonb.statistics import likelihood_residual, weighted_mean
from velonb.text import format_number, round_to_error
from velonb.vocabulary import (
    ONE_SIGMA,
    SIGMA_PERCENTILES,
    attributes_of,
    check_fit,
    classes_of,
    good,
    locate,
)

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
    """Return ``name = value ± error unit``, rounded to the error, or to some digits without one.

    Examples
    --------
    >>> value_text("E0", 1551.2387, 0.3142, "DAC")
    'E0 = 1551.24 ± 0.31 DAC'
    >>> value_text("p-value", 0.527991, None, "1")
    'p-value = 0.528'
    """
    if error is None or error == 0:
        number = format_number(value, ".4g" if abs(value) < 1000 else ".1f")
    else:
        number = round_to_error(value, error)
    has_unit = units not in (None, "", "1") and number != "unknown"
    unit = f" {units}".replace(" 1/", " /") if has_unit else ""
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


def poisson_interval(hits: ArrayLike, *, level: float = ONE_SIGMA) -> tuple[Any, Any]:
    """Return the central confidence interval of the expectation behind a count.

    The lower limit of no hits is 0. After Garwood, Biometrika 28 (1936) 437.
    """
    hits = np.asarray(hits, dtype=float)
    tail = (1 - level) / 2
    low = np.where(hits > 0, chi2.ppf(tail, 2 * np.maximum(hits, 1)) / 2, 0)
    return low, chi2.isf(tail, 2 * (hits + 1)) / 2


def points_of(flux: xr.Dataset, row: int, column: int) -> xr.Dataset:
    """Return the measured scan of one pixel, without the thresholds that have no exposure.

    Along `threshold` (DAC): `flux` and its 68 % Poisson interval `low`, `high` (hits/s), `hits`,
    `exposure` (s).
    """
    place = locate(flux, row, column)
    exposed = flux["exposure"].values > 0
    exposure = flux["exposure"].values[exposed]
    hits = flux["hits"].values[exposed, *place]
    low, high = poisson_interval(hits)
    rates = {"flux": hits / exposure, "low": low / exposure, "high": high / exposure}
    return _along(flux["threshold"].values[exposed], **rates, hits=hits, exposure=exposure)


def average_points(flux: xr.Dataset, pixels: int | None = None) -> xr.Dataset:
    """Return the scan of the average pixel: the ASIC's flux over its active pixels.

    As from `points_of`; `hits` and `exposure` are those of the ASIC.
    """
    exposed = flux["exposure"].values > 0
    exposure = flux["exposure"].values[exposed]
    total, error = (flux[name].values[exposed] for name in ("asic_flux", "asic_flux_err"))
    hits = np.rint(total * exposure)
    rates = {"flux": total, "low": total - error, "high": total + error}
    rates = {name: rate / (pixels or flux.attrs["active_pixels"]) for name, rate in rates.items()}
    return _along(flux["threshold"].values[exposed], **rates, hits=hits, exposure=exposure)


def _along(thresholds: ArrayLike, **values: ArrayLike) -> xr.Dataset:
    variables = {name: ("threshold", value) for name, value in values.items()}
    return xr.Dataset(variables, coords={"threshold": thresholds})


def fitted(fits: xr.Dataset, row: int, column: int, fit: str) -> dict[str, float]:
    """Return every number of one fit of one pixel, by the name of the variable."""
    check_fit(fits, fit)
    which = list(fits["fit"].values).index(fit)
    row, column = locate(fits, row, column)
    place: dict[Any, int] = {"fit": which, "row": row, "column": column}
    return {
        str(name): variable.values[tuple(place[dim] for dim in variable.dims)].item()
        for name, variable in fits.variables.items()
        if name not in fits.coords and set(variable.dims) <= place.keys()
    }


def curve_of(
    fits: xr.Dataset, row: int, column: int, thresholds: ArrayLike, *, fit: str = "free"
) -> NDArray[np.float64]:
    """Return the fitted curve of one pixel (hits/s), NaN if it has no such fit."""
    numbers = fitted(fits, row, column, fit)
    shape = fits.attrs.get("shape", "velo")
    values: Any = {name: numbers[name] for name in parameters_of(shape)}
    if not np.isfinite(list(values.values())).all():
        return np.full(np.shape(thresholds), np.nan)
    baseline = numbers.get("baseline", fits.attrs.get("baseline"))
    known: Any = {"shape": shape, "baseline": baseline, "clouds": clouds_of(fits.attrs)}
    return threshold_curve(thresholds, **{"f": 0.0} | values, **known)


def pulls_of(
    points: xr.Dataset, expected: ArrayLike, *, statistic: str = "poisson"
) -> NDArray[np.float64]:
    """Return residuals in units of their error: their squares add up to the statistic.

    The signed root of the likelihood chi-square, which for many hits is (data - fit) / error; with
    ``"chi2"`` divided by the square root of the hits, NaN where there are none. The fitted curve
    is `expected` at the thresholds of the points (hits/s).
    """
    hits, mu = points["hits"].values, np.asarray(expected) * points["exposure"].values
    if statistic == "poisson":
        return likelihood_residual(hits, mu)
    return np.where(hits > 0, (hits - mu) / np.sqrt(np.maximum(hits, 1)), np.nan)


def describe_pixel(
    fits: xr.Dataset, row: int, column: int, *, fit: str = "free", brief: bool = False
) -> list[str]:
    """Tell the result of one fit of one pixel in lines: its verdict, then what was fitted."""
    numbers = fitted(fits, row, column, fit)
    lines = [f"{fit} fit: {verdict(fits, numbers)}"]
    for name in ("E0",) if brief else ("E0", "s", "f", "A"):
        value, error = numbers[name], numbers[f"{name}_err"]
        if np.isfinite(value) and np.isfinite(error):
            lines.append(value_text(name, value, error, fits[name].attrs.get("units")))
    return lines


def verdict(fits: xr.Dataset, numbers: dict[str, float], *, with_p_value: bool = True) -> str:
    """Tell the fit type, the p-value and what to beware of, from what `fitted` returns."""
    words = [classes_of(fits["fit_type"])[int(numbers["fit_type"])]]
    if with_p_value and np.isfinite(numbers["p_value"]):
        words.append(f"p = {numbers['p_value']:.2g}")
    if numbers.get("at_limit"):
        words.append("at the limit")
    flags, bits = attributes_of("weak"), int(numbers.get("weak", 0))
    parameters = zip(flags["flag_masks"], flags["flag_meanings"].split(), strict=True)
    weak = " ".join(name for mask, name in parameters if bits & mask)
    return ", ".join(words) + (f"; weak: {weak}" if weak else "")
