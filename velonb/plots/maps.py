"""Figures of the chip: one colour for each pixel."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike, NDArray

from velonb.plots.map_parts import (
    colour_limits,
    draw_map,
    extend_of,
    legend_below,
    no_value_handles,
    no_value_reason,
)
from velonb.plots.parameter import (
    good_values,
    median_text,
    parameter_map,
    parameter_title,
    settled_values,
    width_text,
)
from velonb.plots.style import StyledFigure, axis_label, new_figure, styled

MAP_SIZE = (3.8, 3.4)


@styled
def plot_heatmap(
    fits: xr.Dataset,
    parameter: str,
    *,
    fit: str = "free",
    percentiles: tuple[float, float] = (1.0, 99.0),
    cmap: str = "viridis",
) -> Figure:
    """Draw the map of a fitted parameter; the title is its weighted mean over good pixels.

    Parameters
    ----------
    fits : xarray.Dataset
        From `fit_pixels`.
    parameter : str
        Any variable of every pixel and fit: ``"E0"``, ``"s_err"``, ``"p_value"``, ...
    fit : str
        Which fit.
    percentiles : tuple of float
        Percentiles that limit the colours, of the bulk of good pixels (see `settled_values`);
        arrows on the colour bar tell that there are values beyond.
    cmap : str
        Colour map.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; it shows itself as the value of a notebook cell.

    Raises
    ------
    ValueError
        If there is no such parameter or fit, or the percentiles are not in order.

    Examples
    --------
    ``plot_heatmap(fits, "E0", fit="fixed")``
    """
    values, reason = parameter_map(fits, parameter, fit)
    limits = colour_limits(settled_values(fits, parameter, fit), percentiles)
    figure = new_figure(*MAP_SIZE, layout="compressed")
    _map_with_bar(figure, values, reason, limits, cmap)
    figure.suptitle(parameter_title(fits, parameter, fit), fontsize="medium")
    return figure


@styled
def plot_map(
    values: xr.DataArray | ArrayLike,
    *,
    name: str | None = None,
    units: str | None = None,
    title: str | None = None,
    mask: ArrayLike | None = None,
    percentiles: tuple[float, float] = (1.0, 99.0),
    cmap: str = "viridis",
) -> Figure:
    """Draw any map of the chip.

    Parameters
    ----------
    values : xarray.DataArray or array_like, shape (row, column)
        The map; NaN is no value. Of a DataArray name and units are taken from it.
    name, units : str, optional
        Text of the colour bar.
    title : str, optional
        By default the median.
    mask : array_like of bool, shape (row, column), optional
        True = masked.
    percentiles, cmap
        As for `plot_heatmap`, of all values shown.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; it shows itself as the value of a notebook cell.

    Raises
    ------
    ValueError
        If the map does not have two dimensions, or the mask another shape.

    Examples
    --------
    ``plot_map(fits["E0"].sel(fit="free") - truth["E0"], name="E0 - truth", units="DAC")``
    """
    array = values if isinstance(values, xr.DataArray) else xr.DataArray(np.asarray(values))
    if array.ndim != 2:
        raise ValueError(f"values has the shape {array.shape}; a map has (row, column)")
    if mask is not None and np.shape(mask) != array.shape:
        raise ValueError(f"mask has the shape {np.shape(mask)}, the map {array.shape}")
    label = name or str(array.name or "value")
    array = array.rename(label).assign_attrs(units=units or array.attrs.get("units", "1"))
    reason = no_value_reason(array, mask=mask)
    figure = new_figure(*MAP_SIZE, layout="compressed")
    limits = colour_limits(array.values[reason == 0], percentiles)
    _map_with_bar(figure, array, reason, limits, cmap)
    title = title or median_text(label, array.values[reason == 0], array.attrs["units"])
    figure.suptitle(title, fontsize="medium")
    return figure


def plot_hits(
    scan: xr.Dataset | ArrayLike, threshold: int | None = None, *, title: str | None = None
) -> Figure:
    """Draw the hits of every pixel at one threshold, or of one acquisition.

    Parameters
    ----------
    scan : xarray.Dataset or array_like, shape (row, column)
        From `load_scan` or `compute_flux`; or the counts of an acquisition.
    threshold : int, optional
        Threshold (DAC); needed for a scan.
    title : str, optional
        By default the threshold, with the mean over active pixels.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; it shows itself as the value of a notebook cell.

    Raises
    ------
    ValueError
        If the scan has no such threshold.

    Examples
    --------
    ``plot_hits(scan, 1501)``, ``plot_hits(numpy.loadtxt(file, delimiter=","))``
    """
    if not isinstance(scan, xr.Dataset):
        counts = np.asarray(scan)
        text = f"{counts.sum():,.0f} hits, {counts.mean():.3g} per pixel"
        return plot_map(counts, name="Hits", title=title or text)
    thresholds = scan["threshold"].values
    if threshold not in thresholds:
        raise ValueError(
            f"threshold is {threshold}; the scan has {', '.join(map(str, thresholds))} (DAC)"
        )
    hits, mask = scan["hits"].sel(threshold=threshold), scan["mask"]
    seconds = float(scan["exposure"].sel(threshold=threshold))
    mean = float(hits.values[~mask.values].mean()) if (~mask.values).any() else np.nan
    text = f"Threshold {threshold} DAC, {seconds:.1f} s: mean {mean:.4g} hits"
    return plot_map(hits, name="Hits", units="1", title=title or text, mask=mask)


@styled
def plot_parameter(
    fits: xr.Dataset,
    parameter: str,
    *,
    fit: str = "free",
    percentiles: tuple[float, float] = (1.0, 99.0),
    bins: int = 60,
) -> Figure:
    """Draw the map of a parameter and, beside it on the same scale, the histogram of good pixels.

    Parameters
    ----------
    fits, parameter, fit, percentiles
        As for `plot_heatmap`.
    bins : int
        Bins of the histogram.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; it shows itself as the value of a notebook cell.

    Raises
    ------
    ValueError
        As `plot_heatmap`.

    Examples
    --------
    ``plot_parameter(fits, "s")``
    """
    values, reason = parameter_map(fits, parameter, fit)
    limits = colour_limits(settled_values(fits, parameter, fit), percentiles)
    figure = new_figure(6.2, 3.5)
    ax, beside = figure.subplots(1, 2, width_ratios=(1.35, 1))
    image = draw_map(ax, values, reason=reason, limits=limits).values
    legend_below(ax, no_value_handles(reason), ncols=3)
    # A tenth of the scale more at each end: the histogram shows what the colours leave out.
    margin = 0.1 * (limits[1] - limits[0])
    shown = (limits[0] - margin, limits[1] + margin)
    good = good_values(fits, parameter, fit)
    beside.hist(good, bins=bins, range=shown, orientation="horizontal", color="#808080")
    beside.set(ylim=shown, xlabel="Good pixels")
    corner = {"ha": "right", "va": "top", "transform": beside.transAxes}
    beside.text(0.97, 0.98, width_text(fits, parameter, fit), **corner)
    label = axis_label(parameter, values.attrs.get("units"))
    _colour_strip(beside, image, shown, label)
    figure.suptitle(parameter_title(fits, parameter, fit), fontsize="medium")
    return figure


def _colour_strip(ax: Axes, image: AxesImage, limits: tuple[float, float], label: str) -> None:
    """Colour the left side of a histogram as the map: its value axis is the colour bar."""
    strip = ax.inset_axes((-0.09, 0, 0.07, 1))
    ramp = np.linspace(*limits, 256)[:, None]
    strip.imshow(ramp, cmap=image.cmap, extent=(0, 1, *limits), origin="lower", aspect="auto")
    strip.images[0].set_clim(*image.get_clim())
    strip.set(xticks=[], ylabel=label)
    ax.tick_params(left=False, labelleft=False)


def _map_with_bar(
    figure: StyledFigure,
    values: xr.DataArray,
    reason: NDArray[np.int8],
    limits: tuple[float, float],
    cmap: str,
) -> None:
    shown = values.values[reason == 0]
    ax = figure.subplots()
    image = draw_map(ax, values, reason=reason, limits=limits, cmap=cmap).values
    label = axis_label(str(values.name), values.attrs.get("units"))
    figure.colorbar(image, ax=ax, extend=extend_of(shown, limits), label=label, fraction=0.05)
    legend_below(ax, no_value_handles(reason), ncols=3)
