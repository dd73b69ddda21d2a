"""Files from the explorer: each is written whole or not at all."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from velonb._files import written_whole
from velonb.explorer.selection import Pixel
from velonb.plots.pixel import curve_of, points_of
from velonb.vocabulary import locate


def save_figure(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 200) -> Path:
    """Save a figure; the ending of the name chooses the format."""
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=dpi)
    return Path(path)


def save_scans(
    path: str | os.PathLike[str], flux: xr.Dataset, fits: xr.Dataset, pixels: Sequence[Pixel]
) -> Path:
    """Save the scans of some pixels with their fitted curves as one CSV file.

    Parameters
    ----------
    path : path-like
        The file.
    flux, fits : xarray.Dataset
        From `compute_flux` and `fit_pixels`.
    pixels : sequence of tuple of int
        Row and column of each pixel.

    Returns
    -------
    pathlib.Path
        The file. One line for each pixel and threshold with exposure: row, column,
        threshold (DAC), exposure (s), hits, flux and its error (hits/s), and the fitted curves
        (hits/s). The field of what is unknown is empty.
    """
    names = [str(name) for name in fits["fit"].values]
    columns = ["row", "column", "threshold", "exposure", "hits", "flux", "flux_err"]
    with written_whole(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, *(f"{name}_fit" for name in names)])
        for pixel in pixels:
            points = points_of(flux, *pixel)
            t = points["threshold"].values
            error = flux["flux_err"].sel(threshold=t).values[:, *locate(flux, *pixel)]
            known = [points[name].values for name in ("exposure", "hits", "flux")]
            curves = [curve_of(fits, *pixel, t, fit=name) for name in names]
            for line in np.stack([t, *known, error, *curves], axis=1):
                writer.writerow([*pixel, *(_field(value) for value in line)])
    return Path(path)


def save_parameters(
    path: str | os.PathLike[str], fits: xr.Dataset, pixels: Sequence[Pixel]
) -> Path:
    """Save every number of every fit of some pixels as one CSV file.

    Parameters
    ----------
    path : path-like
        The file.
    fits : xarray.Dataset
        From `fit_pixels`.
    pixels : sequence of tuple of int
        Row and column of each pixel.

    Returns
    -------
    pathlib.Path
        The file: one line for each pixel and fit. The field of what is unknown is empty.
    """
    places = {"row", "column"}
    names = [str(name) for name in fits.data_vars if set(fits[name].dims) - {"fit"} == places]
    with written_whole(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "column", "fit", *names])
        for row, column in pixels:
            for fit in fits["fit"].values:
                here = fits[names].sel(row=row, column=column, fit=fit)
                writer.writerow([row, column, fit, *(_field(here[name].values) for name in names)])
    return Path(path)


def _field(value: Any) -> str:
    return f"{float(value):.10g}" if np.isfinite(value) else ""
