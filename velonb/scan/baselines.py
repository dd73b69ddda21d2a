"""The noise baseline at the trims in use: measured there, or between the nearest measured trims."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from velonb.scan.names import TRIMS, noise_mean_name
from velonb.scan.reader import ScanError
from velonb.scan.trim_response import read_noise_mean
from velonb.words import printable

Map = NDArray[Any]

LARGEST_TRIM = TRIMS - 1
MEASURED_ERR = 1.1
"""Error of a noise mean (DAC): scatter about a smooth response, over all trims of a VeloPix."""
CURVATURE, CURVATURE_ERR = 0.054, 0.057
"""How far the response of that chip lies above a straight line, and how that differs between its
pixels (DAC per step of the trim to either end, multiplied)."""
UNCHECKED_ERR = 10.5
"""How far too low the file was found, as the detector writes it (DAC)."""
FEWEST_ALIKE = 0.5
"""Part of the pixels that make a file one of a kind."""


def read_noise_means(folder: Path, chip: str, size: tuple[int, int]) -> dict[int, Map]:
    """Mean of the noise at every trim that the folder has, NaN where a pixel does not respond.

    A damaged file costs its trim alone.
    """
    means = {}
    for trim in range(TRIMS):
        path = folder / noise_mean_name(chip, trim)
        if not path.exists():
            continue
        try:
            means[trim] = read_noise_mean(path, size)
        except (ScanError, OSError) as error:
            warnings.warn(printable(f"trim {trim:X} is left out: {error}"), stacklevel=4)
    return means


def baseline_at(trim: Map, means: Mapping[int, Map]) -> tuple[Map, Map, NDArray[np.bool_]]:
    """Baseline of every pixel at its trim, with its error (DAC), and whether it was measured there.

    Between the nearest trims that were measured it lies on a straight line: from 0 to F there are
    15 steps. NaN beyond the trims that were measured.
    """
    known = np.array(sorted(means))
    stack = np.stack([means[each] for each in known])
    above = np.searchsorted(known, trim)
    inside = (trim >= known[0]) & (trim <= known[-1])
    above = np.minimum(above, known.size - 1)
    measured = inside & (known[above] == trim)
    below = np.where(measured, above, np.maximum(above - 1, 0))
    low, high = known[below], known[above]
    part = np.where(measured, 0.0, (trim - low) / np.maximum(high - low, 1))
    ends = [np.take_along_axis(stack, each[np.newaxis], axis=0)[0] for each in (below, above)]
    value = np.where(inside, ends[0] + part * (ends[1] - ends[0]), np.nan)
    bend = CURVATURE_ERR * (trim - low) * (high - trim)
    error = np.sqrt(MEASURED_ERR**2 * ((1 - part) ** 2 + part**2) + bend**2)
    return value, np.where(np.isfinite(value), error, np.nan), measured


def steps_of(written: Map, trim: Map, means: Mapping[int, Map]) -> int | None:
    """Find by how many steps a predicted baseline was divided, pixel by pixel: 15 or 16.

    None if it is neither, or the means at trims 0 and F are not there to tell.
    """
    if not {0, LARGEST_TRIM} <= means.keys():
        return None
    span = means[LARGEST_TRIM] - means[0]
    right, wrong = (means[0] + trim * span / steps for steps in (15, 16))
    telling = (written > 0) & (np.abs(right - wrong) > 2)
    # The detector writes whole numbers.
    for steps, predicted in ((15, right), (16, wrong)):
        alike = np.abs(written - predicted)[telling] < 1
        if alike.size and alike.mean() > FEWEST_ALIKE:
            return steps
    return None


def with_baseline(
    maps: dict[str, xr.Variable], folder: Path, chip: str, size: tuple[int, int]
) -> dict[str, xr.Variable]:
    """The maps of a chip with the best baseline that its folder has, and its error.

    Measured at the trims in use; else predicted from trims 0 and F; else what the detector wrote,
    with an attribute that tells that nobody has checked it.
    """
    written = maps.get("baseline")
    means = read_noise_means(folder, chip, size) if "trim" in maps else {}
    if not means:
        return maps if written is None else maps | {"baseline": _unchecked(written)}
    trim = maps["trim"].values
    value, error, measured = baseline_at(trim, means)
    all_measured = bool(measured[np.isfinite(value)].all())
    steps = None if written is None else steps_of(written.values, trim, means)
    if not np.isfinite(value).any() or (written is not None and steps is None and not all_measured):
        return maps if written is None else maps | {"baseline": _unlike(written, value)}
    kind = "measured" if all_measured else "predicted"
    if written is not None:
        _warn_of_difference(written, value, kind, steps)
    files = re.sub("0", "{n}", noise_mean_name("", 0)[1:])
    attrs = {
        "units": "DAC",
        "long_name": "noise baseline",
        "source": files,
        "kind": kind,
        "checked": "made from the noise means, the trims and 15 steps",
        "common_err": 0.0 if all_measured else _bend(trim, value),
    }
    error_attrs = {"units": "DAC", "long_name": "error of the noise baseline"}
    dims = ("row", "column")
    return maps | {
        "baseline": xr.Variable(dims, value, attrs),
        "baseline_err": xr.Variable(dims, error, error_attrs),
    }


def _bend(trim: Map, value: Map) -> float:
    """Mean of what the curvature of the response would add (DAC)."""
    known = np.isfinite(value)
    return round(float(np.mean(CURVATURE * (trim * (LARGEST_TRIM - trim))[known])), 2)


def _unchecked(written: xr.Variable) -> xr.Variable:
    said = "no: it takes the trims and the noise means at trims 0 and F"
    return _saying(written, said)


def _unlike(written: xr.Variable, value: Map) -> xr.Variable:
    """The file as it is, where nothing tells how it was made."""
    apart = np.nanmedian(np.where(written.values > 0, written.values, np.nan) - value)
    said = (
        f"not what trims 0 and F predict, divided by 15 or by 16: {apart:+.1f} DAC from 15 steps"
        if np.isfinite(apart)
        else "no: the noise means tell no baseline at the trims of the pixels"
    )
    warnings.warn(f"baseline is kept as written in {written.attrs['source']}; {said}", stacklevel=4)
    return _saying(written, said)


def _saying(written: xr.Variable, said: str) -> xr.Variable:
    attrs = written.attrs | {"checked": said, "common_err": UNCHECKED_ERR}
    return xr.Variable(written.dims, written.values, attrs)


def _warn_of_difference(written: xr.Variable, value: Map, kind: str, steps: int | None) -> None:
    known = (written.values > 0) & np.isfinite(value)
    if not known.any():
        return
    apart = float(np.mean((value - written.values)[known]))
    if steps != 16 and abs(apart) < 0.5:
        return
    how = {
        16: "divided by 16, where there are 15 steps",
        15: "divided by 15",
        None: "made another way",
    }
    warnings.warn(
        f"baseline is not taken from {written.attrs['source']}, a prediction {how[steps]}, but "
        f"{kind} at the trims in use: on average {apart:+.1f} DAC "
        f"(spread {np.std((value - written.values)[known]):.1f} DAC) over {known.sum():,} pixels",
        stacklevel=4,
    )
