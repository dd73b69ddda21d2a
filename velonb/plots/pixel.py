"""What a figure of one pixel shows, as plain numbers and text: nothing here draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from velonb.curves.model import PARAMETERS, threshold_curve
from velonb.statistics import likelihood_residual
from velonb.text import format_number, round_to_error

ONE_SIGMA = 0.6826894921370859


def poisson_interval(hits: ArrayLike, *, level: float = ONE_SIGMA) -> tuple[Any, Any]:
    """Central confidence interval of the expectation behind a count.

    Parameters
    ----------
    hits : array_like
        Counts.
    level : float
        Confidence level.

    Returns
    -------
    tuple of ndarray
        Lower and upper limit, of the shape of `hits`; the lower limit of no hits is 0. After
        Garwood, Biometrika 28 (1936) 437.

    Examples
    --------
    >>> low, high = poisson_interval([0, 100])
    >>> low.round(2), high.round(2)
    (array([ 0.  , 90.02]), array([  1.84, 111.03]))
    """
    hits = np.asarray(hits, dtype=float)
    tail = (1 - level) / 2
    low = np.where(hits > 0, chi2.ppf(tail, 2 * np.maximum(hits, 1)) / 2, 0)
    return low, chi2.isf(tail, 2 * (hits + 1)) / 2


def check_pixel(data: xr.Dataset | xr.DataArray, row: int, column: int) -> None:
    """Refuse a pixel that is not on the chip.

    Raises
    ------
    IndexError
        If the row or the column is outside the chip.
    """
    for name, value in (("row", row), ("column", column)):
        if not 0 <= value < data.sizes[name]:
            raise IndexError(f"{name} is {value}; it must be 0 to {data.sizes[name] - 1}")


def check_fit(fits: xr.Dataset, fit: str) -> None:
    """Refuse a fit that was not made.

    Raises
    ------
    ValueError
        If `fits` has no such fit.
    """
    names = [str(name) for name in fits["fit"].values]
    if fit not in names:
        raise ValueError(f"fit is {fit!r}; these fits were made: {', '.join(names)}")


def points_of(flux: xr.Dataset, row: int, column: int) -> xr.Dataset:
    """The measured scan of one pixel, without the thresholds that have no exposure.

    Parameters
    ----------
    flux : xarray.Dataset
        From `compute_flux`.
    row, column : int
        The pixel.

    Returns
    -------
    xarray.Dataset
        Along `threshold` (DAC): `flux` and its 68 % Poisson interval `low`, `high` (hits/s),
        `hits`, `exposure` (s).

    Raises
    ------
    IndexError
        If the pixel is not on the chip.
    """
    check_pixel(flux, row, column)
    exposed = flux["exposure"].values > 0
    exposure = flux["exposure"].values[exposed]
    hits = flux["hits"].values[exposed, row, column]
    low, high = poisson_interval(hits)
    rates = {"flux": hits / exposure, "low": low / exposure, "high": high / exposure}
    return _along(flux["threshold"].values[exposed], **rates, hits=hits, exposure=exposure)


def average_points(flux: xr.Dataset) -> xr.Dataset:
    """The scan of the average pixel: the ASIC's flux over its active pixels.

    Parameters
    ----------
    flux : xarray.Dataset
        From `compute_flux`.

    Returns
    -------
    xarray.Dataset
        As from `points_of`; `hits` and `exposure` are those of the ASIC.
    """
    exposed = flux["exposure"].values > 0
    exposure = flux["exposure"].values[exposed]
    per_pixel = 1 / flux.attrs["active_pixels"]
    mean = flux["asic_flux"].values[exposed] * per_pixel
    error = flux["asic_flux_err"].values[exposed] * per_pixel
    hits = np.rint(flux["asic_flux"].values[exposed] * exposure)
    rates = {"flux": mean, "low": mean - error, "high": mean + error}
    return _along(flux["threshold"].values[exposed], **rates, hits=hits, exposure=exposure)


def _along(thresholds: ArrayLike, **values: ArrayLike) -> xr.Dataset:
    variables = {name: ("threshold", value) for name, value in values.items()}
    return xr.Dataset(variables, coords={"threshold": thresholds})


def curve_of(
    fits: xr.Dataset, row: int, column: int, thresholds: ArrayLike, *, fit: str = "free"
) -> NDArray[np.float64]:
    """The fitted curve of one pixel.

    Parameters
    ----------
    fits : xarray.Dataset
        From `fit_pixels`.
    row, column : int
        The pixel.
    thresholds : array_like
        Where to evaluate the curve (DAC).
    fit : str
        Which fit.

    Returns
    -------
    ndarray of float64
        Flux (hits/s), NaN if the pixel has no such fit.

    Raises
    ------
    IndexError
        If the pixel is not on the chip.
    ValueError
        If there is no such fit.
    """
    check_pixel(fits, row, column)
    check_fit(fits, fit)
    which = list(fits["fit"].values).index(fit)
    values = {name: fits[name].values[which, row, column] for name in PARAMETERS}
    if not np.isfinite(list(values.values())).all():
        return np.full(np.shape(thresholds), np.nan)
    return threshold_curve(
        thresholds,
        **values,
        shape=fits.attrs.get("shape", "velo"),
        baseline=_baseline_of(fits, row, column),
    )


def _baseline_of(fits: xr.Dataset, row: int, column: int) -> float | None:
    if "baseline" in fits:
        baseline = fits["baseline"]
        return float(baseline.values[row, column] if baseline.ndim else baseline)
    return fits.attrs.get("baseline")


def pulls_of(
    points: xr.Dataset, expected: ArrayLike, *, statistic: str = "poisson"
) -> NDArray[np.float64]:
    """Residuals of a scan in units of their error: their squares add up to the statistic.

    Parameters
    ----------
    points : xarray.Dataset
        From `points_of` or `average_points`.
    expected : array_like, shape (threshold,)
        The fitted curve at those thresholds (hits/s).
    statistic : {"poisson", "chi2"}
        ``"poisson"`` gives the signed root of the likelihood chi-square, which for many hits is
        (data - fit) / error; ``"chi2"`` divides by the square root of the hits, so that a
        threshold without hits has no residual.

    Returns
    -------
    ndarray of float64
        The residuals; NaN where there is none.
    """
    hits, mu = points["hits"].values, np.asarray(expected) * points["exposure"].values
    if statistic == "poisson":
        return likelihood_residual(hits, mu)
    return np.where(hits > 0, (hits - mu) / np.sqrt(np.maximum(hits, 1)), np.nan)


def describe_pixel(
    fits: xr.Dataset, row: int, column: int, *, fit: str = "free", brief: bool = False
) -> list[str]:
    """The result of one fit of one pixel in words and rounded numbers.

    Parameters
    ----------
    fits : xarray.Dataset
        From `fit_pixels`.
    row, column : int
        The pixel.
    fit : str
        Which fit.
    brief : bool
        Of the fitted parameters, give E0 alone.

    Returns
    -------
    list of str
        The fit type with the p-value, then one line for each fitted parameter; values that were
        held fixed are left out.

    Raises
    ------
    IndexError
        If the pixel is not on the chip.
    ValueError
        If there is no such fit.
    """
    check_pixel(fits, row, column)
    check_fit(fits, fit)
    pixel = fits.sel(fit=fit).isel(row=row, column=column)
    lines = [f"{fit} fit: {_verdict(pixel)}"]
    for name in ("E0",) if brief else ("E0", "s", "f", "A"):
        value, error = float(pixel[name]), float(pixel[f"{name}_err"])
        if np.isfinite(value) and np.isfinite(error):
            lines.append(value_text(name, value, error, pixel[name].attrs.get("units")))
    return lines


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


def _verdict(pixel: xr.Dataset) -> str:
    fit_type = pixel["fit_type"]
    meanings = dict(
        zip(
            np.atleast_1d(fit_type.attrs["flag_values"]).tolist(),
            fit_type.attrs["flag_meanings"].split(),
            strict=True,
        )
    )
    words = [meanings[int(fit_type)].replace("_", " ")]
    p_value = float(pixel["p_value"])
    if np.isfinite(p_value):
        words.append(f"p = {p_value:.2g}")
    if "at_limit" in pixel and bool(pixel["at_limit"]):
        words.append("at the limit")
    weak = " ".join(weak_parameters(int(pixel["weak"]))) if "weak" in pixel else ""
    return ", ".join(words) + (f"; weak: {weak}" if weak else "")


def weak_parameters(bits: int) -> list[str]:
    """Names of the parameters that a value of `weak` marks.

    Examples
    --------
    >>> weak_parameters(6)
    ['A', 's']
    """
    return [name for k, name in enumerate(PARAMETERS) if bits >> k & 1]
