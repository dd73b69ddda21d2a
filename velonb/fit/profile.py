"""Asymmetric errors from the profile likelihood, of one fit or of every pixel of a chip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import lmfit
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from velonb.curves.model import PARAMETERS
from velonb.curves.region import known_region
from velonb.curves.sensor import clouds_of
from velonb.fit.batch import over_blocks, padded_counts
from velonb.fit.crossing import first_crossing
from velonb.fit.engine.block import fit_block
from velonb.fit.engine.data import FITS, WORK
from velonb.fit.problem import Pixels, Problem, hold, prepare_pixels
from velonb.vocabulary import free_parameters

Array = NDArray[Any]

SMALL = 1e-3
"""First step from a value of zero without an error, such as A of a pixel without hits."""
NO_MOMENTS = np.zeros((0, 8))
"""No table of moments: the fit does not work out what to expect of its statistic."""


def profile_errors(
    result: lmfit.model.ModelResult, parameters: Sequence[str] | None = None
) -> dict[str, tuple[float, float]]:
    """Asymmetric errors: where the statistic, minimised over the others, has risen by one.

    Parameters
    ----------
    result : lmfit.model.ModelResult
        What `fit_pixel` or `fit_asic` returns.
    parameters : sequence of str, optional
        Which of the free parameters; all of them by default.

    Returns
    -------
    dict
        For each parameter the distances (below, above) of the ends of its 68.3 % interval, both
        positive; infinite where the statistic does not rise by one inside the physical region.

    Raises
    ------
    ValueError
        If a parameter is not free in the fit.

    Examples
    --------
    >>> import velonb as vb
    >>> vb.profile_errors(vb.fit_pixel(flux, 100, 100), ["E0"])  # doctest: +SKIP
    {'E0': (3.1, 4.6)}
    """
    names = list(result.var_names if parameters is None else parameters)
    unknown = [name for name in names if name not in result.var_names]
    if unknown:
        raise ValueError(
            f"parameters {unknown} are not free in this fit; free are {result.var_names}"
        )
    pixels, best = _as_pixel(result)
    model = result.model
    region = {name: (result.params[name].min, result.params[name].max) for name in PARAMETERS}
    errors = {}
    for name in names:
        others = tuple(other for other in result.var_names if other != name)
        problem = hold(pixels, others, model.shape, model.statistic, region, model.clouds)
        (below,), (above,) = _Profile(pixels, problem, best, name, region).ends(slice(0, 1))
        errors[name] = float(below), float(above)
    return errors


def profile_pixels(
    flux: xr.Dataset,
    fits: xr.Dataset,
    parameter: str,
    *,
    fit: str = "free",
    threads: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Asymmetric errors of one parameter in every pixel.

    Parameters
    ----------
    flux : xarray.Dataset
        What `compute_flux` returns.
    fits : xarray.Dataset
        What `fit_pixels` or `fit_ladder` made of it.
    parameter : {"f", "A", "s", "E0"}
        Which one; it must be free in the fit.
    fit : str
        Which of the fits.
    threads : int, optional
        Number of threads; all processors by default.
    progress : bool
        Show a progress bar.

    Returns
    -------
    xarray.Dataset
        Maps (row, column) such as `E0_below` and `E0_above`, in the unit of the parameter: the
        distances to the ends of its 68.3 % interval, see `profile_errors`; infinite where the
        interval has no end inside the physical region, NaN where there is no fit.

    Raises
    ------
    ValueError
        If the fit is not in `fits`, the parameter is not free in it, or the chips differ in size.

    Examples
    --------
    >>> import velonb as vb
    >>> errors = vb.profile_pixels(flux, fits, "E0")  # doctest: +SKIP
    >>> errors["E0_above"].sel(row=100, column=100)  # doctest: +SKIP
    """
    free = _free_in(fits, fit, parameter)
    if flux["mask"].shape != fits["mask"].shape:
        raise ValueError(
            f"flux has {flux['mask'].shape} rows and columns, fits have {fits['mask'].shape}; "
            "give the flux that was fitted"
        )
    shape, statistic = fits.attrs["shape"], fits.attrs["statistic"]
    baseline = fits["baseline"].values if "baseline" in fits else np.zeros(flux["mask"].shape)
    pixels = prepare_pixels(flux, baseline, statistic, fits.attrs["nohits_cut"])
    region = known_region(pixels.threshold, statistic, shape, pixels.typical_baseline)
    others = tuple(name for name in free if name != parameter)
    problem = hold(pixels, others, shape, statistic, region, clouds_of(fits.attrs))
    profile = _Profile(pixels, problem, _minima(fits.sel(fit=fit)), parameter, region)
    ends = np.full((2, pixels.cut.size), np.nan)

    def run(block: slice) -> None:
        ends[:, block] = profile.ends(block)

    over_blocks(run, pixels.cut.size, "profile", threads, progress)
    return _label(ends.reshape(2, *baseline.shape), parameter, fits)


def _label(ends: Array, parameter: str, fits: xr.Dataset) -> xr.Dataset:
    errors = xr.Dataset(coords={"row": fits["row"], "column": fits["column"]})
    for side, values in zip(("below", "above"), ends, strict=True):
        errors[f"{parameter}_{side}"] = (
            ("row", "column"),
            values,
            {
                "units": fits[parameter].attrs["units"],
                "long_name": f"distance to the end of the 68.3 % interval {side} {parameter}",
            },
        )
    return errors


class _Profile(NamedTuple):
    """The statistic of pixels as a function of one parameter, minimised over the others."""

    pixels: Pixels
    problem: Problem
    """The fit of the others."""
    best: Array
    """Minima of the fit of all, one record a pixel."""
    parameter: str
    region: Mapping[str, tuple[float, float]]

    def ends(self, block: slice) -> Array:
        """Distances to both ends of the interval of every pixel, shape (side, pixel)."""
        counts = padded_counts(self.pixels, block)
        return np.stack([self._end(block, counts, side) for side in (0, 1)])

    def _end(self, block: slice, counts: Array, side: int) -> Array:
        best, k = self.best[block], PARAMETERS.index(self.parameter)
        value, error, sign = best["values"][:, k], best["error"][:, k], 2 * side - 1
        near = best.copy()  # the minimum inside the interval from which the next one is sought

        def height(distance: Array, searching: Array) -> Array:
            near["values"][:, k], near["statistic"] = value + sign * distance, -np.inf
            there = self._minimised(near, counts, block, searching)
            rise = np.maximum(there["statistic"] - best["statistic"], 0)
            result = np.where(searching & there["found"], np.sqrt(rise) - 1, np.nan)
            near[result < 0] = there[result < 0]
            return result

        guess = np.where(error > 0, error, np.maximum(0.1 * np.abs(value), SMALL))
        reach = np.abs(self.region[self.parameter][side] - value)
        return first_crossing(height, guess, reach, best["found"])

    def _minimised(self, begin: Array, counts: Array, block: slice, chosen: Array) -> Array:
        kind, scan, starts = self.problem
        fits, nothing = np.zeros(begin.size, FITS), np.zeros((0, 4, 4))
        fit_block(
            kind, scan, starts, NO_MOMENTS, self.pixels.baseline[block], chosen, counts,
            begin, fits, nothing, np.zeros(1, WORK),
        )  # fmt: skip
        return fits


def _as_pixel(result: lmfit.model.ModelResult) -> tuple[Pixels, Array]:
    """The counts behind a fit with lmfit, as a chip of one pixel, and its minimum."""
    flux = np.asarray(result.data, float)
    weights = np.broadcast_to(np.asarray(result.weights, float), flux.shape)
    if result.model.statistic == "poisson":
        exposure, hits = weights, flux * weights
    else:  # the weight is 1 / error, and the error sqrt(n) / exposure
        exposure, hits = flux * weights**2, (flux * weights) ** 2
    threshold, no = np.asarray(result.userkws["t"], float), np.zeros(1, bool)
    baseline = np.array([result.model.baseline or 0.0])
    points = np.array([threshold.size])
    best = np.zeros(1, FITS)
    best["found"], best["statistic"] = True, result.chisqr
    best["values"] = [result.params[name].value for name in PARAMETERS]
    best["error"] = [result.params[name].stderr or 0.0 for name in PARAMETERS]
    return Pixels(threshold, exposure, hits[:, None], baseline, no, no, points), best


def _minima(fits: xr.Dataset) -> Array:
    """The maps of one fit as records, one a pixel."""
    best = np.zeros(fits["chi2"].size, FITS)
    best["statistic"] = fits["chi2"].values.ravel()
    best["found"] = np.isfinite(best["statistic"])
    for k, name in enumerate(PARAMETERS):
        best["values"][:, k] = fits[name].values.ravel()
        best["error"][:, k] = fits[f"{name}_err"].values.ravel()
    return best


def _free_in(fits: xr.Dataset, fit: str, parameter: str) -> tuple[str, ...]:
    """What is free in a fit, given its name."""
    if fit not in fits["fit"]:
        raise ValueError(f"fit is {fit!r}; fits hold {', '.join(fits['fit'].values)}")
    free = free_parameters(fit, fits.attrs["shape"])
    if parameter not in free:
        raise ValueError(
            f"parameter {parameter!r} is not free in the fit {fit}; free are {', '.join(free)}"
        )
    return free
