"""The compiled fit of every pixel: blocks of pixels, threads, a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from tqdm.auto import tqdm

from velonb.curves.model import PARAMETERS
from velonb.curves.region import physical_region, shifts
from velonb.fit.engine.block import fit_block
from velonb.fit.engine.data import SHAPE_CODES, STATISTICS, Fits, Scan
from velonb.fit.engine.goodness import moment_table
from velonb.system.threads import thread_count

Array = NDArray[Any]
BLOCK = 2048
"""Pixels that a thread fits between two movements of the bar."""


class Pixels(NamedTuple):
    """The counts of a chip at the thresholds that have an exposure, one pixel a column."""

    threshold: Array
    exposure: Array
    hits: Array
    baseline: Array
    cut: Array
    """Masked, or hardly any threshold with hits."""
    undefined: Array
    """The statistic has no value: no hits at an interior threshold, for Neyman's chi-square."""
    points: Array
    """Thresholds that enter the statistic."""


def prepare_pixels(flux: xr.Dataset, baseline: Array, statistic: str, nohits_cut: float) -> Pixels:
    """Select thresholds and pixels that can be fitted."""
    used = (flux["exposure"] > 0).values
    hits = flux["hits"].values[used].reshape(int(used.sum()), -1)
    empty = hits == 0
    cut = flux["mask"].values.ravel().astype(bool) | (empty.mean(axis=0) >= nohits_cut)
    undefined = np.zeros(cut.size, dtype=bool)
    points = np.full(cut.size, used.sum())
    if statistic == "chi2":
        points = (~empty).sum(axis=0)
        first, last = np.argmin(empty, axis=0), empty.shape[0] - np.argmin(empty[::-1], axis=0)
        undefined = ~cut & (points < last - first)
    return Pixels(
        flux["threshold"].values[used].astype(float),
        flux["exposure"].values[used].astype(float),
        hits,
        np.asarray(baseline, dtype=float).ravel(),
        cut,
        undefined,
        points,
    )


def describe_scan(
    pixels: Pixels,
    start: dict[str, float],
    free: tuple[str, ...],
    shape: str,
    statistic: str,
) -> Scan:
    """Collect what all pixels share, with the edges in the coordinates of the fit."""
    region = physical_region(pixels.threshold, statistic)
    if "f" in free and "A" in free:
        region["f"] = region["A"] = (0.0 if statistic == "poisson" else -np.inf, np.inf)
    return Scan(
        SHAPE_CODES[shape],
        STATISTICS[statistic],
        pixels.threshold,
        pixels.exposure,
        np.array([start[name] for name in PARAMETERS]),
        shifts(pixels.threshold) if "E0" in free else np.array([start["E0"]]),
        np.array([name in free for name in PARAMETERS]),
        np.array([region[name][0] for name in PARAMETERS]),
        np.array([region[name][1] for name in PARAMETERS]),
        moment_table(),
    )


def fit_all(
    scans: dict[str, Scan],
    pixels: Pixels,
    *,
    threads: int | None = None,
    progress: bool = True,
) -> dict[str, Fits]:
    """Run every fit, each described by its scan, over all pixels that can be fitted.

    The result does not depend on the number of threads; by default all processors work.
    """
    results = {name: _no_fits(pixels.cut.size) for name in scans}
    jobs = []
    for name, scan in scans.items():
        enough = pixels.points >= scan.free.sum()
        fitted = np.flatnonzero(~pixels.cut & ~pixels.undefined & enough)
        jobs += [(name, fitted[i : i + BLOCK]) for i in range(0, fitted.size, BLOCK)]

    def run(name: str, block: Array) -> int:
        fits = _no_fits(block.size)
        counts = np.ascontiguousarray(pixels.hits[:, block].T)
        fit_block(scans[name], pixels.baseline[block], counts, fits)
        for whole, part in zip(results[name], fits, strict=True):
            whole[block] = part
        return block.size

    total = sum(block.size for _, block in jobs)
    compiling = not fit_block.signatures
    with tqdm(total=total, unit="pixel", unit_scale=True, disable=not progress) as bar:
        bar.set_description("preparing the fit (slow once)" if compiling else "fit")
        for done in _in_threads(run, jobs, threads):
            bar.set_description("fit", refresh=False)
            bar.update(done)
    return results


def _in_threads(run: Any, jobs: list[Any], threads: int | None) -> Iterator[int]:
    with ThreadPoolExecutor(thread_count(threads)) as pool:
        try:
            for future in as_completed([pool.submit(run, *job) for job in jobs]):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _no_fits(pixels: int) -> Fits:
    return Fits(
        np.full((pixels, 4), np.nan),
        np.full((pixels, 4, 4), np.nan),
        np.full(pixels, np.nan),
        np.full(pixels, np.nan),
        np.full(pixels, np.nan),
        np.zeros(pixels, dtype=bool),
        np.zeros(pixels, dtype=bool),
        np.zeros(pixels, dtype=np.int32),
    )
