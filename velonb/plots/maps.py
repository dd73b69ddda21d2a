"""Figures of the chip: one colour for each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from velonb.plots.cells import (
    CellAxes,
    axes_beside,
    draw_bars,
    draw_colour_bar,
    legend_below,
    map_figure,
)
from velonb.plots.electrons import add_electrons
from velonb.plots.facts import good_values, median_text, parameter_title, width_text
from velonb.plots.painter import CellMap, cell_map, fitted_map, hits_map
from velonb.plots.style import styled


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
        Percentiles that limit the colours, of good pixels without those far from the median;
        arrows on the colour bar tell that there are values beyond.
    cmap : str
        Colour map.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no such parameter or fit, or the percentiles are not in order.

    Examples
    --------
    ``plot_heatmap(fits, "E0", fit="fixed")``
    """
    cells = _parameter_map(fits, parameter, fit)
    title = parameter_title(fits, parameter, fit)
    return _with_bar(cells, title, percentiles=percentiles, cmap=cmap)


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

    Raises
    ------
    ValueError
        If the map does not have two dimensions, or the mask another shape.

    Examples
    --------
    ``plot_map(fits["E0"].sel(fit="free") - truth["E0"], name="E0 - truth", units="DAC")``
    """
    values = xr.DataArray(values)
    if values.ndim != 2:
        raise ValueError(f"values has the shape {values.shape}; a map has (row, column)")
    if "row" not in values.dims:
        values = values.rename(dict(zip(values.dims, ("row", "column"), strict=True)))
    values = values.transpose("row", "column")
    if mask is not None and np.shape(mask) != values.shape:
        raise ValueError(f"mask has the shape {np.shape(mask)}, the map {values.shape}")
    label = name or str(values.name or "value")
    units = units or values.attrs.get("units", "1")
    cells = cell_map(values.rename(label).assign_attrs(units=units), mask=mask)
    title = title or median_text(label, cells.known, units)
    return _with_bar(cells, title, percentiles=percentiles, cmap=cmap)


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
    cells = hits_map(scan, threshold)
    seconds = float(scan["exposure"].sel(threshold=threshold))
    mean = cells.known.mean() if cells.known.size else np.nan
    text = f"Threshold {threshold} DAC, {seconds:.1f} s: mean {mean:.4g} hits"
    return _with_bar(cells, title or text)


@styled
def plot_parameter(
    fits: xr.Dataset,
    parameter: str,
    *,
    fit: str = "free",
    percentiles: tuple[float, float] = (1.0, 99.0),
    bins: int = 60,
    chip: xr.Dataset | None = None,
) -> Figure:
    """Draw the map of a parameter and, beside it in the same colours, the histogram of good pixels.

    Parameters
    ----------
    fits, parameter, fit, percentiles
        As for `plot_heatmap`.
    bins : int
        Bins of the histogram.
    chip : xarray.Dataset, optional
        From `calibrate`; adds an axis in electrons, those of the median pixel, where the
        parameter is in DAC.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        As `plot_heatmap`.

    Examples
    --------
    ``plot_parameter(fits, "s")``
    """
    cells = _parameter_map(fits, parameter, fit)
    title, scale = parameter_title(fits, parameter, fit), cells.scale(percentiles)
    in_electrons = chip is not None and fits[parameter].attrs.get("units") == "DAC"
    figure, (ax,) = _draw_maps({title: cells}, scale, beside=2.45 if in_electrons else 1.8)
    beside = axes_beside(ax, 0.62, 1.08)
    # A tenth of the scale more at each end: the histogram shows what the colours leave out.
    low, high = scale.get_clim()
    margin = 0.1 * (high - low)
    good = good_values(fits, parameter, fit)
    counts, edges = np.histogram(good, bins, (low - margin, high + margin))
    draw_bars(beside, edges, counts, scale.to_rgba((edges[:-1] + edges[1:]) / 2))
    beside.set(ylim=edges[[0, -1]], xlabel="Good pixels", ylabel=cells.label)
    beside.set_title(width_text(fits, parameter, fit), loc="right")
    if in_electrons and chip is not None:
        add_electrons(beside, chip, of="y", width=parameter != "E0")
    return figure


def plot_fit_types(fits: xr.Dataset, *, fit: Sequence[str] = ("free", "fixed")) -> Figure:
    """Draw the maps of fit types side by side, with counts and percentages.

    Parameters
    ----------
    fits : xarray.Dataset
        From `fit_pixels`.
    fit : sequence of str
        Which fits.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no such fit.

    Examples
    --------
    ``plot_fit_types(fits)``
    """
    maps = {f"{name} fit": fitted_map(fits, "fit_type", name) for name in fit}
    return _draw_maps(maps, ncols=1)[0]


def plot_needs(fits: xr.Dataset) -> Figure:
    """Draw what each pixel needs: the lowest rung of the ladder of models that describes it.

    Parameters
    ----------
    fits : xarray.Dataset
        With the variable `needs`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no variable `needs`.

    Examples
    --------
    ``plot_needs(fits)``
    """
    if "needs" not in fits:
        raise ValueError("fits has no variable 'needs'; compare the ladder of models first")
    return _draw_maps({"What each pixel needs free": fitted_map(fits, "needs")}, ncols=2)[0]


def _parameter_map(fits: xr.Dataset, parameter: str, fit: str) -> CellMap:
    dims = {"fit", "row", "column"}
    allowed = [str(name) for name in fits if set(fits[name].dims) == dims]
    allowed = [name for name in allowed if "flag_meanings" not in fits[name].attrs]
    if parameter not in allowed:
        raise ValueError(f"parameter is {parameter!r}; it must be one of {', '.join(allowed)}")
    return fitted_map(fits, parameter, fit, mask=fits.get("mask"))


@styled
def _with_bar(cells: CellMap, title: str, **colours: Any) -> Figure:
    scale = cells.scale(**colours)
    figure, (ax,) = _draw_maps({title: cells}, scale, beside=0.95)
    draw_colour_bar(ax, cells, scale)
    return figure


@styled
def _draw_maps(
    maps: dict[str, CellMap], scale: Any = None, *, beside: float = 0.15, ncols: int = 3
) -> tuple[Figure, list[CellAxes]]:
    legends = [cells.handles() for cells in maps.values()]
    lines = -(-max(map(len, legends)) // ncols)
    shape = next(iter(maps.values())).values.shape
    figure, panels = map_figure(shape, panels=len(maps), lines=max(lines, 1), beside=beside)
    for ax, (title, cells), handles in zip(panels, maps.items(), legends, strict=True):
        ax.paint(cells, scale or cells.scale())
        ax.set_title(title)
        legend_below(ax, handles, ncols=ncols)
    return figure, panels
