"""What a run can know of E0 in every pixel: errors expected at its rate, and pull of the anchor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lmfit
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from velonb.curves.model import PARAMETERS, threshold_curve, threshold_gradient
from velonb.fit import average_pixel
from velonb.fit.sample import FAINTEST

Array = NDArray[Any]

STEP = 0.3
"""Of the second differences, in standard deviations."""
BLOCK = 8192
"""Pixels that are differentiated at once."""


def expected_of_E0(
    runs: Sequence[xr.Dataset],
    fits: Sequence[xr.Dataset],
    anchors: Sequence[lmfit.model.ModelResult],
    free: Sequence[str],
    chosen: Array,
) -> list[tuple[Array, Array]]:
    """Error and bias of E0 of every chosen pixel in each run (DAC), NaN elsewhere.

    They come from the Fisher information about a curve with the E0 and s of both runs together and,
    for each run, the A with which it expects as many hits as were counted. To first order neither
    depends on the difference of the runs: an error never goes with its own value.
    """
    values = [[one[name].values[chosen] for one in fits] for name in PARAMETERS]
    errors = [[one[f"{name}_err"].values[chosen] for one in fits] for name in PARAMETERS]
    together = dict(zip(PARAMETERS, map(_mean, values, errors), strict=True))
    results = []
    for flux, anchor in zip(runs, anchors, strict=True):
        maps = np.full((2, *chosen.shape), np.nan)
        maps[:, chosen] = _error_and_bias(flux, anchor, together, free, chosen)
        results.append((maps[0], maps[1]))
    return results


def _mean(values: list[Array], errors: list[Array]) -> Array:
    """Mean of two runs, weighted by the chip's median errors: one weight for all pixels."""
    weights = [np.nanmedian(e) ** -2 if np.isfinite(e).any() else 1.0 for e in errors]
    return np.asarray(np.average(values, axis=0, weights=weights))


def _error_and_bias(
    flux: xr.Dataset,
    anchor: lmfit.model.ModelResult,
    together: dict[str, Array],
    free: Sequence[str],
    chosen: Array,
) -> Array:
    """Error and bias of E0 in one run, shape (2, pixel)."""
    t, exposure, hits = _used(flux)
    total = hits[:, chosen].sum(axis=0)
    baseline = flux["baseline"].values[chosen] if "baseline" in flux else anchor.model.baseline
    baseline = np.broadcast_to(np.nan if baseline is None else baseline, total.shape)
    parts = [np.empty((2, 0))]
    for start in range(0, total.size, BLOCK):
        some = slice(start, start + BLOCK)
        values: dict[str, Any] = {name: together[name][some] for name in PARAMETERS}
        values["A"] = 1.0
        model: dict[str, Any] = anchor.model.known | {"baseline": baseline[some]}
        unit = (exposure * threshold_curve(t, **values, **model)).sum(axis=0)
        values["A"] = total[some] / unit
        parts.append(_of_some(t, exposure, values, model, free))
    return np.concatenate(parts, axis=1)


def _used(flux: xr.Dataset) -> tuple[Array, Array, Array]:
    """Thresholds and exposures as columns, and hits, where there is an exposure."""
    used = flux["exposure"].values > 0
    t, exposure = (
        flux[name].values[used, None].astype(float) for name in ("threshold", "exposure")
    )
    return t, exposure, flux["hits"].values[used]


def _of_some(
    t: Array, exposure: Array, values: dict[str, Any], model: dict[str, Any], free: Sequence[str]
) -> Array:
    """Error and bias of E0 of a block of pixels.

    The bias of a likelihood fit of Poisson counts (Cox & Snell, JRSS B 30 (1968) 248) is that of a
    least-squares fit to half the curvature of the expectation along the axes of the error ellipse.
    """
    which = [PARAMETERS.index(name) for name in free]
    curve = np.maximum(threshold_curve(t, **values, **model), FAINTEST)
    gradient = threshold_gradient(t, **values, **model)[which]
    covariance = _inverse(np.einsum("atp,btp,tp->pab", gradient, gradient, exposure / curve))
    axes = STEP * np.linalg.cholesky(covariance)
    bend = -2 * len(free) * curve
    for move in (*np.moveaxis(axes, 2, 0), *-np.moveaxis(axes, 2, 0)):
        moved = values | {name: values[name] + move[:, k] for k, name in enumerate(free)}
        bend += threshold_curve(t, **moved, **model)
    place = list(free).index("E0")
    pull = np.einsum("atp,tp->pa", gradient, exposure / curve * bend / STEP**2)
    bias = -0.5 * np.einsum("pa,pa->p", covariance[:, place], pull)
    return np.stack([np.sqrt(covariance[:, place, place]), bias])


def _inverse(matrix: Array) -> Array:
    """Inverses of matrices whose parameters differ by orders of magnitude."""
    scale = np.sqrt(np.einsum("paa->pa", matrix))
    scales = scale[:, :, None] * scale[:, None, :]
    return np.linalg.inv(matrix / scales) / scales


def follow_common(
    flux: xr.Dataset,
    anchor: lmfit.model.ModelResult,
    free: Sequence[str],
    common: Sequence[str],
) -> Array:
    """How far E0 of the typical pixel moves with each common parameter, the free ones following."""
    t, exposure, _ = _used(flux)
    values: dict[str, Any] = {
        name: np.array([value]) for name, value in average_pixel(flux, anchor).items()
    }
    model: dict[str, Any] = anchor.model.known
    curve = np.maximum(threshold_curve(t, **values, **model), FAINTEST)
    gradient = threshold_gradient(t, **values, **model)
    information = np.einsum("atp,btp,tp->pab", gradient, gradient, exposure / curve)
    own, held = ([PARAMETERS.index(name) for name in names] for names in (free, common))
    moves = -_inverse(information[:, own][:, :, own])[0] @ information[0][np.ix_(own, held)]
    return np.asarray(moves[list(free).index("E0")])
