"""The fit of every pixel, with the compiled minimiser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lmfit
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from velonb.curves import PARAMETERS, ThresholdModel
from velonb.curves.region import check_thresholds
from velonb.curves.shapes import (
    NEEDS_BASELINE,
    parameters_of,
    shape_function,
    table_of,
    terms_of,
)
from velonb.fit.asic import average_pixel
from velonb.fit.batch import fit_all
from velonb.fit.free import named_fits
from velonb.fit.maps import fit_maps, label_maps
from velonb.fit.problem import describe_scan, prepare_pixels
from velonb.system.threads import thread_count


def fit_pixels(
    flux: xr.Dataset,
    reference: lmfit.model.ModelResult,
    *,
    free: Sequence[str] | Sequence[Sequence[str]] | None = None,
    shape: str | None = None,
    statistic: str = "poisson",
    alpha: float = 0.05,
    nohits_cut: float = 0.8,
    covariance: bool = False,
    threads: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Fit every pixel, and say how good each fit is.

    Parameters
    ----------
    flux : xarray.Dataset
        What `compute_flux` returns.
    reference : lmfit.model.ModelResult
        What `fit_asic` or `fit_typical` returns: start values, and the values of what is not free.
        The shape ``"sensor"`` takes the latter, which knows the width of the clouds of charge.
    free : sequence of str, or several of them, optional
        Parameters that are fitted, such as ``("A", "E0")``. By default two fits: ``free`` (all
        parameters of the shape) and ``fixed`` (A alone; f, s and E0 are the ASIC's).
    shape : str, optional
        The form of the curve; that of `reference` by default.
    statistic : {"poisson", "chi2"}
        ``"poisson"``: likelihood chi-square with calibrated p-values. ``"chi2"``: the established
        recipe, Neyman's chi-square without leading and trailing zeros.
    alpha : float
        A fit with a p-value below is bad; between 0 and 1.
    nohits_cut : float
        A pixel with at least this fraction of thresholds without hits is cut; between 0 and 1.
    covariance : bool
        Add the covariance matrices, 8 MB for each fit of a chip.
    threads : int, optional
        Number of threads; all processors by default. The result does not depend on it.
    progress : bool
        Show a progress bar.

    Returns
    -------
    xarray.Dataset
        Dimensions (fit, row, column), float64: `f`, `A`, `s`, `E0` with their errors `f_err` ...
        (from the curvature of the statistic, never rescaled; NaN for what is held fixed), `chi2`,
        `dof`, `p_value`; int8: `fit_type` (-2 cut, -1 not found, 0 bad, 1 good), `at_limit` (the
        minimum lies on the edge of the physical region), `lower_at_limit` (a lower minimum lies on
        that edge, without a photopeak or with one narrower than the steps of the scan; the one with
        a photopeak is preferred) and `weak` (bits 1, 2, 4, 8: the scan does not determine f, A, s,
        E0 at this pixel's rate; its error is not that of a normal distribution, see
        `profile_errors`).

        Minima of nested fits are nested: a fit is not above another one of the same call in which
        less is free.

    Raises
    ------
    ValueError
        If an argument has an unknown value or too few thresholds have an exposure.

    Examples
    --------
    >>> import velonb as vb
    >>> fits = vb.fit_pixels(flux, asic)  # doctest: +SKIP
    >>> fits["E0"].sel(fit="free", row=100, column=100)  # doctest: +SKIP
    """
    shape = shape or reference.model.shape
    clouds = reference.model.clouds if shape == "sensor" else None
    _check_options(statistic, alpha, nohits_cut, threads)
    rungs, start = named_fits(free, parameters_of(shape)), average_pixel(flux, reference)
    check_thresholds(int((flux["exposure"] > 0).sum()), max(map(len, rungs.values())))
    baseline = _baseline_map(flux, reference, shape)
    pixels = prepare_pixels(flux, baseline, statistic, nohits_cut)
    options: Any = {"table": table_of(shape, clouds), "terms": terms_of(shape)}
    problems = {
        name: describe_scan(pixels, start, names, shape, statistic, **options)
        for name, names in rungs.items()
    }
    batch = fit_all(problems, pixels, covariance=covariance, threads=threads, progress=progress)
    maps = [
        fit_maps(batch[name], pixels, start, names, shape, statistic, alpha, clouds)
        for name, names in rungs.items()
    ]
    fits = label_maps(maps, list(rungs), flux)
    if shape in NEEDS_BASELINE and "baseline" not in fits:
        fits["baseline"] = ("row", "column"), baseline, {"units": "DAC", "long_name": "baseline"}
    fits.attrs = flux.attrs | {
        "shape": shape,
        "statistic": statistic,
        "alpha": alpha,
        "nohits_cut": nohits_cut,
        **{f"asic_{name}": float(reference.params[name].value) for name in PARAMETERS},
        "asic_s_err": float(reference.params["s"].stderr or np.nan),
    }
    return fits if clouds is None else fits.assign_attrs(clouds._asdict())


def _check_options(statistic: str, alpha: float, nohits_cut: float, threads: int | None) -> None:
    ThresholdModel(statistic=statistic)
    for name, value in {"alpha": alpha, "nohits_cut": nohits_cut}.items():
        if not 0 < value <= 1:
            raise ValueError(f"{name} is {value}; it must lie above 0 and not above 1")
    thread_count(threads)


def _baseline_map(
    flux: xr.Dataset, reference: lmfit.model.ModelResult, shape: str
) -> NDArray[np.float64]:
    size = (flux.sizes["row"], flux.sizes["column"])
    mapped = shape in NEEDS_BASELINE and "baseline" in flux
    baseline = flux["baseline"].values.astype(float) if mapped else reference.model.baseline
    shape_function(shape, baseline, reference.model.clouds)
    return np.broadcast_to(np.asarray(0.0 if baseline is None else baseline), size)
