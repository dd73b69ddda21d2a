"""A scan folder like the detector's, from known truth for every pixel."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numba import njit
from numpy.typing import NDArray
from tqdm.auto import tqdm

from velonb.curves.model import threshold_curve
from velonb.scan.names import (
    BLOCK_COLUMNS,
    COLUMNS,
    COUNTER_MAX,
    LARGEST_THRESHOLD,
    ROWS,
    Run,
    acquisition_name,
    baseline_name,
    checked_name,
    mask_name,
    noise_width_name,
    parse_acquisition_name,
    shutter_seconds,
)
from velonb.simulate.truth import DEAD, LIVING, MASKED, NOISY, draw_faults, draw_pixels
from velonb.system.files import folder_written_whole
from velonb.system.kept_code import keep_compiled
from velonb.system.netcdf import netcdf_bytes, open_netcdf
from velonb.system.threads import thread_count

TRUTH_NAME = "truth.nc"

DEMO_THRESHOLDS = range(1480, 1601, 3)
_DEMO_VERSION = 1
"""Raise it when the simulation changes: older demo scans are then made anew."""

_HOT_FLUX = 5.0  # hits/s in the last columns of a faulty acquisition
_LONGEST_HOT_SHUTTER = 20.0  # s; a 6-bit counter could not show the hot columns beyond


def simulate_scan(
    folder: str | os.PathLike[str],
    *,
    seed: int = 37,
    thresholds: Iterable[int] = DEMO_THRESHOLDS,
    acquisitions: int = 10,
    shutter: str = "13s105ms",
    faults: bool = True,
    module: str = "Module0",
    asic: str = "VP0-1",
    shape: str = "velo",
    f: float = 9e-4,
    A: float = 8.0,
    s: float = 12.0,
    E0: float = 1551.0,
    f_spread: float = 0.10,
    A_spread: float = 0.05,
    s_spread: float = 0.06,
    E0_spread: float = 6.0,
    spot: float = 0.5,
    masked: int = 184,
    dead: int = 60,
    noisy: int = 40,
    threads: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Write a full chip's acquisitions, mask and baseline, drawn from known truth.

    Every pixel's counts are Poisson about its own threshold curve, capped at 63. The
    folder is made whole or not at all; a folder that was simulated before is replaced.

    Parameters
    ----------
    folder : path-like
        Folder to write; must be new, empty, or simulated before.
    seed : int
        The same seed and options give the same files, whatever the number of threads.
    thresholds : iterable of int
        Thresholds (DAC).
    acquisitions : int
        Acquisitions per threshold.
    shutter : str
        Shutter time of an acquisition, ``{seconds}s{milliseconds}ms``.
    faults : bool
        Add what goes wrong in real runs: acquisitions with hot last columns, one
        threshold with no good acquisition, one missing file.
    module, asic : str
        Names of the chip in the file names.
    shape : {"velo", "consistent", "fe55"}
        The form of the curve.
    f, A, s, E0 : float
        The chip's mean parameters: 1/DAC, DAC hits/s, DAC, DAC.
    f_spread, A_spread, s_spread : float
        Spread between pixels, relative to the mean.
    E0_spread : float
        Standard deviation of E0 (DAC), the sum of a random part, a shift of every 16th
        row, a column-parity pattern and a slow gradient.
    spot : float
        Height of the illumination spot relative to its surroundings; 0 lights evenly.
    masked, dead, noisy : int
        Number of such pixels: masked and dead ones count nothing, noisy ones have 1 to
        10 hits/s on top of their curve.
    threads : int, optional
        By default as many as there are processors that this process may use.
    progress : bool
        Show a progress bar.

    Returns
    -------
    xarray.Dataset
        The truth, also saved as ``truth.nc`` in the folder: maps ``f``, ``A``, ``s``,
        ``E0``, ``baseline``, ``kind`` (row, column), ``true_hits(threshold, row, column)``
        summed over the acquisitions that ought to be used, and ``acquisition_status``.

    Raises
    ------
    FileExistsError
        If the folder holds anything that is not from a simulation.
    ValueError
        If an option has a value that it cannot have.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     truth = simulate_scan(
    ...         folder, thresholds=[1480, 1500], acquisitions=1, faults=False, progress=False
    ...     )
    ...     len(list(Path(folder).glob("*_THR_*.csv")))
    2
    >>> float(truth.E0.std().round(3))
    6.0
    """
    options = {name: value for name, value in locals().items() if value is not None}
    thresholds = np.array(sorted(thresholds), dtype=int)
    run = Run(module, asic, shutter)
    _check(run, thresholds, acquisitions, faults, masked + dead + noisy)
    truth = draw_pixels(
        np.random.default_rng([seed, 0]),
        {"f": f, "A": A, "s": s, "E0": E0},
        {"f": f_spread, "A": A_spread, "s": s_spread, "E0": E0_spread},
        spot,
        {MASKED: masked, DEAD: dead, NOISY: noisy},
    )
    status = draw_faults(np.random.default_rng([seed, 1]), thresholds.size, acquisitions, faults)
    with folder_written_whole(Path(folder), _refuse_foreign) as temporary:
        hits = _write_acquisitions(
            temporary, run, truth, thresholds, status, seed, shape, threads, progress
        )
        _write_maps(temporary, run, truth)
        truth = _add_scan(truth, thresholds, status, hits)
        left_out = ("folder", "thresholds", "progress", "threads")
        truth.attrs = {
            name: int(value) if isinstance(value, bool) else value
            for name, value in options.items()
            if name not in left_out
        }
        truth.attrs |= {
            "shutter_time": shutter_seconds(shutter),
            "demo_version": _DEMO_VERSION,
        }
        (temporary / TRUTH_NAME).write_bytes(netcdf_bytes(truth))
    return truth


def _check(
    run: Run, thresholds: NDArray[np.int_], acquisitions: int, faults: bool, special: int
) -> None:
    """Refuse options from which no scan can be made."""
    seconds = shutter_seconds(run.shutter)
    checked_name("module", run.module)
    if "_" in checked_name("asic", run.asic):
        raise ValueError(f"asic is {run.asic!r}; it must have no _, which ends it in file names")
    different = thresholds.size > 0 and np.unique(thresholds).size == thresholds.size
    if not different or thresholds[0] < 0 or thresholds[-1] > LARGEST_THRESHOLD:
        raise ValueError(
            f"thresholds are {thresholds}; give different numbers from 0 to {LARGEST_THRESHOLD}"
        )
    if acquisitions < 1:
        raise ValueError(f"acquisitions is {acquisitions}; it must be at least 1")
    if not 0 <= special < ROWS * COLUMNS:
        raise ValueError(
            f"masked + dead + noisy is {special}; it must be 0 to {ROWS * COLUMNS - 1}"
        )
    if not faults:
        return
    if thresholds.size < 3 or acquisitions < 2:
        raise ValueError(
            f"faults need at least 3 thresholds of 2 acquisitions, not {thresholds.size} of "
            f"{acquisitions}: give more, or faults=False (velonb simulate: --no-faults)"
        )
    if seconds > _LONGEST_HOT_SHUTTER:
        raise ValueError(
            f"faults need a shutter of at most {_LONGEST_HOT_SHUTTER:g} s, not {run.shutter}: a "
            "longer one saturates the counter before hot columns show; give a shorter one, or "
            "faults=False (velonb simulate: --no-faults)"
        )


def _refuse_foreign(folder: Path) -> None:
    """Never replace a folder that holds anything but a simulation."""
    if not folder.exists():
        return
    remedy = "choose a new folder, or remove this one yourself"
    if not folder.is_dir():
        raise FileExistsError(f"{folder} is a file: {remedy}")
    names = [path.name for path in folder.iterdir()]
    if names and TRUTH_NAME not in names:
        raise FileExistsError(f"{folder} is not empty and not from a simulation: {remedy}")
    endings = (mask_name(""), baseline_name(""), noise_width_name(""))
    for name in names:
        if not (name == TRUTH_NAME or parse_acquisition_name(name) or name.endswith(endings)):
            raise FileExistsError(f"{folder} holds {name}, not from a simulation: {remedy}")
    if names and _demo_version(folder) is None:
        raise FileExistsError(f"{folder / TRUTH_NAME} is not from a simulation: {remedy}")


def _write_acquisitions(
    folder: Path,
    run: Run,
    truth: xr.Dataset,
    thresholds: NDArray[np.int_],
    status: NDArray[np.int8],
    seed: int,
    shape: str,
    threads: int | None,
    progress: bool,
) -> NDArray[np.int32]:
    """Draw and write every acquisition; return the hits of the good ones per threshold."""
    f, A, s, E0, baseline, noise = (
        truth[name].values for name in ("f", "A", "s", "E0", "baseline", "noise")
    )
    counting = np.isin(truth.kind.values, (LIVING, NOISY))
    shutter_time = shutter_seconds(run.shutter)

    def write(index: int) -> NDArray[np.int32]:
        threshold = int(thresholds[index])
        flux = threshold_curve(threshold, f, A, s, E0, shape=shape, baseline=baseline) + noise
        expected = np.where(counting, flux * shutter_time, 0.0)
        hot = expected.copy()
        hot[:, -BLOCK_COLUMNS:] += np.where(counting, _HOT_FLUX * shutter_time, 0)[
            :, -BLOCK_COLUMNS:
        ]
        hits = np.zeros((ROWS, COLUMNS), dtype=np.int32)
        for number, code in enumerate(status[index]):
            if code == 2:
                continue
            # A stream of its own for each file: the order of writing does not matter.
            random = np.random.default_rng([seed, 2, threshold, number])
            counts = np.minimum(random.poisson(hot if code == 1 else expected), COUNTER_MAX)
            (folder / acquisition_name(run, threshold, number)).write_bytes(_format(counts))
            if code == 0:
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
    """Lines of comma-separated counts below 100."""
    text = np.empty(3 * counts.size, dtype=np.uint8)
    return text[: _fill(counts, text)].data


@keep_compiled
@njit(nogil=True)
def _fill(counts: NDArray[np.int64], text: NDArray[np.uint8]) -> int:
    """Write the counts into `text`; return the number of bytes."""
    position = 0
    for row in range(counts.shape[0]):
        for column in range(counts.shape[1]):
            count = counts[row, column]
            if count > 9:
                text[position] = ord("0") + count // 10
                position += 1
            text[position] = ord("0") + count % 10
            text[position + 1] = ord(",")
            position += 2
        text[position - 1] = ord("\n")
    return position


def _write_maps(folder: Path, run: Run, truth: xr.Dataset) -> None:
    """Write the chip's mask, noise baseline and noise width."""
    mask = truth.kind.values == MASKED
    np.savetxt(folder / mask_name(run.chip), mask, fmt="%d", delimiter=",")
    for name, of_file in (("baseline", baseline_name), ("noise_width", noise_width_name)):
        np.savetxt(folder / of_file(run.chip), truth[name], fmt="%.3f", delimiter=",")


def _add_scan(
    truth: xr.Dataset,
    thresholds: NDArray[np.int_],
    status: NDArray[np.int8],
    hits: NDArray[np.int32],
) -> xr.Dataset:
    """Add what the scan is made of: hits and the status of the acquisitions."""
    truth = truth.assign_coords(
        threshold=("threshold", thresholds, {"units": "DAC", "long_name": "threshold"}),
        acquisition=("acquisition", np.arange(status.shape[1]), {"long_name": "acquisition"}),
    )
    name = "simulated hits of good acquisitions"
    attrs = {"units": "hits", "long_name": name}
    truth["true_hits"] = ("threshold", "row", "column"), hits, attrs
    flags = {"flag_values": np.arange(3, dtype=np.int8), "flag_meanings": "good bad missing"}
    attrs = {"units": "1", "long_name": "status of the acquisition"}
    truth["acquisition_status"] = ("threshold", "acquisition"), status, attrs | flags
    return truth


def demo_scan(folder: str | os.PathLike[str] | None = None) -> Path:
    """Folder of the demo scan, simulated at first use.

    Parameters
    ----------
    folder : path-like, optional
        By default ``data/demo`` under the project's folder, or under the current
        folder outside of it.

    Returns
    -------
    pathlib.Path
        A folder for `load_scan`: thresholds 1480 to 1600 in steps of 3, 10 acquisitions
        of 13.105 s each, with ``truth.nc``.

    Examples
    --------
    >>> import velonb
    >>> scan = velonb.load_scan(velonb.demo_scan())  # doctest: +SKIP
    """
    path = _project_folder() / "data" / "demo" if folder is None else Path(folder)
    if _demo_version(path) != _DEMO_VERSION:
        simulate_scan(path)
    return path


def _project_folder() -> Path:
    """The nearest folder from here upwards that holds velonb's project, else here."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file() and (folder / "velonb").is_dir():
            return folder
    return here


def _demo_version(folder: Path) -> Any:
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


def find_data(data: str | os.PathLike[str] | None = None) -> Path:
    """Folder to analyse: the one given, else ``$VELONB_DATA``, else the demo scan.

    Parameters
    ----------
    data : path-like, optional
        The folder; None for the default.

    Returns
    -------
    pathlib.Path
        The folder. Whether it holds a scan is for `load_scan` to say.

    Examples
    --------
    >>> str(find_data("data/N037"))
    'data/N037'
    """
    given = data or os.environ.get("VELONB_DATA")
    return Path(given) if given else demo_scan()
