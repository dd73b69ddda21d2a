"""What the explorer shows and how it can be moved: data, selection and figure, no widgets."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import xarray as xr
from lmfit.model import ModelResult
from numpy.typing import NDArray

from velonb.explorer.maps import class_counts, pixel_map, shown_pixels
from velonb.explorer.saving import save_figure, save_parameters, save_scans
from velonb.explorer.selection import Pixel, Selection, next_pixel, random_pixel
from velonb.explorer.text import file_stem
from velonb.explorer.view import View
from velonb.plots.map_parts import colour_limits

BAD, GOOD = 0, 1


class Session:
    """The chip under exploration.

    Parameters
    ----------
    flux, fits, asic
        From `compute_flux`, `fit_pixels` and `fit_asic`.
    folder : path-like
        Where files are saved.
    """

    def __init__(
        self,
        flux: xr.Dataset,
        fits: xr.Dataset,
        asic: ModelResult,
        *,
        folder: str | os.PathLike[str],
    ) -> None:
        self.flux, self.fits, self.folder = flux, fits, Path(folder)
        self._random = np.random.default_rng()
        rows, columns = shape = flux.sizes["row"], flux.sizes["column"]
        good = (fits["fit_type"].isel(fit=0) == GOOD).values
        start = next_pixel(good, after=(rows // 2, columns // 2)) or (0, 0)
        self.selection = Selection(shape, start)
        self.view = View(flux, fits, asic)

    def load_map(self, name: str, fit: str, threshold: int) -> None:
        """Choose the map; `show` puts it on the figure."""
        self.map = pixel_map(self.flux, self.fits, name, fit=fit, threshold=threshold)
        self.types = self.fits["fit_type"].sel(fit=fit)
        self.counts = class_counts(self.types)

    def show(
        self,
        *,
        switched_on: set[int],
        bins: tuple[int, int] | None,
        percentiles: tuple[float, float],
    ) -> None:
        """Show the map with some fit types, some bins of its histogram, in some colour limits."""
        self.visible = shown_pixels(self.map, self.types.values, switched_on=switched_on, bins=bins)
        limits = colour_limits(self.map.values[self.map.reasons == 0], percentiles)
        self.view.show_map(self.map, self.visible, limits, bins)

    def next_bad(self) -> Pixel | None:
        """The next pixel with a bad fit among those shown."""
        bad: NDArray[np.bool_] = self.types.values == BAD
        return next_pixel(bad & self.visible, self.selection.current)

    def random(self) -> Pixel | None:
        """Any pixel with a value among those shown."""
        return random_pixel(self.visible & (self.map.reasons == 0), self._random)

    def save_view(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Save the figure as it is; the ending of the name chooses the format."""
        return save_figure(self.view.figure, path or self._path("png"))

    def save_pixels(self, path: str | os.PathLike[str] | None = None) -> tuple[Path, Path]:
        """Save the scans of the chosen pixels and, beside them, their parameters."""
        scans = Path(path or self._path("csv"))
        parameters = scans.with_stem(f"{scans.stem}_parameters")
        pixels = self.selection.pixels
        save_scans(scans, self.flux, self.fits, pixels)
        return scans, save_parameters(parameters, self.fits, pixels)

    def _path(self, ending: str) -> Path:
        return self.folder / f"{file_stem(self.flux.attrs, self.selection.pixels)}.{ending}"
