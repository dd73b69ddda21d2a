"""The pixels of a chip as a population: means, spreads and correlations, without the fit errors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from velonb.interpret.light import light
from velonb.interpret.sample import FEWEST_PIXELS, near_median
from velonb.interpret.spreads import good_values
from velonb.interpret.zero import PIXEL, chosen_fit
from velonb.vocabulary import free_parameters

Array = NDArray[Any]

SHOWN = ("A", "E0", "s")
ERROR_OF_ERRORS = 0.05
"""How far the variance of the fit errors may be off: they follow from curvatures at few hits."""
CLEAR = 2.0
"""A variance is determined if it is so many times its error."""


class Population(NamedTuple):
    """Parameters of the pixels used, one a row, and the covariance of their fit errors."""

    values: Array
    errors: Array


def population(fits: xr.Dataset, *, fit: str | None = None) -> pd.DataFrame:
    """Tell means, spreads and correlations of A, E0 and s over the chip, without the fit errors.

    The covariance of the fitted values over the chip, less the mean covariance of the fit errors.
    No value of a pixel is changed.

    Parameters
    ----------
    fits : xarray.Dataset
        What `fit_pixels` returns, with ``covariance=True`` for the correlations.
    fit : str, optional
        Which of the fits; by default the one that tells most of E0 and s. In a fit with a common
        f, what differs in f shows as s.

    Returns
    -------
    pandas.DataFrame
        A row for each of A, E0 and s that is free: `mean` with `mean_err`, `spread` with
        `spread_err`, `error` (root of the mean square of the fit errors), in the parameter's unit,
        and `correlation_A` ... with their errors. The light was removed from A (see `light_spread`
        for that of the light): what is left differs from pixel to pixel. NaN for what the scan
        does not determine; the attribute `notes` says so.

    Raises
    ------
    ValueError
        If there is no such fit, or E0 is free in none.

    Examples
    --------
    >>> import velonb as vb
    >>> fits = vb.fit_pixels(
    ...     flux, typical, free=("A", "E0", "s"), covariance=True
    ... )  # doctest: +SKIP
    >>> vb.population(fits)  # doctest: +SKIP
    """
    fit = chosen_fit(fits, fit)
    free = free_parameters(fit)
    names = [
        name for name in SHOWN if name in free and good_values(fits, name, fit)[1].notnull().any()
    ]
    shine = light(good_values(fits, "A", fit)[0].transpose(*PIXEL)).values
    pixels = _pixels(fits.sel(fit=fit), fits, fit, names, shine)
    notes = [] if "covariance" in fits else ["no correlation: fit with covariance=True"]
    notes += [f"{name} is held at its common value" for name in SHOWN if name not in names]
    if pixels.values.shape[1] < FEWEST_PIXELS:
        notes.append(f"fewer than {FEWEST_PIXELS} good pixels")
        table = pd.DataFrame(np.nan, index=names, columns=["mean", "spread", "error"])
    else:
        table = _table(names, pixels, "covariance" in fits)
        lost = [name for name in names if not np.isfinite(table.loc[name, "spread"])]
        notes += [f"the scan does not determine the spread of {name}" for name in lost]
    table.attrs = {
        "fit": fit,
        "pixels": pixels.values.shape[1],
        "light_spread": float(np.nanstd(shine)) if np.isfinite(shine).any() else np.nan,
        "notes": "; ".join(notes),
    }
    return table


def _pixels(
    one: xr.Dataset, fits: xr.Dataset, fit: str, names: list[str], shine: Array
) -> Population:
    """Values with A in even light, and the covariance of their errors."""
    scale = {name: 1 / shine if name == "A" else np.ones_like(shine) for name in names}
    pairs = {name: good_values(fits, name, fit) for name in names}
    value = [pairs[name][0].transpose(*PIXEL).values * scale[name] for name in names]
    error = [pairs[name][1].transpose(*PIXEL).values * scale[name] for name in names]
    used = near_median(*value, *error)
    if "covariance" in one:
        both = one["covariance"].sel(parameter=names, parameter_2=names)
        errors = both.transpose("parameter", "parameter_2", *PIXEL).values[:, :, used]
        factor = np.stack([scale[name][used] for name in names])
        errors = errors * factor * factor[:, np.newaxis]
    else:
        errors = np.zeros((len(names), len(names), int(used.sum())))
        errors[range(len(names)), range(len(names))] = np.stack(error)[:, used] ** 2
    return Population(np.stack(value)[:, used], errors)


def _table(names: list[str], pixels: Population, correlated: bool) -> pd.DataFrame:
    number, error = pixels.values.shape[1], pixels.errors.mean(axis=-1)
    mean = pixels.values.mean(axis=1)
    away = pixels.values - mean[:, np.newaxis]
    products = away * away[:, np.newaxis] - pixels.errors
    covariance = products.mean(axis=-1)
    statistical = products.std(axis=-1) / np.sqrt(number)
    variance, of_errors = np.diag(covariance), ERROR_OF_ERRORS * np.diag(error)
    variance_err = np.hypot(np.diag(statistical), of_errors)
    known = variance > CLEAR * variance_err
    spread = np.sqrt(np.where(known, variance, np.nan))
    table = pd.DataFrame(
        {
            "mean": mean,
            "mean_err": away.std(axis=1) / np.sqrt(number),
            "spread": spread,
            "spread_err": variance_err / (2 * spread),
            "error": np.sqrt(np.diag(error)),
        },
        index=names,
    )
    if correlated:
        correlation, wrong = _correlations(covariance, spread, statistical, error)
        for column, name in enumerate(names):
            table[f"correlation_{name}"] = correlation[column]
            table[f"correlation_{name}_err"] = wrong[column]
    return table


def _correlations(
    covariance: Array, spread: Array, statistical: Array, error: Array
) -> tuple[Array, Array]:
    """Correlations, and what counts and errors that are a little off change in them."""
    both = np.outer(spread, spread)
    others = covariance - ERROR_OF_ERRORS * error
    roots = np.sqrt(np.maximum(np.diag(others), 1e-300))
    changed = np.abs(others / np.outer(roots, roots) - covariance / both)
    off = ~np.eye(len(spread), dtype=bool)
    return covariance / both, np.where(off, np.hypot(statistical / both, changed), 0.0) + 0 * both
