"""The scan that a run has loaded, handed to its notebooks: files and pages tell of one load.

A notebook loads the scan anew, as its readers do by hand. While acquisitions are being added
it would find others than the run has saved; and it does not know the options of the run.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import xarray as xr

from velonb.scan.names import Run

_VARIABLE = "VELONB_SCAN"


def handing_over(folder: Path, scan: Path) -> dict[str, str]:
    """Environment of a kernel in which the scan of a folder is the one saved in a file."""
    return {"VELONB_DATA": str(folder.resolve()), _VARIABLE: str(scan.resolve())}


def handed_over(folder: Path, run: str | None) -> xr.Dataset | None:
    """The scan that was handed to this process, if it is of that folder and run."""
    saved = os.environ.get(_VARIABLE)
    if not saved or folder.resolve() != Path(os.environ.get("VELONB_DATA", "")):
        return None
    scan = xr.load_dataset(saved, engine="h5netcdf")
    if run and run not in str(Run(*(scan.attrs[name] for name in Run._fields))):
        return None
    for warning in scan.attrs["warnings"].splitlines():
        warnings.warn(warning, stacklevel=3)
    return scan
