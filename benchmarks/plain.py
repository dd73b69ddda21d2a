"""The usual way, written plainly: numpy.loadtxt, and a fit in a loop over pixels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import lmfit
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit
from scipy.special import erfc

Array = NDArray[Any]

LAST_COLUMNS, HOT = 8, 2.0  # the last columns of a faulty acquisition see more hits/s than that


def threshold_curve(t: Array, f: float, A: float, s: float, E0: float) -> Array:
    z = (t - E0) / s
    sharing = f * A / 2 * (s / np.sqrt(np.pi) * np.exp(-(z**2)) + (E0 - t) * erfc(z))
    photopeak = (1 - f) * A / (2 * np.sqrt(2 * np.pi) * s) * erfc(z / np.sqrt(2))
    return np.asarray(sharing + photopeak)


def sum_acquisitions(paths: Iterable[Path], shutter_time: float) -> tuple[Array, float]:
    """Hits and exposure of the good acquisitions of a threshold."""
    hits, exposure = np.zeros((256, 256)), 0.0
    for path in paths:
        counts = np.loadtxt(path, delimiter=",", dtype=np.int32)
        if counts[:, -LAST_COLUMNS:].mean() / shutter_time < HOT:
            hits += counts
            exposure += shutter_time
    return hits, exposure


def flux_and_error(hits: Array, exposure: Array) -> tuple[Array, Array]:
    seconds = exposure[:, np.newaxis, np.newaxis]
    return hits / seconds, np.sqrt(hits) / seconds


def scipy_fits(t: Array, flux: Array, error: Array, start: list[float]) -> int:
    """Free and fixed fit of every pixel, flux (threshold, pixel); return how many were found."""
    f, _, s, E0 = start

    def fixed(t: Array, A: float) -> Array:
        return threshold_curve(t, f, A, s, E0)

    found = 0
    for pixel in range(flux.shape[1]):
        seen = flux[:, pixel] > 0  # sigma is 0 where nothing was counted
        if seen.sum() <= len(start):
            continue
        x, y, sigma = t[seen], flux[seen, pixel], error[seen, pixel]
        for function, p0 in ((threshold_curve, start), (fixed, start[1:2])):
            try:
                curve_fit(function, x, y, p0, sigma, absolute_sigma=True)
                found += 1
            except RuntimeError:  # no minimum found
                pass
    return found


def lmfit_fits(t: Array, flux: Array, error: Array, start: list[float]) -> int:
    """The same with lmfit."""
    model = lmfit.Model(threshold_curve)
    free = model.make_params(**dict(zip(("f", "A", "s", "E0"), start, strict=True)))
    fixed = free.copy()
    for name in ("f", "s", "E0"):
        fixed[name].vary = False
    found = 0
    for pixel in range(flux.shape[1]):
        seen = flux[:, pixel] > 0
        if seen.sum() <= len(start):
            continue
        x, y, weights = t[seen], flux[seen, pixel], 1 / error[seen, pixel]
        for params in (free, fixed):
            result = model.fit(y, params, t=x, weights=weights, scale_covar=False)
            found += int(result.success)
    return found


def write_matrices(folder: Path, matrices: Iterable[Array]) -> None:
    for number, matrix in enumerate(matrices):
        np.savetxt(folder / f"{number}.csv", matrix, delimiter=",")
