"""The fit of one pixel with lmfit: the readable path to what `fit_pixels` finds."""

from __future__ import annotations

from collections.abc import Sequence

import lmfit
import xarray as xr
from scipy.stats import chi2

from velonb.curves import PARAMETERS, ThresholdModel, threshold_gradient
from velonb.curves.shapes import parameters_of
from velonb.fit.asic import average_pixel
from velonb.fit.curve_fit import fit_curve
from velonb.fit.free import checked_free
from velonb.statistics import expected_statistic, gamma_p_value
from velonb.vocabulary import locate


def fit_pixel(
    flux: xr.Dataset,
    row: int,
    column: int,
    *,
    asic: lmfit.model.ModelResult | None = None,
    free: Sequence[str] | None = None,
    shape: str | None = None,
    statistic: str = "poisson",
    p0: Sequence[float] | dict[str, float] | None = None,
) -> lmfit.model.ModelResult:
    """Fit one pixel with lmfit: the readable path to what `fit_pixels` finds.

    Parameters
    ----------
    flux : xarray.Dataset
        What `compute_flux` returns.
    row, column : int
        The pixel, by the coordinates of `flux`.
    asic : lmfit.model.ModelResult, optional
        The fit of the ASIC: start values, and the values of what is not free.
    free : sequence of str, optional
        Parameters that are fitted; all of the shape by default. ``("A",)`` with `asic` is the fixed
        fit.
    shape : str, optional
        The form of the curve; by default that of `asic`, else ``"velo"``.
    statistic : {"poisson", "chi2"}
        As for `fit_asic`.
    p0 : sequence or dict, optional
        Start values of f, A, s, E0.

    Returns
    -------
    lmfit.model.ModelResult

    Raises
    ------
    IndexError
        If the pixel is outside the chip.
    ValueError
        If the pixel is masked, or an argument has an unknown value.

    Examples
    --------
    >>> import velonb as vb
    >>> vb.fit_pixel(flux, 100, 100, asic=asic, free=("A",)).params["A"]  # doctest: +SKIP
    <Parameter 'A', value=8.213 +/- 0.152, bounds=[0:inf]>
    """
    place = locate(flux, row, column)
    pixel = flux.isel(row=place[0], column=place[1])
    if bool(pixel["mask"]):
        raise ValueError(f"pixel (row {row}, column {column}) is masked; choose an active one")
    shape = shape or (asic.model.shape if asic is not None else "velo")
    parameters = parameters_of(shape)
    free = checked_free(parameters if free is None else free, parameters)
    if asic is None and set(free) != set(parameters) and p0 is None:
        raise ValueError(f"free is {free}; give asic= (or p0=) for the values of the others")
    baseline = asic.model.baseline if asic is not None else None
    if "baseline" in pixel:
        baseline = float(pixel["baseline"])
    clouds = asic.model.clouds if asic is not None else None
    model = ThresholdModel(shape, statistic=statistic, baseline=baseline, clouds=clouds)
    shift = asic is not None and p0 is None
    if shift:
        p0 = average_pixel(flux, asic)
    return fit_curve(model, pixel, pixel["flux"], pixel["flux_err"], p0, free, shift=shift)


def fit_p_value(result: lmfit.model.ModelResult) -> float:
    """Probability that a curve like the fitted one gives a larger statistic than this fit.

    Parameters
    ----------
    result : lmfit.model.ModelResult
        What `fit_pixel` or `fit_asic` returns.

    Returns
    -------
    float
        For a likelihood fit from the moments of `expected_statistic`, for Neyman's chi-square from
        its degrees of freedom.

    Examples
    --------
    >>> import velonb as vb
    >>> vb.fit_p_value(vb.fit_pixel(flux, 100, 100))  # doctest: +SKIP
    0.41
    """
    model = result.model
    if model.statistic == "chi2":
        return float(chi2.sf(result.chisqr, result.nfree))
    values = {name: result.params[name].value for name in PARAMETERS}
    gradient = threshold_gradient(result.userkws["t"], **values, **model.known)
    fitted = gradient[[PARAMETERS.index(name) for name in result.var_names]]
    exposure = result.weights
    moments = expected_statistic(result.best_fit * exposure, fitted * exposure)
    return float(gamma_p_value(result.chisqr, *moments))
