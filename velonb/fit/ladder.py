"""What a pixel needs: a ladder of fits, each with one free parameter more than the one below."""

from __future__ import annotations

from typing import Any

import lmfit
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import erfc
from scipy.stats import false_discovery_control

from velonb.fit.pixels import fit_pixels
from velonb.vocabulary import MORE, UNDETERMINED, attributes_of, free_parameters

NAMES = ("fixed", "A+E0", "A+E0+s", "free")
RUNGS = tuple(free_parameters(name) for name in NAMES)


def rungs_of(shape: str) -> tuple[str, ...]:
    """Names of the fits of the ladder: without f, the third rung is the free fit."""
    return ("fixed", "A+E0", "free") if shape == "sensor" else NAMES


def fit_ladder(
    flux: xr.Dataset, reference: lmfit.model.ModelResult, *, q: float = 0.05, **options: Any
) -> xr.Dataset:
    """Fit every pixel on every rung and say which rung it needs.

    Parameters
    ----------
    flux : xarray.Dataset
        What `compute_flux` returns.
    reference : lmfit.model.ModelResult
        What `fit_typical` returns; or `fit_asic`, whose s and f count the spread of E0, so that
        pixels seem to need more than they do.
    q : float
        False discovery rate over the chip, see `what_pixels_need`.
    **options
        Passed on to `fit_pixels`.

    Returns
    -------
    xarray.Dataset
        What `fit_pixels` returns for the fits fixed, A+E0, A+E0+s and free, with the variables of
        `what_pixels_need`. The shape ``"sensor"`` has no f: its free fit is the third rung.

    Examples
    --------
    >>> import velonb as vb
    >>> ladder = vb.fit_ladder(flux, vb.fit_typical(flux, asic))  # doctest: +SKIP
    >>> vb.plot_needs(ladder)  # doctest: +SKIP
    """
    shape = options.get("shape") or reference.model.shape
    rungs = [free_parameters(rung, shape) for rung in rungs_of(shape)]
    fits = fit_pixels(flux, reference, free=rungs, **options)
    return fits.merge(what_pixels_need(fits, q=q), combine_attrs="override")


def what_pixels_need(fits: xr.Dataset, *, q: float = 0.05) -> xr.Dataset:
    """Find the highest rung of the ladder that describes a pixel better than the one below.

    The statistic falls by a chi-square of one degree of freedom when a needless parameter is freed
    (Wilks). Each step is tested on every pixel; Benjamini and Hochberg's procedure keeps the
    expected fraction of needless steps among those taken at `q`.

    Parameters
    ----------
    fits : xarray.Dataset
        Fits with the coordinates fixed, A+E0, A+E0+s (not of the shape ``"sensor"``) and free.
    q : float
        False discovery rate, between 0 and 1.

    Returns
    -------
    xarray.Dataset
        `needs` (row, column; int8): -1 undetermined, 0 A, 1 A+E0, 2 A+E0+s, 3 free, 4 more (even
        the free fit fails); `step_p_value` (step, row, column; float64) of the steps.

    Raises
    ------
    ValueError
        If a rung is missing from `fits` or `q` is not between 0 and 1.

    Examples
    --------
    >>> import velonb as vb
    >>> needs = vb.what_pixels_need(fits)["needs"]  # doctest: +SKIP
    """
    rungs = rungs_of(fits.attrs.get("shape", "velo"))
    missing = [name for name in rungs if name not in fits["fit"]]
    if missing:
        raise ValueError(
            f"fits lack {', '.join(missing)}; make them with fit_ladder, which fits "
            f"{', '.join(rungs)}"
        )
    if not 0 < q < 1:
        raise ValueError(f"q is {q}; a false discovery rate lies between 0 and 1")
    statistic = fits["chi2"].sel(fit=list(rungs)).values
    fall = np.maximum(statistic[:-1] - statistic[1:], 0)
    step_p_value = erfc(np.sqrt(fall / 2))  # of a chi-square of one degree of freedom
    needs = np.zeros(step_p_value.shape[1:], dtype=np.int8)
    for rung, p_value in enumerate(step_p_value, start=1):
        needs[discoveries(p_value, q)] = rung
    free = fits.sel(fit="free")
    needs[discoveries(free["p_value"].values, q)] = MORE
    needs[free["fit_type"].values < 0] = UNDETERMINED
    result = xr.Dataset(coords={"row": fits["row"], "column": fits["column"]})
    result["needs"] = ("row", "column"), needs, attributes_of("needs") | {"false_discovery_rate": q}
    steps = attributes_of("step_p_value")
    result["step_p_value"] = ("step", "row", "column"), step_p_value, steps
    return result.assign_coords(step=list(rungs[1:]))


def discoveries(p_value: NDArray[np.float64], q: float) -> NDArray[np.bool_]:
    """Tell which of many tests reject, after Benjamini & Hochberg, JRSS B 57 (1995) 289.

    Parameters
    ----------
    p_value : ndarray of float64
        One p-value for each test; NaN never rejects.
    q : float
        Expected fraction of false alarms among those that reject.

    Returns
    -------
    ndarray of bool, shape of `p_value`

    Examples
    --------
    >>> discoveries(np.array([0.001, 0.02, 0.4, np.nan]), 0.05)
    array([ True,  True, False, False])
    """
    known = np.isfinite(p_value)
    rejected = np.zeros(p_value.shape, dtype=bool)
    if known.any():
        rejected[known] = false_discovery_control(p_value[known]) <= q
    return rejected
