"""The codes of the fit types, and how many pixels have a good fit."""

from __future__ import annotations

import xarray as xr

CUT, NOT_FOUND, BAD, GOOD = -2, -1, 0, 1


def free_parameters(fit: str) -> tuple[str, ...]:
    """Parameters that are free in a fit, from its name.

    Examples
    --------
    >>> free_parameters("A+E0"), free_parameters("fixed")
    (('A', 'E0'), ('A',))
    """
    special = {"free": ("f", "A", "s", "E0"), "fixed": ("A",)}
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
    good = {name: int((fits["fit_type"].sel(fit=name) == GOOD).sum()) for name in names}
    numbers = ", ".join(f"{name} {number:,}" for name, number in good.items())
    text = f"Good fits of {int((~fits['mask']).sum()):,} active pixels: {numbers}."
    none = ", ".join(name for name, number in good.items() if number == 0)
    return (
        f"{text}\nNo pixel has a good fit ({none}): what rests on it is unknown." if none else text
    )
