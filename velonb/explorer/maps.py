"""The maps to choose from, which of their pixels are shown, and in what colours."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.colors import to_rgba_array
from numpy.typing import NDArray

from velonb.plots.map_parts import classes_of, colour_limits, no_value_reason
from velonb.plots.style import (
    FIT_TYPE_COLOURS,
    NEED_COLOURS,
    NO_VALUE_COLOURS,
    axis_label,
)

HITS = "hits"
BINS = 60
REASON_COLOURS = {**NO_VALUE_COLOURS, "dead": "#ffab4d", "not shown": "#e9edf3"}
"""Why a pixel has no colour of the scale; the codes of `reasons` are 1 + the position here."""
DEAD, NOT_SHOWN = len(REASON_COLOURS) - 1, len(REASON_COLOURS)

_FIT_MAPS = (
    *("E0", "f", "s", "A"),
    *("E0_err", "f_err", "s_err", "A_err"),
    *("p_value", "chi2", "fit_type", "needs"),
)
_TITLES = {
    "p_value": "p-value",
    "chi2": "chi-square",
    "fit_type": "fit type",
    "needs": "what the pixel needs",
    HITS: "hits at a threshold",
}
_CLASS_COLOURS = {"fit_type": FIT_TYPE_COLOURS, "needs": NEED_COLOURS}


@dataclass(frozen=True)
class PixelMap:
    """One number for each pixel, and how to bin and name it."""

    name: str
    label: str
    values: NDArray[np.float64]
    reasons: NDArray[np.int8]
    """0 where the pixel has a value."""
    edges: NDArray[np.float64]
    """Bins of the histogram; the first and last one hold everything beyond."""
    classes: tuple[str, ...] = ()
    """Names of the bins of a coded map."""
    class_colours: tuple[str, ...] = ()

    @property
    def bins(self) -> NDArray[np.int64]:
        """Bin of each pixel."""
        inner = self.edges[1:-1]
        return np.searchsorted(inner, np.nan_to_num(self.values), side="right")

    @property
    def class_names(self) -> dict[str, str]:
        """Name of each code of a coded map, by the code as text."""
        codes = [f"{edge + 0.5:g}" for edge in self.edges[:-1]]
        return {
            code: name.replace("_", " ") for code, name in zip(codes, self.classes, strict=False)
        }

    def bins_between(self, low: float, high: float) -> tuple[int, int]:
        """Bins that a part of the histogram's axis touches; every bin where it has no length.

        Examples
        --------
        >>> ten = PixelMap("E0", "E0", np.zeros((1, 1)), np.zeros((1, 1), np.int8), np.arange(11))
        >>> ten.bins_between(0.25, 0.5), ten.bins_between(0.4, 0.401)
        ((2, 5), (0, 10))
        """
        number = self.edges.size - 1
        if high - low < 0.01:
            return 0, number
        return int(low * number), int(np.ceil(high * number))


def fit_names(fits: xr.Dataset) -> list[str]:
    """Names of the fits, the free one first: it is the one that a map shows at first."""
    return sorted((str(name) for name in fits["fit"].values), key=lambda name: name != "free")


def map_titles(flux: xr.Dataset, fits: xr.Dataset) -> dict[str, str]:
    """The maps that can be shown, as {title: name}."""
    names = [name for name in _FIT_MAPS if name in fits] + [HITS] * (HITS in flux)
    return {_TITLES.get(name, name.replace("_err", " error")): name for name in names}


def pixel_map(
    flux: xr.Dataset,
    fits: xr.Dataset,
    name: str,
    *,
    fit: str = "free",
    threshold: int | None = None,
) -> PixelMap:
    """Look one map up.

    Parameters
    ----------
    flux, fits : xarray.Dataset
        From `compute_flux` and `fit_pixels`.
    name : str
        A variable of `fits`, or ``"hits"``.
    fit : str
        Which fit.
    threshold : int, optional
        Threshold (DAC) of ``"hits"``.

    Returns
    -------
    PixelMap
        Its values, with the reason where a pixel has none.
    """
    types: NDArray[np.int8] | None = fits["fit_type"].sel(fit=fit).values
    if name == HITS:
        data = flux[HITS].sel(threshold=threshold)
        types = None
        label = f"Hits at threshold {threshold} DAC"
    else:
        data = fits[name]
        data = data.sel(fit=fit) if "fit" in data.dims else data
        title = _TITLES.get(name, name.replace("_err", " error"))
        label = axis_label(title, data.attrs.get("units"))
        label += f", {fit} fit" if "fit" in fits[name].dims else ""
    values = data.values.astype(float)
    reasons = _reasons(flux, values, types)
    if name in _CLASS_COLOURS:
        # Here "cut" and "not found" are classes of their own, not reasons for a gap.
        reasons[(reasons != 1) & (reasons != DEAD)] = 0
        classes = classes_of(data)
        names = tuple(classes[code] for code in sorted(classes))
        edges = np.array([*sorted(classes), max(classes) + 1]) - 0.5
        colours = tuple(_CLASS_COLOURS[name][each] for each in names)
        return PixelMap(name, label, values, reasons, edges, names, colours)
    return PixelMap(name, label, values, reasons, _edges(name, values[reasons == 0]))


def _reasons(
    flux: xr.Dataset, values: NDArray[np.float64], types: NDArray[np.int8] | None
) -> NDArray[np.int8]:
    mask = flux["mask"].values.astype(bool)
    reasons = no_value_reason(values, mask=mask, fit_type=types)
    reasons[dead_pixels(flux)] = DEAD
    return reasons


def dead_pixels(flux: xr.Dataset) -> NDArray[np.bool_]:
    """Pixels that are not masked and yet never saw a hit."""
    silent = (flux["hits"] == 0).all("threshold").values
    dead: NDArray[np.bool_] = silent & ~flux["mask"].values.astype(bool)
    return dead


def _edges(name: str, finite: NDArray[np.float64]) -> NDArray[np.float64]:
    if name == "p_value":
        return np.linspace(0, 1, BINS + 1)
    low, high = colour_limits(finite, (0.3, 99.7))
    margin = 0.06 * (high - low)
    if name == HITS:
        step = max(int(np.ceil((high - low + 1) / BINS)), 1)
        return np.arange(low, high + step + 1, step) - 0.5
    return np.linspace(low - margin, high + margin, BINS + 1)


def class_counts(types: xr.DataArray) -> dict[int, tuple[str, int, float]]:
    """Name, number and percentage of each class, the best one first.

    Parameters
    ----------
    types : xarray.DataArray, two dimensions
        Coded variable with `flag_values` and `flag_meanings`.

    Returns
    -------
    dict
        ``{code: (name, number of pixels, percentage of all pixels)}``.

    Examples
    --------
    >>> flags = {"flag_values": [0, 1], "flag_meanings": "bad good"}
    >>> class_counts(xr.DataArray([[1, 1], [1, 0]], attrs=flags))
    {1: ('good', 3, 75.0), 0: ('bad', 1, 25.0)}
    """
    counts = {code: int((types.values == code).sum()) for code in classes_of(types)}
    return {
        code: (name.replace("_", " "), counts[code], 100 * counts[code] / types.size)
        for code, name in sorted(classes_of(types).items(), reverse=True)
    }


def shown_pixels(
    shown: PixelMap,
    types: NDArray[np.int8],
    *,
    switched_on: set[int],
    bins: tuple[int, int] | None = None,
) -> NDArray[np.bool_]:
    """Pixels left on the map by the fit-type switches and the range of the histogram.

    Parameters
    ----------
    shown : PixelMap
        The map.
    types : ndarray of int, shape (row, column)
        Fit types.
    switched_on : set of int
        The fit types to show.
    bins : tuple of int, optional
        Bins of the histogram to show, from (included) and to (not included); a pixel without a
        value is in none.

    Returns
    -------
    ndarray of bool, shape (row, column)
        True where the pixel is shown.
    """
    chosen = np.isin(types, list(switched_on))
    if bins is not None:
        chosen &= (shown.reasons == 0) & (shown.bins >= bins[0]) & (shown.bins < bins[1])
    return chosen


def paint(
    shown: PixelMap, visible: NDArray[np.bool_], limits: tuple[float, float]
) -> NDArray[np.uint8]:
    """Colours of a map.

    Parameters
    ----------
    shown : PixelMap
        The map.
    visible : ndarray of bool, shape (row, column)
        From `shown_pixels`; the others fade to one light colour.
    limits : tuple of float
        Colour limits; not used where the map has classes.

    Returns
    -------
    ndarray of uint8, shape (row, column, 3)
        Red, green and blue.
    """
    colours = colours_of(shown, shown.values, limits)
    reasons = np.where(visible, shown.reasons, NOT_SHOWN)
    painted = to_rgba_array(list(REASON_COLOURS.values()))[:, :3]
    for code, colour in enumerate(painted, start=1):
        colours[reasons == code] = np.rint(255 * colour)
    return colours


def colours_of(
    shown: PixelMap, values: NDArray[np.float64], limits: tuple[float, float]
) -> NDArray[np.uint8]:
    """Colours of values on the scale of a map, as red, green and blue."""
    if shown.classes:
        palette = np.rint(255 * to_rgba_array(shown.class_colours)[:, :3]).astype(np.uint8)
        position = np.searchsorted(shown.edges[1:-1], np.nan_to_num(values))
        return palette[position]
    scaled = (values - limits[0]) / (limits[1] - limits[0])
    rgba = mpl.colormaps["viridis"](np.nan_to_num(scaled), bytes=True)
    return np.asarray(rgba)[..., :3].copy()
