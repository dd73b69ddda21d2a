"""Figures of classes: fit types, what a pixel needs, and the audit of acquisitions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from velonb.plots.map_parts import (
    class_handles,
    classes_of,
    draw_classes,
    frame_map,
    legend_below,
)
from velonb.plots.pixel import check_fit
from velonb.plots.style import (
    ACQUISITION_COLOURS,
    FIT_TYPE_COLOURS,
    NEED_COLOURS,
    new_figure,
    say,
    styled,
)


@styled
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
        The figure; it shows itself as the value of a notebook cell.

    Raises
    ------
    ValueError
        If there is no such fit.

    Examples
    --------
    ``plot_fit_types(fits)``
    """
    figure = new_figure(3.1 * len(fit), 3.7, layout="compressed")
    panels = figure.subplots(1, len(fit), sharey=True, squeeze=False)[0]
    for ax, name in zip(panels, fit, strict=True):
        check_fit(fits, name)
        codes = fits["fit_type"].sel(fit=name).transpose("row", "column")
        _class_map(ax, codes, FIT_TYPE_COLOURS, title=f"{name} fit", ncols=2)
        ax.label_outer()
    return figure


@styled
def plot_needs(fits: xr.Dataset) -> Figure:
    """Draw what each pixel needs: the lowest rung of the ladder of models that describes it.

    Parameters
    ----------
    fits : xarray.Dataset
        With the variable `needs`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; it shows itself as the value of a notebook cell.

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
    figure = new_figure(3.6, 3.9, layout="compressed")
    codes = fits["needs"].transpose("row", "column")
    _class_map(figure.subplots(), codes, NEED_COLOURS, title="What each pixel needs free", ncols=2)
    return figure


def _class_map(
    ax: Axes, codes: xr.DataArray, colours: dict[str, str], *, title: str, ncols: int
) -> None:
    draw_classes(ax, codes, colours)
    frame_map(ax)
    ax.set_title(title)
    legend_below(ax, class_handles(codes, colours), ncols=ncols)


@styled
def plot_acquisitions(scan: xr.Dataset) -> Figure:
    """Draw the audit of a scan: the status of every acquisition and the flux of its last columns.

    Parameters
    ----------
    scan : xarray.Dataset
        From `load_scan`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; it shows itself as the value of a notebook cell.

    Examples
    --------
    ``plot_acquisitions(scan)``
    """
    figure = new_figure(6.4, 4.0)
    ax, below = figure.subplots(2)
    status = scan["acquisition_status"].transpose("acquisition", "threshold")
    image = draw_classes(ax, status, ACQUISITION_COLOURS)
    image.set_interpolation("nearest")
    ax.set_aspect("auto")
    positions = np.arange(status.sizes["threshold"])
    _tick_thresholds(ax, scan)
    ax.set(ylabel="Acquisition", title=_audit_title(scan))
    flux = scan["last_columns_flux"].transpose("acquisition", "threshold").values
    for code, name in classes_of(status).items():
        chosen = (status.values == code) & np.isfinite(flux)
        where = np.broadcast_to(positions, flux.shape)[chosen]
        colour = ACQUISITION_COLOURS[name]
        below.plot(where, flux[chosen], "o", ms=3, color=colour, mec="black", mew=0.3)
    if not np.isfinite(flux).any():
        say(below, "no active pixel in the last columns")
    if "bad_cut" in scan.attrs:
        below.axhline(scan.attrs["bad_cut"], color="black", lw=0.8, ls="--")
    _tick_thresholds(below, scan)
    below.set(
        xlim=ax.get_xlim(), xlabel="Threshold (DAC)", ylabel="Last columns\n(hits/s per pixel)"
    )
    figure.legend(
        handles=class_handles(status, ACQUISITION_COLOURS)[::-1],
        loc="outside lower center",
        ncols=4,
    )
    return figure


def _tick_thresholds(ax: Axes, scan: xr.Dataset) -> None:
    thresholds = scan["threshold"].values
    ticks = np.unique(np.linspace(0, len(thresholds) - 1, 6).round().astype(int))
    ax.set_xticks(ticks, [str(thresholds[i]) for i in ticks])


def _audit_title(scan: xr.Dataset) -> str:
    lost = int((scan["exposure"].values <= 0).sum())
    text = f"{scan.sizes['threshold']} thresholds"
    return f"{text}, {lost} without a good acquisition" if lost else text
