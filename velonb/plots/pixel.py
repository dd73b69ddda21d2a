"""What a figure of one pixel shows, as plain numbers and words: nothing here draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from velonb.models import PARAMETERS, threshold_curve
from velonb.plots.text import value_text
from velonb.statistics import likelihood_residual
from velonb.vocabulary import ONE_SIGMA, attributes_of, check_fit, classes_of, locate


def poisson_interval(hits: ArrayLike, *, level: float = ONE_SIGMA) -> tuple[Any, Any]:
    """Return the central confidence interval of the expectation behind a count.

    The lower limit of no hits is 0. After Garwood, Biometrika 28 (1936) 437.

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


def points_of(flux: xr.Dataset, row: int, column: int) -> xr.Dataset:
    """Return the measured scan of one pixel, without the thresholds that have no exposure.

    Returns
    -------
    xarray.Dataset
        Along `threshold` (DAC): `flux` and its 68 % Poisson interval `low`, `high` (hits/s),
        `hits`, `exposure` (s).
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
        for name, variable in fits.data_vars.items()
        if set(variable.dims) <= place.keys()
    }


def curve_of(
    fits: xr.Dataset, row: int, column: int, thresholds: ArrayLike, *, fit: str = "free"
) -> NDArray[np.float64]:
    """Return the fitted curve of one pixel (hits/s), NaN if it has no such fit."""
    numbers = fitted(fits, row, column, fit)
    values = {name: numbers[name] for name in PARAMETERS}
    if not np.isfinite(list(values.values())).all():
        return np.full(np.shape(thresholds), np.nan)
    baseline = numbers.get("baseline", fits.attrs.get("baseline"))
    return threshold_curve(
        thresholds, **values, shape=fits.attrs.get("shape", "velo"), baseline=baseline
    )


def pulls_of(
    points: xr.Dataset, expected: ArrayLike, *, statistic: str = "poisson"
) -> NDArray[np.float64]:
    """Return residuals in units of their error: their squares add up to the statistic.

    Parameters
    ----------
    points : xarray.Dataset
        From `points_of` or `average_points`.
    expected : array_like, shape (threshold,)
        The fitted curve at those thresholds (hits/s).
    statistic : {"poisson", "chi2"}
        ``"poisson"`` gives the signed root of the likelihood chi-square, which for many hits is
        (data - fit) / error; ``"chi2"`` divides by the square root of the hits, so that a
        threshold without hits has no residual, NaN.
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
    weak = " ".join(weak_parameters(int(numbers.get("weak", 0))))
    return ", ".join(words) + (f"; weak: {weak}" if weak else "")


def weak_parameters(bits: int) -> list[str]:
    """Return the parameters that a value of `weak` marks.

    Examples
    --------
    >>> weak_parameters(6)
    ['A', 's']
    """
    flags = attributes_of("weak")
    masks, names = flags["flag_masks"], flags["flag_meanings"].split()
    return [name for mask, name in zip(masks, names, strict=True) if bits & mask]
