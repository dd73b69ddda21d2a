"""The artists of the map and its histogram: made once, moved ever after."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import PolyCollection
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import AutoLocator, ScalarFormatter
from numpy.typing import NDArray

from velonb.explorer.maps import BinnedMap
from velonb.explorer.selection import Pixel
from velonb.plots.cells import CellAxes, axes_beside, draw_bars, legend_below
from velonb.plots.painter import patch
from velonb.plots.style import BAND, MARK, PIN_COLOURS, REASON_COLOURS

SIZE = (744, 616)
"""Width and height of this part of the figure (pixels of the browser)."""
ROOM = (62, 66, 512, 512)
"""Left, bottom, width and height of the room for the map, which takes what is whole of it."""


class MapView:
    """A map of the chip beside the histogram of its values, which is also its colour bar.

    Marks of pixels are animated artists: they are in saved files, and drawn apart from the rest
    on the screen.
    """

    def __init__(self, part: SubFigure) -> None:
        box = np.array(ROOM) / (SIZE * 2)
        self.axes = CellAxes.on(part, tuple(box))
        self.axes.set_anchor("NW")
        self.histogram = axes_beside(self.axes, 0.1, 0.63)
        self.histogram.set(xticks=[])
        self.histogram.set_title("", fontsize="small")
        self.histogram.yaxis.tick_right()
        self.histogram.spines[["top", "bottom"]].set_visible(False)
        self.title = self.axes.set_title("", loc="left")
        key = [patch(colour, name) for name, colour in REASON_COLOURS.items()]
        legend_below(self.axes, key, ncols=len(key))
        self._bars: list[PolyCollection] = []
        halo = [withStroke(linewidth=3.5, foreground="white")]
        style: dict[str, Any] = {"marker": "o", "ls": "", "mfc": "none", "animated": True}
        style |= {"mew": 1.5, "path_effects": halo, "zorder": 5}
        self.mark = Line2D([], [], ms=9, mec=MARK, **style)
        self.pins = [Line2D([], [], ms=7, mec=colour, **style) for colour in PIN_COLOURS]
        for line in (self.mark, *self.pins):
            self.axes.add_line(line)
        self.level = self.histogram.axhline(0, color=MARK, lw=1.3, animated=True)
        self.range = Rectangle((0, 0), 1, 1, fill=False, ec=MARK, lw=1.1, animated=True)
        self.range.set_transform(self.histogram.get_yaxis_transform())
        self.histogram.add_patch(self.range)

    def show(
        self,
        shown: BinnedMap,
        visible: NDArray[np.bool_],
        percentiles: tuple[float, float],
        ends: tuple[float, float] | None,
    ) -> None:
        """Show some pixels of a map, colours between percentiles, a frame around some values."""
        scale = shown.cells.scale(percentiles)
        self.axes.paint(shown.cells, scale, visible)
        self.title.set_text(shown.title)
        edges, bins = shown.edges, shown.bins
        middles = (edges[:-1] + edges[1:]) / 2
        seen = np.bincount(bins[shown.known & visible], minlength=middles.size)
        every = np.bincount(bins[shown.known], minlength=middles.size)
        for bars in self._bars:
            bars.remove()
        colours = scale.to_rgba(middles)
        self._bars = [
            draw_bars(self.histogram, edges, seen, colours),
            draw_bars(self.histogram, edges, every, BAND),
        ]
        self._bars[1].set_zorder(0)
        title = f"{seen.sum():,} shown\nof {every.sum():,}"
        self.histogram.set(ylim=edges[[0, -1]], title=title)
        self._tick(list(shown.cells.classes.values()), middles)
        self.range.set_visible(ends is not None)
        if ends is not None:
            self.range.set(y=ends[0], height=ends[1] - ends[0])

    def _tick(self, classes: list[str], middles: NDArray[np.float64]) -> None:
        if classes:
            self.histogram.set_yticks(middles, classes)
        else:
            self.histogram.yaxis.set_major_locator(AutoLocator())
            self.histogram.yaxis.set_major_formatter(ScalarFormatter())

    def move(self, current: Pixel, pins: list[Pixel], level: float | None) -> None:
        """Mark pixels by their places, and the value of the current one in the histogram."""
        for slot, line in enumerate((self.mark, *self.pins)):
            here = [current, *pins][slot : slot + 1]
            line.set_data([column for _, column in here], [row for row, _ in here])
        self.level.set_visible(level is not None)
        if level is not None:
            self.level.set_ydata([level, level])

    @property
    def marks(self) -> list[Artist]:
        """The artists that are drawn apart from the rest."""
        return [self.range, self.level, *self.pins, self.mark]
