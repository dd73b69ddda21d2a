"""The compiled fit of every pixel: blocks of pixels, threads, a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from velonb.fit.engine.block import fit_block
from velonb.fit.engine.data import FITS, LANES, WORK
from velonb.fit.engine.goodness import moment_table
from velonb.fit.problem import Pixels, Problem
from velonb.statistics import gamma_p_value
from velonb.system.threads import thread_count

Array = NDArray[Any]
BLOCK = 2048
"""Pixels that a thread fits between two movements of the bar."""


class Outcome(NamedTuple):
    """The results of a fit for all pixels."""

    fits: Array
    """One record a pixel."""
    covariance: Array
    """Shape (pixel, 4, 4); empty unless asked for."""


def fit_all(
    problems: dict[str, Problem],
    pixels: Pixels,
    *,
    covariance: bool = False,
    threads: int | None = None,
    progress: bool = True,
) -> dict[str, Outcome]:
    """Run every fit over all pixels that can be fitted; minima of nested fits are nested.

    The result does not depend on the number of threads; by default all processors work.
    """
    size = pixels.cut.size
    results = {
        name: Outcome(np.zeros(size, FITS), np.zeros((size if covariance else 0, 4, 4)))
        for name in problems
    }

    def run(block: slice) -> None:
        fit_some(problems, pixels, block, results)

    over_blocks(run, size, "fit", threads, progress)
    return results


def over_blocks(
    run: Callable[[slice], None], size: int, doing: str, threads: int | None, progress: bool
) -> None:
    """Do something for blocks of pixels, in threads, with a bar that says what."""
    blocks = [slice(first, min(first + BLOCK, size)) for first in range(0, size, BLOCK)]
    with (
        tqdm(total=size, unit="pixel", unit_scale=True, disable=not progress) as bar,
        ThreadPoolExecutor(thread_count(threads)) as pool,
    ):
        bar.set_description(doing if fit_block.signatures else "preparing the fit (slow once)")
        jobs = {pool.submit(run, block): block for block in blocks}
        try:
            for future in as_completed(jobs):
                future.result()
                bar.set_description(doing, refresh=False)
                bar.update(jobs[future].stop - jobs[future].start)
        finally:
            pool.shutdown(cancel_futures=True)


def fit_some(
    problems: Mapping[str, Problem], pixels: Pixels, block: slice, results: dict[str, Outcome]
) -> None:
    """Run every fit over a block of pixels, from the fewest free parameters to the most."""
    counts, work = padded_counts(pixels, block), np.zeros(1, WORK)
    chosen = ~(pixels.cut | pixels.undefined)[block] & np.isfinite(pixels.baseline[block])
    for name in sorted(problems, key=lambda name: problems[name].free.sum()):
        kind, scan, starts = problem = problems[name]
        fits, covariance = (array[block] for array in results[name])
        below = [results[other].fits[block] for other in _below(name, problems)]
        enough = chosen & (pixels.points[block] >= problem.free.sum())
        fit_block(
            kind, scan, starts, moment_table(), pixels.baseline[block], enough, counts,
            _lowest(below, enough.size), fits, covariance, work,
        )  # fmt: skip
        if kind.statistic.likelihood:
            fits["p_value"] = gamma_p_value(fits["statistic"], fits["mean"], fits["variance"])


def padded_counts(pixels: Pixels, block: slice) -> Array:
    """The hits of a block of pixels, one pixel a row."""
    used = pixels.threshold.size
    counts = np.zeros((pixels.cut[block].size, used + -used % LANES))
    counts[:, :used] = pixels.hits[:, block].T
    return counts


def _below(name: str, problems: Mapping[str, Problem]) -> list[str]:
    """Fits that hold what this one holds, and more."""
    free = problems[name].free
    return [
        other
        for other, problem in problems.items()
        if np.all(problem.free <= free) and np.any(problem.free < free)
    ]


def _lowest(below: list[Array], size: int) -> Array:
    """The lowest of the minima inside the scan, pixel by pixel."""
    lowest = np.zeros(size, FITS)
    lowest["statistic"] = np.inf
    for fits in below:
        lower = fits["found"] & fits["inside"] & (fits["statistic"] < lowest["statistic"])
        lowest[lower] = fits[lower]
    return lowest
