"""The pieces of a figure of maps: each draws on given axes and returns its artists.

The explorer draws with the same pieces and moves the artists they return.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation
from numpy.typing import ArrayLike, NDArray

from velonb.plots.style import NO_VALUE_COLOURS

NO_VALUE = ("value", *NO_VALUE_COLOURS)
"""What `no_value_reason` tells apart: its codes are positions here."""


def colour_limits(
    values: ArrayLike, percentiles: tuple[float, float] = (1.0, 99.0)
) -> tuple[float, float]:
    """Limits of a colour scale that a few outlying values cannot rule.

    Parameters
    ----------
    values : array_like
        The values shown; NaN is left out.
    percentiles : tuple of float
        Percentiles of the finite values.

    Returns
    -------
    tuple of float
        Low and high limit, always apart; (0, 1) where no value is finite.

    Raises
    ------
    ValueError
        If the percentiles are not 0 <= low < high <= 100.

    Examples
    --------
    >>> colour_limits([1, 2, 3, np.nan], (0, 100))
    (1.0, 3.0)
    """
    low, high = percentiles
    if not 0 <= low < high <= 100:
        raise ValueError(f"percentiles is {percentiles}; it must be 0 <= low < high <= 100")
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return 0.0, 1.0
    # Of counts that are nearly all the same the percentiles coincide: go further out.
    for closer in (1, 0.1, 0):
        bottom, top = np.percentile(finite, (low * closer, 100 - (100 - high) * closer))
        if bottom < top:
            return float(bottom), float(top)
    margin = 0.005 * abs(float(bottom)) or 0.5
    return float(bottom) - margin, float(bottom) + margin


def extend_of(values: ArrayLike, limits: tuple[float, float]) -> str:
    """Return which arrows a colour bar needs: there are values beyond the limits."""
    with np.errstate(invalid="ignore"):
        below = bool((np.asarray(values) < limits[0]).any())
        above = bool((np.asarray(values) > limits[1]).any())
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[(below, above)]


def no_value_reason(
    values: ArrayLike, *, mask: ArrayLike | None = None, fit_type: ArrayLike | None = None
) -> NDArray[np.int8]:
    """Tell why a pixel of a map has no value.

    Parameters
    ----------
    values : array_like, shape (row, column)
        The map; NaN is no value.
    mask : array_like of bool, shape (row, column), optional
        True = masked.
    fit_type : array_like of int, shape (row, column), optional
        -2 cut, -1 not found, 0 bad, 1 good.

    Returns
    -------
    ndarray of int8, shape (row, column)
        0 has a value, 1 masked, 2 cut (too few hits, where it is not masked), 3 not found, or
        without a value for another reason.
    """
    missing = ~np.isfinite(np.asarray(values, dtype=float))
    reason = np.where(missing, np.int8(3), np.int8(0))
    if fit_type is not None:
        reason[missing & (np.asarray(fit_type) == -2)] = 2
    if mask is not None:
        reason[np.asarray(mask, dtype=bool)] = 1
    return reason.astype(np.int8)


class MapArtists(NamedTuple):
    """The artists of a map: its values and, below them, why a pixel has none."""

    values: AxesImage
    reasons: AxesImage


def draw_map(
    ax: Axes,
    values: ArrayLike,
    *,
    reason: ArrayLike | None = None,
    limits: tuple[float, float] | None = None,
    cmap: str = "viridis",
) -> MapArtists:
    """Draw a map of the chip, row 0 at the top as in the CSV files.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    values : array_like, shape (row, column)
        The map; NaN shows the reason instead.
    reason : array_like of int, shape (row, column), optional
        From `no_value_reason`.
    limits : tuple of float, optional
        Colour limits; by default `colour_limits`.
    cmap : str
        Colour map.

    Returns
    -------
    MapArtists
        Move them with `move_map` and `values.set_clim`.
    """
    values = np.asarray(values, dtype=float)
    reason = no_value_reason(values) if reason is None else np.asarray(reason)
    colours = ListedColormap(["none", *NO_VALUE_COLOURS.values()])
    below = ax.imshow(reason, cmap=colours, vmin=-0.5, vmax=len(NO_VALUE) - 0.5, zorder=0)
    low, high = limits or colour_limits(values[reason == 0])
    image = ax.imshow(np.where(reason == 0, values, np.nan), cmap=cmap, vmin=low, vmax=high)
    frame_map(ax)
    return MapArtists(image, below)


def move_map(artists: MapArtists, values: ArrayLike, reason: ArrayLike | None = None) -> None:
    """Make a drawn map show other values; the colour limits stay."""
    values = np.asarray(values, dtype=float)
    reason = no_value_reason(values) if reason is None else np.asarray(reason)
    artists.reasons.set_data(reason)
    artists.values.set_data(np.where(reason == 0, values, np.nan))


def frame_map(ax: Axes) -> None:
    """Label the axes of a map and tick the borders of its quarters."""
    image = ax.images[-1].get_array()
    rows, columns = image.shape[:2] if image is not None else (256, 256)
    ax.set(xlabel="Column", ylabel="Row")
    for axis, size in ((ax.xaxis, columns), (ax.yaxis, rows)):
        axis.set_ticks(sorted({*range(0, size, max(size // 4, 1)), size - 1}))


def no_value_handles(reason: ArrayLike) -> list[Patch]:
    """Return legend handles, with counts, for the reasons that occur in a map."""
    counts = np.bincount(np.asarray(reason).ravel(), minlength=len(NO_VALUE))
    return [
        Patch(fc=NO_VALUE_COLOURS[name], ec="black", lw=0.5, label=f"{name} {count:,}")
        for name, count in zip(NO_VALUE[1:], counts[1:], strict=True)
        if count
    ]


def classes_of(codes: xr.DataArray) -> dict[int, str]:
    """The classes of a coded variable, from its CF attributes.

    Parameters
    ----------
    codes : xarray.DataArray
        With the attributes `flag_values` and `flag_meanings`.

    Returns
    -------
    dict of int to str
        Name of each code.

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
    return dict(zip(values, meanings, strict=True))


def draw_classes(ax: Axes, codes: xr.DataArray, colours: dict[str, str]) -> AxesImage:
    """Draw a map of classes, one colour each.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    codes : xarray.DataArray, two dimensions
        Coded variable with CF attributes.
    colours : dict of str to str
        Colour of each class, by the name in `flag_meanings`.

    Returns
    -------
    matplotlib.image.AxesImage
        The map.
    """
    classes = dict(sorted(classes_of(codes).items()))
    edges = np.array([*classes, max(classes) + 1]) - 0.5
    cmap = ListedColormap([colours[name] for name in classes.values()])
    return ax.imshow(codes.values, cmap=cmap, norm=BoundaryNorm(edges, cmap.N))


def class_handles(codes: xr.DataArray, colours: dict[str, str]) -> list[Patch]:
    """Return legend handles with the count and share of each class, the last code first."""
    total = codes.size
    handles = []
    for code, name in sorted(classes_of(codes).items(), reverse=True):
        count = int((codes.values == code).sum())
        label = f"{name.replace('_', ' ')} {count:,} ({100 * count / total:.1f} %)"
        handles.append(Patch(fc=colours[name], ec="black", lw=0.5, label=label))
    return handles


def legend_below(ax: Axes, handles: list[Patch], *, ncols: int) -> None:
    """Put a legend below the axis label of a map, if there is something to tell."""
    figure = ax.get_figure(root=True)
    if not handles or figure is None:
        return
    ax.legend(
        handles=handles,
        ncols=ncols,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        bbox_transform=ax.transAxes + ScaledTranslation(0, -0.42, figure.dpi_scale_trans),
        borderaxespad=0,
        columnspacing=1.2,
    )
