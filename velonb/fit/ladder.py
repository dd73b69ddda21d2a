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
from velonb.vocabulary import MORE, UNDETERMINED, attributes_of

RUNGS = (("A",), ("A", "E0"), ("A", "E0", "s"), ("f", "A", "s", "E0"))
NAMES = ("fixed", "A+E0", "A+E0+s", "free")


def fit_ladder(
    flux: xr.Dataset, asic: lmfit.model.ModelResult, *, q: float = 0.05, **options: Any
) -> xr.Dataset:
    """Fit every pixel on every rung and say which rung it needs.

    Parameters
    ----------
    flux : xarray.Dataset
        What `compute_flux` returns.
    asic : lmfit.model.ModelResult
        What `fit_asic` returns.
    q : float
        False discovery rate over the chip, see `what_pixels_need`.
    **options
        Passed on to `fit_pixels`.

    Returns
    -------
    xarray.Dataset
        What `fit_pixels` returns for the fits fixed, A+E0, A+E0+s and free, with the variables of
        `what_pixels_need`.

    Examples
    --------
    >>> import velonb as vb
    >>> ladder = vb.fit_ladder(flux, asic)  # doctest: +SKIP
    >>> vb.plot_needs(ladder)  # doctest: +SKIP
    """
    fits = fit_pixels(flux, asic, free=RUNGS, **options)
    return fits.merge(what_pixels_need(fits, q=q), combine_attrs="override")


def what_pixels_need(fits: xr.Dataset, *, q: float = 0.05) -> xr.Dataset:
    """Find the highest rung of the ladder that describes a pixel better than the one below.

    The statistic falls by a chi-square of one degree of freedom when a needless parameter is freed
    (Wilks). Each step is tested on every pixel; Benjamini and Hochberg's procedure keeps the
    expected fraction of needless steps among those taken at `q`.

    Parameters
    ----------
    fits : xarray.Dataset
        Fits with the coordinates fixed, A+E0, A+E0+s and free.
    q : float
        False discovery rate, between 0 and 1.

    Returns
    -------
    xarray.Dataset
        `needs` (row, column; int8): -1 undetermined, 0 A, 1 A+E0, 2 A+E0+s, 3 free, 4 more (even
        the free fit fails); `step_p_value` (step, row, column; float64) of the three steps.

    Raises
    ------
    ValueError
        If a rung is missing from `fits` or `q` is not between 0 and 1.

    Examples
    --------
    >>> import velonb as vb
    >>> needs = vb.what_pixels_need(fits)["needs"]  # doctest: +SKIP
    """
    missing = [name for name in NAMES if name not in fits["fit"]]
    if missing:
        raise ValueError(
            f"fits lack {', '.join(missing)}; make them with fit_ladder, which fits "
            f"{', '.join(NAMES)}"
        )
    if not 0 < q < 1:
        raise ValueError(f"q is {q}; a false discovery rate lies between 0 and 1")
    statistic = fits["chi2"].sel(fit=list(NAMES)).values
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
    return result.assign_coords(step=list(NAMES[1:]))


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
