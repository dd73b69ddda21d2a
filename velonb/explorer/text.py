"""What the explorer says: the table of values, the lines of code, names of files, errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from velonb.explorer.maps import HITS
from velonb.explorer.selection import Pixel
from velonb.plots.facts import axis_label, fitted, verdict
from velonb.plots.style import MARK, PIN_COLOURS
from velonb.scan.names import checked_name
from velonb.text import round_to_error
from velonb.vocabulary import classes_of

DEFAULT_FITS = ("free", "fixed")
"""What `plot_pixel_scan` draws when it is not told."""

_STYLE = """<style>
.velonb { border-collapse: collapse; font-size: 13px; line-height: 1.5; white-space: nowrap }
.velonb th, .velonb td { padding: 1px 12px 1px 0; text-align: right }
.velonb :is(th, td):nth-child(-n + 3) { text-align: left }
.velonb tr:has(span) td { border-top: 1px solid #d0d0d0 }
</style>"""


def pixel_rows(fits: xr.Dataset, pixel: Pixel) -> list[dict[str, str]]:
    """Return a row {heading: text} for each fit of a pixel, with values rounded to their errors.

    A parameter without an error was held fixed.
    """
    rows = []
    for fit in map(str, fits["fit"].values):
        here = fitted(fits, *pixel, fit)
        row = {"fit": fit, "type": verdict(fits, here, with_p_value=False)}
        row["p-value"] = _known(here["p_value"], "{:.2g}")
        row["chi-square / dof"] = _known(here["chi2"], f"{{:.1f}} / {here['dof']:.0f}")
        for name in ("E0", "s", "f", "A"):
            heading = axis_label(name, fits[name].attrs.get("units"))
            row[heading] = _value(here[name], here[f"{name}_err"])
        rows.append(row)
    if "needs" in fits:
        rows[0]["needs"] = classes_of(fits["needs"])[int(here["needs"])]
    return rows


def _value(value: float, error: float) -> str:
    if np.isfinite(value) and np.isfinite(error):
        return round_to_error(value, error)
    return _known(value, "{:.5g} held")


def _known(value: float, form: str) -> str:
    return form.format(float(value)) if np.isfinite(value) else "–"


def pixel_table(fits: xr.Dataset, current: Pixel, pins: Sequence[Pixel] = ()) -> str:
    """Return the table of the current pixel and the pinned ones, as HTML."""
    colours = {current: MARK} | dict(zip(pins, PIN_COLOURS, strict=False)) | {current: MARK}
    rows = []
    for (row, column), colour in colours.items():
        ring = f"<span style='color:{colour}'>&#9711;</span> row {row}, column {column}"
        for line in pixel_rows(fits, (row, column)):
            rows.append({"pixel": ring} | {key: escape(text) for key, text in line.items()})
            ring = ""
    table = pd.DataFrame(rows).fillna("")
    return _STYLE + table.to_html(index=False, escape=False, border=0, classes="velonb")


def code_lines(
    pixels: Sequence[Pixel],
    name: str,
    fit: str,
    *,
    fits: Sequence[str] = DEFAULT_FITS,
    threshold: int | None = None,
    percentiles: tuple[float, float] = (1.0, 99.0),
) -> str:
    """Return two lines of Python that draw the present curves and the present map again.

    Examples
    --------
    >>> print(code_lines([(3, 4)], "E0", "free"))
    vb.plot_pixel_scan(flux, fits, asic, pixels=[(3, 4)])
    vb.plot_heatmap(fits, "E0", fit="free", percentiles=(1, 99))
    """
    low, high = percentiles
    maps: Mapping[str, str] = {
        HITS: f"vb.plot_hits(flux, {threshold})",
        "fit_type": f'vb.plot_fit_types(fits, fit=["{fit}"])',
        "needs": "vb.plot_needs(fits)",
    }
    heatmap = f'vb.plot_heatmap(fits, "{name}", fit="{fit}", percentiles=({low:g}, {high:g}))'
    names = "" if tuple(fits) == DEFAULT_FITS else f", fit={list(fits)}"
    curves = f"vb.plot_pixel_scan(flux, fits, asic, pixels={list(pixels)}{names})"
    return f"{curves}\n{maps.get(name, heatmap)}"


def file_stem(attrs: Mapping[Any, Any], pixels: Sequence[Pixel]) -> str:
    """Name of saved files, without ending: the chip and the last chosen pixel.

    Examples
    --------
    >>> file_stem({"module": "Module0", "asic": "VP0-1"}, [(3, 4)])
    'Module0_VP0-1_row3_column4'
    """
    chip = [checked_name(key, attrs[key]) for key in ("module", "asic") if key in attrs]
    row, column = pixels[-1]
    more = [f"and{len(pixels) - 1}more"] if len(pixels) > 1 else []
    return "_".join([*chip, f"row{row}", f"column{column}", *more])


def code_html(code: str) -> str:
    """Return lines of code as HTML."""
    style = "margin:2px 0; padding:6px 10px; background:#f5f5f5; color:#222; font-size:12px; "
    style += "line-height:1.5"
    return f"To draw this again in a cell:<pre style='{style}'>{escape(code, quote=False)}</pre>"


def error_html(error: Exception) -> str:
    """Return an exception as HTML."""
    words = escape(f"{type(error).__name__}: {error}")
    return f"<span style='color:#b00020'>&#9888; {words}</span>"
