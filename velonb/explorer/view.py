"""The figure of the explorer and its two parts as pictures, no oftener than the hand can see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

import numpy as np
import xarray as xr
from lmfit.model import ModelResult
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import SubFigure
from numpy.typing import NDArray
from PIL import Image

from velonb.explorer import curve_view, map_view
from velonb.explorer.curve_view import CurveView
from velonb.explorer.map_view import MapView
from velonb.explorer.maps import BinnedMap
from velonb.explorer.selection import Selection
from velonb.plots.style import MARK, PIN_COLOURS, StyledFigure, few_colours, styled
from velonb.vocabulary import locate

DPI = 120


class View:
    """One figure in two parts, drawn apart: a pick moves the curve and leaves the map alone."""

    @styled
    def __init__(self, flux: xr.Dataset, fits: xr.Dataset, asic: ModelResult) -> None:
        widths, height = (map_view.SIZE[0], curve_view.SIZE[0]), map_view.SIZE[1]
        self._chip = fits
        self.figure = StyledFigure(figsize=(sum(widths) / DPI, height / DPI), dpi=DPI)
        FigureCanvasAgg(self.figure)
        parts: Any = self.figure.subfigures(1, 2, width_ratios=widths, wspace=0)
        for part in parts:
            # Each part is drawn over what was there before.
            part.set_facecolor("white")
        self.map = MapView(parts[0])
        self.curve = CurveView(parts[1], flux, fits, asic)
        self._map_picture, self._curve_picture = Picture(parts[0]), Picture(parts[1], colours=128)
        self._map_changed = True
        self._static: tuple[Any, ...] = ()
        self._marks: dict[str, Any] = {}

    @styled
    def show_map(
        self,
        shown: BinnedMap,
        visible: NDArray[np.bool_],
        percentiles: tuple[float, float],
        bins: tuple[int, int] | None,
    ) -> None:
        """Show a map, some of its pixels, colours between percentiles, framed bins."""
        self.shown = shown
        self._ends = None if bins is None else (shown.edges[bins[0]], shown.edges[bins[1]])
        self.map.show(shown, visible, percentiles, self._ends)
        self._map_changed = True

    @styled
    def move(self, selection: Selection) -> None:
        """Show the chosen pixels."""
        place, *pins = (locate(self._chip, *each) for each in (selection.current, *selection.pins))
        known = self.shown.known[place]
        level = float(self.shown.cells.values.values[place]) if known else None
        self.map.move(place, pins, level)
        self.curve.move(selection)
        self._marks = {
            "current": list(place),
            "pins": [[*pin, colour] for pin, colour in zip(pins, PIN_COLOURS, strict=False)],
            "level": None if level is None else self._height(level),
            "range": None if self._ends is None else [self._height(end) for end in self._ends],
        }

    def _height(self, value: float) -> float:
        low, high = self.shown.edges[[0, -1]]
        return float(np.clip((value - low) / (high - low), 0, 1))

    def set_pixel_ratio(self, ratio: float) -> None:
        """Draw as sharply as the screen of the browser can show."""
        self.figure.set_dpi(DPI * ratio)
        self._map_changed, self._static = True, ()

    def draw(self, controls: Any) -> None:
        """Send to the widgets what has changed since the last time."""
        clickable = controls.clickable
        if self._map_changed:
            self._map_picture.draw()
            clickable.geometry = self._geometry()
            clickable.numbers = self.shown.cells.values.values.astype("<f4").tobytes()
            clickable.picture = self._map_picture.png()
            self._map_changed = False
        clickable.marks = self._marks
        if not clickable.ready:
            controls.map_picture.value = self._map_picture.png(self.map.marks)
        if self._static != self.curve.static:
            self._curve_picture.draw()
            self._static = self.curve.static
        controls.curve_picture.value = self._curve_picture.png(self.curve.animated)

    def _geometry(self) -> dict[str, Any]:
        cells = self.shown.cells
        return {
            "size": list(map_view.SIZE),
            "map": self._box(self.map.axes),
            "histogram": self._box(self.map.histogram),
            "shape": list(cells.values.shape),
            "first": [int(self._chip[name].values[0]) for name in ("row", "column")],
            "name": self.shown.name,
            "classes": {str(code): name for code, name in cells.classes.items()},
            "colour": MARK,
        }

    def _box(self, axes: Axes) -> list[float]:
        """Left, top, width and height of drawn axes, in pixels of the browser."""
        scale = DPI / self.figure.dpi
        box = axes.bbox
        top = map_view.SIZE[1] - box.y1 * scale
        return [box.x0 * scale, top, box.width * scale, box.height * scale]


class Picture:
    """One part of a figure as a PNG; the parts, each on its background, are drawn apart.

    So many colours or fewer take half the time and half the bytes; where there are lines and text
    on white, the eye sees no loss.
    """

    def __init__(self, part: SubFigure, *, colours: int | None = None) -> None:
        self.part = part
        self._colours = colours
        self._canvas: Any = part.figure.canvas
        self._drawn: Any = None

    @styled
    def draw(self) -> None:
        """Draw the artists anew, without the animated ones."""
        self.part.draw(self._canvas.get_renderer())
        self._drawn = self._canvas.copy_from_bbox(self.part.bbox)

    def png(self, on_top: Iterable[Artist] = ()) -> bytes:
        """Return what was drawn last, with some animated artists on top."""
        self._canvas.restore_region(self._drawn)
        renderer = self._canvas.get_renderer()
        for artist in on_top:
            artist.draw(renderer)
        pixels = np.asarray(renderer.buffer_rgba())[::-1, :, :3]
        left, bottom, right, top = np.rint(self.part.bbox.extents).astype(int)
        image = Image.fromarray(np.ascontiguousarray(pixels[bottom:top, left:right][::-1]))
        file = BytesIO()
        if self._colours is not None:
            image = few_colours(image, self._colours)
        # The fastest compression: a picture goes stale with the next move of the hand.
        image.save(file, "png", compress_level=1)
        return file.getvalue()


class Coalesced:
    """Runs an action once for a burst of requests, soon after the first of them.

    Messages that arrive in the delay (s) are handled before the action runs, so it sees the newest
    state and never falls behind. Without a running event loop it runs at once.
    """

    def __init__(self, action: Callable[[], None], *, delay: float = 0.015) -> None:
        self._action, self._delay = action, delay
        self._pending = False

    def request(self) -> None:
        """Have the action run, now or soon."""
        if self._pending:
            return
        try:
            asyncio.get_running_loop().call_later(self._delay, self._run)
            self._pending = True
        except RuntimeError:
            self._run()

    def _run(self) -> None:
        self._pending = False
        self._action()
