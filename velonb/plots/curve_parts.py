"""Scans, fitted curves and pulls of pixels as artists that are made once and moved to any pixel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
import xarray as xr
from lmfit.model import ModelResult
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from velonb.plots.facts import average_points, curve_of, points_of, pulls_of
from velonb.plots.style import AVERAGE, BAND, DATA, FIT_STYLES, fit_colour

DENSE = 250
"""Points of a drawn curve."""


class Points:
    """A measured scan with its 68 % intervals; open markers are thresholds without hits."""

    def __init__(self, ax: Axes, **options: Any) -> None:
        style: dict[str, Any] = {"color": DATA, "marker": "o", "ls": "", "zorder": 3}
        style |= options
        self._axes = ax
        self.bars = LineCollection([], colors=style["color"], linewidths=0.8, zorder=2)
        ax.add_collection(self.bars, autolim=False)
        (self.counted,) = ax.plot([], [], **style)
        (self.zeros,) = ax.plot([], [], **style, mfc="white", mew=0.8)

    def move(self, points: xr.Dataset) -> None:
        """Show a scan from `points_of` or `average_points`."""
        t, flux, low, high = (points[name].values for name in ("threshold", "flux", "low", "high"))
        zero = points["hits"].values == 0
        ends = np.stack([np.column_stack([t, low]), np.column_stack([t, high])], axis=1)
        self.bars.set_segments(list(ends))
        self.counted.set_data(t[~zero], flux[~zero])
        self.zeros.set_data(t[zero], flux[zero])
        self._axes.update_datalim(ends.reshape(-1, 2))


class PixelCurves:
    """The scan of one pixel, its fits and, on the axes `below`, their pulls.

    Without a colour, data are black and each fit has its own; of a pixel with a colour the pulls
    of the first fit alone are drawn.
    """

    def __init__(
        self,
        ax: Axes,
        below: Axes,
        flux: xr.Dataset,
        fits: xr.Dataset,
        names: Sequence[str],
        colour: str | None = None,
    ) -> None:
        self._flux, self._fits = flux, fits
        self._dense = dense_thresholds(flux)
        self.points = Points(ax, color=colour or DATA)
        self.curves: dict[str, Line2D] = {}
        self.pulls: dict[str, Line2D] = {}
        for position, (name, style) in enumerate(zip(names, cycle(FIT_STYLES), strict=False)):
            own = colour or fit_colour(name, position)
            (self.curves[name],) = ax.plot([], [], style, color=own, zorder=4)
            if colour is None or position == 0:
                self.pulls[name] = draw_pulls(below, [], [], own, filled=position == 0)

    def move(self, row: int, column: int) -> tuple[float, float]:
        """Show a pixel; its highest flux and its largest pull."""
        points = points_of(self._flux, row, column)
        self.points.move(points)
        t, statistic = points["threshold"].values, self._fits.attrs.get("statistic", "poisson")
        widest = 0.0
        for name, line in self.curves.items():
            both = curve_of(self._fits, row, column, np.append(self._dense, t), fit=name)
            curve, expected = np.split(both, [DENSE])
            line.set_data(self._dense, curve)
            if name in self.pulls:
                pulls = pulls_of(points, expected, statistic=statistic)
                self.pulls[name].set_data(t, pulls)
                widest = max(widest, largest(pulls))
        return largest(points["high"].values), widest

    @property
    def artists(self) -> list[Artist]:
        """All of it."""
        points = [self.points.bars, self.points.counted, self.points.zeros]
        return [*points, *self.curves.values(), *self.pulls.values()]


def draw_average(ax: Axes, flux: xr.Dataset, asic: ModelResult | None) -> list[Line2D]:
    """Draw the average pixel and, divided by the number of active pixels, the fit of the ASIC."""
    points = Points(ax, color=AVERAGE, marker="s", ms=2)
    points.move(average_points(flux))
    if asic is None:
        return [points.counted]
    dense = dense_thresholds(flux)
    values = np.asarray(asic.eval(t=dense)) / flux.attrs["active_pixels"]
    return [points.counted, *ax.plot(dense, values, color=AVERAGE, zorder=4)]


def dense_thresholds(flux: xr.Dataset) -> NDArray[np.float64]:
    """Return where a curve over a scan is evaluated (DAC)."""
    thresholds = flux["threshold"].values
    return np.linspace(thresholds.min(), thresholds.max(), DENSE)


def draw_pulls(
    ax: Axes, thresholds: ArrayLike, pulls: ArrayLike, colour: str, *, filled: bool = True
) -> Line2D:
    """Draw residual pulls as markers on axes made by `frame_pulls`; move them with `set_data`."""
    face = colour if filled else "white"
    return ax.plot(thresholds, pulls, "o", ms=3, color=colour, mfc=face, mew=0.8)[0]


def frame_pulls(ax: Axes, widest: float = 0.0) -> None:
    """Prepare axes for residual pulls, with a band of one sigma; they reach to 4 at least."""
    ax.axhspan(-1, 1, color=BAND, lw=0, zorder=0)
    ax.axhline(0, color="black", lw=0.7, zorder=1)
    limit = max(4.0, 1.1 * widest)
    ax.set(ylim=(-limit, limit), ylabel="Pull")


def largest(values: NDArray[np.float64]) -> float:
    """Return the largest distance from 0; 0 where no value is finite."""
    return float(np.max(np.abs(values), initial=0, where=np.isfinite(values)))
