"""Figures of flux against threshold: pixels, and the ASIC."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, cycle
from typing import Any

import numpy as np
import xarray as xr
from lmfit.model import ModelResult
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from velonb.curves.model import PARAMETERS
from velonb.plots.curve_parts import draw_curve, draw_points, draw_pulls, frame_pulls, pull_limit
from velonb.plots.pixel import (
    average_points,
    curve_of,
    describe_pixel,
    points_of,
    pulls_of,
    value_text,
)
from velonb.plots.style import AVERAGE, DATA, PIXEL_COLOURS, fit_colour, new_figure, styled
from velonb.text import value_and_error

DENSE = 300
"""Points of a drawn curve."""

STYLES = ("-", "--", ":", "-.")
"""Line styles of the fits of one pixel."""


@styled
def plot_pixel_scan(
    flux: xr.Dataset,
    fits: xr.Dataset | None = None,
    asic: ModelResult | None = None,
    *,
    pixels: tuple[int, int] | Sequence[tuple[int, int]],
    fit: Sequence[str] = ("free", "fixed"),
    average: bool = True,
) -> Figure:
    """Draw the threshold scan of one or several pixels, with their fits and residual pulls.

    Points carry their 68 % Poisson interval; open points are thresholds without hits. Of several
    pixels each has its colour, the first fit is a full line, the second is dashed. The pulls are
    those of the first fit, and of one pixel alone those of the second too (open).

    Parameters
    ----------
    flux : xarray.Dataset
        From `compute_flux`.
    fits : xarray.Dataset, optional
        From `fit_pixels`.
    asic : lmfit.model.ModelResult, optional
        From `fit_asic`; drawn divided by the number of active pixels.
    pixels : tuple of int or sequence of tuple of int
        ``(row, column)`` of a pixel, or several of them.
    fit : sequence of str
        Which fits to draw.
    average : bool
        Draw the average pixel and the ASIC fit.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; it shows itself as the value of a notebook cell.

    Raises
    ------
    IndexError
        If a pixel is not on the chip.
    ValueError
        If there is no pixel, or no such fit.

    Examples
    --------
    ``plot_pixel_scan(flux, fits, asic, pixels=(100, 30))``,
    ``plot_pixel_scan(flux, fits, pixels=[(100, 30), (100, 46)], average=False)``
    """
    chosen = _pixel_list(pixels)
    alone = len(chosen) == 1
    names = () if fits is None else tuple(fit)
    figure = new_figure(6.6, max(3.8, 1.2 + 0.62 * len(chosen)))
    ax, below = _curve_axes(figure, with_pulls=bool(names))
    handles = _draw_average(ax, flux, asic) if average else []
    for pixel, colour in zip(chosen, _colours(len(chosen)), strict=True):
        points = points_of(flux, *pixel)
        measured = draw_points(ax, points, color=colour).counted
        colours = [fit_colour(name, i) if alone else colour for i, name in enumerate(names)]
        curves = _draw_fits(ax, _dense(flux), fits, pixel, names, colours)
        handles += _entries(fits, pixel, names, measured, curves, alone=alone)
        _draw_pulls(below, points, fits, pixel, names if alone else names[:1], colours)
    if not alone:
        handles += [_style_entry(*entry) for entry in zip(names, cycle(STYLES), strict=False)]
    if below is not None:
        frame_pulls(below, limit=pull_limit(np.hstack([line.get_ydata() for line in below.lines])))
    ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    ax.set(ylabel="Flux (hits/s)", title=_pixels_title(chosen))
    figure.legend(handles=handles, loc="outside right upper")
    return figure


def _pixel_list(pixels: Any) -> list[tuple[int, int]]:
    array = np.asarray(pixels, dtype=object)
    if not array.size or array.shape[-1:] != (2,) or array.ndim > 2:
        raise ValueError(
            f"pixels is {pixels!r}; it must be (row, column) or a list of them, at least one"
        )
    return [(int(row), int(column)) for row, column in array.reshape(-1, 2)]


def _colours(number: int) -> list[str]:
    if number == 1:
        return [DATA]
    return [PIXEL_COLOURS[i % len(PIXEL_COLOURS)] for i in range(number)]


def _pixels_title(pixels: list[tuple[int, int]]) -> str:
    if len(pixels) == 1:
        return "Pixel at row {}, column {}".format(*pixels[0])
    return f"{len(pixels)} pixels"


def _dense(flux: xr.Dataset) -> NDArray[np.float64]:
    thresholds = flux["threshold"].values
    return np.linspace(thresholds.min(), thresholds.max(), DENSE)


def _draw_average(ax: Axes, flux: xr.Dataset, asic: ModelResult | None) -> list[Line2D]:
    points = draw_points(ax, average_points(flux), color=AVERAGE, marker="s", label="average pixel")
    points.counted.set_markersize(2)
    if asic is None:
        return [points.counted]
    active = flux.attrs["active_pixels"]
    label = "\n".join(["ASIC fit / active pixels", *_asic_lines(asic, names=("E0", "s"))])
    dense = _dense(flux)
    values = np.asarray(asic.eval(t=dense)) / active
    return [points.counted, draw_curve(ax, dense, values, color=AVERAGE, label=label)]


def _curve_axes(figure: Figure, *, with_pulls: bool) -> tuple[Axes, Axes | None]:
    if not with_pulls:
        ax = figure.subplots()
        ax.set_xlabel("Threshold (DAC)")
        return ax, None
    ax, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    return ax, below


def _draw_fits(
    ax: Axes,
    dense: NDArray[np.float64],
    fits: xr.Dataset | None,
    pixel: tuple[int, int],
    names: Sequence[str],
    colours: Sequence[str],
) -> list[Line2D]:
    if fits is None:
        return []
    return [
        draw_curve(ax, dense, curve_of(fits, *pixel, dense, fit=name), color=colour, style=style)
        for name, colour, style in zip(names, colours, cycle(STYLES), strict=False)
    ]


def _draw_pulls(
    below: Axes | None,
    points: xr.Dataset,
    fits: xr.Dataset | None,
    pixel: tuple[int, int],
    names: Sequence[str],
    colours: Sequence[str],
) -> None:
    if below is None or fits is None:
        return
    statistic = str(fits.attrs.get("statistic", "poisson"))
    for position, (name, colour) in enumerate(zip(names, colours, strict=False)):
        t = points["threshold"].values
        pulls = pulls_of(points, curve_of(fits, *pixel, t, fit=name), statistic=statistic)
        draw_pulls(below, t, pulls, color=colour, filled=position == 0)


def _entries(
    fits: xr.Dataset | None,
    pixel: tuple[int, int],
    names: Sequence[str],
    measured: Line2D,
    curves: Sequence[Line2D],
    *,
    alone: bool,
) -> list[Line2D]:
    """The legend: each curve with its values, or one entry for each of several pixels."""
    texts = [
        describe_pixel(fits, *pixel, fit=name, brief=not alone)
        for name in names
        if fits is not None
    ]
    if alone:
        measured.set_label("hits / exposure")
        for curve, lines in zip(curves, texts, strict=True):
            curve.set_label("\n".join(lines))
        return [measured, *curves]
    measured.set_label("\n".join(["row {}, column {}".format(*pixel), *chain(*texts)]))
    return [measured]


def _style_entry(name: str, style: str) -> Line2D:
    return Line2D([], [], color="black", ls=style, label=f"{name} fit")


def _asic_lines(asic: ModelResult, *, names: Sequence[str]) -> list[str]:
    units = {"f": "1/DAC", "A": "DAC hits/s", "s": "DAC", "E0": "DAC"}
    parameters = asic.params
    return [value_text(name, *value_and_error(parameters[name]), units[name]) for name in names]


@styled
def plot_asic_fit(flux: xr.Dataset, asic: ModelResult) -> Figure:
    """Draw the flux of the ASIC, its fit with the two terms of the model, and the pulls.

    Parameters
    ----------
    flux : xarray.Dataset
        From `compute_flux`.
    asic : lmfit.model.ModelResult
        From `fit_asic`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; it shows itself as the value of a notebook cell.

    Examples
    --------
    ``plot_asic_fit(flux, fit_asic(flux))``
    """
    figure = new_figure(6.0, 3.8)
    ax, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    points = average_points(flux.assign_attrs(active_pixels=1))
    dense = _dense(flux)
    total, peak = _asic_terms(asic, dense)
    goodness = f"chi2 / dof = {asic.chisqr:,.0f} / {asic.nfree}"
    text = "\n".join(["ASIC fit", *_asic_lines(asic, names=("E0", "s", "f", "A")), goodness])
    handles = [
        draw_points(ax, points, label="hits / exposure").counted,
        draw_curve(ax, dense, total, color=PIXEL_COLOURS[0], label=text),
        draw_curve(ax, dense, peak, color=PIXEL_COLOURS[1], style="--", label="photopeak"),
        draw_curve(
            ax, dense, total - peak, color=PIXEL_COLOURS[2], style=":", label="charge sharing"
        ),
    ]
    pulls = pulls_of(points, asic.eval(t=points["threshold"].values))
    draw_pulls(below, points["threshold"], pulls, color=PIXEL_COLOURS[0])
    frame_pulls(below, limit=pull_limit(pulls))
    ax.set_ylim(bottom=0)
    ax.set(ylabel="Flux of the ASIC (hits/s)", title="Sum of all active pixels")
    figure.legend(handles=handles, loc="outside right upper")
    return figure


def _asic_terms(asic: ModelResult, t: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    f, A, s, E0 = (asic.params[name].value for name in PARAMETERS)
    total = asic.model.eval(t=t, f=f, A=A, s=s, E0=E0)
    # Without a continuum the curve is the photopeak, of the plateau (1 - f) A.
    peak = asic.model.eval(t=t, f=0, A=(1 - f) * A, s=s, E0=E0)
    return np.asarray(total), np.asarray(peak)
