"""Flux of every pixel and of the whole ASIC."""

from __future__ import annotations

import numpy as np
import xarray as xr

CARRIED = ("hits", "exposure", "mask", "saturated", "baseline")
"""Variables of the scan that the later steps need."""


def compute_flux(scan: xr.Dataset) -> xr.Dataset:
    """Compute the flux of every pixel and of the ASIC with their errors.

    Parameters
    ----------
    scan : xarray.Dataset
        What `load_scan` returns: `hits` (threshold, row, column), `exposure` (threshold, in s) and
        `mask` (row, column).

    Returns
    -------
    xarray.Dataset
        The scan's hits, exposure and mask with `flux` and `flux_err` (threshold, row, column;
        hits/s, float64; NaN where masked or without exposure), `asic_flux` and `asic_flux_err`
        (threshold; hits/s, float64; the sum over active pixels) and attribute `active_pixels`.
        Counts are independent Poisson variables, so the error of a sum of n counts is sqrt(n):
        flux_err = sqrt(hits) / exposure and asic_flux_err = sqrt(total hits) / exposure.

    Raises
    ------
    ValueError
        If a variable is missing from `scan`, or no pixel is active.

    Examples
    --------
    >>> import velonb as vb
    >>> flux = vb.compute_flux(vb.load_scan("data/demo"))  # doctest: +SKIP
    >>> flux.attrs["active_pixels"]  # doctest: +SKIP
    65352
    """
    missing = [name for name in ("hits", "exposure", "mask") if name not in scan]
    if missing:
        raise ValueError(
            f"scan lacks {', '.join(missing)}; give the dataset that load_scan returns, "
            f"this one has {', '.join(map(str, scan.data_vars)) or 'no variables'}"
        )
    active = ~scan["mask"].astype(bool)
    if not active.any():
        raise ValueError("scan has no active pixel: its mask covers all of them; check the mask")
    exposure = scan["exposure"].where(scan["exposure"] > 0)
    active_hits = scan["hits"].where(active, 0).sum(("row", "column"), dtype=np.int64)

    flux = scan[[name for name in CARRIED if name in scan]].copy()
    flux["flux"] = (scan["hits"] / exposure).where(active)
    flux["flux_err"] = (scan["hits"] ** 0.5 / exposure).where(active)
    flux["asic_flux"] = active_hits / exposure
    flux["asic_flux_err"] = active_hits**0.5 / exposure
    names = {
        "flux": "flux of the pixel",
        "flux_err": "error of the flux of the pixel",
        "asic_flux": "flux of the ASIC, sum over active pixels",
        "asic_flux_err": "error of the flux of the ASIC",
    }
    for name, long_name in names.items():
        flux[name].attrs = {"units": "hits/s", "long_name": long_name}
    flux.attrs = dict(scan.attrs) | {"active_pixels": int(active.sum())}
    return flux
