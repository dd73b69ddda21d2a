"""A scan of the noise, without a source: where every pixel has its baseline, and how wide."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from tqdm.auto import tqdm

from velonb.chip import VELOPIX
from velonb.scan.chip_files import find_mask
from velonb.scan.names import Run
from velonb.scan.noise_peak import FEWEST_POINTS, noise_peaks
from velonb.scan.reader import ScanError, read_acquisition
from velonb.scan.runs import find_run
from velonb.words import option, printable

PIXEL = ("row", "column")


def load_noise_scan(
    folder: str | os.PathLike[str],
    *,
    run: str | None = None,
    mask: ArrayLike | str | os.PathLike[str] | None = None,
    counter_max: int = VELOPIX.counter_max,
    progress: bool = True,
) -> xr.Dataset:
    """Load a scan of the noise and find baseline and width of the noise of every pixel.

    Without a source a pixel counts its own noise, most at its baseline. There the counter is
    full: such a count says only that there were as many hits or more, and its thresholds enter so
    into the likelihood of a Gaussian peak. No acquisition is faulty for being full of hits.

    Parameters
    ----------
    folder : path-like
        The folder with the acquisitions, named as those of any scan; one a threshold.
    run, mask
        As for `load_scan`.
    counter_max : int
        The largest count that the counter of a pixel can hold.
    progress : bool
        Show a progress bar.

    Returns
    -------
    xarray.Dataset
        ``hits(threshold, row, column)`` int32, `mask`, `saturated` (thresholds at which the
        counter is full, per pixel), and ``baseline``, ``noise_width`` and their errors
        ``baseline_err``, ``noise_width_err`` (row, column; float64, DAC), NaN where a pixel is
        masked or shows no peak inside the scan. Serves as `baseline` of `calibrate` and
        `explain_spread` if the trims were the same.

    Raises
    ------
    FileNotFoundError
        If the folder or the mask file does not exist.
    ScanError
        If the folder is not one noise scan: no or several runs, several acquisitions a
        threshold, too few thresholds, or a damaged file.

    Examples
    --------
    >>> import velonb as vb
    >>> noise = vb.load_noise_scan("data/noise")  # doctest: +SKIP
    >>> vb.calibrate(fits, noise)  # doctest: +SKIP
    """
    folder = Path(folder)
    chosen, files = find_run(folder, run)
    paths = {threshold: _only(folder, threshold, of) for threshold, of in files.items()}
    if len(paths) < FEWEST_POINTS:
        raise ScanError(
            f"{folder} has {len(paths)} thresholds: a noise peak takes {FEWEST_POINTS} at least"
        )
    bar = tqdm(paths.values(), desc="noise scan", unit="file", disable=not progress)
    counts = [read_acquisition(path) for path in bar]
    _check(list(paths.values()), counts, counter_max)
    hits = np.stack(counts)
    reasons, source = find_mask(folder, chosen, mask, hits[0].shape)
    scan = _labelled(np.array(list(paths)), hits, reasons > 0, counter_max)
    scan.attrs |= _attrs(chosen, folder, source, counter_max)
    _warn_of_pixels_without_peak(scan)
    return scan


def _only(folder: Path, threshold: int, acquisitions: dict[int, Path]) -> Path:
    """The one acquisition of a threshold."""
    if len(acquisitions) > 1:
        raise ScanError(
            f"{folder} has {len(acquisitions)} acquisitions at threshold {threshold}: a noise scan "
            "has one; a scan with a source is loaded with load_scan"
        )
    return next(iter(acquisitions.values()))


def _check(paths: list[Path], counts: list[NDArray[np.int32]], counter_max: int) -> None:
    """Refuse files of other sizes, and counts that the counter cannot hold."""
    size = counts[0].shape
    for path, values in zip(paths, counts, strict=True):
        if values.shape != size:
            raise ScanError(
                f"{path} has {values.shape[0]} lines of {values.shape[1]} counts: expected "
                f"{size[0]} lines of {size[1]}, as {paths[0].name} has"
            )
        if values.max() > counter_max:
            row, column = np.unravel_index(values.argmax(), size)
            raise ScanError(
                f"{path}, line {row + 1}, value {column + 1}: {values.max()} is above "
                f"{counter_max}, the largest count of the counter: give {option('counter_max')}"
            )


def _labelled(
    thresholds: NDArray[np.int_], hits: NDArray[np.int32], mask: Any, counter_max: int
) -> xr.Dataset:
    """Counts and peaks as labelled arrays."""
    peaks = noise_peaks(thresholds.astype(float), hits.reshape(len(hits), -1), counter_max)
    names = {"baseline": "noise baseline", "noise_width": "width of the noise"}
    names |= {f"{name}_err": f"error of the {long_name}" for name, long_name in names.items()}
    maps = {
        name: (PIXEL, np.where(mask, np.nan, peaks[name].reshape(mask.shape)), "DAC", long_name)
        for name, long_name in names.items()
    }
    table: dict[str, tuple[Any, Any, str, str]] = {
        "threshold": ("threshold", thresholds, "DAC", "threshold"),
        "row": ("row", np.arange(mask.shape[0]), "1", "row"),
        "column": ("column", np.arange(mask.shape[1]), "1", "column"),
        "hits": (("threshold", *PIXEL), hits, "hits", "hits, at most what the counter holds"),
        "mask": (PIXEL, mask, "1", "masked"),
        "saturated": (PIXEL, (hits >= counter_max).sum(0), "1", "thresholds with a full counter"),
        **maps,
    }
    scan = xr.Dataset(
        {
            name: (dims, values, {"units": units, "long_name": long_name})
            for name, (dims, values, units, long_name) in table.items()
        }
    )
    scan["baseline"].attrs |= {"kind": "measured", "checked": "measured", "common_err": 0.0}
    return scan


def _attrs(run: Run, folder: Path, source: str, counter_max: int) -> dict[str, Any]:
    names = {name: printable(value) for name, value in run._asdict().items()}
    here = {"folder": printable(folder), "mask_source": source}
    return names | here | {"counter_max": counter_max}


def _warn_of_pixels_without_peak(scan: xr.Dataset) -> None:
    active = ~scan["mask"]
    lost, number = int((active & scan["baseline"].isnull()).sum()), int(active.sum())
    first, last = scan["threshold"].values[[0, -1]]
    if lost:
        warnings.warn(
            f"{lost:,} of {number:,} active pixels show no noise peak between {first} and {last} "
            "DAC: their baseline is unknown",
            stacklevel=3,
        )
