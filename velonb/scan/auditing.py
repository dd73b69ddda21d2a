"""Which acquisitions of a scan were used, and why others were not."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray


def audit(scan: xr.Dataset) -> Any:
    """Summarise which acquisitions of a scan were used, and why others were not.

    Parameters
    ----------
    scan : xarray.Dataset
        From `load_scan`.

    Returns
    -------
    pandas.DataFrame
        One row per threshold (DAC): number of good, bad, missing and unreadable
        acquisitions, exposure (s), saturated counts, and the reasons in words.

    Examples
    --------
    >>> import velonb
    >>> velonb.audit(velonb.load_scan("data/N037"))  # doctest: +SKIP
    """
    status = scan.acquisition_status
    table = xr.Dataset(
        {
            meaning: (status == value).sum("acquisition")
            for value, meaning in enumerate(status.attrs["flag_meanings"].split())
        }
        | {"exposure": scan.exposure, "saturated": scan.saturated}
    )
    table = table.reset_coords(drop=True).to_dataframe()
    table["reasons"] = [
        _reasons_in_words(scan.acquisition.values, row) for row in scan.acquisition_reason.values
    ]
    return table


def _reasons_in_words(numbers: NDArray[np.int_], reasons: NDArray[np.object_]) -> str:
    """The first reason of a threshold, and how many more there are."""
    given = [f"{number}: {why}" for number, why in zip(numbers, reasons, strict=True) if why]
    more = f" (and {len(given) - 1} more)" if len(given) > 1 else ""
    return given[0] + more if given else ""
