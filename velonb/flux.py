"""Flux of every pixel and of the whole ASIC; pixels whose flux is noise."""

from __future__ import annotations

import numpy as np
import xarray as xr

CARRIED = (
    *("hits", "exposure", "mask", "saturated"),
    *("mask_reason", "baseline", "baseline_err", "noise_width", "trim"),
)
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


def noisy_pixels(
    flux: xr.Dataset, *, last: int | None = None, fraction: float = 0.1
) -> xr.DataArray:
    """Find pixels that still count where the thresholds lie above the photopeak.

    Few of them distort the fit of the ASIC: above the photopeak the sum over all other pixels is
    close to zero and known best.

    Parameters
    ----------
    flux : xarray.Dataset
        What `compute_flux` returns.
    last : int, optional
        How many of the highest thresholds (with exposure) are looked at; 5 by default, or half of
        them in a shorter scan.
    fraction : float
        A pixel is noisy if its flux there exceeds that of the median pixel by this fraction of the
        median pixel's flux at the lowest thresholds, and by 5 standard deviations of the chip.

    Returns
    -------
    xarray.DataArray of bool, dims (row, column)
        True where an active pixel is noisy.

    Raises
    ------
    ValueError
        If fewer than two thresholds have an exposure, `last` is more than half of them, or an
        argument is not positive.

    Examples
    --------
    >>> import velonb as vb
    >>> int(vb.noisy_pixels(flux).sum())  # doctest: +SKIP
    40
    """
    used = flux.isel(threshold=np.flatnonzero(flux["exposure"] > 0)).sortby("threshold")
    if used.sizes["threshold"] < 2:
        raise ValueError(
            f"flux has {used.sizes['threshold']} thresholds with exposure; noise shows where one "
            "above the photopeak can be compared with one below: scan at least 2"
        )
    half = used.sizes["threshold"] // 2
    last = min(5, half) if last is None else last
    if not 1 <= last <= half:
        raise ValueError(
            f"last is {last}; it must lie between 1 and half of the {used.sizes['threshold']} "
            "thresholds that have an exposure"
        )
    if not fraction > 0:
        raise ValueError(f"fraction is {fraction}; it must be above 0")
    active = ~flux["mask"].astype(bool)
    highest, lowest = used.isel(threshold=slice(-last, None)), used.isel(threshold=slice(last))
    seconds = highest["exposure"].sum().item()
    excess = highest["hits"].where(active).sum("threshold", min_count=1) / seconds
    excess = excess - excess.median()
    plateau = (lowest["hits"].where(active).sum("threshold", min_count=1)).median()
    plateau = plateau / lowest["exposure"].sum()
    # 1.4826 times the median distance is the sigma of a normal distribution; one hit at the least.
    sigma = max(1.4826 * np.abs(excess).median().item(), 1 / seconds)
    noisy = active & (excess > fraction * plateau) & (excess > 5 * sigma)
    noisy.attrs = {"units": "1", "long_name": "noisy"}
    return noisy.rename("noisy")


def mask_noisy(flux: xr.Dataset, *, last: int | None = None, fraction: float = 0.1) -> xr.Dataset:
    """Mask the `noisy_pixels`, so that neither the ASIC nor the fits contain them.

    Parameters
    ----------
    flux : xarray.Dataset
        What `compute_flux` returns.
    last, fraction
        As for `noisy_pixels`.

    Returns
    -------
    xarray.Dataset
        The flux without them: `mask`, `flux`, `asic_flux`, their errors and `active_pixels` are
        new, and attribute `noisy_pixels` counts what was masked.

    Examples
    --------
    >>> import velonb as vb
    >>> flux = vb.mask_noisy(vb.compute_flux(scan))  # doctest: +SKIP
    """
    noisy = noisy_pixels(flux, last=last, fraction=fraction)
    mask = (flux["mask"].astype(bool) | noisy).assign_attrs(flux["mask"].attrs)
    masked = compute_flux(flux.assign(mask=mask))
    return masked.assign_attrs(noisy_pixels=int(noisy.sum()))
