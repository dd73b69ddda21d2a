"""What the words of the data mean: codes and flags, units, which pixels count, where a pixel is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

CUT, NOT_FOUND, BAD, GOOD = -2, -1, 0, 1
"""Codes of `fit_type`."""
GOOD_ACQUISITION, BAD_ACQUISITION, MISSING, UNREADABLE = range(4)
"""Codes of `acquisition_status`."""
MASK_REASONS = (
    "active",
    "dead",
    "no_response_trim_0",
    "no_response_trim_F",
    "trim_out_of_range",
    "off_target",
    "masked",
)
"""Meanings of the codes of a mask from 0 on; the last is that of all other codes."""
UNDETERMINED, MORE = -1, 4
"""Codes of `needs` that are no rung of the ladder."""
NEEDS = ("undetermined", "A", "A+E0", "A+E0+s", "free", "more")

ONE_SIGMA = 0.6826894921370859
"""Probability of a normal variable within one standard deviation."""
SIGMA_PERCENTILES = (15.865, 50.0, 84.135)
"""Median and the ends of the interval that holds 68 %."""


def flags(first: int, meanings: Sequence[str]) -> dict[str, Any]:
    """Give the CF attributes of a coded variable whose codes count up from `first`."""
    codes = np.arange(first, first + len(meanings), dtype=np.int8)
    return {"flag_values": codes, "flag_meanings": " ".join(meanings)}


_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "f": {"units": "1/DAC", "long_name": "charge-sharing continuum relative to A"},
    "A": {"units": "DAC hits/s", "long_name": "amplitude"},
    "s": {"units": "DAC", "long_name": "noise"},
    "E0": {"units": "DAC", "long_name": "position of the photopeak"},
    "chi2": {"long_name": "minimised statistic"},
    "dof": {"long_name": "degrees of freedom"},
    "p_value": {"long_name": "probability of a larger statistic"},
    "fit_type": {"long_name": "fit type"} | flags(CUT, ("cut", "not_found", "bad", "good")),
    "at_limit": {"long_name": "minimum on the edge of the physical region"}
    | flags(0, ("inside", "at_limit")),
    "lower_at_limit": {"long_name": "a curve without a visible photopeak has a lower statistic"}
    | flags(0, ("lowest", "lower_at_limit")),
    "weak": {
        "long_name": "parameters that the scan does not determine at this rate",
        "flag_masks": np.array([1, 2, 4, 8], dtype=np.int8),
        "flag_meanings": "f A s E0",
    },
    "needs": {"long_name": "what the pixel needs"} | flags(UNDETERMINED, NEEDS),
    "acquisition_status": {"long_name": "status of the acquisition"}
    | flags(GOOD_ACQUISITION, ("good", "bad", "missing", "unreadable")),
    "mask_reason": {"long_name": "why the pixel is masked"} | flags(0, MASK_REASONS),
    "step_p_value": {"long_name": "p-value of the likelihood-ratio test of a step"},
}


def attributes_of(variable: str) -> dict[str, Any]:
    """Return unit, name and flags of a variable; the error of a fit has the unit of its value."""
    if variable.endswith("_err"):
        name = variable.removesuffix("_err")
        return {"units": _ATTRIBUTES[name]["units"], "long_name": f"error of {name}"}
    return {"units": "1", **_ATTRIBUTES[variable]}


def classes_of(codes: xr.DataArray) -> dict[int, str]:
    """Return the name of each code of a coded variable, from its CF attributes.

    Raises
    ------
    ValueError
        If an attribute is missing or they do not fit together.

    Examples
    --------
    >>> codes = xr.DataArray([1, 0], attrs={"flag_values": [0, 1], "flag_meanings": "bad good"})
    >>> classes_of(codes)
    {0: 'bad', 1: 'good'}
    """
    values = np.atleast_1d(codes.attrs.get("flag_values", [])).tolist()
    meanings = str(codes.attrs.get("flag_meanings", "")).split()
    if not values or len(values) != len(meanings):
        raise ValueError(
            f"{codes.name} has flag_values {values} and flag_meanings {meanings}; a coded variable "
            "needs both attributes, of one length"
        )
    return {code: name.replace("_", " ") for code, name in zip(values, meanings, strict=True)}


def check_fit(fits: xr.Dataset, *names: str) -> None:
    """Refuse fits that were not made.

    Raises
    ------
    ValueError
        If one of them is not among those of `fits`.
    """
    made = [str(name) for name in fits["fit"].values]
    for name in names:
        if name not in made:
            raise ValueError(f"fit is {name!r}; it must be one of {', '.join(made)}")


def good(fits: xr.Dataset, fit: str | Sequence[str] = "free") -> xr.DataArray:
    """Mark the pixels whose fitted values count.

    A pixel is good where the fit describes it (`fit_type` is good: found, with a p-value of at
    least `alpha`) and its minimum is not on the edge of the physical region (`at_limit`): what was
    stopped at f = 0, say, has the value and the error of the edge, not of the pixel. Means,
    spreads, profiles and the colours of maps take good pixels alone. Shares of pixels that a curve
    describes count `fit_type` alone: a fit on the edge may describe its pixel well.

    Parameters
    ----------
    fits : xarray.Dataset
        What `fit_pixels` returns.
    fit : str or sequence of str
        Which of its fits.

    Returns
    -------
    xarray.DataArray of bool, dimensions (row, column), of several fits (fit, row, column)
        True where the fit is good and off the edge.

    Raises
    ------
    ValueError
        If there is no such fit.

    Examples
    --------
    >>> import velonb as vb
    >>> fits["E0"].sel(fit="A+E0").where(vb.good(fits, "A+E0"))  # doctest: +SKIP
    >>> vb.good(fits, ["free", "A+E0"]).all("fit")  # doctest: +SKIP
    """
    one = isinstance(fit, str)
    check_fit(fits, *([fit] if one else fit))
    chosen = fits.sel(fit=fit if one else list(fit))
    marks = chosen["fit_type"] == GOOD
    if "at_limit" in chosen:
        marks &= chosen["at_limit"] == 0
    return marks.transpose(..., "row", "column").rename("good")


def locate(chip: xr.Dataset | xr.DataArray, row: int, column: int) -> tuple[int, int]:
    """Return where a pixel lies in the arrays of a chip whose rows may not start at 0.

    Raises
    ------
    TypeError
        If a coordinate is not a whole number.
    IndexError
        If the pixel is not on the chip.

    Examples
    --------
    >>> chip = xr.Dataset(coords={"row": range(16, 32), "column": range(64)})
    >>> locate(chip, 20, 3)
    (4, 3)
    """
    return _position(chip, "row", row), _position(chip, "column", column)


def _position(chip: xr.Dataset | xr.DataArray, name: str, value: int) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} is {value!r}; it must be a whole number")
    index = chip.get_index(name)
    if value not in index:
        raise IndexError(f"{name} is {value}; it must be {index[0]} to {index[-1]}")
    return int(index.get_loc(value))


def free_parameters(fit: str, shape: str = "velo") -> tuple[str, ...]:
    """Parameters that are free in a fit, from its name; the shape `sensor` has no f.

    Examples
    --------
    >>> free_parameters("A+E0"), free_parameters("fixed")
    (('A', 'E0'), ('A',))
    """
    all_of_shape = ("A", "s", "E0") if shape == "sensor" else ("f", "A", "s", "E0")
    special = {"free": all_of_shape, "fixed": ("A",)}
    return special.get(fit) or tuple(fit.split("+"))


def describe_fits(fits: xr.Dataset) -> str:
    """Say how many pixels have a good fit, and that what rests on it is unknown where none has.

    Parameters
    ----------
    fits : xarray.Dataset
        What `fit_pixels` or `fit_ladder` returns.

    Returns
    -------
    str
        A line for the numbers and, where a fit is good in no pixel, a second one that says so.

    Examples
    --------
    >>> import velonb as vb
    >>> print(vb.describe_fits(fits))  # doctest: +SKIP
    Good fits of 65,312 active pixels: free 62,012, fixed 31,204.
    """
    names = [str(name) for name in fits["fit"].values]
    described = {name: int((fits["fit_type"].sel(fit=name) == GOOD).sum()) for name in names}
    numbers = ", ".join(f"{name} {number:,}" for name, number in described.items())
    text = f"Good fits of {int((~fits['mask']).sum()):,} active pixels: {numbers}."
    none = ", ".join(name for name, number in described.items() if number == 0)
    return (
        f"{text}\nNo pixel has a good fit ({none}): what rests on it is unknown." if none else text
    )
