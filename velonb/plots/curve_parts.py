"""The pieces of a figure of curves: each draws on given axes and returns its artists.

The explorer draws with the same pieces and moves the artists they return.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from velonb.plots.style import BAND, DATA


class PointArtists(NamedTuple):
    """The artists of a measured scan: bars, points with hits, points without (open)."""

    bars: LineCollection
    counted: Line2D
    zeros: Line2D


def draw_points(
    ax: Axes, points: xr.Dataset, *, color: str = DATA, marker: str = "o", label: str | None = None
) -> PointArtists:
    """Draw a measured scan with its 68 % intervals; open markers are thresholds without hits.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    points : xarray.Dataset
        From `points_of` or `average_points`.
    color, marker, label : str
        As in matplotlib.

    Returns
    -------
    PointArtists
        For `move_points`.
    """
    bars = LineCollection([], colors=color, linewidths=0.8, zorder=2)
    ax.add_collection(bars, autolim=False)
    (counted,) = ax.plot([], [], marker, color=color, label=label, zorder=3)
    (zeros,) = ax.plot([], [], marker, color=color, mfc="white", mew=0.8, zorder=3)
    artists = PointArtists(bars, counted, zeros)
    move_points(artists, points)
    ax.update_datalim(np.column_stack([points["threshold"], points["high"]]))
    ax.update_datalim(np.column_stack([points["threshold"], points["low"]]))
    ax.autoscale_view()
    return artists


def move_points(artists: PointArtists, points: xr.Dataset) -> None:
    """Make drawn points show another scan; the limits of the axes stay."""
    t, flux, low, high = (points[name].values for name in ("threshold", "flux", "low", "high"))
    zero = points["hits"].values == 0
    artists.bars.set_segments(list(np.stack([np.stack([t, low], -1), np.stack([t, high], -1)], 1)))
    artists.counted.set_data(t[~zero], flux[~zero])
    artists.zeros.set_data(t[zero], flux[zero])


def draw_curve(
    ax: Axes,
    thresholds: ArrayLike,
    values: ArrayLike,
    *,
    color: str,
    style: str = "-",
    label: str | None = None,
) -> Line2D:
    """Draw a curve over the data; move it with `set_data`.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    thresholds, values : array_like
        The curve (DAC, hits/s).
    color, style, label : str
        As in matplotlib.

    Returns
    -------
    matplotlib.lines.Line2D
        The curve.
    """
    return ax.plot(thresholds, values, style, color=color, label=label, zorder=4)[0]


def draw_pulls(
    ax: Axes, thresholds: ArrayLike, pulls: ArrayLike, *, color: str, filled: bool = True
) -> Line2D:
    """Draw residual pulls as markers on axes made by `frame_pulls`; move them with `set_data`."""
    face = color if filled else "white"
    return ax.plot(thresholds, pulls, "o", ms=3, color=color, mfc=face, mew=0.8)[0]


def frame_pulls(ax: Axes, *, limit: float = 4.0) -> None:
    """Prepare axes for residual pulls: a band of one sigma and symmetric limits."""
    ax.axhspan(-1, 1, color=BAND, lw=0, zorder=0)
    ax.axhline(0, color="black", lw=0.7, zorder=1)
    ax.set(ylim=(-limit, limit), ylabel="Pull", xlabel="Threshold (DAC)")


def pull_limit(pulls: ArrayLike) -> float:
    """Return a symmetric limit that holds every finite pull, 4 at least."""
    finite = np.abs(np.asarray(pulls, dtype=float))
    return max(4.0, 1.1 * float(np.max(finite, initial=0, where=np.isfinite(finite))))
