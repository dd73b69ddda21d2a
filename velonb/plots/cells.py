"""Axes of maps, on which every cell covers a whole number of pixels of the screen or of the file.

A cell is a pixel of the chip, or an acquisition at a threshold. At a scale that is not whole some
rows come out wider than others, which looks like a pattern of the chip. Where there is no room for
a pixel a cell, blocks of cells are averaged, and the map says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.transforms import Bbox, IdentityTransform, ScaledTranslation, TransformedBbox
from numpy.typing import ArrayLike, NDArray

from velonb.plots.painter import CellMap
from velonb.plots.style import SHEET, StyledFigure, new_figure

SIDE = 512
"""Longest side of a map (pixels of the screen); of several maps half of it each."""
LEFT, ABOVE, BELOW, LINE = 0.52, 0.42, 0.47, 0.15
"""Room for the ticks and labels of rows, a title, those of columns, a line of legend (inch)."""


class CellAxes(Axes):
    """Axes that take the largest box in which all cells are equally large, if wanted square."""

    def __init__(self, *args: Any, square: bool = True, **options: Any) -> None:
        super().__init__(*args, **options)
        self._square = square
        self.block = (1, 1)
        """Rows and columns of the cells that share one pixel of the screen."""
        # Frame and ticks lie below the map: on top of it they would hide part of the outer cells.
        self.set_axisbelow(True)
        self.spines[:].set_visible(False)
        self.patch.set(edgecolor="black", linewidth=1.4)
        box = {"fc": "white", "ec": "none", "alpha": 0.85, "pad": 1.5}
        self.note = self.text(0.02, 0.98, "", va="top", transform=self.transAxes, bbox=box)

    @classmethod
    def on(cls, figure: Any, *place: Any, square: bool = True) -> CellAxes:
        """Add axes to a figure, in a box or as a subplot."""
        axes = cls(figure, *place, square=square)
        figure.add_axes(axes)
        return axes

    def paint(
        self,
        cells: CellMap,
        scale: ScalarMappable,
        visible: NDArray[np.bool_] | None = None,
    ) -> None:
        """Show a map, row 0 at the top as in the CSV files."""
        for image in list(self.images):
            image.remove()
        image = CellImage(self, interpolation="none", zorder=1)
        image.set_data(cells.paint(scale, visible))
        rows, columns = cells.values.shape
        image.set_extent((-0.5, columns - 0.5, rows - 0.5, -0.5))
        self.add_image(image)
        self._frame(cells.values)

    def _frame(self, values: xr.DataArray) -> None:
        rows, columns = values.shape
        self.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
        for axis, name, size in zip(
            (self.yaxis, self.xaxis), values.dims, values.shape, strict=True
        ):
            step = max(size // 4, 1)
            places = sorted({*range(0, size - step // 2, step), size - 1})
            axis.set_ticks(places, [f"{value:g}" for value in values[name].values[places]])
            axis.set_label_text(str(name).capitalize())

    def apply_aspect(self, position: Bbox | None = None) -> None:
        """Choose the box; matplotlib asks for it whenever it draws or lays out."""
        to_pixels = self.figure.transSubfigure
        room = TransformedBbox(
            self.get_position(original=True) if position is None else position, to_pixels
        )
        cells = np.abs([np.ptp(self.get_xlim()), np.ptp(self.get_ylim())])
        scale = room.size / cells
        if self._square:
            scale[:] = scale.min()
        # A hair more than the room is as good as the room: lengths are not exact.
        block = np.maximum(np.ceil(1 / scale - 1e-6), 1)
        size = np.where(block > 1, np.ceil(cells / block), np.rint(np.floor(scale + 1e-6) * cells))
        anchor: Any = self.get_anchor()
        corner = np.rint(Bbox.from_bounds(0, 0, *size).anchored(anchor, room).p0)
        self.block = rows, columns = int(block[1]), int(block[0])
        averaged = f"averages of {rows} × {columns} pixels"
        self.note.set_text(averaged if rows * columns > 1 else "")
        super().apply_aspect(Bbox([corner, corner + size]).transformed(to_pixels.inverted()))


class CellImage(AxesImage):
    """The colours of a map, repeated or averaged in blocks, never interpolated."""

    def make_image(
        self, renderer: Any, magnification: float = 1.0, unsampled: bool = False
    ) -> tuple[NDArray[np.uint8], float, float, Any]:
        """Return what is drawn and where; files of lines and curves hold the cells themselves."""
        if unsampled:
            return super().make_image(renderer, magnification, unsampled)
        axes: Any = self.axes
        left, right, bottom, top = (round(x + 0.5) for x in (*axes.get_xlim(), *axes.get_ylim()))
        colours = _averaged(np.asarray(self.get_array())[top:bottom, left:right], *axes.block)
        wide, high = np.rint(axes.bbox.size * magnification / colours.shape[1::-1]).astype(int)
        large = colours[::-1].repeat(high, axis=0).repeat(wide, axis=1)
        opaque = np.insert(large, 3, 255, axis=2)
        return opaque, round(axes.bbox.x0), round(axes.bbox.y0), IdentityTransform()


def _averaged(colours: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    if rows * columns == 1:
        return colours
    blocks = xr.DataArray(colours.astype(float), dims=("row", "column", "colour"))
    means = blocks.coarsen(row=rows, column=columns, boundary="pad").mean()
    return np.rint(means.values).astype(np.uint8)


def map_figure(
    shape: Sequence[int], *, panels: int = 1, lines: int = 1, beside: float = 0.15
) -> tuple[StyledFigure, list[CellAxes]]:
    """Return a figure for maps of a shape (rows, columns), two in a row.

    There is room for `lines` of legend below each, and on the right for what goes `beside` (inch).
    """
    across = min(panels, 2)
    scale = max(SIDE // across // max(shape), 1) / SHEET["figure.dpi"]
    height, width = (scale * cells for cells in shape)
    step = np.array([LEFT + width, ABOVE + height + BELOW + lines * LINE])
    size = step * (across, -(-panels // across)) + (beside, 0)
    figure = new_figure(size[0], size[1], layout=None)
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
    extend = ("neither", "min", "max", "both")[below + 2 * above]
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
    )
