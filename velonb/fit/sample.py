"""Some pixels of a chip, and toys that are like them."""

from __future__ import annotations

from typing import Any

import lmfit
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from velonb.curves import PARAMETERS, ThresholdModel, threshold_curve

Array = NDArray[Any]

FAINTEST = 1e-12
"""Flux (hits/s) that a curve is not below, far above E0."""
BLOCK = 4096
"""Pixels whose curves are worked out at once."""


def choose_pixels(
    flux: xr.Dataset, baseline: Array, pixels: int, random: np.random.Generator
) -> xr.Dataset:
    """Some active pixels, side by side in one row."""
    active = np.flatnonzero(~flux["mask"].values.astype(bool).ravel())
    if active.size == 0:
        raise ValueError("every pixel is masked; look at the mask of the scan")
    chosen = random.permutation(active)[:pixels]
    hits = flux["hits"].values.reshape(flux.sizes["threshold"], 1, -1)[..., chosen]
    maps = ("row", "column")
    return xr.Dataset(
        {
            "hits": (("threshold", *maps), hits),
            "exposure": flux["exposure"],
            "mask": (maps, np.zeros((1, chosen.size), dtype=bool)),
            "baseline": (maps, baseline.reshape(1, -1)[:, chosen]),
        },
        coords={"row": [0], "column": np.arange(chosen.size)},
        attrs=flux.attrs,
    )


def baseline_map(
    flux: xr.Dataset, asic: lmfit.model.ModelResult, baseline: ArrayLike | None
) -> Array:
    """The baseline of every pixel (DAC), NaN where there is none to be had."""
    if baseline is None:
        baseline = flux["baseline"].values if "baseline" in flux else asic.model.baseline
    known = np.nan if baseline is None else baseline
    return np.broadcast_to(np.asarray(known, dtype=float), flux["mask"].shape)


def draw_toy(
    sample: xr.Dataset,
    fits: xr.Dataset,
    model: ThresholdModel,
    random: np.random.Generator,
) -> xr.Dataset:
    """Counts drawn from fitted curves; none where there is no fit."""
    hits = np.zeros_like(sample["hits"].values)
    used = np.flatnonzero(sample["exposure"].values > 0)
    blocks = in_blocks(sample, fits)
    expected = np.concatenate([expected_hits(*block, model) for block in blocks], axis=1)
    places = np.ix_(used, np.zeros(1, int), fits["column"].values)
    hits[places] = random.poisson(expected)[:, None]
    return sample.assign(hits=(sample["hits"].dims, hits))


def in_blocks(sample: xr.Dataset, fits: xr.Dataset) -> list[tuple[xr.Dataset, xr.Dataset]]:
    """The counts of pixels that have a fit, beside their fits, some pixels at a time."""
    counts = sample.isel(row=0, threshold=(sample["exposure"] > 0).values)
    counts = counts.sel(column=fits["column"])
    starts = range(0, fits.sizes["column"], BLOCK)
    blocks = [{"column": slice(start, start + BLOCK)} for start in starts]
    return [(counts.isel(block), fits.isel(block)) for block in blocks]


def expected_hits(counts: xr.Dataset, fits: xr.Dataset, model: ThresholdModel) -> Array:
    """Hits that the fitted curves expect, shape (threshold, pixel)."""
    t, exposure = (counts[name].values[:, None] for name in ("threshold", "exposure"))
    curve = threshold_curve(t, *values_of(fits), **known_of(counts, model))
    return np.asarray(exposure * np.maximum(curve, FAINTEST))


def values_of(fits: xr.Dataset) -> list[Array]:
    """The fitted parameters; 0 for f where the shape has none."""
    return [np.nan_to_num(fits[name].values) for name in PARAMETERS]


def known_of(counts: xr.Dataset, model: ThresholdModel) -> dict[str, Any]:
    """What the curves need beside their parameters, with the baseline of each pixel."""
    own = {} if model.baseline is None else {"baseline": counts["baseline"].values}
    return model.known | own
