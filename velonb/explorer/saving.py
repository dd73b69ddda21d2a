"""Files from the explorer: each is written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from velonb.explorer.selection import Pixel
from velonb.plots.facts import curve_of, fitted, points_of
from velonb.system.files import written_whole


def save_figure(figure: Figure, path: str | os.PathLike[str], *, dpi: int | None = None) -> Path:
    """Save a figure; the ending of the name chooses the format."""
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=dpi)
    return Path(path)


def save_scans(
    path: str | os.PathLike[str], flux: xr.Dataset, fits: xr.Dataset, pixels: Sequence[Pixel]
) -> Path:
    """Save the scans of some pixels with their fitted curves as one CSV file.

    One line for each pixel and threshold with exposure: row, column, threshold (DAC), exposure
    (s), hits, flux and its error (hits/s), and the fitted curves (hits/s). The field of what is
    unknown is empty.
    """
    scans = []
    for row, column in pixels:
        points = points_of(flux, row, column)[["exposure", "hits", "flux"]].to_dataframe()
        errors = flux["flux_err"].sel(row=row, column=column).to_series()
        scan = points.assign(flux_err=errors.reindex(points.index)).reset_index()
        for fit in map(str, fits["fit"].values):
            scan[f"{fit}_fit"] = curve_of(fits, row, column, scan["threshold"], fit=fit)
        scan.insert(0, "row", row)
        scan.insert(1, "column", column)
        scans.append(scan)
    return _save(path, pd.concat(scans))


def save_parameters(
    path: str | os.PathLike[str], fits: xr.Dataset, pixels: Sequence[Pixel]
) -> Path:
    """Save every number of every fit of some pixels, one line for each, as one CSV file."""
    lines = [
        {"row": row, "column": column, "fit": fit} | fitted(fits, row, column, fit)
        for row, column in pixels
        for fit in map(str, fits["fit"].values)
    ]
    return _save(path, pd.DataFrame(lines))


def _save(path: str | os.PathLike[str], table: pd.DataFrame) -> Path:
    with written_whole(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.10g")
    return Path(path)
