"""Figures of what to do about a chip: what changed, new trims, what every pixel is."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from velonb.plots.cells import axes_beside, draw_colour_bar, legend_below, map_figure
from velonb.plots.painter import cell_map
from velonb.plots.style import PIXEL_COLOURS, new_figure, say, styled
from velonb.text import format_number, round_to_error


@styled
def plot_change(
    change: xr.Dataset, *, percentiles: tuple[float, float] = (1.0, 99.0), cmap: str = "viridis"
) -> Figure:
    """Draw the map of the change of E0 and, beside it, z against the unit normal distribution.

    Parameters
    ----------
    change : xarray.Dataset
        From `compare_runs`.
    percentiles, cmap
        As for `plot_map`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    ``plot_change(compare_runs(warm, cold))``
    """
    cells = cell_map(change["delta"].rename("Change of E0"), mask=change["status"].values == 1)
    scale = cells.scale(percentiles, cmap)
    figure, (ax,) = map_figure(cells.values.shape, lines=2, beside=3.2)
    ax.paint(cells, scale)
    draw_colour_bar(ax, cells, scale)
    shift = round_to_error(change.attrs["common_shift"], change.attrs["common_shift_err"])
    anchor = format_number(change.attrs["common_shift_anchor_err"], ".2g")
    ax.set_title(f"Common shift {shift} ± {anchor} (anchor) DAC")
    legend_below(ax, cells.handles(), ncols=2)
    _histogram_of_z(axes_beside(ax, 1.3, 1.75), change)
    return figure


def _histogram_of_z(ax: Axes, change: xr.Dataset) -> None:
    z = change["z"].values[np.isfinite(change["z"].values)]
    ax.set(xlabel="z, change over its error", ylabel="Pixels")
    if not z.size:
        say(ax, "no pixel compared")
        return
    reach = max(5.0, float(np.ceil(np.abs(z).max())))
    counts, edges = np.histogram(z, 81, (-reach, reach))
    ax.stairs(counts, edges, fill=True, color=PIXEL_COLOURS[5])
    x = (edges[:-1] + edges[1:]) / 2
    expected = z.size * (edges[1] - edges[0]) * norm.pdf(x)
    ax.plot(x, expected, color="black", lw=1, label="no change")
    ax.set(yscale="log", ylim=(0.5, 3 * max(counts.max(), 1)))
    changed = f"{change.attrs['changed_pixels']:,} of {z.size:,} changed"
    ax.set_title(f"mean {z.mean():.2f}, width {z.std():.2f}\n{changed}")
    ax.legend(loc="upper right")


@styled
def plot_trims(settings: xr.Dataset) -> Figure:
    """Draw the baselines before and after equalisation, and the trims that do it.

    Parameters
    ----------
    settings : xarray.Dataset
        From `equalise`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    ``plot_trims(equalise(load_trim_response("data/equalisation")))``
    """
    active = settings["mask_reason"].values == 0
    figure = new_figure(6.4, 2.7)
    left, right = figure.subplots(1, 2)
    target, step = (settings.attrs[name] for name in ("target", "step"))
    edges = np.arange(target - 30.5, target + 31)
    shown = {
        "baseline_now": ("now", "spread_now"),
        "baseline": ("expected", "spread_predicted"),
        "baseline_measured": ("measured", "spread_measured"),
    }
    for number, (name, (word, spread)) in enumerate(shown.items()):
        values = settings[name].values[active] if name in settings else np.empty(0)
        if np.isfinite(values).any():
            label = f"{word}, spread {format_number(settings.attrs[spread], '.3g')} DAC"
            line: Any = {"color": PIXEL_COLOURS[number], "ls": ("-", "-", "--")[number]}
            left.stairs(np.histogram(values, edges)[0], edges, label=label, **line)
    left.axvline(target, color="black", lw=0.8)
    left.set(xlabel="Baseline (DAC)", ylabel="Pixels", title=f"Target {target:.1f} DAC")
    left.set_ylim(top=1.5 * left.get_ylim()[1])
    left.legend(loc="upper left")
    counts = np.bincount(settings["trim"].values[active], minlength=16)
    right.bar(np.arange(16), counts, color=PIXEL_COLOURS[5])
    beyond = int((settings["mask_reason"].values == 4).sum())
    right.set(xlabel="Trim", title=f"{step:.1f} DAC a trim, {beyond:,} out of range")
    return figure


@styled
def plot_classes(classes: xr.Dataset) -> Figure:
    """Draw the map of what every pixel is, with counts and shares.

    Parameters
    ----------
    classes : xarray.Dataset
        From `classify_pixels`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    ``plot_classes(classify_pixels(flux, fits))``
    """
    cells = cell_map(classes["pixel_class"])
    handles = cells.handles()
    figure, (ax,) = map_figure(cells.values.shape, lines=-(-len(handles) // 2))
    ax.paint(cells, cells.scale())
    good = 100 * float((classes["pixel_class"] == 0).mean())
    ax.set_title(f"{good:.2f} % of the pixels are good")
    legend_below(ax, handles, ncols=2)
    return figure
