"""Acquisitions read in parallel and summed by threshold, the faulty ones left out."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from tqdm.auto import tqdm

from velonb._layout import BLOCK_COLUMNS, COLUMNS, ROWS
from velonb._reader import Reader, ScanError, is_compiled
from velonb._runs import Files

GOOD, BAD, MISSING, UNREADABLE = range(4)


class Acquisition(NamedTuple):
    """What is recorded of one acquisition."""

    status: int
    reason: str = ""
    hits: int = 0
    mean: float = np.nan  # flux in the last columns, hits/s
    sigma: float = np.nan


class Threshold(NamedTuple):
    """What the acquisitions of one threshold add up to."""

    hits: NDArray[np.int32]
    saturated: int
    acquisitions: dict[int, Acquisition]


def read_thresholds(
    read: partial[Threshold], files: Files, progress: bool, threads: int | None
) -> list[Threshold]:
    """Read the thresholds in parallel, each by one thread, so only sums stay in memory."""
    total = sum(len(numbers) for numbers in files.values())
    pool = ThreadPoolExecutor(threads or os.cpu_count())
    try:
        with tqdm(total=total, unit="file", disable=not progress) as bar:
            bar.set_description("load" if is_compiled() else "preparing to load (slow once)")
            thresholds = []
            for threshold in pool.map(read, files.values()):
                thresholds.append(threshold)
                bar.set_description("load", refresh=False)
                bar.update(len(threshold.acquisitions))
    finally:
        # An error or an interrupt leaves no thread reading on.
        pool.shutdown(cancel_futures=True)
    return thresholds


def read_threshold(
    numbers: dict[int, Path],
    *,
    active: NDArray[np.bool_],
    shutter_time: float,
    bad_cut: float,
    counter_max: int,
    skip_errors: bool,
) -> Threshold:
    """Sum the good acquisitions of one threshold."""
    total = np.zeros((ROWS, COLUMNS), dtype=np.int64)
    saturated = 0
    acquisitions = {}
    reader = Reader()
    for number, path in numbers.items():
        try:
            counts = reader.read(path)
        except (ScanError, OSError) as error:
            if not skip_errors:
                raise
            acquisitions[number] = Acquisition(UNREADABLE, str(error))
            continue
        hits, at_limit, mean, sigma = _survey(counts, active, counter_max)
        mean, sigma = mean / shutter_time, sigma / shutter_time
        status, reason = GOOD, ""
        if mean > bad_cut:
            status = BAD
            reason = f"last {BLOCK_COLUMNS} columns see {mean:.3g} hits/s, above {bad_cut:g}"
        else:
            _add(total, counts)
            saturated += at_limit
        acquisitions[number] = Acquisition(status, reason, hits, mean, sigma)
    if total.max() > np.iinfo(np.int32).max:
        files = min(numbers.values()).name.rpartition("_")[0]
        raise ScanError(f"the hits of {files}_* do not fit into 32 bits: check these files")
    return Threshold(total.astype(np.int32), saturated, acquisitions)


@njit(nogil=True, cache=True)
def _survey(
    counts: NDArray[np.int32], active: NDArray[np.bool_], counter_max: int
) -> tuple[int, int, float, float]:
    """Set masked counts to 0; hits, saturated counts, mean and sigma of the last columns."""
    hits = saturated = 0
    for row in range(ROWS):
        for column in range(COLUMNS):
            counts[row, column] *= active[row, column]
            hits += counts[row, column]
            saturated += counts[row, column] >= counter_max
    pixels = active[:, -BLOCK_COLUMNS:].sum()
    if pixels == 0:
        return hits, saturated, np.nan, np.nan
    last = counts[:, -BLOCK_COLUMNS:].astype(np.float64)
    mean = last.sum() / pixels
    # Masked pixels, at 0, add nothing to the sum of squares.
    variance = (last * last).sum() / pixels - mean * mean
    return hits, saturated, mean, np.sqrt(max(variance, 0.0))


@njit(nogil=True, cache=True)
def _add(total: NDArray[np.int64], counts: NDArray[np.int32]) -> None:
    for row in range(ROWS):
        for column in range(COLUMNS):
            total[row, column] += counts[row, column]
