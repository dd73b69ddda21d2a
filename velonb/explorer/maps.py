"""The maps to choose from, the bins of their histograms, and which of their pixels are shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from velonb.plots.facts import readable
from velonb.plots.painter import CellMap, colour_limits, fitted_map, hits_map

HITS = "hits"
BINS = 60

FIT_MAPS = ["E0", "f", "s", "A", "E0_err", "f_err", "s_err", "A_err"]
FIT_MAPS += ["p_value", "chi2", "fit_type", "needs"]


@dataclass(frozen=True, eq=False)
class BinnedMap:
    """A map and the bins of its histogram; the first and the last hold everything beyond."""

    name: str
    title: str
    cells: CellMap
    edges: NDArray[np.float64]

    @property
    def bins(self) -> NDArray[np.int64]:
        """Bin of each pixel."""
        values = np.nan_to_num(self.cells.values.values.astype(float))
        return np.searchsorted(self.edges[1:-1], values, side="right")

    @property
    def known(self) -> NDArray[np.bool_]:
        """Pixels that have a value."""
        return self.cells.reasons == 0

    def bins_between(self, low: float, high: float) -> tuple[int, int]:
        """Return the bins that a part of the histogram's axis (0 to 1) touches; all of no part."""
        number = self.edges.size - 1
        if high - low < 0.01:
            return 0, number
        return int(low * number), int(np.ceil(high * number))


def fit_names(fits: xr.Dataset) -> list[str]:
    """Return the fits, the free one first: it is the one that a map shows at first."""
    return sorted((str(name) for name in fits["fit"].values), key=lambda name: name != "free")


def map_titles(flux: xr.Dataset, fits: xr.Dataset) -> dict[str, str]:
    """Return the maps that can be shown, as {title: name}."""
    titles = {readable(name): name for name in FIT_MAPS if name in fits}
    return titles | ({"hits at a threshold": HITS} if HITS in flux else {})


def binned_map(
    flux: xr.Dataset,
    fits: xr.Dataset,
    name: str,
    *,
    fit: str = "free",
    threshold: int | None = None,
) -> BinnedMap:
    """Look a map up: a variable of `fits`, or the hits at a threshold (DAC)."""
    dead = dead_pixels(flux)
    if name == HITS:
        cells = hits_map(flux, threshold, dead=dead)
        title = f"Hits at threshold {threshold} DAC"
    else:
        cells = fitted_map(fits, name, fit, mask=flux["mask"].values, dead=dead)
        title = f"{cells.label}, {fit} fit" if "fit" in fits[name].dims else cells.label
    return BinnedMap(name, title, cells, _edges(name, cells))


def _edges(name: str, cells: CellMap) -> NDArray[np.float64]:
    if cells.classes:
        return np.array([*cells.classes, max(cells.classes) + 1]) - 0.5
    if name == "p_value":
        return np.linspace(0, 1, BINS + 1)
    low, high = colour_limits(cells.known, (0.3, 99.7))
    margin = 0.06 * (high - low)
    if name == HITS:
        step = max(int(np.ceil((high - low + 1) / BINS)), 1)
        return np.arange(low, high + step + 1, step) - 0.5
    return np.linspace(low - margin, high + margin, BINS + 1)


def dead_pixels(flux: xr.Dataset) -> NDArray[np.bool_]:
    """Return the pixels that are not masked and yet never saw a hit."""
    silent = (flux["hits"] == 0).all("threshold").values
    dead: NDArray[np.bool_] = silent & ~flux["mask"].values.astype(bool)
    return dead


def shown_pixels(
    shown: BinnedMap,
    types: NDArray[np.int8],
    *,
    switched_on: set[int],
    bins: tuple[int, int] | None = None,
) -> NDArray[np.bool_]:
    """Return the pixels of a map of some fit types and, without the last, of some bins."""
    chosen = np.isin(types, list(switched_on))
    if bins is not None:
        chosen &= shown.known & (shown.bins >= bins[0]) & (shown.bins < bins[1])
    return chosen
