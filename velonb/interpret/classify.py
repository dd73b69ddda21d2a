"""What every pixel is: good, or what is the matter with it; and whether a chip is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from velonb.flux import noisy_pixels
from velonb.interpret.cuts import CLASSES, NOT_GOOD, complete_cuts
from velonb.interpret.neighbours import unlike_neighbours
from velonb.vocabulary import MASK_REASONS, check_fit, classes_of, flags

Array = NDArray[Any]

REASON_OF = {
    "dead": ("dead",),
    "no_response": ("no_response_trim_0", "no_response_trim_F"),
    "trim_out_of_range": ("trim_out_of_range",),
    "off_target": ("off_target",),
}
"""Classes that the mask of the detector knows, by its reasons."""


def classify_pixels(
    flux: xr.Dataset,
    fits: xr.Dataset,
    *,
    cuts: Mapping[str, Any] | None = None,
    fit: str | None = None,
    changes: xr.Dataset | None = None,
) -> xr.Dataset:
    """Say of every pixel whether it is good, or what is the matter with it.

    Parameters
    ----------
    flux : xarray.Dataset
        What `compute_flux` returns; the reasons of the mask are taken from it where it has them.
    fits : xarray.Dataset
        What `fit_ladder` or `fit_pixels` returns.
    cuts : mapping, optional
        What `read_cuts` returns, or those that are to differ from its default.
    fit : str, optional
        Which fit; by default ``A+E0``, else ``free``.
    changes : xarray.Dataset, optional
        What `compare_runs` returns: pixels that changed unlike the chip are a class of their own.

    Returns
    -------
    xarray.Dataset
        Maps (row, column): `pixel_class` (int8 with CF flags), the first of these that holds:
        masked (without a reason), dead (no hits, or so masked), no response, trim out of range, off
        target (so masked, or E0 far from the median), noisy, not described (no fit, or a p-value
        below the cut), unlike its neighbours (in E0 or in A), changed; else good. `unlike_E0` and
        `unlike_A`, the distance from the neighbours in standard deviations; `mask_reason`, codes
        for a mask of the detector.

    Raises
    ------
    ValueError
        If `fits` or `changes` are of another size or made otherwise, or a cut is not allowed.

    Examples
    --------
    >>> import velonb as vb
    >>> classes = vb.classify_pixels(flux, ladder)  # doctest: +SKIP
    >>> vb.list_pixels(classes, "noisy")  # doctest: +SKIP
    >>> vb.accept_chip(classes)  # doctest: +SKIP
    """
    limits, fit = complete_cuts(cuts or {}), fit or ("A+E0" if "A+E0" in fits["fit"] else "free")
    check_fit(fits, fit)
    size = (flux.sizes["row"], flux.sizes["column"])
    _check_size(fits, "fits", size)
    one = fits.sel(fit=fit)
    described = (one["p_value"] >= limits["least_p_value"]).values & (one["at_limit"].values == 0)
    unlike = {
        "unlike_E0": unlike_neighbours(one, "E0", described, limits["neighbourhood"]),
        "unlike_A": unlike_neighbours(one, "A", described, limits["neighbourhood"]),
    }
    far = np.max([np.abs(np.nan_to_num(values)) for values in unlike.values()], axis=0)
    holds = _reasons_of_mask(flux)
    holds["dead"] |= (flux["hits"].sum("threshold") == 0).values & ~holds["masked"]
    E0 = one["E0"].values
    E0 = np.where(described, E0 - np.median(E0[described]) if described.any() else np.nan, np.nan)
    holds["off_target"] |= np.abs(E0) > limits["off_target"]
    holds["noisy"] = _noisy(flux, limits["noisy_fraction"])
    holds["not_described"] = ~described
    holds["unlike_neighbours"] = far > limits["unlike_neighbours"]
    holds["changed"] = _changed(changes, size)
    codes = np.select([holds[name] for name in CLASSES[1:]], range(1, len(CLASSES)), 0)
    return _labelled(flux, codes.astype(np.int8), unlike, limits["mask"])


def _check_size(data: xr.Dataset, name: str, size: tuple[int, int]) -> None:
    found = (data.sizes.get("row"), data.sizes.get("column"))
    if found != size:
        raise ValueError(f"{name} has {found} rows and columns, flux {size}: give the same chip's")


def _reasons_of_mask(flux: xr.Dataset) -> dict[str, Array]:
    """Which pixels the mask of the scan takes out, by its reasons."""
    mask = flux["mask"].values.astype(bool)
    codes = flux["mask_reason"].values if "mask_reason" in flux else np.zeros(mask.shape, int)
    holds = {
        name: np.isin(codes, [MASK_REASONS.index(reason) for reason in reasons])
        for name, reasons in REASON_OF.items()
    }
    # What was masked later, as noisy, has no reason of the detector: it is asked for anew.
    later = (codes == 0) if "mask_reason" in flux else np.zeros(mask.shape, bool)
    return holds | {"masked": mask & ~later & ~np.any(list(holds.values()), axis=0)}


def _noisy(flux: xr.Dataset, fraction: float) -> Array:
    """Noisy pixels, those included that were masked for it."""
    if "mask_reason" in flux:
        flux = flux.assign(mask=flux["mask_reason"] != 0)
    return np.asarray(noisy_pixels(flux, fraction=fraction).values)


def _changed(changes: xr.Dataset | None, size: tuple[int, int]) -> Array:
    if changes is None:
        return np.zeros(size, dtype=bool)
    if "changed_alone" not in changes:
        raise ValueError("changes has no 'changed_alone'; give what compare_runs returns")
    _check_size(changes, "changes", size)
    return np.asarray(changes["changed_alone"].values)


def _labelled(
    flux: xr.Dataset, codes: Array, unlike: dict[str, Array], masked: list[str]
) -> xr.Dataset:
    """Maps of the classes, and of the mask that they ask for."""
    reason_of = {name: MASK_REASONS.index(reasons[0]) for name, reasons in REASON_OF.items()}
    other = MASK_REASONS.index("masked")
    reasons = np.zeros(codes.shape, dtype=np.int8)
    for name in {"masked", *masked}:
        reasons[codes == CLASSES.index(name)] = reason_of.get(name, other)
    if "mask_reason" in flux:  # It tells which trim does not respond.
        known = (reasons > 0) & (flux["mask_reason"].values > 0)
        reasons[known] = flux["mask_reason"].values[known]
    pixel = ("row", "column")
    result = xr.Dataset(coords={name: flux[name] for name in pixel if name in flux.coords})
    attrs = {"units": "1", "long_name": "class of the pixel"}
    result["pixel_class"] = pixel, codes, attrs | flags(0, CLASSES)
    for name, values in unlike.items():
        long_name = f"{name.removeprefix('unlike_')} unlike the neighbours'"
        result[name] = pixel, values, {"units": "1", "long_name": long_name}
    attrs = {"units": "1", "long_name": "reason to mask"}
    result["mask_reason"] = pixel, reasons, attrs | flags(0, MASK_REASONS)
    told = ("module", "asic", "shutter")
    return result.assign_attrs({name: flux.attrs[name] for name in told if name in flux.attrs})


def list_pixels(classes: xr.Dataset, *names: str) -> pd.DataFrame:
    """List the pixels of some classes.

    Parameters
    ----------
    classes : xarray.Dataset
        What `classify_pixels` returns.
    *names : str
        Classes; by default all but good.

    Returns
    -------
    pandas.DataFrame
        Columns `row`, `column` and `pixel_class`, by row and column.

    Raises
    ------
    ValueError
        If there is no such class.

    Examples
    --------
    >>> import velonb as vb
    >>> vb.list_pixels(classes, "dead", "noisy")  # doctest: +SKIP
    """
    for name in names:
        if name not in CLASSES:
            raise ValueError(f"class is {name!r}; it must be one of {', '.join(CLASSES)}")
    codes = classes["pixel_class"].values
    chosen = np.isin(codes, [CLASSES.index(name) for name in names or CLASSES[1:]])
    row, column = np.nonzero(chosen)
    words = [CLASSES[code] for code in codes[chosen]]
    place = {"row": classes["row"].values[row], "column": classes["column"].values[column]}
    return pd.DataFrame(place | {"pixel_class": words})


def accept_chip(classes: xr.Dataset, *, cuts: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Count the pixels of every class, and hold them against the limits of acceptance.

    Parameters
    ----------
    classes : xarray.Dataset
        What `classify_pixels` returns.
    cuts : mapping, optional
        As for `classify_pixels`: its `largest_share`.

    Returns
    -------
    pandas.DataFrame
        A row for every class and for all that are not good: `pixels`, `share` and `limit` (%; NaN
        where there is none), `accepted` (bool) and `reason`, a sentence where it is not. The chip
        passes if all of `accepted` are true.

    Raises
    ------
    ValueError
        If a cut is not allowed.

    Examples
    --------
    >>> import velonb as vb
    >>> table = vb.accept_chip(classes)  # doctest: +SKIP
    >>> (
    ...     bool(table["accepted"].all()),
    ...     table["reason"][~table["accepted"]].tolist(),
    ... )  # doctest: +SKIP
    (False, ['0.3 % of the pixels are dead, at most 0.2 % may be'])
    """
    limits = complete_cuts(cuts or {})["largest_share"]
    codes = classes["pixel_class"]
    counts = {name: int((codes == code).sum()) for code, name in enumerate(CLASSES)}
    counts[NOT_GOOD] = codes.size - counts["good"]
    words = dict(zip(CLASSES, classes_of(codes).values(), strict=True)) | {NOT_GOOD: "not good"}
    table = pd.DataFrame({"pixels": pd.Series(counts)})
    table["share"] = 100 * table["pixels"] / codes.size
    table["limit"] = [float(limits.get(name, np.nan)) for name in table.index]
    table["accepted"] = ~(table["share"] > table["limit"])
    told = "{:.3g} % of the pixels are {}, at most {:g} % may be"
    reasons = map(told.format, table["share"], map(words.get, table.index), table["limit"])
    table["reason"] = np.where(table["accepted"], "", list(reasons))
    return table
