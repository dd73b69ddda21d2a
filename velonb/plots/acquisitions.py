"""The audit of a scan as a figure."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from velonb.plots.cells import CellAxes
from velonb.plots.painter import CellMap, cell_map
from velonb.plots.style import CLASS_COLOURS, new_figure, styled


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
        It shows itself as the value of a notebook cell.

    Examples
    --------
    ``plot_acquisitions(scan)``
    """
    figure = new_figure(5.6, 3.6, layout="compressed")
    ax = CellAxes.on(figure, 2, 1, 1, square=False)
    below = figure.add_subplot(212)
    status = scan["acquisition_status"].transpose("acquisition", "threshold")
    cells = cell_map(status)
    ax.paint(cells)
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
    if "bad_cut" in scan.attrs:
        ax.axhline(scan.attrs["bad_cut"], color="black", lw=0.8, ls="--")
