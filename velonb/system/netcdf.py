"""Datasets as netCDF-4 files with their provenance and a checksum."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5netcdf
import numpy as np
import xarray as xr
from xarray.backends import H5NetCDFStore

from velonb.system.files import written_whole
from velonb.system.provenance import package_versions

_BOOLS = (bool, np.bool_)
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_CHECKSUM = b"\nvelonb sha256 "
"""Begins the last line of a file: HDF5 leaves alone what stands after its own end."""
_LAST_LINE = len(_CHECKSUM) + 64 + 1


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
    content = netcdf_bytes(dataset.assign_attrs(saved_with=package_versions()))
    with written_whole(path) as temporary:
        temporary.write_bytes(content)
    return path


def netcdf_bytes(dataset: xr.Dataset) -> bytes:
    """Content of a compressed netCDF-4 file, with a checksum as its last line.

    It is made in memory: HDF5 ends the whole process when a disk is full.
    """
    dataset = dataset.drop_encoding()
    for attrs in (dataset.attrs, *(variable.attrs for variable in dataset.variables.values())):
        # netCDF has no true and false.
        attrs |= {key: int(value) for key, value in attrs.items() if isinstance(value, _BOOLS)}
    compress = {"zlib": True, "complevel": 4, "shuffle": True}
    encoding = {
        name: compress for name, values in dataset.data_vars.items() if values.dtype.kind in "biuf"
    }
    file = io.BytesIO()
    with h5netcdf.File(file, "w") as netcdf:
        dataset.dump_to_store(H5NetCDFStore(netcdf), encoding=encoding)
    content = file.getvalue()
    return content + _checksum(content)


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
        If it is not a netCDF-4 file, or is cut short or damaged.

    Examples
    --------
    >>> import velonb
    >>> fits = velonb.load_netcdf("results/fits.nc")  # doctest: +SKIP
    """
    with open_netcdf(path) as dataset:
        return dataset.load()


@contextmanager
def open_netcdf(path: str | os.PathLike[str]) -> Iterator[xr.Dataset]:
    """Open a netCDF-4 file to read from it in the block; what `load_netcdf` does and raises."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: give a file that save_netcdf has written")
    reason = _damage(path.read_bytes())
    if reason:
        raise _unreadable(path, reason)
    try:
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            yield dataset
    # A damaged file from elsewhere, without a checksum, can raise nearly anything.
    except Exception as error:
        raise _unreadable(path, str(error)) from error


def _damage(content: bytes) -> str | None:
    """What is wrong with the content of a file, as far as its first and last bytes tell."""
    if not content:
        return "it is empty"
    if not content.startswith(_SIGNATURE):
        return f"it begins with {content[:8]!r}"
    content, last = content[:-_LAST_LINE], content[-_LAST_LINE:]
    if last.startswith(_CHECKSUM) and last != _checksum(content):
        return "its content does not match its checksum"
    return None


def _checksum(content: bytes) -> bytes:
    return _CHECKSUM + hashlib.sha256(content).hexdigest().encode() + b"\n"


def _unreadable(path: Path, reason: str) -> ValueError:
    return ValueError(
        f"{path} is not a netCDF-4 file, or is damaged: {reason}; give a file that save_netcdf "
        "has written, or write it anew"
    )
