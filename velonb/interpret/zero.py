"""The zero of the charge: the baseline that belongs to fits, and the fit that electrons rest on."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from velonb.vocabulary import check_fit, good

PIXEL = ("row", "column")
PREFERRED = ("A+E0+s", "A+E0", "free")
"""With f held at its common value E0 and s are known far better than with all four free."""
PREFERRED_OF_PHOTONS = ("free", "A+E0")
"""The shape of photons has no f."""


def chosen_fit(fits: xr.Dataset, fit: str | None) -> str:
    """The fit that was asked for, or the one that tells most of E0 and s.

    Raises
    ------
    ValueError
        If there is no such fit, or E0 is free in none.
    """
    if fit is not None:
        check_fit(fits, fit)
    made = [str(name) for name in fits["fit"].values]
    first = PREFERRED_OF_PHOTONS if fits.attrs.get("shape") == "sensor" else PREFERRED
    for name in [fit] if fit else [*(name for name in first if name in made), *made]:
        if np.isfinite(fits["E0_err"].sel(fit=name)).any() or not good(fits, name).any():
            return name
    raise ValueError(
        f"E0 is held fixed in {fit or ', '.join(made)}: it takes a fit in which E0 is free, such "
        'as fit_pixels(flux, asic, free=("A", "E0"))'
    )


def baseline_of(
    fits: xr.Dataset, baseline: xr.Dataset | xr.DataArray | ArrayLike | None
) -> xr.Dataset:
    """The baseline of every pixel of the fits, with its error and width where they are known.

    NaN where it is unknown; a baseline that is not there warns, and is unknown everywhere.

    Raises
    ------
    ValueError
        If it belongs to another chip, or has another shape.
    """
    given = fits if baseline is None else baseline
    if isinstance(given, xr.DataArray):
        given = given.to_dataset(name="baseline").assign_attrs(given.attrs)
    if not isinstance(given, xr.Dataset):
        values = np.broadcast_to(_checked_shape(fits, np.asarray(given, float)), _size(fits))
        attrs = {"kind": "given", "checked": "given by hand", "common_err": 0.0}
        given = xr.Dataset({"baseline": (PIXEL, values, attrs)})
    if "baseline" not in given:
        warnings.warn(
            "no baseline: what is counted in electrons is unknown, E0 and s in DAC are not; give "
            "baseline=, such as read_baseline(folder) or load_noise_scan(folder)",
            stacklevel=3,
        )
        given = xr.Dataset({"baseline": (PIXEL, np.full(_size(fits), np.nan), {"kind": "none"})})
    _refuse_other_chip(fits, given)
    zero = xr.Dataset(coords={name: fits[name] for name in PIXEL})
    for name in ("baseline", "baseline_err", "noise_width"):
        if name in given:
            values = _checked_shape(fits, given[name].transpose(*PIXEL).values.astype(float))
            zero[name] = PIXEL, np.where(values > 0, values, np.nan), given[name].attrs
    return zero


def warn_of_holes(zero: xr.Dataset, usable: xr.DataArray) -> None:
    """Say how many pixels of a baseline with holes cannot be told."""
    known = zero["baseline"].notnull() & usable
    lost, number = int((usable & ~known).sum()), int(usable.sum())
    if 0 < lost < number:
        warnings.warn(
            f"{lost:,} of {number:,} good pixels have no baseline: they are unknown in electrons",
            stacklevel=3,
        )


def _size(fits: xr.Dataset) -> tuple[int, int]:
    return fits.sizes["row"], fits.sizes["column"]


def _checked_shape(fits: xr.Dataset, values: Any) -> Any:
    if values.ndim and values.shape != _size(fits):
        raise ValueError(
            f"baseline has the shape {values.shape}, the fits have {_size(fits)}: give that of "
            "this chip, or one number"
        )
    return values


def _refuse_other_chip(fits: xr.Dataset, given: xr.Dataset) -> None:
    for name in ("module", "asic"):
        other = given.attrs.get(name, given.coords[name].item() if name in given.coords else None)
        own = fits.attrs.get(name)
        if None not in (own, other) and own != other:
            raise ValueError(
                f"baseline is of {name} {other}, the fits are of {name} {own}: give the baseline "
                "of this chip, or none to take the one that came with the scan"
            )
