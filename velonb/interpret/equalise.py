"""Equalisation: the trim of every pixel that brings all of them to one place."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from velonb.scan.names import TRIMS
from velonb.vocabulary import MASK_REASONS, flags

Array = NDArray[Any]

ACTIVE, DEAD, NO_RESPONSE_0, NO_RESPONSE_F, OUT_OF_RANGE = range(5)
"""Of the codes of a mask those that the trim response gives."""


def equalise(
    trim_response: xr.DataArray,
    *,
    target: float | None = None,
    trim: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    line: bool = False,
) -> xr.Dataset:
    """Find the trim of every pixel that brings its baseline nearest to a target.

    With all trims measured the nearest is looked up. Between trims 0 and F alone it is a straight
    line of 15 steps, which the response of a real pixel leaves by several DAC.

    Parameters
    ----------
    trim_response : xarray.DataArray, dimensions (trim, row, column)
        What `load_trim_response` returns: mean of the noise (DAC), NaN or 0 where a pixel does not
        respond.
    target : float, optional
        Baseline (DAC) that is aimed at; by default the mean over the chip of the middle between
        trims 0 and F, which most pixels can reach.
    trim : array_like of int, shape (row, column), optional
        Trims as they are set now, to compare with.
    mask : array_like, shape (row, column), optional
        Above 0 where a pixel is masked already: it has no part in the spreads.
    line : bool
        Use the straight line even where all trims are measured.

    Returns
    -------
    xarray.Dataset
        Maps (row, column): `trim` (int8; 0 where a pixel does not respond), `baseline` expected at
        it (DAC), `baseline_measured` at it where that trim was measured, `baseline_now` at the
        trims set now where given, and `mask_reason`, the codes of the detector's mask: dead, no
        response at trim 0 or F, trim out of range (the target lies more than half a step beyond the
        response). Attributes: `target`, `step` (mean, DAC), and standard deviations over the
        active pixels (DAC): `spread_untrimmed` (all at the middle trim, on the line between 0 and
        F), `spread_now`, `spread_predicted`, `spread_measured`; NaN where not known.

    Raises
    ------
    ValueError
        If the response lacks trim 0 or F, no pixel responds to both, or a map does not fit.

    Examples
    --------
    >>> at_0 = np.array([[1300.0, 1340.0, 1360.0]])
    >>> response = xr.DataArray([at_0, at_0 + 150], {"trim": [0, 15]}, ("trim", "row", "column"))
    >>> settings = equalise(response)
    >>> settings["trim"].values.tolist(), round(settings.attrs["target"], 1)
    ([[11, 7, 5]], 1408.3)
    """
    measured = _checked(trim_response)
    first, last = measured.sel(trim=0).values, measured.sel(trim=TRIMS - 1).values
    step = (last - first) / (TRIMS - 1)
    if not np.isfinite(step).any():
        raise ValueError(
            "no pixel of trim_response responds at both trim 0 and trim F: there is nothing to "
            "equalise; look at the noise scans"
        )
    target = float(np.nanmean((first + last) / 2)) if target is None else float(target)
    straight = first + step * np.arange(TRIMS)[:, None, None]
    complete = measured.sizes["trim"] == TRIMS
    response = measured.values if complete and not line else straight
    reasons = _reasons(response, first, last, step, target)
    best = _nearest(response, target)
    maps = {"baseline": _at(response, best), "baseline_measured": _where_measured(measured, best)}
    if trim is not None:
        maps["baseline_now"] = _where_measured(measured, as_trims(trim, best.shape))
    active = (reasons == ACTIVE) & _unmasked(mask, best.shape)
    spreads = {
        "spread_untrimmed": _spread(straight[TRIMS // 2], active),
        "spread_now": _spread(maps.get("baseline_now"), active),
        "spread_predicted": _spread(maps["baseline"], active),
        "spread_measured": _spread(maps["baseline_measured"], active),
    }
    attrs = {"target": target, "step": float(np.nanmean(step))} | spreads
    return _labelled(trim_response, best, maps, reasons, attrs)


def _checked(response: xr.DataArray) -> xr.DataArray:
    """The response in one order of its dimensions, NaN where there is none."""
    wanted = {"trim", "row", "column"}
    dims = getattr(response, "dims", type(response).__name__)
    if set(dims) != wanted:
        raise ValueError(
            f"trim_response has {dims}; it must be a DataArray with the dimensions trim, row and "
            "column, as load_trim_response gives it"
        )
    trims = response.get_index("trim").tolist() if "trim" in response.coords else []
    if not {0, TRIMS - 1} <= set(trims) <= set(range(TRIMS)):
        raise ValueError(
            f"trim_response has trims {trims}; it must have 0 and {TRIMS - 1}, and none outside"
        )
    response = response.transpose("trim", "row", "column").sortby("trim").astype(float)
    return response.where(response > 0)


def as_trims(trim: ArrayLike, size: tuple[int, ...]) -> Array:
    """Check a map of trims."""
    values = np.asarray(trim)
    if values.shape != size or not np.isin(values, np.arange(TRIMS)).all():
        raise ValueError(
            f"trim has shape {values.shape} and values {values.min():g} to {values.max():g}; it "
            f"must be a map of shape {size} with whole numbers from 0 to {TRIMS - 1}"
        )
    return values.astype(int)


def _unmasked(mask: ArrayLike | None, size: tuple[int, ...]) -> Array:
    masked = np.zeros(size, dtype=bool) if mask is None else np.asarray(mask) > 0
    if masked.shape != size:
        raise ValueError(f"mask has shape {masked.shape}; it must be a map of shape {size}")
    return ~masked


def _nearest(response: Array, target: float) -> Array:
    """The trim whose baseline is nearest to the target, 0 where there is no response."""
    distance = np.abs(response - target)
    return np.where(np.isnan(distance), np.inf, distance).argmin(axis=0)


def _at(response: Array, trim: Array) -> Array:
    return np.take_along_axis(response, trim[np.newaxis], axis=0)[0]


def _where_measured(measured: xr.DataArray, trim: Array) -> Array:
    """The measured baseline at a trim of each pixel, NaN where that trim was not measured."""
    every = measured.reindex(trim=np.arange(TRIMS))
    return _at(every.values, trim)


def _reasons(response: Array, first: Array, last: Array, step: Array, target: float) -> Array:
    """Codes of the mask that the response asks for."""
    known = np.isfinite(response)
    low = np.where(known, response, np.inf).min(axis=0) - np.abs(step) / 2
    high = np.where(known, response, -np.inf).max(axis=0) + np.abs(step) / 2
    none = [~known.any(axis=0) & np.isnan(first) & np.isnan(last), np.isnan(first), np.isnan(last)]
    beyond = (target < low) | (target > high)
    codes = [DEAD, NO_RESPONSE_0, NO_RESPONSE_F, OUT_OF_RANGE]
    return np.select([*none, beyond], codes, ACTIVE).astype(np.int8)


def _spread(values: Array | None, active: Array) -> float:
    if values is None:
        return float("nan")
    known = values[active & np.isfinite(values)]
    return float(np.std(known)) if known.size else float("nan")


def _labelled(
    response: xr.DataArray,
    trim: Array,
    maps: dict[str, Array],
    reasons: Array,
    attrs: dict[str, float],
) -> xr.Dataset:
    names = {
        "baseline": "baseline expected at the trim",
        "baseline_measured": "baseline measured at the trim",
        "baseline_now": "baseline at the trim set now",
    }
    pixel = ("row", "column")
    result = xr.Dataset(coords={n: response[n] for n in pixel if n in response.coords})
    result["trim"] = pixel, trim.astype(np.int8), {"units": "1", "long_name": "trim"}
    for name, values in maps.items():
        result[name] = pixel, values, {"units": "DAC", "long_name": names[name]}
    reason = {"units": "1", "long_name": "reason to mask"} | flags(0, MASK_REASONS)
    result["mask_reason"] = pixel, reasons, reason
    return result.assign_attrs(response.attrs).assign_attrs(attrs)
