"""What the explorer says: the table of values, the lines of code, names of files, errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import xarray as xr

from velonb.explorer.map_view import MARK_COLOUR, PIN_COLOURS
from velonb.explorer.maps import HITS
from velonb.explorer.selection import Pixel
from velonb.plots.map_parts import classes_of
from velonb.scan.names import checked_name
from velonb.text import round_to_error

PARAMETERS = ("E0", "s", "f", "A")
DEFAULT_FITS = ("free", "fixed")
"""What `plot_pixel_scan` draws when it is not told."""

_FLAGS = {"at_limit": "at the limit", "weak": "weak"}
_NUMBER = "text-align:right; padding:1px 12px 1px 0; white-space:nowrap"
_WORD = "text-align:left; padding:1px 12px 1px 0; white-space:nowrap"


def pixel_rows(fits: xr.Dataset, pixel: Pixel) -> list[dict[str, str]]:
    """The result of every fit of one pixel, with values rounded to their errors.

    Parameters
    ----------
    fits : xarray.Dataset
        From `fit_pixels`.
    pixel : tuple of int
        Row and column.

    Returns
    -------
    list of dict
        One for each fit: ``{heading: text}``. A parameter without an error was held fixed.
    """
    here = fits.isel(row=pixel[0], column=pixel[1])
    values = {str(name): here[name].values for name in here.data_vars}
    types = classes_of(here["fit_type"])
    rows = []
    for position, fit in enumerate(here["fit"].values):
        words = [types[int(values["fit_type"][position])].replace("_", " ")]
        words += [text for flag, text in _FLAGS.items() if flag in here and values[flag][position]]
        row = {"fit": str(fit), "type": ", ".join(words)}
        row["p-value"] = _plain(values["p_value"][position], ".2g")
        row["chi-square / dof"] = _chi_square(values["chi2"][position], values["dof"][position])
        for name in PARAMETERS:
            value, error = values[name][position], values[f"{name}_err"][position]
            row[_heading(fits, name)] = _value(float(value), float(error))
        rows.append(row)
    if "needs" in here:
        rows[0]["needs"] = classes_of(here["needs"])[int(here["needs"])]
    return rows


def _heading(fits: xr.Dataset, name: str) -> str:
    units = fits[name].attrs.get("units")
    return name if units in (None, "", "1") else f"{name} ({units})"


def _value(value: float, error: float) -> str:
    if not np.isfinite(value):
        return "–"
    if not np.isfinite(error):
        return f"{value:.5g} held"
    return round_to_error(value, error)


def _plain(value: float, form: str) -> str:
    return format(float(value), form) if np.isfinite(value) else "–"


def _chi_square(value: float, dof: float) -> str:
    return f"{float(value):.1f} / {int(dof)}" if np.isfinite(value) else "–"


def pixel_table(fits: xr.Dataset, current: Pixel, pins: Sequence[Pixel] = ()) -> str:
    """The table of the current pixel and the pinned ones, as HTML."""
    colours = {pin: PIN_COLOURS[i] for i, pin in enumerate(pins)} | {current: MARK_COLOUR}
    body, headings = "", ["pixel"]
    for pixel in [current, *(pin for pin in pins if pin != current)]:
        rows = pixel_rows(fits, pixel)
        headings = headings if len(headings) > 1 else ["pixel", *rows[0]]
        ring = f"<span style='color:{colours[pixel]}'>&#9711;</span> row {pixel[0]}, column "
        for number, row in enumerate(rows):
            name = f"{ring}{pixel[1]}" if number == 0 else ""
            cells = [name, *(escape(row.get(heading, "")) for heading in headings[1:])]
            body += _line("td", cells, top=number == 0)
    head = _line("th", [escape(heading) for heading in headings], top=False)
    style = "border-collapse:collapse; font-size:13px; line-height:1.5"
    return f"<table style='{style}'>{head}{body}</table>"


def _line(tag: str, cells: Sequence[str], *, top: bool) -> str:
    border = "border-top:1px solid #d0d0d0; " if top else ""
    return "<tr>{}</tr>".format(
        "".join(
            f"<{tag} style='{border}{_WORD if place < 3 else _NUMBER}'>{cell}</{tag}>"
            for place, cell in enumerate(cells)
        )
    )


def code_lines(
    pixels: Sequence[Pixel],
    name: str,
    fit: str,
    *,
    fits: Sequence[str] = DEFAULT_FITS,
    threshold: int | None = None,
    percentiles: tuple[float, float] = (1.0, 99.0),
) -> str:
    """Lines of Python that draw the present curves and the present map again.

    Parameters
    ----------
    pixels : sequence of tuple of int
        The chosen pixels.
    name, fit, threshold, percentiles
        The map shown, as in `pixel_map`.
    fits : sequence of str
        The fits whose curves are shown.

    Returns
    -------
    str
        Two lines.

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


def code_html(*args: Any, **options: Any) -> str:
    """What `code_lines` gives, as HTML."""
    style = "margin:2px 0; padding:6px 10px; background:#f5f5f5; color:#222; font-size:12px; "
    style += "line-height:1.5"
    words = escape(code_lines(*args, **options), quote=False)
    return f"To draw this again in a cell:<pre style='{style}'>{words}</pre>"


def message_html(text: str) -> str:
    """A message as HTML."""
    return f"<span>{escape(text)}</span>"


def error_html(error: Exception) -> str:
    """An exception as HTML."""
    words = escape(f"{type(error).__name__}: {error}")
    return f"<span style='color:#b00020'>&#9888; {words}</span>"
