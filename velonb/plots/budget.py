"""Figures of why E0 differs between pixels: E0 against the baseline, the shares of its variance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from velonb.interpret import explain_spread
from velonb.interpret.sample import near_median
from velonb.interpret.spreads import good_values
from velonb.interpret.zero import PIXEL, baseline_of, chosen_fit
from velonb.plots.facts import value_text
from velonb.plots.style import MARK, PIXEL_COLOURS, new_figure, say, styled
from velonb.text import round_to_error


@styled
def plot_baseline(
    fits: xr.Dataset,
    baseline: xr.Dataset | xr.DataArray | ArrayLike | None = None,
    *,
    fit: str | None = None,
    bins: int = 80,
) -> Figure:
    """Draw E0 against the baseline, as the number of pixels, with the slope.

    If the baseline alone makes E0 differ, the slope is 1 and the pixels lie on the line within
    their errors.

    Parameters
    ----------
    fits, baseline, fit
        As for `explain_spread`.
    bins : int
        Bins along each axis.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        As `explain_spread`.

    Examples
    --------
    ``plot_baseline(fits)``
    """
    fit = chosen_fit(fits, fit)
    zero = baseline_of(fits, baseline)
    attrs = explain_spread(fits, zero.assign_attrs(fits.attrs), fit=fit).attrs
    x, y = zero["baseline"].values, good_values(fits, "E0", fit)[0].transpose(*PIXEL).values
    figure = new_figure(4.4, 3.6)
    ax = figure.subplots()
    ax.set(xlabel="Baseline (DAC)", ylabel="E0 (DAC)", title=f"{fit} fit")
    used = near_median(x, y)
    if not used.any():
        say(ax, "no good pixel with a baseline")
        return figure
    x, y = x[used], y[used]
    *_, image = ax.hist2d(x, y, bins=bins, norm=LogNorm(), cmap="viridis", rasterized=True)
    figure.colorbar(image, ax=ax, label="Pixels")
    if np.isfinite(attrs["slope"]):
        slope = round_to_error(attrs["slope"], attrs["slope_err"])
        line = y.mean() + attrs["slope"] * (np.array([x.min(), x.max()]) - x.mean())
        ax.plot([x.min(), x.max()], line, color=MARK, lw=1.2, label=f"slope {slope}")
        ax.set_ylim(y.min(), y.max())
        ax.legend(loc="upper left")
    if np.isfinite(attrs["correlation"]):
        correlation = round_to_error(attrs["correlation"], attrs["correlation_err"])
        ax.set_title(f"{fit} fit, correlation {correlation}")
    return figure


@styled
def plot_budget(budget: pd.DataFrame) -> Figure:
    """Draw the shares of the variance of E0, with the spread that each part is.

    Parameters
    ----------
    budget : pandas.DataFrame
        From `explain_spread`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    ``plot_budget(explain_spread(fits))``
    """
    parts = budget.loc[["baseline", "gain", "covariance", "fit error"]]
    figure = new_figure(5.6, 2.3)
    ax = figure.subplots()
    places = np.arange(len(parts))[::-1]
    shares, errors = 100 * parts["share"], 100 * parts["share_err"]
    ax.barh(places, shares.fillna(0), color=PIXEL_COLOURS[0], height=0.6)
    known = np.isfinite(shares)
    ax.errorbar(
        shares[known], places[known], xerr=errors[known], fmt="none", ecolor="black", capsize=2
    )
    for place, (_, part) in zip(places, parts.iterrows(), strict=True):
        ax.annotate(
            _spread_text(part),
            (1.02, place),
            xycoords=("axes fraction", "data"),
            va="center",
            annotation_clip=False,
        )
    ax.set_yticks(places, list(parts.index))
    ax.axvline(0, color="black", lw=0.8)
    ax.set_xlabel("Share of the variance of E0 (%)")
    total = round_to_error(budget.loc["total", "DAC"], budget.loc["total", "DAC_err"])
    ax.set_title(f"E0 differs by {total} DAC, {budget.attrs['pixels']:,} pixels")
    return figure


def _spread_text(part: pd.Series) -> str:
    if not np.isfinite(part["DAC"]):
        return "unknown"
    texts = [
        value_text("", part[name], part[f"{name}_err"], units).removeprefix(" = ")
        for name, units in (("DAC", "DAC"), ("electrons", "e-"))
        if np.isfinite(part[name])
    ]
    return " = ".join(texts)
