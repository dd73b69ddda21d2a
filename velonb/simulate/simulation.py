"""A scan folder like the detector's, from known truth for every pixel."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from velonb.chip import VELOPIX, Chip
from velonb.curves.model import threshold_curve
from velonb.scan.names import LARGEST_THRESHOLD, Run, checked_name, shutter_seconds
from velonb.simulate.sensor import Sensor, draw_sensor, photon_flux
from velonb.simulate.truth import DEAD, MASKED, NOISY, Map, draw_faults, draw_pixels
from velonb.simulate.writing import TRUTH_NAME, refuse_foreign, write_acquisitions, write_maps
from velonb.system.files import folder_written_whole
from velonb.system.netcdf import netcdf_bytes
from velonb.vocabulary import attributes_of

DEMO_THRESHOLDS = range(1480, 1601, 3)
VERSION = 1
"""Raise it when the simulation changes: older demo scans are then made anew."""
CURVE_OPTIONS = (
    "shape",
    *(f"{name}{of}" for name in ("f", "A", "s", "E0") for of in ("", "_spread")),
)

_SPECIAL = {MASKED: 184, DEAD: 60, NOISY: 40}  # pixels of VeloPix that are not like the others
_LEAST_HOT_FLUX = 3.15  # hits/s; a counter that ends below could not show the hot columns


def simulate_scan(
    folder: str | os.PathLike[str],
    *,
    chip: Chip = VELOPIX,
    seed: int = 37,
    thresholds: Iterable[int] = DEMO_THRESHOLDS,
    acquisitions: int = 10,
    shutter: str = "13s105ms",
    faults: bool = True,
    module: str = "Module0",
    asic: str = "VP0-1",
    physics: str = "curve",
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
    masked: int | None = None,
    dead: int | None = None,
    noisy: int | None = None,
    threads: int | None = None,
    progress: bool = True,
    **sensor: float,
) -> xr.Dataset:
    """Write a full chip's acquisitions, mask and baseline, drawn from known truth.

    Every pixel's counts are Poisson about its own flux, up to what its counter holds. That
    flux is a threshold curve with the parameters of the pixel, or what photons of an Fe-55
    source give in a pixel of its gain, noise and baseline, whatever curves are fitted. The
    folder is made whole or not at all; a folder that was simulated before is replaced.

    Parameters
    ----------
    folder : path-like
        Folder to write; must be new, empty, or simulated before.
    chip : Chip
        Its size, its counter, the columns that are hot in a faulty acquisition and, for
        ``"sensor"``, the pitch of the pixels.
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
    physics : {"curve", "sensor"}
        Where the counts come from. ``"sensor"`` adds the trims to the folder, and writes
        the baseline as the detector does: whole numbers, with an error.
    shape : {"velo", "consistent", "fe55"}
        The form of the curve, for ``"curve"``.
    f, A, s, E0 : float
        For ``"curve"``, the chip's mean parameters: 1/DAC, DAC hits/s, DAC, DAC.
    f_spread, A_spread, s_spread : float
        For ``"curve"``, spread between pixels, relative to the mean.
    E0_spread : float
        For ``"curve"``, standard deviation of E0 (DAC), the sum of a random part, a shift of
        every 16th row, a column-parity pattern and a slow gradient.
    spot : float
        Height of the illumination spot relative to its surroundings; 0 lights evenly.
    masked, dead, noisy : int, optional
        Number of such pixels: masked and dead ones count nothing, noisy ones have 1 to
        10 hits/s on top of their curve. By default 184, 60 and 40 on a VeloPix, and the same
        share of the pixels of another chip.
    threads : int, optional
        By default as many as there are processors that this process may use.
    progress : bool
        Show a progress bar.
    **sensor : float
        For ``"sensor"``, means and spreads of the pixels: `rate` of photons in the area of a
        pixel (0.6/s), `gain` (13.4 e-/DAC), `noise` (110 e-), `baseline` (1430.5 DAC),
        `rate_spread` (0.05), `gain_spread` (0.01), `noise_spread` (0.06), relative,
        `baseline_spread` (5.8 DAC), with the patterns of `E0_spread`, and `baseline_error` of
        the detector's file (1 DAC); of the sensor, `diffusion`, the width (um) of a charge
        cloud that crossed all of it (7), and `thickness` (200 um).

    Returns
    -------
    xarray.Dataset
        The truth, also saved as ``truth.nc`` in the folder: maps ``f``, ``A``, ``s``,
        ``E0``, ``baseline``, ``kind`` (row, column), for ``"sensor"`` ``gain``,
        ``noise_electrons``, ``predicted_baseline`` and ``trim`` instead of ``f``;
        ``true_hits(threshold, row, column)`` summed over the acquisitions that ought to be used,
        and ``acquisition_status``.

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
    kinds = _special_pixels(chip, masked, dead, noisy)
    options |= dict(zip(("masked", "dead", "noisy"), kinds.values(), strict=True))
    _check(run, chip, thresholds, acquisitions, faults)
    photons = _checked_physics(physics, chip, options.pop("sensor"), thresholds)
    random = np.random.default_rng([seed, 0])
    if photons is not None:
        truth = draw_sensor(random, chip, photons, spot, kinds)
        flux = photon_flux(truth, photons)
        options = {k: v for k, v in options.items() if k not in CURVE_OPTIONS} | photons._asdict()
    else:
        spreads = {"f": f_spread, "A": A_spread, "s": s_spread, "E0": E0_spread}
        truth = draw_pixels(random, chip, {"f": f, "A": A, "s": s, "E0": E0}, spreads, spot, kinds)
        flux = _curve_flux(truth, shape)
    status = draw_faults(np.random.default_rng([seed, 1]), thresholds.size, acquisitions, faults)
    with folder_written_whole(Path(folder), refuse_foreign) as temporary:
        hits = write_acquisitions(
            temporary, run, chip, truth, flux, thresholds, status, seed, threads, progress
        )
        write_maps(temporary, run, truth)
        truth = _add_scan(truth, thresholds, status, hits)
        left_out = ("folder", "chip", "thresholds", "progress", "threads")
        truth.attrs = {
            name: int(value) if isinstance(value, bool) else value
            for name, value in options.items()
            if name not in left_out
        }
        truth.attrs |= asdict(chip)
        truth.attrs |= {"shutter_time": shutter_seconds(shutter), "demo_version": VERSION}
        (temporary / TRUTH_NAME).write_bytes(netcdf_bytes(truth))
    return truth


def _special_pixels(chip: Chip, *numbers: int | None) -> dict[int, int]:
    """How many pixels are masked, dead and noisy: as given, or the share that VeloPix has."""
    pixels = chip.rows * chip.columns
    share = pixels / (VELOPIX.rows * VELOPIX.columns)
    chosen = {
        kind: round(share * usual) if number is None else number
        for (kind, usual), number in zip(_SPECIAL.items(), numbers, strict=True)
    }
    special = sum(chosen.values())
    if min(chosen.values()) < 0 or special >= pixels:
        raise ValueError(
            f"masked, dead and noisy are {list(chosen.values())}; none may be below 0, and the "
            f"sum must be less than the {pixels} pixels of the chip"
        )
    return chosen


def _check(
    run: Run, chip: Chip, thresholds: NDArray[np.int_], acquisitions: int, faults: bool
) -> None:
    """Refuse options from which no scan can be made."""
    seconds, longest = shutter_seconds(run.shutter), chip.counter_max / _LEAST_HOT_FLUX
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
    if not faults:
        return
    if thresholds.size < 3 or acquisitions < 2:
        raise ValueError(
            f"faults need at least 3 thresholds of 2 acquisitions, not {thresholds.size} of "
            f"{acquisitions}: give more, or faults=False (velonb simulate: --no-faults)"
        )
    if seconds > longest:
        raise ValueError(
            f"faults need a shutter of at most {longest:g} s, not {run.shutter}: a "
            "longer one saturates the counter before hot columns show; give a shorter one, or "
            "faults=False (velonb simulate: --no-faults)"
        )


def _checked_physics(
    physics: str, chip: Chip, options: dict[str, Any], thresholds: NDArray[np.int_]
) -> Sensor | None:
    """The sensor whose photons are drawn; None for curves."""
    if physics not in ("curve", "sensor"):
        raise ValueError(f"physics is {physics!r}; it must be curve or sensor")
    if physics == "sensor":
        return Sensor.of(chip, options).checked(int(thresholds[0]))
    if options:
        raise ValueError(f"{', '.join(options)} can be given with physics='sensor' only")
    return None


def _curve_flux(truth: xr.Dataset, shape: str) -> Callable[[int], Map]:
    """Flux (hits/s) of every pixel against threshold (DAC), from its curve."""
    f, A, s, E0, baseline = (truth[name].values for name in ("f", "A", "s", "E0", "baseline"))
    return lambda threshold: threshold_curve(threshold, f, A, s, E0, shape=shape, baseline=baseline)


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
    attrs = attributes_of("acquisition_status")
    truth["acquisition_status"] = ("threshold", "acquisition"), status, attrs
    return truth
