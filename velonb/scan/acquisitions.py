"""Acquisitions read in parallel and summed by threshold, the faulty ones left out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from tqdm.auto import tqdm

from velonb.scan.parser import LARGEST
from velonb.scan.reader import REMEDY, Reader, ScanError, is_compiled
from velonb.scan.runs import Files
from velonb.system.kept_code import keep_compiled
from velonb.vocabulary import BAD_ACQUISITION, GOOD_ACQUISITION, UNREADABLE
from velonb.words import option


class Acquisition(NamedTuple):
    """What is recorded of one acquisition."""

    status: int
    reason: str = ""
    hits: int = 0
    squares: int = 0
    mean: float = np.nan  # flux in the last columns, hits/s
    sigma: float = np.nan
    checksum: int = 0


class Threshold(NamedTuple):
    """What the acquisitions of one threshold add up to."""

    hits: NDArray[np.int32]
    saturated: int
    acquisitions: dict[int, Acquisition]


def read_thresholds(
    read: partial[Threshold], files: Files, progress: bool, threads: int
) -> list[Threshold]:
    """Read the thresholds in parallel, each by one thread, so only sums stay in memory."""
    total = sum(len(numbers) for numbers in files.values())
    pool = ThreadPoolExecutor(threads)
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
    block_columns: int,
    skip_errors: bool,
) -> Threshold:
    """Sum the good acquisitions of one threshold."""
    enough = len(numbers) * counter_max <= LARGEST
    total = np.zeros(active.shape, dtype=np.int32 if enough else np.int64)
    saturated = 0
    acquisitions = {}
    reader = Reader(*active.shape)
    for number, path in numbers.items():
        try:
            counts = _read_counts(reader, path, active, counter_max)
        except ScanError as error:
            if not skip_errors:
                raise
            acquisitions[number] = Acquisition(UNREADABLE, str(error), checksum=reader.checksum)
            continue
        last = _last_columns(counts, active, block_columns)
        mean, sigma = (value / shutter_time for value in last)
        status, reason = GOOD_ACQUISITION, ""
        if mean > bad_cut:
            status = BAD_ACQUISITION
            reason = f"last {block_columns} columns see {mean:.3g} hits/s, above {bad_cut:g}"
        good = status == GOOD_ACQUISITION
        hits, squares, at_limit = _tally(total, counts, active, counter_max, good)
        saturated += at_limit * good
        acquisitions[number] = Acquisition(
            status, reason, hits, squares, mean, sigma, reader.checksum
        )
    if total.max() > LARGEST:
        files = min(numbers.values()).name.rpartition("_")[0]
        raise ScanError(f"the hits of {files}_* do not fit into 32 bits: check these files")
    return Threshold(total.astype(np.int32, copy=False), saturated, acquisitions)


def _read_counts(
    reader: Reader, path: Path, active: NDArray[np.bool_], counter_max: int
) -> NDArray[np.int32]:
    """Counts of a file, none of them above what the counter can hold where a pixel is used."""
    try:
        counts = reader.read(path)
    except OSError as error:
        raise ScanError(f"{path} cannot be read: {error.strerror}; {REMEDY}") from error
    if counts.max() > counter_max:
        beyond = np.argwhere((counts > counter_max) & active)
        if beyond.size:
            row, column = beyond[0]
            raise ScanError(
                f"{path}, line {row + 1}, value {column + 1}: {counts[row, column]} is not a "
                f"count: the counter holds {counter_max} at most; {REMEDY}; for sums of "
                f"acquisitions or another counter, give its limit with {option('counter_max')}"
            )
    return counts


@keep_compiled
@njit(nogil=True)
def _last_columns(
    counts: NDArray[np.int32], active: NDArray[np.bool_], block_columns: int
) -> tuple[float, float]:
    """Mean and sigma of the counts of unmasked pixels in the last columns."""
    pixels = 0
    total = squares = 0.0
    rows, columns = counts.shape
    for row in range(rows):
        for column in range(max(columns - block_columns, 0), columns):
            if active[row, column]:
                count = float(counts[row, column])
                pixels, total, squares = pixels + 1, total + count, squares + count * count
    if pixels == 0:
        return np.nan, np.nan
    mean = total / pixels
    return mean, np.sqrt(max(squares / pixels - mean * mean, 0.0))


@keep_compiled
@njit(nogil=True)
def _tally(
    total: NDArray[np.int_],
    counts: NDArray[np.int32],
    active: NDArray[np.bool_],
    counter_max: int,
    good: bool,
) -> tuple[int, int, int]:
    """Hits, their squares and saturated counts of unmasked pixels; good ones are summed."""
    hits = squares = saturated = 0
    for row in range(counts.shape[0]):
        line, used, sums = counts[row], active[row], total[row]
        for column in range(counts.shape[1]):
            count = line[column] * used[column]
            hits += count
            squares += count * count
            saturated += count >= counter_max
            sums[column] += count * good
    return hits, squares, saturated
