"""The files of a simulated scan: acquisitions, maps and what is known to be true."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numba import njit
from numpy.typing import NDArray
from tqdm.auto import tqdm

from velonb.chip import Chip
from velonb.scan.names import (
    Run,
    acquisition_name,
    baseline_name,
    mask_name,
    noise_width_name,
    parse_acquisition_name,
    shutter_seconds,
    trim_name,
)
from velonb.simulate.truth import LIVING, MASKED, NOISY, Map
from velonb.system.kept_code import keep_compiled
from velonb.system.netcdf import open_netcdf
from velonb.system.threads import thread_count
from velonb.vocabulary import BAD_ACQUISITION, GOOD_ACQUISITION, MISSING

TRUTH_NAME = "truth.nc"

_HOT_FLUX = 5.0  # hits/s in the last columns of a faulty acquisition


def refuse_foreign(folder: Path) -> None:
    """Never replace a folder that holds anything but a simulation."""
    if not folder.exists():
        return
    remedy = "choose a new folder, or remove this one yourself"
    if not folder.is_dir():
        raise FileExistsError(f"{folder} is a file: {remedy}")
    names = [path.name for path in folder.iterdir()]
    if names and TRUTH_NAME not in names:
        raise FileExistsError(f"{folder} is not empty and not from a simulation: {remedy}")
    endings = (mask_name(""), baseline_name(""), noise_width_name(""), trim_name(""))
    for name in names:
        if not (name == TRUTH_NAME or parse_acquisition_name(name) or name.endswith(endings)):
            raise FileExistsError(f"{folder} holds {name}, not from a simulation: {remedy}")
    if names and simulation_version(folder) is None:
        raise FileExistsError(f"{folder / TRUTH_NAME} is not from a simulation: {remedy}")


def simulation_version(folder: Path) -> Any:
    """Version of the simulation in a folder; None if there is none."""
    path = folder / TRUTH_NAME
    if not path.exists():
        return None
    try:
        with open_netcdf(path) as truth:
            return truth.attrs.get("demo_version")
    except (OSError, ValueError) as error:
        # Not made anew: nothing tells any more that the acquisitions beside it are simulated.
        raise FileExistsError(
            f"{error}; it would tell whether {folder} is a simulation: if it is, remove the "
            "folder and it is made anew"
        ) from error


def write_acquisitions(
    folder: Path,
    run: Run,
    chip: Chip,
    truth: xr.Dataset,
    flux_at: Callable[[int], Map],
    thresholds: NDArray[np.int_],
    status: NDArray[np.int8],
    seed: int,
    threads: int | None,
    progress: bool,
) -> NDArray[np.int32]:
    """Draw and write every acquisition; return the hits of the good ones per threshold."""
    noise = truth.noise.values
    counting = np.isin(truth.kind.values, (LIVING, NOISY))
    shutter_time = shutter_seconds(run.shutter)
    last = slice(-chip.block_columns, None)

    def write(index: int) -> NDArray[np.int32]:
        threshold = int(thresholds[index])
        flux = flux_at(threshold) + noise
        expected = np.where(counting, flux * shutter_time, 0.0)
        hot = expected.copy()
        hot[:, last] += np.where(counting, _HOT_FLUX * shutter_time, 0)[:, last]
        hits = np.zeros(chip.size, dtype=np.int32)
        for number, code in enumerate(status[index]):
            if code == MISSING:
                continue
            # A stream of its own for each file: the order of writing does not matter.
            random = np.random.default_rng([seed, 2, threshold, number])
            drawn = random.poisson(hot if code == BAD_ACQUISITION else expected)
            counts = np.minimum(drawn, chip.counter_max)
            (folder / acquisition_name(run, threshold, number)).write_bytes(_format(counts))
            if code == GOOD_ACQUISITION:
                hits += counts
        return hits

    pool = ThreadPoolExecutor(thread_count(threads))
    try:
        written = pool.map(write, range(thresholds.size))
        bar = tqdm(
            written, desc="simulate", total=thresholds.size, unit="threshold", disable=not progress
        )
        return np.stack(list(bar))
    finally:
        pool.shutdown(cancel_futures=True)


def _format(counts: NDArray[np.int64]) -> memoryview:
    """Lines of comma-separated counts."""
    text = np.empty((len(str(counts.max())) + 1) * counts.size, dtype=np.uint8)
    return text[: _fill(counts, text)].data


@keep_compiled
@njit(nogil=True)
def _fill(counts: NDArray[np.int64], text: NDArray[np.uint8]) -> int:
    """Write the counts into `text`; return the number of bytes."""
    position = 0
    for row in range(counts.shape[0]):
        for column in range(counts.shape[1]):
            count = counts[row, column]
            power = 1
            while count // power > 9:
                power *= 10
            while power > 0:
                text[position] = ord("0") + count // power % 10
                position += 1
                power //= 10
            text[position] = ord(",")
            position += 1
        text[position - 1] = ord("\n")
    return position


def write_maps(folder: Path, run: Run, truth: xr.Dataset) -> None:
    """Write the chip's mask, noise baseline and noise width, and the trims where they are known."""
    mask = truth.kind.values == MASKED
    np.savetxt(folder / mask_name(run.chip), mask, fmt="%d", delimiter=",")
    np.savetxt(folder / noise_width_name(run.chip), truth.noise_width, fmt="%.3f", delimiter=",")
    baseline = folder / baseline_name(run.chip)
    if "predicted_baseline" not in truth:
        np.savetxt(baseline, truth.baseline, fmt="%.3f", delimiter=",")
        return
    np.savetxt(baseline, truth.predicted_baseline, fmt="%04d", delimiter=", ")
    np.savetxt(folder / trim_name(run.chip), truth.trim, fmt="%d", delimiter=",")
