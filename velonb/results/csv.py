"""Results as files: CSV under the established names, netCDF with provenance."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import xarray as xr
from numpy.typing import ArrayLike

from velonb.results.output import stamp
from velonb.scan.names import Run, run_of
from velonb.scan.reader import read_csv_matrix
from velonb.system.files import written_whole
from velonb.system.netcdf import load_netcdf, save_netcdf
from velonb.system.threads import thread_count
from velonb.vocabulary import GOOD

__all__ = ["export_csv", "load_netcdf", "read_csv_matrix", "save_netcdf"]

_NEEDED = {
    "flux": ("flux", "flux_err", "asic_flux", "asic_flux_err"),
    "fits": ("fit_type", *(name + end for name in ("E0", "f", "s") for end in ("", "_err"))),
    "chip": ("gain", "gain_err", "noise", "noise_err"),
}
_SOURCE = {"flux": "compute_flux", "fits": "fit_pixels", "chip": "calibrate"}


def export_csv(
    folder: str | os.PathLike[str],
    *,
    flux: xr.Dataset | None = None,
    fits: xr.Dataset | None = None,
    chip: xr.Dataset | None = None,
    threads: int | None = None,
) -> list[Path]:
    """Write flux and fit results as CSV files under the established names.

    A matrix file has 256 lines of 256 comma-separated numbers, line = row, that read back
    as exactly the numbers written. A ``FluxperASIC`` file has one number a line, for the
    thresholds ``from``, ``from + step``, ... ``to`` of its name. Established is also that
    what is unknown is 0: a flux without exposure or in a masked pixel, a threshold that was
    not taken, and parameters of a pixel without a good free fit.

    The established names of the fit results do not tell the chip. A folder therefore takes
    one chip only, remembered in a small hidden file: give each its own, such as
    ``csv/Module0_VP0-1``, as ``velonb run`` does.

    Parameters
    ----------
    folder : path-like
        Where to write; made if need be. Files of the same names are replaced.
    flux : xarray.Dataset, optional
        From `compute_flux`: ``Fluxperpixel``, ``FluxperASIC`` and their uncertainties (hits/s).
    fits : xarray.Dataset, optional
        From `fit_pixels`: maps of E0 (DAC), f (1/DAC), s (DAC), their errors (``u...``), from
        the free fit, and the fit types of the free and of the fixed fit.
    chip : xarray.Dataset, optional
        From `calibrate`: maps ``gain_...`` (e-/DAC) and ``noise_...`` (e-) with their errors.
    threads : int, optional
        Files written at the same time; by default the number of processors at hand.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    FileExistsError
        If the folder holds the results of another chip.
    ValueError
        If there is nothing to write, what is given is not of the same run, one of it is
        something else, or `fits` lacks the free or the fixed fit.

    Examples
    --------
    >>> import velonb
    >>> velonb.export_csv("results", flux=flux, fits=fits)  # doctest: +SKIP
    """
    run = _common_run({"flux": flux, "fits": fits, "chip": chip})
    tables: dict[str, Any] = {}
    if flux is not None:
        tables |= _flux_tables(flux, run)
    if fits is not None:
        tables |= _fit_tables(fits, run)
    if chip is not None:
        tables |= _chip_tables(chip, run)
    folder = Path(folder)
    stamp(folder, {"module": run.module, "asic": run.asic})

    def write(name: str) -> Path:
        with written_whole(folder / name) as temporary:
            temporary.write_bytes(format_matrix(np.nan_to_num(tables[name], nan=0.0)))
        return folder / name

    with ThreadPoolExecutor(thread_count(threads)) as pool:
        return list(pool.map(write, tables))


def _common_run(offered: dict[str, xr.Dataset | None]) -> Run:
    """The run of what is to be written, which must be one."""
    given = {name: data for name, data in offered.items() if data is not None}
    if not given:
        raise ValueError("nothing to export: give flux=, fits= or both, or chip=")
    for name, data in given.items():
        missing = [variable for variable in _NEEDED[name] if variable not in data]
        if missing:
            raise ValueError(
                f"{name} has no {', '.join(missing)}: give export_csv what {_SOURCE[name]} returned"
            )
    runs = {name: run_of(data.attrs, name) for name, data in given.items()}
    if len(set(runs.values())) > 1:
        told = ", ".join(
            f"{name} {'are' if name == 'fits' else 'is'} of {run}" for name, run in runs.items()
        )
        raise ValueError(f"{told}: give what is of the same run")
    return next(iter(runs.values()))


def format_matrix(matrix: ArrayLike) -> bytes:
    r"""Comma-separated lines of a matrix, line = row, as short as they read back the same.

    Parameters
    ----------
    matrix : array_like
        Finite numbers, shape (rows, columns).

    Returns
    -------
    bytes
        The text. ``numpy.loadtxt`` gives the same float64 values back.

    Raises
    ------
    ValueError
        If a number is not finite.

    Examples
    --------
    >>> format_matrix([[1551.25, -1, 0], [0.1, 1e-6, 63]])
    b'1551.25,-1.0,0.0\n0.1,1e-6,63.0\n'
    """
    unknown = int((~np.isfinite(matrix)).sum())
    if unknown:
        raise ValueError(
            f"matrix holds {unknown} number{'s' * (unknown > 1)} that is not finite; "
            "replace them first, such as with np.nan_to_num"
        )
    # orjson writes arrays ten times faster than savetxt, with the shortest exact digits.
    rows = orjson.dumps(np.ascontiguousarray(matrix), option=orjson.OPT_SERIALIZE_NUMPY)
    return rows[2:-2].replace(b"],[", b"\n") + b"\n"


def _flux_tables(flux: xr.Dataset, run: Run) -> dict[str, ArrayLike]:
    """File name -> numbers, for every threshold and for the ASIC."""
    thresholds = flux.threshold.values
    tables: dict[str, ArrayLike] = {}
    for kind, variable in (("Flux", "flux"), ("UncertaintyFlux", "flux_err")):
        values = flux[variable].transpose("threshold", "row", "column").values
        for threshold, matrix in zip(thresholds, values, strict=True):
            tables[f"{kind}perpixel_{run.prefix}_THR_{threshold}.csv"] = matrix
        step = int(np.gcd.reduce(np.diff(thresholds))) if thresholds.size > 1 else 1
        span = f"{thresholds[0]}-{thresholds[-1]}-step{step}"
        grid = np.zeros(((thresholds[-1] - thresholds[0]) // step + 1, 1))
        grid[(thresholds - thresholds[0]) // step, 0] = flux[f"asic_{variable}"].values
        tables[f"{kind}perASIC_{run.prefix}_THR_{span}.csv"] = grid
    return tables


def _fit_tables(fits: xr.Dataset, run: Run) -> dict[str, ArrayLike]:
    """File name -> map, for the parameters and the fit types."""
    for needed in ("free", "fixed"):
        if needed not in fits.fit.values:
            there = ", ".join(fits.fit.values)
            raise ValueError(
                f"fits lack the {needed!r} fit, they have {there}: run fit_pixels for it"
            )
    ending = f"_ST_{run.shutter}.csv"
    free, fixed = (fits.sel(fit=name).transpose("row", "column", ...) for name in ("free", "fixed"))
    good = free.fit_type == GOOD
    tables: dict[str, ArrayLike] = {}
    for name in ("E0", "f", "s"):
        tables[f"{name}matrix{ending}"] = free[name].where(good)
        tables[f"u{name}matrix{ending}"] = free[f"{name}_err"].where(good)
    tables[f"Fittypematrix{ending}"] = free.fit_type
    tables[f"Fixedfittypematrix{ending}"] = fixed.fit_type
    return tables


def _chip_tables(chip: xr.Dataset, run: Run) -> dict[str, ArrayLike]:
    """File name -> map, of what is counted in electrons."""
    return {
        f"{sign}{name}_ST_{run.shutter}.csv": chip[f"{name}{ending}"].transpose("row", "column")
        for name in ("gain", "noise")
        for sign, ending in (("", ""), ("u", "_err"))
    }
