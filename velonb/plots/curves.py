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
from velonb.plots.curve_parts import (
    PixelCurves,
    Points,
    dense_thresholds,
    draw_average,
    draw_pulls,
    frame_pulls,
    largest,
)
from velonb.plots.electrons import add_electrons
from velonb.plots.facts import average_points, describe_pixel, pulls_of, value_text
from velonb.plots.style import FIT_STYLES, PIXEL_COLOURS, new_figure, styled
from velonb.text import value_and_error
from velonb.vocabulary import attributes_of, check_fit


@styled
def plot_pixel_scan(
    flux: xr.Dataset,
    fits: xr.Dataset | None = None,
    asic: ModelResult | None = None,
    *,
    pixels: tuple[int, int] | Sequence[tuple[int, int]],
    fit: Sequence[str] = ("free", "fixed"),
    average: bool = True,
    chip: xr.Dataset | None = None,
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
    chip : xarray.Dataset, optional
        From `calibrate`; adds an axis in electrons: those of the pixel, of several those of the
        median pixel.

    Returns
    -------
    matplotlib.figure.Figure

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
    fits, names = (xr.Dataset(), ()) if fits is None else (fits, tuple(fit))
    if names:
        check_fit(fits, *names)
    figure = new_figure(5.6, max(3.4, 1.1 + 0.56 * len(chosen)))
    figure.subplots(1 + bool(names), sharex=True, height_ratios=(3, 1)[: 1 + bool(names)])
    ax, below = figure.axes[0], figure.axes[-1]
    legend = _average_entries(ax, flux, asic) if average else {}
    widest = 0.0
    for pixel, colour in zip(chosen, cycle(PIXEL_COLOURS), strict=False):
        curves = PixelCurves(ax, below, flux, fits, names, None if alone else colour)
        widest = max(widest, curves.move(*pixel)[1])
        legend |= _entries(curves, fits, pixel, alone=alone)
    if not alone:
        for name, style in zip(names, cycle(FIT_STYLES), strict=False):
            legend[Line2D([], [], color="black", ls=style)] = f"{name} fit"
    if chip is not None:
        add_electrons(ax, chip, chosen[0] if alone else None)
    title = "Pixel at row {}, column {}".format(*chosen[0]) if alone else f"{len(chosen)} pixels"
    return _finished(figure, legend, widest, title=title, ylabel="Flux (hits/s)")


def _pixel_list(pixels: Any) -> list[tuple[int, int]]:
    array = np.asarray(pixels, dtype=object)
    if not array.size or array.shape[-1:] != (2,) or array.ndim > 2:
        raise ValueError(
            f"pixels is {pixels!r}; it must be (row, column) or a list of them, at least one"
        )
    return [(int(row), int(column)) for row, column in array.reshape(-1, 2)]


def _finished(figure: Figure, legend: dict[Line2D, str], widest: float, **texts: str) -> Figure:
    ax, *below = figure.axes
    for axes in below:
        frame_pulls(axes, widest)
    ax.autoscale_view()
    ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    ax.set(**texts)
    figure.axes[-1].set_xlabel("Threshold (DAC)")
    figure.legend(list(legend), list(legend.values()), loc="outside right upper")
    return figure


def _average_entries(ax: Axes, flux: xr.Dataset, asic: ModelResult | None) -> dict[Line2D, str]:
    texts = "average pixel", "\n".join(["ASIC fit / active pixels", *_asic_lines(asic, "E0", "s")])
    return dict(zip(draw_average(ax, flux, asic), texts, strict=False))


def _entries(
    curves: PixelCurves, fits: xr.Dataset, pixel: tuple[int, int], *, alone: bool
) -> dict[Line2D, str]:
    """The legend: each curve with its values, or one entry for each of several pixels."""
    measured = curves.points.counted
    texts = [describe_pixel(fits, *pixel, fit=name, brief=not alone) for name in curves.curves]
    if not alone:
        return {measured: "\n".join(["row {}, column {}".format(*pixel), *chain(*texts)])}
    lines = ("\n".join(text) for text in texts)
    return {measured: "hits / exposure"} | dict(zip(curves.curves.values(), lines, strict=True))


def _asic_lines(asic: ModelResult | None, *names: str) -> list[str]:
    fitted = [] if asic is None else [asic.params[name] for name in names]
    return [value_text(p.name, *value_and_error(p), attributes_of(p.name)["units"]) for p in fitted]


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

    Examples
    --------
    ``plot_asic_fit(flux, fit_asic(flux))``
    """
    figure = new_figure(5.6, 3.4)
    ax, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    measured, points = Points(ax), average_points(flux, pixels=1)
    measured.move(points)
    goodness = f"chi2 / dof = {asic.chisqr:,.0f} / {asic.nfree}"
    text = "\n".join(["ASIC fit", *_asic_lines(asic, "E0", "s", "f", "A"), goodness])
    legend = {measured.counted: "hits / exposure"}
    t = dense_thresholds(flux)
    terms = zip(_asic_terms(asic, t), (text, "photopeak", "charge sharing"), strict=True)
    for (values, label), colour, style in zip(terms, PIXEL_COLOURS, FIT_STYLES, strict=False):
        (curve,) = ax.plot(t, values, style, color=colour, zorder=4)
        legend[curve] = label
    pulls = pulls_of(points, asic.eval(t=points["threshold"].values))
    draw_pulls(below, points["threshold"], pulls, PIXEL_COLOURS[0])
    labels = {"title": "Sum of all active pixels", "ylabel": "Flux of the ASIC (hits/s)"}
    return _finished(figure, legend, largest(pulls), **labels)


def _asic_terms(asic: ModelResult, t: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    f, A, s, E0 = (asic.params[name].value for name in PARAMETERS)
    total = np.asarray(asic.model.eval(t=t, f=f, A=A, s=s, E0=E0))
    # Without a continuum the curve is the photopeak, of the plateau (1 - f) A.
    peak = np.asarray(asic.model.eval(t=t, f=0, A=(1 - f) * A, s=s, E0=E0))
    return total, peak, total - peak
