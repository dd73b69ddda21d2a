"""Chips drawn from known curves, for the tests of the mathematics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from velonb import ThresholdModel, compute_flux, threshold_curve

TYPICAL = {"f": 9e-4, "A": 8.0, "s": 12.0, "E0": 1551.0}
"""f (1/DAC), A (DAC hits/s), s (DAC), E0 (DAC) of the average pixel."""
BASELINE = 1430.0
"""Noise baseline (DAC) of chips with two lines."""
PARAMETERS = tuple(TYPICAL)


def thresholds(number: int = 41) -> np.ndarray:
    """Thresholds (DAC) over the usual range, 1480 to 1600."""
    return np.linspace(1480, 1600, number)


def draw_flux(
    size: tuple[int, int] = (32, 32),
    *,
    seed: int = 1,
    number: int = 41,
    exposure: ArrayLike = 131.0,
    mask: Any = None,
    shape: str = "velo",
    truth: Mapping[str, ArrayLike] = TYPICAL,
) -> xr.Dataset:
    """The flux of a chip whose counts are Poisson about the curve of every pixel.

    `truth` may hold maps; `exposure` (s) one value for all thresholds or one each.
    """
    t = thresholds(number)
    seconds = np.broadcast_to(np.asarray(exposure, dtype=float), t.shape).copy()
    values = {name: np.broadcast_to(truth[name], size) for name in PARAMETERS}
    curve = threshold_curve(t[:, None, None], **values, shape=shape, baseline=BASELINE)
    mu = np.maximum(curve, 0) * seconds[:, None, None]
    hits = np.random.default_rng(seed).poisson(mu)
    return flux_of(hits, seconds, mask, shape)


def flux_of(hits: Any, exposure: Any, mask: Any = None, shape: str = "velo") -> xr.Dataset:
    """The flux of given counts (threshold, row, column) and exposures (s)."""
    hits = np.asarray(hits, dtype=np.int32)
    size = hits.shape[1:]
    scan = xr.Dataset(
        {
            "hits": (("threshold", "row", "column"), hits),
            "exposure": ("threshold", np.asarray(exposure, dtype=float)),
            "mask": (("row", "column"), np.zeros(size, bool) if mask is None else mask),
        },
        coords={"threshold": thresholds(len(hits))},
    )
    if shape == "fe55":
        scan["baseline"] = ("row", "column"), np.full(size, BASELINE)
    return compute_flux(scan)


def with_hits(flux: xr.Dataset, row: int, column: int, counts: ArrayLike) -> xr.Dataset:
    """The same chip with other counts in one pixel."""
    hits = flux["hits"].values.copy()
    hits[:, row, column] = counts
    changed = flux_of(hits, flux["exposure"].values, flux["mask"].values)
    return changed.assign_coords(threshold=flux["threshold"])


def asic_of_truth(flux: xr.Dataset, shape: str = "velo") -> Any:
    """The fit of the ASIC that a chip of equal, typical pixels would give without noise."""
    t = flux["threshold"].values.astype(float)
    baseline = BASELINE if shape == "fe55" else None
    expected = flux.attrs["active_pixels"] * threshold_curve(
        t, **TYPICAL, shape=shape, baseline=baseline
    )
    known = TYPICAL | {"A": TYPICAL["A"] * flux.attrs["active_pixels"]}
    model = ThresholdModel(shape, baseline=baseline)
    return model.fit(expected, model.make_params(**known), t=t, weights=np.full(t.size, 131.0))
