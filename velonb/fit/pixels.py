"""Fits of the threshold curve: to the ASIC, to one pixel, to every pixel."""

from __future__ import annotations

from collections.abc import Sequence

import lmfit
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import chi2

from velonb.curves.model import PARAMETERS, ThresholdModel, threshold_gradient
from velonb.curves.region import check_thresholds
from velonb.curves.shapes import shape_function
from velonb.fit.batch import fit_all
from velonb.fit.curve_fit import fit_curve
from velonb.fit.maps import fit_maps, label_maps
from velonb.fit.problem import describe_scan, prepare_pixels
from velonb.statistics import expected_statistic, gamma_p_value
from velonb.system.threads import thread_count
from velonb.vocabulary import locate


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
        The form of the curve.
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
    if baseline is None and shape == "fe55" and "baseline" in flux:
        baseline = float(flux["baseline"].median())
    model = ThresholdModel(shape, statistic=statistic, baseline=baseline)
    return fit_curve(model, flux, flux["asic_flux"], flux["asic_flux_err"], p0, PARAMETERS)


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
        Parameters that are fitted; all four by default. ``("A",)`` with `asic` is the fixed fit.
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
    free = _checked_free(PARAMETERS if free is None else free)
    if asic is None and set(free) != set(PARAMETERS) and p0 is None:
        raise ValueError(f"free is {free}; give asic= (or p0=) for the values of the others")
    shape = shape or (asic.model.shape if asic is not None else "velo")
    baseline = asic.model.baseline if asic is not None else None
    if "baseline" in pixel:
        baseline = float(pixel["baseline"])
    model = ThresholdModel(shape, statistic=statistic, baseline=baseline)
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
    gradient = threshold_gradient(
        result.userkws["t"], **values, shape=model.shape, baseline=model.baseline
    )
    fitted = gradient[[PARAMETERS.index(name) for name in result.var_names]]
    exposure = result.weights
    moments = expected_statistic(result.best_fit * exposure, fitted * exposure)
    return float(gamma_p_value(result.chisqr, *moments))


def average_pixel(flux: xr.Dataset, asic: lmfit.model.ModelResult) -> dict[str, float]:
    """Parameters of the average pixel: those of the ASIC, with A per active pixel."""
    values = {name: float(asic.params[name].value) for name in PARAMETERS}
    return values | {"A": values["A"] / flux.attrs["active_pixels"]}


def fit_pixels(
    flux: xr.Dataset,
    asic: lmfit.model.ModelResult,
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
    asic : lmfit.model.ModelResult
        What `fit_asic` returns: start values, and the values of what is not free.
    free : sequence of str, or several of them, optional
        Parameters that are fitted, such as ``("A", "E0")``. By default two fits: ``free`` (all
        four) and ``fixed`` (A alone; f, s and E0 are the ASIC's).
    shape : str, optional
        The form of the curve; that of `asic` by default.
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
    shape = shape or asic.model.shape
    _check_options(shape, statistic, alpha, nohits_cut, threads)
    rungs, start = named_fits(free), average_pixel(flux, asic)
    check_thresholds(int((flux["exposure"] > 0).sum()), max(map(len, rungs.values())))
    baseline = _baseline_map(flux, asic, shape)
    pixels = prepare_pixels(flux, baseline, statistic, nohits_cut)
    problems = {
        name: describe_scan(pixels, start, names, shape, statistic) for name, names in rungs.items()
    }
    batch = fit_all(problems, pixels, covariance=covariance, threads=threads, progress=progress)
    maps = [
        fit_maps(batch[name], pixels, start, names, shape, statistic, alpha)
        for name, names in rungs.items()
    ]
    fits = label_maps(maps, list(rungs), flux)
    if shape == "fe55":
        fits["baseline"] = ("row", "column"), baseline, {"units": "DAC", "long_name": "baseline"}
    fits.attrs = flux.attrs | {
        "shape": shape,
        "statistic": statistic,
        "alpha": alpha,
        "nohits_cut": nohits_cut,
        **{f"asic_{name}": float(asic.params[name].value) for name in PARAMETERS},
    }
    return fits


def named_fits(
    free: Sequence[str] | Sequence[Sequence[str]] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Name the fits by what is free in them.

    Examples
    --------
    >>> named_fits()
    {'free': ('f', 'A', 's', 'E0'), 'fixed': ('A',)}
    >>> named_fits([("A",), ("A", "E0")])
    {'fixed': ('A',), 'A+E0': ('A', 'E0')}
    """
    if free is None:
        free = [PARAMETERS, ("A",)]
    elif all(isinstance(name, str) for name in free):
        free = [free]  # type: ignore[list-item]
    names = [_checked_free(subset) for subset in free]
    special = {frozenset(PARAMETERS): "free", frozenset({"A"}): "fixed"}
    return {special.get(frozenset(subset), "+".join(subset)): subset for subset in names}


def _checked_free(names: Sequence[str]) -> tuple[str, ...]:
    names = (names,) if isinstance(names, str) else tuple(names)
    if not names or set(names) - set(PARAMETERS) or len(set(names)) < len(names):
        raise ValueError(f"free is {names}; it must be some of f, A, s, E0, each once")
    return names


def _check_options(
    shape: str, statistic: str, alpha: float, nohits_cut: float, threads: int | None
) -> None:
    ThresholdModel(shape, statistic=statistic, baseline=0.0)
    for name, value in {"alpha": alpha, "nohits_cut": nohits_cut}.items():
        if not 0 < value <= 1:
            raise ValueError(f"{name} is {value}; it must lie above 0 and not above 1")
    thread_count(threads)


def _baseline_map(
    flux: xr.Dataset, asic: lmfit.model.ModelResult, shape: str
) -> NDArray[np.float64]:
    size = (flux.sizes["row"], flux.sizes["column"])
    if shape == "fe55" and "baseline" in flux:
        return flux["baseline"].values.astype(float)
    if shape == "fe55" and asic.model.baseline is None:
        shape_function(shape, None)
    return np.full(size, asic.model.baseline or 0.0)
