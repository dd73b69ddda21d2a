"""The typical pixel: the shape of the curve that all pixels have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lmfit
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.stats import trim_mean
from tqdm.auto import tqdm

from velonb.curves import PARAMETERS, ThresholdModel
from velonb.curves.covariance import set_covariance
from velonb.curves.sensor import clouds_of
from velonb.curves.shapes import parameters_of
from velonb.fit.noise_spread import noise_spread
from velonb.fit.pixels import fit_pixels
from velonb.fit.pulls import COMMON, COMMON_OF_SENSOR, OWN, Pulls, pulls_of_pixels
from velonb.fit.sample import baseline_map, choose_pixels, draw_toy
from velonb.statistics import scatter
from velonb.vocabulary import BAD

Array = NDArray[Any]

LARGEST_STEP = 0.5
"""Of the logarithms of f and s."""
ENOUGH = 0.02
"""A step below this part of the error ends the search."""
STEPS = 30
FIRST_WIDTH = 6.0
"""Width (um) of charge clouds from which the search begins."""
FIRST = 2048
"""Pixels that lead the way."""
TOYS = 2
FAR, CLIPS = 2.5, 5
"""Pixels farther away, in units of the scatter, do not move E0; so often are they looked for."""


def fit_typical(
    flux: xr.Dataset,
    asic: lmfit.model.ModelResult,
    *,
    shape: str | None = None,
    baseline: ArrayLike | None = None,
    pixels: int = 32768,
    seed: int = 0,
    threads: int | None = None,
    progress: bool = True,
) -> lmfit.model.ModelResult:
    """Find f and s of the typical pixel: those that all pixels have in common.

    For the shape ``"sensor"``, the width of the charge clouds stands in the place of f.

    They maximise the summed likelihood of the pixels, each with its own A and E0, so that the
    spread of E0 does not count as noise, as it does in the sum over the ASIC. With few hits a pixel
    the maximum is a little off; as much as in fits of toys with the same pixels is taken off. A
    pixel that is unlike the others counts no more than one that is three standard deviations away.

    Parameters
    ----------
    flux : xarray.Dataset
        What `compute_flux` returns.
    asic : lmfit.model.ModelResult
        What `fit_asic` returns: start values.
    shape : str, optional
        The form of the curve; that of `asic` by default.
    baseline : array_like, optional
        Noise baseline (DAC) for ``"fe55"`` and ``"sensor"``, a number or a map (row, column); by
        default the map in `flux`, else that of `asic`.
    pixels : int
        Number of pixels that are used at most, chosen at random.
    seed : int
        Of the choice and the toys.
    threads : int, optional
        As for `fit_pixels`.
    progress : bool
        Show a progress bar.

    Returns
    -------
    lmfit.model.ModelResult
        Serves wherever the fit of the ASIC does. f and s with their statistical errors; E0 is the
        median of the pixels but for far ones, A that of the mean pixel times the number of active
        pixels. `chisqr` and `nfree` are summed over the pixels used.

    Raises
    ------
    ValueError
        If an argument has an unknown value, or hardly any pixel can be fitted.

    Examples
    --------
    >>> import velonb as vb
    >>> typical = vb.fit_typical(flux, asic)  # doctest: +SKIP
    >>> vb.fit_ladder(flux, typical)  # doctest: +SKIP
    """
    if pixels < 1:
        raise ValueError(f"pixels is {pixels}; it must be at least 1")
    random = np.random.default_rng(seed)
    sample = choose_pixels(flux, baseline_map(flux, asic, baseline), pixels, random)
    middle = float(sample["baseline"].median())
    shape, known = shape or asic.model.shape, None if np.isnan(middle) else middle
    first = clouds_of(flux.attrs | {"width": FIRST_WIDTH}) if shape == "sensor" else None
    model = ThresholdModel(shape, baseline=known, clouds=first)
    values = _start(sample.isel(column=slice(0, FIRST)), flux, asic, model)
    with tqdm(desc="typical pixel", unit="fit", disable=not progress) as bar:

        def pulls_of(counts: xr.Dataset) -> Pulls:
            bar.update()
            return pulls_of_pixels(counts, _result(model, values, flux), threads)

        _climb(sample.isel(column=slice(0, FIRST)), values, pulls_of)
        pulls = _climb(sample, values, pulls_of)
        toy_of = _toys_like(sample, pulls.fits, _result(model, values, flux), random, threads)
        toys = [pulls_of(toy_of()).step()[0] for _ in range(TOYS)]
        _move(values, -np.mean(toys, axis=0))
        pulls = pulls_of(sample)
    return _finished(model, values, flux, pulls)


def _toys_like(
    sample: xr.Dataset,
    fits: xr.Dataset,
    reference: lmfit.model.ModelResult,
    random: np.random.Generator,
    threads: int | None,
) -> Callable[[], xr.Dataset]:
    """Draw toys whose pixels differ in noise as much as those of the sample."""
    alike = draw_toy(sample, fits, reference.model, random)
    spread = noise_spread(sample, alike, reference, threads)
    baseline = np.nan_to_num(sample["baseline"].values[0, fits["column"].values])

    def toy() -> xr.Dataset:
        noise = spread.draw(fits, baseline, random)
        return draw_toy(sample, fits.assign(s=noise), reference.model, random)

    return toy


def _start(
    few: xr.Dataset, flux: xr.Dataset, asic: lmfit.model.ModelResult, model: ThresholdModel
) -> dict[str, float]:
    """Begin with the median f and s of single pixels: the sum follows a few strange ones."""
    values = {name: float(asic.params[name].value) for name in PARAMETERS}
    if model.clouds is not None:
        values |= {"f": 0.0, "width": model.clouds.width}
        if asic.model.shape != model.shape:
            # The amplitude of a curve is the area of its photopeak, not a rate.
            values["A"] = float(flux["asic_flux"].max())
    free = parameters_of(model.shape)
    fits = fit_pixels(few, _result(model, values, flux), free=free, progress=False)
    inside = fits.where((fits["fit_type"] >= BAD) & (fits["at_limit"] == 0))
    medians = {name: float(inside[name].median()) for name in ("f", "s")}
    return values | {name: median for name, median in medians.items() if median > 0}


def _climb(
    sample: xr.Dataset, values: dict[str, float], pulls_of: Callable[[xr.Dataset], Pulls]
) -> Pulls:
    """Move f and s to the common maximum."""
    for _ in range(STEPS):
        pulls = pulls_of(sample)
        step, covariance = pulls.step()
        if (np.abs(step) < ENOUGH * np.sqrt(np.diag(covariance))).all():
            return pulls
        _move(values, step * min(1.0, LARGEST_STEP / np.abs(step).max()))
    one, other = _common(values)
    raise ValueError(
        f"{one} and {other} of the typical pixel are not found: after {STEPS} steps they are at "
        f"{values[one]:.3g} and {values[other]:.3g}; look at the fits of single pixels"
    )


def _common(values: dict[str, float]) -> tuple[str, str]:
    """What all pixels share."""
    return COMMON_OF_SENSOR if "width" in values else COMMON


def _move(values: dict[str, float], step: Array) -> None:
    for name, by in zip(_common(values), step, strict=True):
        values[name] *= float(np.exp(by))


def _result(
    model: ThresholdModel, values: dict[str, float], flux: xr.Dataset
) -> lmfit.model.ModelResult:
    """A result with these parameters, beside the flux of the ASIC."""
    used = (flux["exposure"] > 0).values
    if model.clouds is not None:
        clouds = model.clouds._replace(width=values["width"])
        model = ThresholdModel(model.shape, baseline=model.baseline, clouds=clouds)
    params = model.make_params(**{name: values[name] for name in PARAMETERS})
    if model.clouds is not None:
        params.add("width", value=values["width"], vary=False)
    return lmfit.model.ModelResult(
        model,
        params,
        data=flux["asic_flux"].values[used],
        weights=flux["exposure"].values[used],
        fcn_kws={"t": flux["threshold"].values[used].astype(float)},
        scale_covar=False,
    )


def _finished(
    model: ThresholdModel, values: dict[str, float], flux: xr.Dataset, pulls: Pulls
) -> lmfit.model.ModelResult:
    """The result with all that a fit by lmfit has."""
    fits, active = pulls.fits, flux.attrs["active_pixels"]
    A, E0 = fits["A"].values, fits["E0"].values
    for _ in range(CLIPS):
        E0 = E0[np.abs(E0 - np.median(E0)) <= FAR * scatter(E0)]
    values = values | {"A": active * trim_mean(A, 0.05), "E0": float(np.median(E0))}
    result = _result(model, values, flux)
    covariance = np.zeros((4, 4))
    common = np.ix_(*[[PARAMETERS.index(name) for name in COMMON]] * 2)
    scale = np.array([values[name] for name in _common(values)])
    covariance[common] = (1 + 1 / TOYS) * pulls.step()[1] * np.outer(scale, scale)
    covariance[1, 1] = (active * scatter(A)) ** 2 / A.size
    covariance[3, 3] = 0.5 * np.pi * scatter(E0) ** 2 / E0.size  # of a median
    result.var_names = [_name_of(name, values) for name in PARAMETERS]
    set_covariance(result, covariance)
    result.chisqr, result.nfree = float(fits["chi2"].sum()), int(fits["dof"].sum()) - len(COMMON)
    result.nvarys = len(COMMON) + len(OWN) * A.size
    result.ndata, result.nfev = int((fits["dof"] + len(OWN)).sum()), A.size
    result.redchi = result.chisqr / max(1, result.nfree)
    result.aic = result.chisqr + 2 * result.nvarys
    result.bic = result.chisqr + np.log(result.ndata) * result.nvarys
    result.best_values, result.init_values = values, values
    result.best_fit = result.init_fit = result.eval()
    left = result.model._residual(result.params, result.data, result.weights, **result.userkws)
    result.residual = left
    result.success, result.aborted = True, False
    return result


def _name_of(parameter: str, values: dict[str, float]) -> str:
    """The parameter, or what stands in its place."""
    return "width" if parameter == "f" and "width" in values else parameter
