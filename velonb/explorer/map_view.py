"""The artists of the map and its histogram: made once, moved ever after."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import PolyCollection
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import AutoLocator, ScalarFormatter
from numpy.typing import NDArray

from velonb.explorer.maps import REASON_COLOURS, PixelMap, colours_of, paint
from velonb.explorer.selection import MAX_PINS, Selection
from velonb.plots.map_parts import frame_map
from velonb.plots.style import BAND

SIZE = (744, 600)
"""Width and height of this part of the figure (pixels of the browser)."""
MAP_BOX = (52, 48, 512, 512)
HISTOGRAM_BOX = (576, 48, 76, 512)
"""Left, bottom, width, height. Every pixel of the chip is 2 x 2 pixels of the browser: at a scale
that is not whole, rows and columns would beat with those of the screen."""

PIN_COLOURS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7b3294", "#8c510a")
MARK_COLOUR = "#e3001b"


class MapView:
    """A map of the chip beside the histogram of its values, which is also its colour bar.

    Marks of pixels are animated artists: they are in saved files, and drawn apart from the rest
    on the screen.
    """

    def __init__(self, part: SubFigure, shape: tuple[int, int]) -> None:
        self.axes = part.add_axes(_fractions(MAP_BOX))
        self.histogram = part.add_axes(_fractions(HISTOGRAM_BOX))
        self.image = self.axes.imshow(np.zeros((*shape, 3), np.uint8), interpolation="nearest")
        frame_map(self.axes)
        self.title = self.axes.set_title("", loc="left", fontsize=9.5)
        self._add_reason_key()
        self._add_bars()
        halo = [withStroke(linewidth=3.5, foreground="white")]
        style: dict[str, Any] = {"marker": "o", "ls": "", "mfc": "none", "animated": True}
        style |= {"mew": 1.5, "path_effects": halo}
        self.mark = Line2D([], [], ms=10, mec=MARK_COLOUR, **style)
        self.pins = [Line2D([], [], ms=8, mec=colour, **style) for colour in PIN_COLOURS]
        for line in (self.mark, *self.pins):
            self.axes.add_line(line)
        self.level = self.histogram.axhline(0, color=MARK_COLOUR, lw=1.5, animated=True)
        self.range = Rectangle((0, 0), 1, 1, fill=False, ec=MARK_COLOUR, lw=1.2, animated=True)
        self.range.set_transform(self.histogram.get_yaxis_transform())
        self.histogram.add_patch(self.range)

    def _add_reason_key(self) -> None:
        handles = [
            Patch(fc=colour, ec="black", lw=0.5, label=name)
            for name, colour in REASON_COLOURS.items()
        ]
        self.axes.legend(
            handles=handles,
            loc="lower right",
            bbox_to_anchor=(1.01, 1.0),
            ncols=len(handles),
            columnspacing=1.0,
            handlelength=1.0,
            borderaxespad=0.2,
        )

    def _add_bars(self) -> None:
        self.all_bars = PolyCollection([], fc=BAND, ec="none")
        self.shown_bars = PolyCollection([], ec="none")
        for bars in (self.all_bars, self.shown_bars):
            self.histogram.add_collection(bars, autolim=False)
        self.histogram.set(xticks=[])
        self.histogram.set_title("", fontsize=8)
        self.histogram.yaxis.tick_right()
        self.histogram.spines[["top", "bottom"]].set_visible(False)

    def show(
        self, shown: PixelMap, visible: NDArray[np.bool_], limits: tuple[float, float]
    ) -> None:
        """Show a map with some of its pixels, in some colour limits."""
        self.image.set_data(paint(shown, visible, limits))
        self.title.set_text(shown.label)
        known = shown.reasons == 0
        edges = shown.edges
        every = np.bincount(shown.bins[known], minlength=edges.size - 1)
        seen = np.bincount(shown.bins[known & visible], minlength=edges.size - 1)
        middles = (edges[:-1] + edges[1:]) / 2
        self.all_bars.set_verts(list(_bars(edges, every)))
        self.shown_bars.set_verts(list(_bars(edges, seen)))
        colours = colours_of(shown, middles, limits) / 255
        self.shown_bars.set_facecolor([tuple(colour) for colour in colours.tolist()])
        self.histogram.set(
            xlim=(0, 1.05 * max(every.max(), 1)),
            ylim=(edges[0], edges[-1]),
            title=f"{seen.sum():,} shown\nof {every.sum():,}",
        )
        self._tick(shown, middles)

    def _tick(self, shown: PixelMap, middles: NDArray[np.float64]) -> None:
        if shown.classes:
            names = [name.replace("_", " ") for name in shown.classes]
            self.histogram.set_yticks(middles, names)
        else:
            self.histogram.yaxis.set_major_locator(AutoLocator())
            self.histogram.yaxis.set_major_formatter(ScalarFormatter())

    def move(self, selection: Selection, level: float | None) -> None:
        """Mark the chosen pixels, and the value of the current one in the histogram."""
        row, column = selection.current
        self.mark.set_data([column], [row])
        for slot, line in enumerate(self.pins):
            pin = selection.pins[slot : slot + 1]
            line.set_data([column for _, column in pin], [row for row, _ in pin])
        self.level.set_visible(level is not None)
        if level is not None:
            self.level.set_ydata([level, level])

    def frame_range(self, ends: tuple[float, float] | None) -> None:
        """Frame the values that are shown; None where all are."""
        self.range.set_visible(ends is not None)
        if ends is not None:
            self.range.set(y=ends[0], height=ends[1] - ends[0])

    @property
    def marks(self) -> list[Artist]:
        """The artists that are drawn apart from the rest."""
        return [self.range, self.level, *self.pins, self.mark]


def _fractions(box: tuple[int, int, int, int]) -> tuple[float, float, float, float]:
    left, bottom, width, height = box
    return left / SIZE[0], bottom / SIZE[1], width / SIZE[0], height / SIZE[1]


def _bars(edges: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    zero = np.zeros(counts.size)
    right = np.stack([zero, counts, counts, zero], axis=1)
    top = np.stack([edges[:-1], edges[:-1], edges[1:], edges[1:]], axis=1)
    return np.stack([right, top], axis=2)


assert len(PIN_COLOURS) == MAX_PINS
