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

from velonb._files import written_whole
from velonb._layout import Run
from velonb._provenance import package_versions
from velonb._reader import read_csv_matrix
from velonb.vocabulary import GOOD

__all__ = ["export_csv", "load_netcdf", "read_csv_matrix", "save_netcdf"]


_BOOLS = (bool, np.bool_)


def export_csv(
    folder: str | os.PathLike[str],
    *,
    flux: xr.Dataset | None = None,
    fits: xr.Dataset | None = None,
) -> list[Path]:
    """Write flux and fit results as CSV files under the established names.

    A matrix file has 256 lines of 256 comma-separated numbers, line = row, that read back
    as exactly the numbers written. A ``FluxperASIC`` file has one number a line, for the
    thresholds ``from``, ``from + step``, ... ``to`` of its name. Established is also that
    what is unknown is 0: a flux without exposure or in a masked pixel, a threshold that was
    not taken, and parameters of a pixel without a good free fit.

    Parameters
    ----------
    folder : path-like
        Where to write; made if need be. Files of the same names are replaced.
    flux : xarray.Dataset, optional
        From `compute_flux`: ``Fluxperpixel``, ``FluxperASIC`` and their uncertainties (hits/s).
    fits : xarray.Dataset, optional
        From `fit_pixels`: maps of E0 (DAC), f (1/DAC), s (DAC), their errors (``u...``), from
        the free fit, and the fit types of the free and of the fixed fit.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    ValueError
        If there is nothing to write, or `fits` lacks the free or the fixed fit.

    Examples
    --------
    >>> import velonb
    >>> velonb.export_csv("results", flux=flux, fits=fits)  # doctest: +SKIP
    """
    if flux is None and fits is None:
        raise ValueError("nothing to export: give flux=, fits= or both")
    tables: dict[str, Any] = {}
    if flux is not None:
        tables |= _flux_tables(flux)
    if fits is not None:
        tables |= _fit_tables(fits)
    folder = Path(folder)

    def write(name: str) -> Path:
        with written_whole(folder / name) as temporary:
            temporary.write_bytes(format_matrix(np.nan_to_num(tables[name], nan=0.0)))
        return folder / name

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(write, tables))


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


def _flux_tables(flux: xr.Dataset) -> dict[str, ArrayLike]:
    """File name -> numbers, for every threshold and for the ASIC."""
    prefix = Run(flux.attrs["module"], flux.attrs["asic"], flux.attrs["shutter"]).prefix
    thresholds = flux.threshold.values
    tables: dict[str, ArrayLike] = {}
    for kind, variable in (("Flux", "flux"), ("UncertaintyFlux", "flux_err")):
        values = flux[variable].transpose("threshold", "row", "column").values
        for threshold, matrix in zip(thresholds, values, strict=True):
            tables[f"{kind}perpixel_{prefix}_THR_{threshold}.csv"] = matrix
        step = int(np.gcd.reduce(np.diff(thresholds))) if thresholds.size > 1 else 1
        span = f"{thresholds[0]}-{thresholds[-1]}-step{step}"
        grid = np.zeros(((thresholds[-1] - thresholds[0]) // step + 1, 1))
        grid[(thresholds - thresholds[0]) // step, 0] = flux[f"asic_{variable}"].values
        tables[f"{kind}perASIC_{prefix}_THR_{span}.csv"] = grid
    return tables


def _fit_tables(fits: xr.Dataset) -> dict[str, ArrayLike]:
    """File name -> map, for the parameters and the fit types."""
    for needed in ("free", "fixed"):
        if needed not in fits.fit.values:
            there = ", ".join(fits.fit.values)
            raise ValueError(
                f"fits lack the {needed!r} fit, they have {there}: run fit_pixels for it"
            )
    ending = f"_ST_{fits.attrs['shutter']}.csv"
    free, fixed = (fits.sel(fit=name).transpose("row", "column", ...) for name in ("free", "fixed"))
    good = free.fit_type == GOOD
    tables: dict[str, ArrayLike] = {}
    for name in ("E0", "f", "s"):
        tables[f"{name}matrix{ending}"] = free[name].where(good)
        tables[f"u{name}matrix{ending}"] = free[f"{name}_err"].where(good)
    tables[f"Fittypematrix{ending}"] = free.fit_type
    tables[f"Fixedfittypematrix{ending}"] = fixed.fit_type
    return tables


def save_netcdf(path: str | os.PathLike[str], dataset: xr.Dataset) -> Path:
    """Save a scan, flux, fits or truth as compressed netCDF-4 with its provenance.

    Parameters
    ----------
    path : path-like
        The file, such as ``results/fits.nc``. It is written whole or not at all.
    dataset : xarray.Dataset
        What to save. Its attributes go along: input files, options, versions.

    Returns
    -------
    pathlib.Path
        The file.

    Examples
    --------
    >>> import tempfile
    >>> dataset = xr.Dataset({"E0": ("row", [1551.2], {"units": "DAC"})}, attrs={"asic": "VP0-1"})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_netcdf(Path(folder) / "fits.nc", dataset)
    ...     load_netcdf(path).E0.attrs["units"]
    'DAC'
    """
    path = Path(path)
    saved = dataset.assign_attrs(saved_with=package_versions()).drop_encoding()
    for attrs in (saved.attrs, *(variable.attrs for variable in saved.variables.values())):
        # netCDF has no true and false.
        attrs |= {key: int(value) for key, value in attrs.items() if isinstance(value, _BOOLS)}
    compress = {"zlib": True, "complevel": 4, "shuffle": True}
    encoding = {
        name: compress for name, values in saved.data_vars.items() if values.dtype.kind in "biuf"
    }
    with written_whole(path) as temporary:
        saved.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)
    return path


def load_netcdf(path: str | os.PathLike[str]) -> xr.Dataset:
    """Load what `save_netcdf` has saved, into memory.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    xarray.Dataset
        As it was saved; attribute ``saved_with`` names the versions that saved it.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it is not a netCDF-4 file.

    Examples
    --------
    >>> import velonb
    >>> fits = velonb.load_netcdf("results/fits.nc")  # doctest: +SKIP
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: give a file that save_netcdf has written")
    try:
        return xr.load_dataset(path, engine="h5netcdf")
    except OSError as error:
        raise ValueError(f"{path} is not a netCDF-4 file, or is damaged: {error}") from error
