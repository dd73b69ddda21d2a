"""What single pixels cannot show: a misfit that all of them share, threshold by threshold."""

from __future__ import annotations

from typing import Any

import lmfit
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from velonb.curves import PARAMETERS, ThresholdModel, threshold_gradient
from velonb.curves.sensor import clouds_of
from velonb.fit import fit_pixels
from velonb.fit.sample import BLOCK, FAINTEST
from velonb.flux import compute_flux
from velonb.vocabulary import BAD, check_fit, free_parameters

Array = NDArray[Any]

ALARM = 5.0
"""Standard deviations of a threshold beyond which all pixels share a misfit."""
STRANGE = 1e-4
"""A pixel with a p-value below is noisy or broken, and says nothing about the others."""
UNSURE = 0.2
"""Part of what toys are off by that is taken for its error: they are drawn from fits."""
SMOOTH = 0.7
"""Mean square of steps over twice the mean square: 1 for what jumps, near 0 for what bends."""
LARGEST_FACTOR = 0.05
"""How far the factor of a threshold lies from 1 before anything is known of it."""


def check_common(
    flux: xr.Dataset, fits: xr.Dataset, *, fit: str, seed: int = 0, threads: int | None = None
) -> pd.DataFrame:
    """Sum hits minus expectation over all pixels, threshold by threshold.

    A jump of the light or of the threshold from step to step, or a curve that describes no pixel
    quite, is lost in the fluctuation of each pixel and stands out in the sum of all. The variance
    of the sum is that of Poisson counts less what the fits absorb, mu - g' V g for each pixel with
    the gradient g and the covariance V of its fit. Its mean is not zero where hits are few and fits
    not linear; it is taken from a toy, drawn from the fitted curves and fitted again.

    Parameters
    ----------
    flux : xarray.Dataset
        What `compute_flux` returns.
    fits : xarray.Dataset
        What `fit_pixels` or `fit_ladder` makes of it, by likelihood.
    fit : str
        Which of its fits.
    seed : int
        Of the toy.
    threads : int, optional
        As for `fit_pixels`.

    Returns
    -------
    pandas.DataFrame
        For each threshold (DAC) with an exposure: `excess`, the sum of hits minus expectation, its
        `error`, `significance` in standard deviations, `percent` of the expectation, and the
        `factor` of the exposure, with `factor_err`, that explains the excess and what the fits have
        absorbed of it. Attributes ``verdict``, in words, ``largest``, in standard deviations,
        ``pixels``, and ``common``, whether a threshold lies beyond 5 standard deviations: of good
        scans less than 1 in 1,000 has one.

    Raises
    ------
    ValueError
        If there is no such fit, it was not made by likelihood, or no pixel was found.

    Examples
    --------
    >>> import velonb as vb
    >>> vb.check_common(flux, fits, fit="A+E0").attrs["verdict"]  # doctest: +SKIP
    'no common misfit: of all pixels together no threshold is off by more than 2.1 sigma'
    """
    check_fit(fits, fit)
    if fits.attrs["statistic"] != "poisson":
        raise ValueError(
            f"statistic of the fits is {fits.attrs['statistic']!r}; sums of hits are compared with "
            "fits by likelihood: fit with statistic='poisson'"
        )
    flux = flux.isel(threshold=(flux["exposure"] > 0).values)
    one, free = fits.sel(fit=fit), free_parameters(fit, fits.attrs["shape"])
    chosen = _usable(one)
    if not chosen.any():
        raise ValueError(
            f"fit {fit!r} describes no pixel; look at fit_type and p_value of the fits"
        )
    hits = _counts(flux)[:, chosen]
    expected, absorbing = _curves(flux, one, chosen, free)
    drawn = np.random.default_rng(seed).poisson(expected)
    linear = drawn - expected - _absorbed(absorbing, (drawn - expected) / expected)
    mean, mean_err = _mean_of_toy(flux, fits, fit, chosen, drawn, linear, threads)
    flat = absorbing.reshape(len(hits), -1)
    covariance = np.diag(expected.sum(axis=1)) - flat @ flat.T
    excess = (hits - expected).sum(axis=1) - mean
    table = _table(excess, mean_err, covariance, expected.sum(axis=1))
    table.index = pd.Index(flux["threshold"].values, name="threshold")
    table.attrs |= {"fit": fit, "pixels": int(chosen.sum()), **_verdict(table)}
    return table


def correct_common(flux: xr.Dataset, table: pd.DataFrame) -> xr.Dataset:
    """Take out what all pixels share: multiply the exposure of each threshold by its factor.

    Parameters
    ----------
    flux : xarray.Dataset
        What `compute_flux` returns.
    table : pandas.DataFrame
        What `check_common` says of it.

    Returns
    -------
    xarray.Dataset
        The flux with the exposures that explain the common excess, and ``common_factor``
        (threshold). Fit it again; where a threshold was off, and not the light, only what it
        changes of the flux on the average is mended.

    Raises
    ------
    ValueError
        If the table is of other thresholds.

    Examples
    --------
    >>> import velonb as vb
    >>> table = vb.check_common(flux, fits, fit="A+E0")  # doctest: +SKIP
    >>> flux = vb.correct_common(flux, table)  # doctest: +SKIP
    """
    used = flux["threshold"].values[(flux["exposure"] > 0).values]
    if list(table.index) != list(used):
        raise ValueError(
            f"table has {len(table)} thresholds from {table.index.min()} to {table.index.max()}, "
            f"flux has {used.size} from {used.min()} to {used.max()}: make it with check_common "
            "from this flux"
        )
    factor = xr.DataArray(table["factor"].reindex(flux["threshold"].values), dims="threshold")
    factor = factor.fillna(1.0).drop_vars("threshold", errors="ignore")
    exposure = (flux["exposure"] * factor).assign_attrs(flux["exposure"].attrs)
    corrected = compute_flux(flux.assign(exposure=exposure))
    attributes = {"units": "1", "long_name": "factor of the exposure that all pixels ask for"}
    return corrected.assign(common_factor=factor.assign_attrs(attributes))


def _usable(one: xr.Dataset) -> Array:
    """Pixels that were found and are not too strange to speak for the others."""
    strange = one["p_value"].values < STRANGE
    return np.asarray((one["fit_type"].values >= BAD) & ~strange).ravel()


def _counts(flux: xr.Dataset) -> Array:
    return flux["hits"].values.reshape(flux.sizes["threshold"], -1)


def _curves(
    flux: xr.Dataset, one: xr.Dataset, chosen: Array, free: tuple[str, ...]
) -> tuple[Array, Array]:
    """Expected hits (threshold, pixel), and F with g' V g = F F' (threshold, pixel, free)."""
    pixels = np.flatnonzero(chosen)
    blocks = [pixels[start : start + BLOCK] for start in range(0, pixels.size, BLOCK)]
    done = [_curves_of_block(flux, one, block, free) for block in blocks]
    expected, absorbing = (np.concatenate(parts, axis=1) for parts in zip(*done, strict=True))
    return expected, absorbing


def _curves_of_block(
    flux: xr.Dataset, one: xr.Dataset, block: Array, free: tuple[str, ...]
) -> tuple[Array, Array]:
    t, exposure = (flux[name].values[:, None].astype(float) for name in ("threshold", "exposure"))
    values = [np.nan_to_num(one[name].values.ravel()[block]) for name in PARAMETERS]
    known: dict[str, Any] = {"shape": one.attrs["shape"], "clouds": clouds_of(one.attrs)}
    if "baseline" in one:
        known["baseline"] = one["baseline"].values.ravel()[block]
    gradient = threshold_gradient(t, *values, **known)
    # The curve is linear in A.
    flux_of_curve = values[1] * gradient[1]
    expected = exposure * np.maximum(flux_of_curve, FAINTEST)
    slope = exposure * gradient[[PARAMETERS.index(name) for name in free]]
    return expected, np.einsum("atp,pab->tpb", slope, _root_of_covariance(slope, expected))


def _root_of_covariance(slope: Array, expected: Array) -> Array:
    """L with L L' = the inverse of the information, shape (pixel, free, free)."""
    information = np.einsum("atp,btp,tp->pab", slope, slope, 1 / expected)
    scale = np.sqrt(np.einsum("paa->pa", information))
    scale[scale == 0] = 1
    rise, direction = np.linalg.eigh(information / (scale[:, :, None] * scale[:, None, :]))
    rises = rise > 1e-10
    root = np.where(rises, 1 / np.sqrt(np.where(rises, rise, 1)), 0)
    return np.asarray(direction * root[:, None, :] / scale[:, :, None])


def _absorbed(absorbing: Array, relative: Array) -> Array:
    """What linear fits take from relative deviations of the counts, shape (threshold, pixel)."""
    return np.einsum("tpa,pa->tp", absorbing, np.einsum("tpa,tp->pa", absorbing, relative))


def _mean_of_toy(
    flux: xr.Dataset,
    fits: xr.Dataset,
    fit: str,
    chosen: Array,
    drawn: Array,
    linear: Array,
    threads: int | None,
) -> tuple[Array, Array]:
    """Mean excess of fits to drawn hits, with its error.

    Only its difference to the excess of linear fits, which expects to be zero, is taken: the
    fluctuation of the toy is in both.
    """
    hits = np.zeros((len(drawn), chosen.size), dtype=np.int32)
    hits[:, chosen] = drawn
    mask = ~chosen.reshape(flux["mask"].shape)
    toy = flux.assign(
        hits=(flux["hits"].dims, hits.reshape(flux["hits"].shape)), mask=(flux["mask"].dims, mask)
    )
    toy = toy.assign_attrs(active_pixels=int(chosen.sum()))
    options = {name: fits.attrs[name] for name in ("alpha", "nohits_cut")}
    free, reference = free_parameters(fit, fits.attrs["shape"]), _reference(toy, fits)
    again = fit_pixels(toy, reference, free=free, threads=threads, progress=False, **options)
    again = again.isel(fit=0)
    found = _usable(again)[chosen]
    expected, _ = _curves(toy, again, _usable(again), free)
    beyond = (drawn - linear)[:, found] - expected
    mean = beyond.mean(axis=1)
    size, scatter = chosen.sum(), beyond.std(axis=1) / np.sqrt(found.sum())
    return size * mean, size * np.hypot(scatter, UNSURE * mean)


def _reference(flux: xr.Dataset, fits: xr.Dataset) -> lmfit.model.ModelResult:
    """The result that the fits were anchored on, as far as they use it."""
    values = {name: fits.attrs[f"asic_{name}"] for name in PARAMETERS}
    baseline = float(fits["baseline"].median()) if "baseline" in fits else None
    clouds = clouds_of(fits.attrs)
    model = ThresholdModel(fits.attrs["shape"], baseline=baseline, clouds=clouds)
    scale = flux.attrs["active_pixels"] / fits.attrs["active_pixels"]
    params = model.make_params(**values | {"A": scale * values["A"]})
    return lmfit.model.ModelResult(model, params)


def _table(excess: Array, mean_err: Array, covariance: Array, expected: Array) -> pd.DataFrame:
    error = np.sqrt(np.diag(covariance).clip(1) + mean_err**2)
    # The excess is the covariance times what the factors differ from 1.
    inverse = np.linalg.inv(covariance + np.diag(mean_err**2 + LARGEST_FACTOR**-2))
    return pd.DataFrame(
        {
            "excess": excess,
            "error": error,
            "significance": excess / error,
            "percent": 100 * excess / expected,
            "factor": 1 + inverse @ excess,
            "factor_err": np.sqrt(np.diag(inverse)),
        }
    )


def _verdict(table: pd.DataFrame) -> dict[str, Any]:
    pulls = table["significance"].values
    worst = int(np.abs(pulls).argmax())
    largest = float(np.abs(pulls[worst]))
    if largest <= ALARM:
        return {
            "verdict": "no common misfit: of all pixels together no threshold is off by more than "
            f"{largest:.1f} standard deviations",
            "largest": largest,
            "common": False,
        }
    jumps = np.mean(np.diff(pulls) ** 2) / (2 * np.mean(pulls**2)) > SMOOTH
    cause = (
        "light or threshold jump from step to step, correct_common takes them out"
        if jumps
        else "this curve is that of no pixel, anchor the fits on fit_typical or try another shape"
    )
    return {
        "verdict": f"all pixels share a misfit, {table['percent'].iloc[worst]:+.2f} % at threshold "
        f"{table.index[worst]:g} ({largest:.0f} standard deviations): {cause}",
        "largest": largest,
        "common": True,
    }
