"""The yardstick: one plain sweep over all points, and what the engine makes of one evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import xarray as xr
from numba import njit

from velonb.curves.model import PARAMETERS
from velonb.curves.shapes import slope_and_plateau
from velonb.fit.batch import BLOCK, padded_counts
from velonb.fit.engine.curve import evaluate
from velonb.fit.engine.data import WORK, Array
from velonb.fit.problem import describe_scan, prepare_pixels
from velonb.system.threads import thread_count


@njit(nogil=True)
def plain_sweep(t: Array, exposure: Array, hits: Array, places: Array, gradient: Array) -> float:
    """Curve, gradient and likelihood of every point, a number at a time with the system's libm.

    Nothing of the engine is used, so that a faster engine takes fewer sweeps.
    """
    total = 0.0
    for pixel in range(hits.shape[0]):
        f, A, s, E0 = places[pixel]
        for i in range(t.size):
            z = (t[i] - E0) / s
            gauss = math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
            wide, narrow = 0.5 * math.erfc(z / math.sqrt(2)), 0.5 * math.erfc(z)
            squared = gauss * gauss * 2 * math.sqrt(math.pi)
            sharing = 0.5 * s * squared + (E0 - t[i]) * narrow
            plateau = 1 / (math.sqrt(2 * math.pi) * s)
            gradient[0, i] = A * sharing - A * plateau * wide
            gradient[1, i] = f * sharing + (1 - f) * plateau * wide
            gradient[2, i] = f * A * 0.5 * squared + (1 - f) * A * plateau / s * (z * gauss - wide)
            gradient[3, i] = f * A * narrow + (1 - f) * A * plateau * gauss / s
            mu = A * gradient[1, i] * exposure[i]
            total += mu - hits[pixel, i]
            if hits[pixel, i] > 0:
                total += hits[pixel, i] * math.log(hits[pixel, i] / mu)
    return total


# Not kept on disk: it contains the engine, whose sources a cache here would not watch.
@njit(nogil=True)
def engine_sweep(kind: Any, scan: Any, hits: Array, places: Array, work: Any) -> float:
    """The same with second derivatives, as the engine evaluates it."""
    total = 0.0
    for pixel in range(hits.shape[0]):
        total += evaluate(kind, scan[0], 0.0, hits[pixel], places[pixel], work[0])
    return total


def both_sweeps(
    flux: xr.Dataset, start: dict[str, float]
) -> tuple[Callable[[], float], Callable[[], float]]:
    """A plain sweep and one of the engine over a chip, on as many threads as a fit."""
    pixels = prepare_pixels(flux, np.zeros(flux["mask"].shape), "poisson", 1.0)
    problem = describe_scan(pixels, start, PARAMETERS, "velo", "poisson")
    places = places_near(start, pixels.cut.size)
    heights = np.stack([*slope_and_plateau(*places[:, :3].T), *places[:, 2:].T], axis=1)
    blocks = [slice(i, i + BLOCK) for i in range(0, pixels.cut.size, BLOCK)]
    counts = [padded_counts(pixels, block) for block in blocks]
    size = pixels.threshold.size

    def plain(k: int) -> float:
        hits, here = counts[k][:, :size], places[blocks[k]]
        gradient = np.empty((4, size))
        return plain_sweep(pixels.threshold, pixels.exposure, hits, here, gradient)

    def engine(k: int) -> float:
        work = np.zeros(1, WORK)
        return 0.5 * engine_sweep(problem.kind, problem.scan, counts[k], heights[blocks[k]], work)

    return in_threads(plain, len(blocks)), in_threads(engine, len(blocks))


def in_threads(function: Callable[[int], float], number: int) -> Callable[[], float]:
    def run() -> float:
        with ThreadPoolExecutor(thread_count()) as pool:
            return sum(pool.map(function, range(number)))

    return run


def places_near(start: dict[str, float], pixels: int) -> Array:
    """A place of its own for every pixel (f, A, s, E0), so that nothing can be used again."""
    random = np.random.default_rng(1)
    s = start["s"] * np.exp(0.05 * random.standard_normal(pixels))
    E0 = start["E0"] + 6 * random.standard_normal(pixels)
    f, A = np.full(pixels, start["f"]), np.full(pixels, start["A"])
    return np.stack([f, A, s, E0], axis=1)
