"""The established recipe, written plainly: one curve_fit after the other."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import curve_fit
from scipy.special import erfc
from scipy.stats import chi2 as chi_square

CUT, NOT_FOUND, BAD, GOOD = -2, -1, 0, 1


def curve(t: Any, f: float, A: float, s: float, E0: float) -> Any:
    z = (t - E0) / s
    sharing = s / np.sqrt(np.pi) * np.exp(-(z**2)) + (E0 - t) * erfc(z)
    peak = (1 - f) * A / (2 * np.sqrt(2 * np.pi) * s) * erfc(z / np.sqrt(2))
    return f * A / 2 * sharing + peak


def fit_one(
    t: Any, hits: Any, exposure: Any, start: Sequence[float], free: bool, nohits_cut: float = 0.8
) -> tuple[int, float]:
    """Fit type and E0 of one pixel: all four parameters, or A alone."""
    unknown = np.nan
    if np.mean(hits == 0) >= nohits_cut:
        return CUT, unknown
    first, last = np.flatnonzero(hits)[[0, -1]]
    t, hits, exposure = (x[first : last + 1] for x in (t, hits, exposure))
    if (hits == 0).any():
        return BAD, unknown
    flux, sigma = hits / exposure, np.sqrt(hits) / exposure
    f, A, s, E0 = start
    model, p0 = (curve, start) if free else (lambda t, A: curve(t, f, A, s, E0), [A])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values, _ = curve_fit(model, t, flux, p0=p0, sigma=sigma, absolute_sigma=True)
    except (RuntimeError, TypeError):
        return NOT_FOUND, unknown
    if free:
        f, A, s, E0 = values
    else:
        A = values[0]
    chi2 = np.sum(((flux - curve(t, f, A, s, E0)) / sigma) ** 2)
    p_value = chi_square.sf(chi2, t.size - len(p0)) if t.size > len(p0) else 0.0
    return (GOOD if p_value >= 0.05 and min(E0, f, s) > 0 else BAD), E0


def fit_loop(
    flux: xr.Dataset, start: Sequence[float], free: bool, pixels: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Fit types and E0 of the given pixels (row, column); outside the scan is not found."""
    used = flux["exposure"].values > 0
    t, exposure = flux["threshold"].values[used].astype(float), flux["exposure"].values[used]
    hits = flux["hits"].values[used]
    fits = [fit_one(t, hits[:, row, column], exposure, start, free) for row, column in pixels]
    fit_type, E0 = (np.array(values) for values in zip(*fits, strict=True))
    outside = np.isfinite(E0) & ((t[0] >= E0) | (t[-1] <= E0))
    fit_type[outside], E0[outside] = NOT_FOUND, np.nan
    return fit_type, E0
