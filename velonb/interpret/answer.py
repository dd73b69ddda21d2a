"""The answer to what a user came for, in words that come from the numbers."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
import xarray as xr

from velonb.interpret.budget import explain_spread
from velonb.interpret.common import check_common
from velonb.interpret.patterns import find_patterns
from velonb.interpret.spreads import compare_spreads
from velonb.statistics import described_share
from velonb.text import format_number, round_to_error
from velonb.vocabulary import CUT, good

CLEAR = 5.0
"""A spread or a pattern of so many errors is one."""
OWN_E0 = ("A+E0", "A+E0+s", "free")
"""Fits with an E0 of the pixel, the best determined first."""
WIDTH, INDENT = 96, 15


def verdict(flux: xr.Dataset, fits: xr.Dataset, chip: xr.Dataset | None = None) -> str:
    """Tell whether the pixels differ, by how much, in what, why, and how sure that is.

    Parameters
    ----------
    flux : xarray.Dataset
        What `compute_flux` returns.
    fits : xarray.Dataset
        What `fit_ladder` returns, or `fit_pixels`.
    chip : xarray.Dataset, optional
        What `calibrate` returns, for electrons and common errors.

    Returns
    -------
    str
        A paragraph for each question. What the scan does not tell is called unknown.

    Raises
    ------
    ValueError
        If no fit has an E0 of its own.

    Examples
    --------
    >>> import velonb as vb
    >>> print(vb.verdict(flux, fits, vb.calibrate(fits)))  # doctest: +SKIP
    """
    indent = " " * (INDENT + 1)
    return "\n".join(
        textwrap.fill(f"{question:<{INDENT}} {answer}", WIDTH, subsequent_indent=indent)
        for question, answer in answers(flux, fits, chip).items()
    )


def answers(flux: xr.Dataset, fits: xr.Dataset, chip: xr.Dataset | None = None) -> dict[str, str]:
    """The paragraphs of `verdict`, by their questions."""
    fit = next((name for name in OWN_E0 if name in fits["fit"].values), None)
    if fit is None:
        raise ValueError(
            f"fits has {', '.join(map(str, fits['fit'].values))}; a verdict needs one of "
            f"{', '.join(OWN_E0)}: take fit_ladder"
        )
    if int(good(fits, fit).sum()) < 2:
        return {"Do they differ?": f"Unknown: no two pixels have a good {fit} fit."}
    spread = compare_spreads(fits, fit).loc["E0"]
    return {
        "Do they differ?": _whether(fits, fit, spread),
        "By how much?": _how_much(spread, chip),
        "In what?": _in_what(fits, fit),
        "Why?": _why(fits),
        "How sure?": _how_sure(flux, fits, fit, chip),
    }


def _whether(fits: xr.Dataset, fit: str, spread: pd.Series) -> str:
    differ = spread["intrinsic"] > CLEAR * spread["intrinsic_err"]
    begin = "Yes." if differ else "Not that this scan could tell."
    shares = []
    for name, what in (("fixed", "the curve of the chip"), (fit, "a curve with their own E0")):
        if name in fits["fit"].values:
            one = fits.sel(fit=name)
            share, error = described_share(one["p_value"].values[one["fit_type"].values != CUT])
            shares.append(f"{what} describes {round_to_error(100 * share, 100 * error)} %")
    return f"{begin} Of the pixels, {', '.join(shares)}."


def _how_much(spread: pd.Series, chip: xr.Dataset | None) -> str:
    found, error = spread["intrinsic"], spread["intrinsic_err"]
    text = f"E0 differs by {round_to_error(found, error)} DAC (standard deviation)"
    gain = float(chip["gain"].median()) if chip is not None else np.nan
    in_electrons = f", {format_number(found * gain, '.0f')} e-" if np.isfinite(gain) else ""
    return f"{text}{in_electrons}; errors of the fits of {spread['error']:.2g} DAC are taken off."


def _in_what(fits: xr.Dataset, fit: str) -> str:
    patterns = find_patterns(fits, "E0", fit)
    patterns = patterns[patterns["significance"].abs() > CLEAR]
    if patterns.empty:
        return "No gradient, rows or columns stand out: what differs is random."
    share = 100 * patterns["explains"].sum()
    return (
        f"{share:.0f} % of the variance of E0 lie in {', '.join(patterns.index)}; the rest is "
        "random, or fit errors."
    )


def _why(fits: xr.Dataset) -> str:
    if "baseline" not in fits:
        return "Unknown: without a baseline nothing tells threshold from gain."
    budget = explain_spread(fits)
    known = budget.loc[budget.index.isin(["baseline", "gain"]) & budget["share"].notna()]
    if known.empty:
        return f"Unknown: {budget.attrs['notes'] or 'the scan does not tell'}."
    shares = [
        f"{part} {round_to_error(100 * row['share'], 100 * row['share_err'])} %"
        for part, row in known.iterrows()
    ]
    notes = f" But {budget.attrs['notes']}." if budget.attrs["notes"] else ""
    return f"Of the variance of E0: {', '.join(shares)}.{notes}"


def _how_sure(flux: xr.Dataset, fits: xr.Dataset, fit: str, chip: xr.Dataset | None) -> str:
    said = []
    if chip is not None and np.isfinite(gain := float(chip["gain"].median())):
        causes = [
            f"{name.removeprefix('gain_common_err_').removesuffix('_percent').replace('_', ' ')} "
            f"{value:.2g} %"
            for name, value in chip.attrs.items()
            if name.startswith("gain_common_err_") and value > 0
        ]
        common = round_to_error(gain, chip.attrs["gain_common_err"])
        said.append(
            f"The gain is {common} e-/DAC, with errors alike in all pixels: {', '.join(causes)}"
        )
    try:
        said.append(check_common(flux, fits, fit=fit).attrs["verdict"].capitalize())
    except ValueError as error:
        said.append(f"Whether all pixels share a misfit is unknown: {error}")
    return ". ".join(said) + "."
