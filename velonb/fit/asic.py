"""The fit of the ASIC: one curve through the sum over all active pixels."""

from __future__ import annotations

from collections.abc import Sequence

import lmfit
import xarray as xr

from velonb.curves import PARAMETERS, ThresholdModel
from velonb.curves.shapes import NEEDS_BASELINE
from velonb.fit.curve_fit import fit_curve


def fit_asic(
    flux: xr.Dataset,
    *,
    shape: str = "velo",
    statistic: str = "poisson",
    p0: Sequence[float] | dict[str, float] | None = None,
    baseline: float | None = None,
) -> lmfit.model.ModelResult:
    """Fit the threshold curve to the flux of the ASIC, the sum over its active pixels.

    Parameters
    ----------
    flux : xarray.Dataset
        What `compute_flux` returns.
    shape : {"velo", "consistent", "fe55"}
        The form of the curve. ``"sensor"`` is that of a pixel, not of a sum: see `fit_typical`.
    statistic : {"poisson", "chi2"}
        Likelihood chi-square of Poisson counts, or Neyman's chi-square.
    p0 : sequence or dict, optional
        Start values of f, A, s, E0; guessed from the data by default.
    baseline : float, optional
        Noise baseline (DAC) for ``"fe55"``; by default the median of the map in `flux`.

    Returns
    -------
    lmfit.model.ModelResult
        Its A is that of the ASIC (DAC hits/s); A / active_pixels is that of the average pixel.

    Raises
    ------
    ValueError
        If an argument has an unknown value or too few thresholds have an exposure.

    Examples
    --------
    >>> import velonb as vb
    >>> asic = vb.fit_asic(flux)  # doctest: +SKIP
    >>> asic.params["E0"]  # doctest: +SKIP
    <Parameter 'E0', value=1551.02 +/- 0.0162, bounds=[-inf:inf]>
    """
    if baseline is None and shape in NEEDS_BASELINE and "baseline" in flux:
        baseline = float(flux["baseline"].median())
    model = ThresholdModel(shape, statistic=statistic, baseline=baseline)
    return fit_curve(model, flux, flux["asic_flux"], flux["asic_flux_err"], p0, PARAMETERS)


def average_pixel(flux: xr.Dataset, asic: lmfit.model.ModelResult) -> dict[str, float]:
    """Parameters of the average pixel: those of the ASIC, with A per active pixel."""
    values = {name: float(asic.params[name].value) for name in PARAMETERS}
    return values | {"A": values["A"] / flux.attrs["active_pixels"]}
