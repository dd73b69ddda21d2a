"""From a folder of acquisitions to a scan: naming, mask, faulty acquisitions."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mode
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from velonb.chip import VELOPIX, Chip
from velonb.scan.acquisitions import (
    Acquisition,
    Threshold,
    read_threshold,
    read_thresholds,
)
from velonb.scan.chip_files import find_mask, read_optional_maps
from velonb.scan.handover import handed_over
from velonb.scan.names import Run, shutter_seconds
from velonb.scan.reader import ScanError, measure
from velonb.scan.runs import Files, find_run
from velonb.system.provenance import digest, package_versions
from velonb.system.threads import thread_count
from velonb.vocabulary import (
    BAD_ACQUISITION,
    GOOD_ACQUISITION,
    MISSING,
    UNREADABLE,
    attributes_of,
)
from velonb.words import option, printable


def load_scan(
    folder: str | os.PathLike[str],
    *,
    chip: Chip | None = None,
    run: str | None = None,
    mask: ArrayLike | str | os.PathLike[str] | None = None,
    bad_cut: float = 2.0,
    cut_bad: bool = True,
    counter_max: int | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    progress: bool = True,
    threads: int | None = None,
) -> xr.Dataset:
    """Load the acquisitions of a threshold scan and sum the good ones.

    Runs, thresholds and acquisitions are found from the file names. Other files are
    ignored, with a warning if their names are nearly those of acquisitions. A threshold
    far from all the others is taken for mistyped and refused. An acquisition is faulty if
    its last 8 columns are full of hits: if their mean flux over unmasked pixels exceeds
    `bad_cut`.

    In a notebook that ``velonb run`` executes this gives, without options, the scan that
    the run has loaded, with the options of the run.

    Parameters
    ----------
    folder : path-like
        The folder with the acquisitions.
    chip : Chip, optional
        What chip it is; the files must have its size. By default a chip like VeloPix, of
        the size that the files have.
    run : str, optional
        Which run to load where a folder holds several, such as
        ``"Module0_VP0-1_ST_1s310ms"`` or a part of it that only one run has.
    mask : path-like or array_like, optional
        Mask file, or an array of shape (rows, columns), > 0 where a pixel is masked. By
        default the chip's mask file in the folder; without one, nothing is masked.
    bad_cut : float
        Largest mean flux in the last 8 columns of a good acquisition (hits/s).
    cut_bad : bool
        False keeps faulty acquisitions in the sum.
    counter_max : int, optional
        The largest count that the counter of a pixel can hold; by default the chip's. Counts
        at it are kept, and counted in `saturated`; an acquisition with one above it, in a
        pixel that is used, is unreadable. Raise it for sums of acquisitions.
    on_error : {"raise", "skip"}
        Whether an unreadable file stops the loading or is recorded and left out: one
        that is damaged, cannot be opened, or has vanished since the folder was listed.
    progress : bool
        Show a progress bar.
    threads : int, optional
        Files read at the same time; by default as many as there are processors that
        this process may use. The result does not depend on it.

    Returns
    -------
    xarray.Dataset
        ``hits(threshold, row, column)`` int32, summed over good acquisitions, 0 where
        masked; ``exposure(threshold)`` (s); ``mask(row, column)``, True = masked, and
        ``mask_reason``, the code of the mask file; where the folder has their files,
        ``baseline``, ``noise_width`` (DAC) and ``trim`` of (row, column), the baseline measured
        at the trims or predicted from them, with ``baseline_err``, where the noise means are
        there too; and per acquisition its status, the reason, hits and flux of the last columns.
        Coordinates `module` and `asic` tell chips apart where several scans are combined;
        attribute ``input_digest`` follows the contents of the files and the mask.

    Raises
    ------
    FileNotFoundError
        If the folder or the mask file does not exist.
    ScanError
        If there is no acquisition, several runs and none chosen, a threshold that must be
        mistyped, a file or mask of another size than the others, no active
        pixel, or no good acquisition at all.
    ValueError
        If an option has a value that it cannot have.

    Examples
    --------
    >>> import tempfile, velonb
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     truth = velonb.simulate_scan(
    ...         folder, thresholds=[1500, 1550], acquisitions=1, faults=False, progress=False
    ...     )
    ...     scan = velonb.load_scan(folder, counter_max=64, progress=False)
    >>> scan.sizes["threshold"]
    2
    >>> bool((scan.hits == truth.true_hits).all())
    True
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f'on_error is {on_error!r}; it must be "raise" or "skip"')
    if not bad_cut > 0:
        raise ValueError(f"bad_cut is {bad_cut!r}; it must be a flux above 0 hits/s")
    if counter_max is not None and counter_max < 1:
        raise ValueError(f"counter_max is {counter_max}; it must be a count above 0")
    threads = thread_count(threads)
    folder = Path(folder)
    as_usual = chip is None and mask is None and cut_bad and on_error == "raise"
    if as_usual and bad_cut == 2.0 and counter_max in (None, VELOPIX.counter_max):
        of_run = handed_over(folder, run)
        if of_run is not None:
            return of_run
    chosen, files = find_run(folder, run)
    chip = chip or _measure_chip(files)
    counter_max = counter_max or chip.counter_max
    reasons, mask_source = find_mask(folder, chosen, mask, chip.size)
    masked = reasons > 0
    maps = read_optional_maps(folder, chosen.chip, chip.size)
    read = partial(
        read_threshold,
        active=~masked,
        shutter_time=shutter_seconds(chosen.shutter),
        bad_cut=bad_cut if cut_bad else np.inf,
        counter_max=counter_max,
        block_columns=chip.block_columns,
        skip_errors=on_error == "skip",
    )
    thresholds = read_thresholds(read, files, progress, threads)
    scan = _build_scan(files, thresholds, reasons, chosen, chip).assign(maps)
    scan.attrs |= {
        "folder": printable(folder),
        "pattern": printable(f"{chosen.prefix}_THR_{{threshold}}_{{acquisition}}.csv"),
        "mask_source": mask_source,
        "bad_cut": float(bad_cut),
        "cut_bad": int(cut_bad),
        "counter_max": int(counter_max),
        "pitch": float(chip.pitch),
        "on_error": on_error,
        "input_digest": digest(_checksums(files, thresholds), masked),
        "versions": package_versions(),
    }
    _warn_and_check(scan)
    return scan


def _measure_chip(files: Files) -> Chip:
    """A chip of the size of the first file, unless it differs from two others that agree."""
    paths = [path for numbers in files.values() for path in numbers.values()]
    sample = dict.fromkeys((paths[0], paths[len(paths) // 2], paths[-1]))
    sizes = [size for size in map(measure, sample) if size is not None]
    rows, columns = mode(sizes) if sizes else VELOPIX.size
    return replace(VELOPIX, rows=rows, columns=columns)


def _checksums(files: Files, thresholds: list[Threshold]) -> dict[str, int]:
    """File name -> checksum of its contents."""
    return {
        path.name: row.acquisitions[number].checksum
        for numbers, row in zip(files.values(), thresholds, strict=True)
        for number, path in numbers.items()
    }


def _build_scan(
    files: Files, thresholds: list[Threshold], reasons: NDArray[np.int8], run: Run, chip: Chip
) -> xr.Dataset:
    """Put the sums and the record of every acquisition into labelled arrays."""
    numbers = sorted({number for row in files.values() for number in row})
    absent = Acquisition(MISSING, "other thresholds have this acquisition, this one lacks it")
    records = [[row.acquisitions.get(n, absent) for n in numbers] for row in thresholds]
    shutter_time = shutter_seconds(run.shutter)

    def recorded(name: str, dtype: Any) -> NDArray[Any]:
        return np.array([[getattr(r, name) for r in row] for row in records], dtype=dtype)

    status = recorded("status", np.int8)
    exposure = (status == GOOD_ACQUISITION).sum(1) * shutter_time
    hits = np.stack([row.hits for row in thresholds])
    saturated = np.array([row.saturated for row in thresholds])
    pixel, each = ("row", "column"), ("threshold", "acquisition")
    last = f"flux in the last {chip.block_columns} columns, over unmasked pixels"
    table: dict[str, tuple[str | tuple[str, ...], Any, str, str]] = {
        "threshold": ("threshold", np.array(list(files)), "DAC", "threshold"),
        "acquisition": ("acquisition", np.array(numbers), "1", "number of the acquisition"),
        "row": ("row", np.arange(chip.rows), "1", "row"),
        "column": ("column", np.arange(chip.columns), "1", "column"),
        "module": ((), printable(run.module), "1", "module"),
        "asic": ((), printable(run.asic), "1", "ASIC"),
        "hits": (("threshold", *pixel), hits, "hits", "hits summed over good acquisitions"),
        "exposure": ("threshold", exposure, "s", "exposure"),
        "mask": (pixel, reasons > 0, "1", "masked"),
        "mask_reason": (pixel, reasons, "1", "why the pixel is masked"),
        "acquisition_status": (each, status, "1", "status of the acquisition"),
        "acquisition_reason": (each, recorded("reason", object), "1", "why it was not used"),
        "acquisition_hits": (each, recorded("hits", np.int64), "hits", "hits in unmasked pixels"),
        "acquisition_squares": (each, recorded("squares", np.int64), "1", "their squares, summed"),
        "last_columns_flux": (each, recorded("mean", float), "hits/s", f"mean {last}"),
        "last_columns_sigma": (each, recorded("sigma", float), "hits/s", f"sigma of {last}"),
        "saturated": ("threshold", saturated, "1", "counts at the limit of the counter"),
    }
    scan = xr.Dataset(
        {
            name: (dims, values, {"units": units, "long_name": long_name})
            for name, (dims, values, units, long_name) in table.items()
        },
        attrs={name: printable(value) for name, value in run._asdict().items()}
        | {"shutter_time": shutter_time},
    ).set_coords(["module", "asic"])
    for name in ("mask_reason", "acquisition_status"):
        scan[name].attrs |= attributes_of(name)
    return scan


def _warn_and_check(scan: xr.Dataset) -> None:
    """Say what the user must know of the scan; refuse one without a good acquisition."""
    unused = scan.threshold.values[scan.exposure.values == 0]
    unreadable = scan.acquisition_reason.values[scan.acquisition_status.values == UNREADABLE]
    if unused.size == scan.sizes["threshold"]:
        bad = (scan.acquisition_status == BAD_ACQUISITION).any()
        raise ScanError(
            f"no good acquisition in {scan.attrs['folder']}: "
            + (
                f"the last columns exceed {scan.attrs['bad_cut']:g} hits/s; take the scan again, "
                f"or to look at it raise {option('bad_cut')} or, in Python, pass cut_bad=False"
                if bad
                else f"every file is unreadable, the first: {unreadable[0]}"
            )
        )
    if unused.size:
        warnings.warn(
            f"no good acquisition at threshold {', '.join(map(str, unused))}: exposure 0, "
            "left out of the fits",
            stacklevel=3,
        )
    if unreadable.size:
        warnings.warn(
            f"{unreadable.size} unreadable files left out, see the audit; the first: "
            f"{unreadable[0]}",
            stacklevel=3,
        )
    saturated = int(scan.saturated.sum())
    if saturated:
        limit = scan.attrs["counter_max"]
        warnings.warn(
            f"{saturated} counts in good acquisitions are at {limit}, the largest of the counter: "
            "kept, but hits may be missing there; see the audit",
            stacklevel=3,
        )
