"""From the raw outcome of the compiled fit to labelled maps with a verdict on every pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import chi2 as chi_square

from velonb.curves.model import PARAMETERS, threshold_curve, threshold_gradient
from velonb.curves.sensor import Clouds
from velonb.curves.shapes import parameters_of
from velonb.fit.batch import Outcome
from velonb.fit.problem import Pixels
from velonb.vocabulary import BAD, CUT, GOOD, NOT_FOUND, attributes_of

Array = NDArray[Any]

CARRIED = ("mask", "baseline", "baseline_err", "noise_width")
"""Maps of the flux that tell what the fits mean."""

DETERMINED = {"f": 0.6, "A": 0.22, "s": 0.06, "E0": 0.31}
DETERMINED_WITH_S_ALONE = DETERMINED | {"A": 0.05, "E0": 0.14}
"""Largest expected error with which a parameter is determined: relative, for E0 in units of s.

The second set holds where s is free and f is not: there, A follows the skewness of s.

Toys show pulls of unit width and no bias below these limits, and skew likelihoods above them.
"""


def fit_maps(
    outcome: Outcome,
    pixels: Pixels,
    start: dict[str, float],
    free: tuple[str, ...],
    shape: str,
    statistic: str,
    alpha: float,
    clouds: Clouds | None = None,
) -> dict[str, Array]:
    """Turn the outcome of one fit into flat arrays, one value a pixel."""
    fits, covariance = outcome
    found = fits["found"] & fits["inside"]
    maps: dict[str, Array] = {}
    for k, name in enumerate(PARAMETERS):
        error = fits["error"][:, k] if name in free else np.nan
        value = fits["values"][:, k] if name in parameters_of(shape) else np.nan
        maps[name] = np.where(found, value, np.nan)
        maps[f"{name}_err"] = np.where(found, error, np.nan)
    maps["chi2"] = np.where(found, fits["statistic"], np.nan)
    maps["dof"] = np.where(found, pixels.points - float(len(free)), np.nan)
    if statistic == "poisson":
        maps["p_value"] = np.where(found, fits["p_value"], np.nan)
    else:
        maps["p_value"] = np.where(
            maps["dof"] > 0, chi_square.sf(maps["chi2"], maps["dof"]), np.nan
        )
    maps["fit_type"] = _fit_type(maps, pixels, found, alpha)
    maps["at_limit"] = (found & fits["at_limit"]).astype(np.int8)
    maps["lower_at_limit"] = (found & fits["lower_at_limit"]).astype(np.int8)
    maps["weak"] = np.where(found, weak_parameters(pixels, start, free, shape, clouds), 0).astype(
        np.int8
    )
    if covariance.size:
        maps["covariance"] = np.where(found[:, None, None], covariance, np.nan)
    return maps


def _fit_type(maps: dict[str, Array], pixels: Pixels, found: Array, alpha: float) -> Array:
    positive = (maps["E0"] > 0) & ~(maps["f"] <= 0) & (maps["s"] > 0)
    good = positive & (maps["p_value"] >= alpha)
    verdict = np.where(good, GOOD, BAD)
    verdict = np.where(found | pixels.undefined, verdict, NOT_FOUND)
    return np.where(pixels.cut, CUT, verdict).astype(np.int8)


def weak_parameters(
    pixels: Pixels,
    average: dict[str, float],
    free: tuple[str, ...],
    shape: str,
    clouds: Clouds | None = None,
) -> Array:
    """Mark what the scan cannot determine at each pixel's rate: bits 1, 2, 4, 8 for f, A, s, E0.

    The expected error of the average pixel, from the Fisher information of the scan, scaled to the
    hits of each pixel. Nothing else of a pixel's own fluctuation enters, so that to leave out weak
    values does not select among the others.
    """
    arguments: list[Any] = [pixels.threshold, *(average[name] for name in PARAMETERS)]
    known: Any = {"shape": shape, "baseline": pixels.typical_baseline, "clouds": clouds}
    curve, gradient = (of(*arguments, **known) for of in (threshold_curve, threshold_gradient))
    mean_hits = float(np.sum(curve * pixels.exposure))
    largest = DETERMINED_WITH_S_ALONE if "s" in free and "f" not in free else DETERMINED
    unit = [average["s" if name == "E0" else name] * largest[name] for name in free]
    scaled = gradient[[PARAMETERS.index(name) for name in free]] * np.array(unit)[:, np.newaxis]
    weight = pixels.exposure / np.maximum(curve, 1e-12 * curve.max())
    expected = np.sqrt(np.diag(np.linalg.pinv((scaled * weight) @ scaled.T, hermitian=True)))
    scale = np.sqrt(mean_hits / np.maximum(pixels.hits.sum(axis=0), 1))
    bits = [1 << PARAMETERS.index(name) for name in free]
    return np.sum([bit * (error * scale > 1) for bit, error in zip(bits, expected, strict=True)], 0)


def label_maps(maps: list[dict[str, Array]], names: list[str], flux: xr.Dataset) -> xr.Dataset:
    """Stack the maps of several fits into a dataset with coordinates, units and meanings."""
    size = (len(names), flux.sizes["row"], flux.sizes["column"])
    fits = xr.Dataset(coords={"fit": names, "row": flux["row"], "column": flux["column"]})
    for variable in maps[0]:
        if variable == "covariance":
            continue
        values = np.stack([one[variable] for one in maps]).reshape(size)
        fits[variable] = ("fit", "row", "column"), values, attributes_of(variable)
    if "covariance" in maps[0]:
        dims = ("fit", "row", "column", "parameter", "parameter_2")
        values = np.stack([one["covariance"] for one in maps]).reshape(*size, 4, 4)
        attributes = {"units": "products of the units", "long_name": "covariance of f, A, s, E0"}
        fits = fits.assign_coords(parameter=list(PARAMETERS), parameter_2=list(PARAMETERS))
        fits["covariance"] = dims, values, attributes
    for name in CARRIED:
        if name in flux:
            fits[name] = flux[name]
    return fits
