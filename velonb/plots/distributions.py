"""Figures of how pixels and acquisitions are distributed: p-values, pulls, profiles, the audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from velonb.interpret.spreads import good_values
from velonb.plots.cells import CellAxes
from velonb.plots.facts import axis_label, parameter_title
from velonb.plots.painter import CellMap, cell_map
from velonb.plots.style import (
    BAND,
    CLASS_COLOURS,
    PIXEL_COLOURS,
    fit_colour,
    new_figure,
    say,
    styled,
)
from velonb.statistics import weighted_mean
from velonb.vocabulary import SIGMA_PERCENTILES, check_fit


@styled
def plot_p_values(fits: xr.Dataset, *, fit: Sequence[str] | None = None, bins: int = 20) -> Figure:
    """Draw the histogram of p-values of each fit against the uniform one of a right model.

    Parameters
    ----------
    fits : xarray.Dataset
        From `fit_pixels`.
    fit : sequence of str, optional
        Which fits; by default all.
    bins : int
        Bins between 0 and 1.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; the band is twice the Poisson error of the uniform line.

    Raises
    ------
    ValueError
        If there is no such fit.

    Examples
    --------
    ``plot_p_values(fits)``
    """
    names = [str(name) for name in fits["fit"].values] if fit is None else list(fit)
    check_fit(fits, *names)
    alpha = float(fits.attrs.get("alpha", 0.05))
    figure = new_figure(2.7 * len(names), 2.4)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for position, (ax, name) in enumerate(zip(panels, names, strict=True)):
        p = fits["p_value"].sel(fit=name).values
        p = p[np.isfinite(p)]
        ax.hist(p, bins=bins, range=(0, 1), color=fit_colour(name, position), alpha=0.75)
        _uniform_line(ax, p.size / bins)
        below = f"{100 * np.mean(p < alpha):.1f} % below {alpha:g}" if p.size else "no p-value"
        ax.set(xlim=(0, 1), xlabel="p-value", title=f"{name} fit: {below}")
        ax.set_ylim(top=1.25 * max(ax.get_ylim()[1], 1))
        ax.legend(loc="upper right")
    panels[0].set_ylabel("Pixels")
    return figure


def _uniform_line(ax: Axes, expected: float) -> None:
    spread = 2 * np.sqrt(expected)
    ax.axhspan(expected - spread, expected + spread, color=BAND, lw=0, zorder=2, alpha=0.8)
    ax.axhline(expected, color="black", lw=0.9, zorder=3, label="uniform ± 2 sigma")


@styled
def plot_pulls(pulls: Mapping[str, ArrayLike] | xr.Dataset, *, title: str | None = None) -> Figure:
    """Draw histograms of pulls against the unit normal distribution.

    Parameters
    ----------
    pulls : mapping of str to array_like, or xarray.Dataset
        (fit - truth) / error of each parameter, of any shape; NaN is left out.
    title : str, optional
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; each panel tells the median and the 68 % half width.

    Raises
    ------
    ValueError
        If there are no pulls.

    Examples
    --------
    ``plot_pulls({"E0": (fits["E0"] - truth["E0"]) / fits["E0_err"]})``
    """
    items = {str(name): np.asarray(values, dtype=float) for name, values in pulls.items()}
    if not items:
        raise ValueError("pulls is empty; give an array for each parameter")
    figure = new_figure(0.8 + 1.6 * len(items), 2.3)
    panels = figure.subplots(1, len(items), sharey=True, squeeze=False)[0]
    for ax, (name, values) in zip(panels, items.items(), strict=True):
        _pull_panel(ax, name, values[np.isfinite(values)])
    panels[0].set_ylabel("Density")
    panels[0].legend(loc="lower center")
    if title:
        figure.suptitle(title, fontsize="medium")
    return figure


def _pull_panel(ax: Axes, name: str, values: NDArray[Any]) -> None:
    x, text = np.linspace(-4, 4, 201), "no pull"
    if values.size:
        ax.hist(values, bins=40, range=(-4, 4), density=True, color=PIXEL_COLOURS[5])
        low, median, high = np.percentile(values, SIGMA_PERCENTILES)
        # Adding 0 turns a rounded -0 into 0.
        text = f"median {round(median, 2) + 0:.2f}, width {(high - low) / 2:.2f}"
    ax.plot(x, norm.pdf(x), color="black", lw=1, label="normal")
    ax.set(xlim=(-4, 4), xlabel=f"Pull of {name}", title=text)


@styled
def plot_pattern(
    fits: xr.Dataset, parameter: str, *, fit: str = "free", period: int = 16
) -> Figure:
    """Draw the weighted mean of good pixels along rows, columns and a period of both.

    Parameters
    ----------
    fits : xarray.Dataset
        From `fit_pixels`.
    parameter : str
        A fitted parameter: ``"f"``, ``"A"``, ``"s"`` or ``"E0"``.
    fit : str
        Which fit.
    period : int
        Number of rows or columns after which a pattern repeats.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; the line is the weighted mean of all good pixels.

    Raises
    ------
    ValueError
        If there is no such parameter, fit or error.

    Examples
    --------
    ``plot_pattern(fits, "E0")``
    """
    value, error = good_values(fits, parameter, fit)
    if np.isfinite(value).any() and not np.isfinite(error).any():
        raise ValueError(f"{parameter} has no error in fit {fit!r}: it was held fixed there")
    label = axis_label(f"Mean {parameter}", fits[parameter].attrs.get("units"))
    figure = new_figure(5.6, 3.6)
    panels = figure.subplots(2, 2, sharey="row", width_ratios=(2, 1))
    for (long, short), name in zip(panels, ("row", "column"), strict=True):
        _profile(long, value, error, value[name])
        _profile(short, value, error, value[name] % period)
        long.set(xlabel=name.capitalize(), ylabel=label)
        short.set(xlabel=f"{name.capitalize()} modulo {period}")
    figure.suptitle(parameter_title(fits, parameter, fit).replace("\n", ", "), fontsize="medium")
    return figure


def _profile(ax: Axes, value: xr.DataArray, error: xr.DataArray, group: xr.DataArray) -> None:
    if not np.isfinite(error).any():
        say(ax, "no good pixel")
        return
    keys = np.unique(group)
    means = np.array(
        [weighted_mean(value.where(group == key), error.where(group == key)) for key in keys]
    )
    ax.errorbar(keys, means[:, 0], means[:, 1], fmt="o", ms=2, lw=0.7, color="black")
    ax.axhline(weighted_mean(value, error)[0], color=PIXEL_COLOURS[0], lw=0.9)


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

    Examples
    --------
    ``plot_acquisitions(scan)``
    """
    figure = new_figure(5.6, 3.6, layout="compressed")
    ax = CellAxes.on(figure, 2, 1, 1, square=False)
    below = figure.add_subplot(212)
    status = scan["acquisition_status"].transpose("acquisition", "threshold")
    cells = cell_map(status)
    ax.paint(cells, cells.scale())
    lost = int((scan["exposure"].values <= 0).sum())
    title = f"{scan.sizes['threshold']} thresholds"
    ax.set(title=f"{title}, {lost} without a good acquisition" if lost else title, xlabel="")
    _draw_flux(below, scan, cells)
    below.set(xlim=ax.get_xlim(), xlabel="Threshold (DAC)")
    below.set_ylabel("Last columns\n(hits/s per pixel)")
    below.set_xticks(ax.get_xticks(), [text.get_text() for text in ax.get_xticklabels()])
    figure.legend(handles=cells.handles()[::-1], loc="outside lower center", ncols=4)
    return figure


def _draw_flux(ax: Axes, scan: xr.Dataset, cells: CellMap) -> None:
    flux = scan["last_columns_flux"].transpose("acquisition", "threshold").values
    for code, name in cells.classes.items():
        chosen = (cells.values.values == code) & np.isfinite(flux)
        colour = CLASS_COLOURS[name]
        where = np.nonzero(chosen)[1]
        ax.plot(where, flux[chosen], "o", ms=3, color=colour, mec="black", mew=0.3)
    if not np.isfinite(flux).any():
        say(ax, "no active pixel in the last columns")
    if "bad_cut" in scan.attrs:
        ax.axhline(scan.attrs["bad_cut"], color="black", lw=0.8, ls="--")
