"""The pieces around a map: a figure of its size, colour bar, histogram and legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch
from matplotlib.transforms import Bbox, ScaledTranslation
from numpy.typing import ArrayLike

from velonb.plots.cells import CellAxes
from velonb.plots.painter import CellMap
from velonb.plots.style import SHEET, StyledFigure, new_figure

SIDE = 512
"""Longest side of a map (pixels of the screen); of several maps half of it each."""
LEFT, ABOVE, BELOW, LINE = 0.52, 0.42, 0.47, 0.15
"""Room for the ticks and labels of rows, a title, those of columns, a line of legend (inch)."""


def map_figure(
    shape: Sequence[int], *, panels: int = 1, lines: int = 1, beside: float = 0.15
) -> tuple[StyledFigure, list[CellAxes]]:
    """Return a figure for maps of a shape, two in a row.

    Parameters
    ----------
    shape : sequence of int
        Rows and columns.
    panels : int
        How many maps.
    lines : int
        Lines of legend below each.
    beside : float
        Room on the right, for a colour bar or a histogram (inch).
    """
    across = min(panels, 2)
    scale = max(SIDE // across // max(shape), 1) / SHEET["figure.dpi"]
    height, width = (scale * cells for cells in shape)
    step = np.array([LEFT + width, ABOVE + height + BELOW + lines * LINE])
    size = step * (across, -(-panels // across)) + (beside, 0)
    figure = new_figure(*size, layout=None)
    panes = []
    for panel in range(panels):
        column, row = panel % across, panel // across
        corner = (LEFT + column * step[0], size[1] - row * step[1] - ABOVE - height)
        box = np.append(corner / size, (width, height) / size)
        panes.append(CellAxes.on(figure, tuple(box)))
    return figure, panes


def axes_beside(ax: CellAxes, distance: float, width: float) -> Axes:
    """Return axes on the right of a map and as high as it is; distance and width in inch."""
    figure: Any = ax.figure

    def box(_: Axes, renderer: Any) -> Bbox:
        map_, inch = ax.bbox, figure.dpi_scale_trans.transform((1, 1))[0]
        beside = (map_.x1 + inch * distance, map_.y0, inch * width, map_.height)
        return Bbox.from_bounds(*beside).transformed(figure.transSubfigure.inverted())

    beside = figure.add_axes(ax.get_position())
    beside.set_axes_locator(box)
    return beside


def draw_colour_bar(ax: CellAxes, cells: CellMap, scale: ScalarMappable) -> None:
    """Draw the scale of colours beside a map, with arrows where values lie beyond."""
    low, high = scale.get_clim()
    below, above = bool((cells.known < low).any()), bool((cells.known > high).any())
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[(below, above)]
    bar = axes_beside(ax, 0.12, 0.17)
    bar.figure.colorbar(scale, cax=bar, extend=extend, label=cells.label)


def draw_bars(ax: Axes, edges: ArrayLike, counts: ArrayLike, colours: ArrayLike) -> PolyCollection:
    """Draw a histogram that lies on its side, each bar in its colour."""
    edges, counts = np.asarray(edges, dtype=float), np.asarray(counts)
    lengths = np.stack([0 * counts, counts, counts, 0 * counts], axis=1)
    heights = np.stack([edges[:-1], edges[:-1], edges[1:], edges[1:]], axis=1)
    bars = PolyCollection(list(np.stack([lengths, heights], axis=2)), facecolors=colours, lw=0)
    ax.add_collection(bars)
    ax.set_xlim(0, 1.05 * max(counts.max(initial=0), 1))
    return bars


def legend_below(ax: Axes, handles: list[Patch], *, ncols: int) -> None:
    """Put a legend below the axis label of a map, if there is something to tell."""
    if not handles:
        return
    down = ScaledTranslation(0, 0.05 - BELOW, ax.figure.dpi_scale_trans)
    ax.legend(
        handles=handles,
        ncols=ncols,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        bbox_transform=ax.transAxes + down,
        borderaxespad=0,
        columnspacing=1.2,
    )
