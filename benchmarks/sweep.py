"""The least that a fit can do: one sweep of curve and gradient over all points."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import xarray as xr
from numba import njit

from velonb.curves.model import PARAMETERS
from velonb.curves.shapes import SQRT_2PI
from velonb.fit.batch import BLOCK, describe_scan, prepare_pixels
from velonb.fit.engine.curve import evaluate
from velonb.fit.engine.data import Array, Scan, new_work
from velonb.system.threads import thread_count


def one_sweep(flux: xr.Dataset, start: dict[str, float]) -> Callable[[], None]:
    """Sweep over a chip with the engine's own functions, on as many threads as the fit."""
    pixels = prepare_pixels(flux, np.zeros(flux["mask"].shape), "poisson", 1.0)
    scan = describe_scan(pixels, start, PARAMETERS, "velo", "poisson")
    hits = np.ascontiguousarray(pixels.hits.T)
    places = places_near(start, hits.shape[0])
    blocks = [slice(i, i + BLOCK) for i in range(0, hits.shape[0], BLOCK)]

    def sweep() -> None:
        with ThreadPoolExecutor(thread_count()) as pool:
            list(pool.map(lambda block: sweep_block(scan, hits[block], places[block]), blocks))

    return sweep


def places_near(start: dict[str, float], pixels: int) -> Array:
    """A place of its own for every pixel (C, P, s, E0), so that nothing can be used again."""
    random = np.random.default_rng(1)
    f, A = start["f"], start["A"]
    s = start["s"] * np.exp(0.05 * random.standard_normal(pixels))
    E0 = start["E0"] + 6 * random.standard_normal(pixels)
    return np.stack([np.full(pixels, f * A), (1 - f) * A / (SQRT_2PI * s), s, E0], axis=1)


# Not kept on disk: it contains the engine, whose sources a cache here would not watch.
@njit(nogil=True, error_model="numpy")
def sweep_block(scan: Scan, hits: Array, places: Array) -> float:
    work = new_work(scan.threshold.size)
    total = 0.0
    for pixel in range(hits.shape[0]):
        work.counts[:] = hits[pixel]
        total += evaluate(scan, 0.0, places[pixel], work)
    return total
