"""The figure of the explorer, and its two parts as pictures in the browser."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from lmfit.model import ModelResult
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.typing import NDArray

from velonb.explorer import curve_view, map_view
from velonb.explorer.curve_view import CurveView
from velonb.explorer.map_view import PIN_COLOURS, MapView
from velonb.explorer.maps import PixelMap
from velonb.explorer.rendering import Picture
from velonb.explorer.selection import Selection
from velonb.plots.style import StyledFigure, styled

DPI = 100


class View:
    """One figure in two parts, drawn apart: a pick moves the curve and leaves the map alone."""

    @styled
    def __init__(self, flux: xr.Dataset, fits: xr.Dataset, asic: ModelResult) -> None:
        widths = map_view.SIZE[0], curve_view.SIZE[0]
        self.figure = StyledFigure(figsize=(sum(widths) / DPI, map_view.SIZE[1] / DPI), dpi=DPI)
        FigureCanvasAgg(self.figure)
        parts: Any = self.figure.subfigures(1, 2, width_ratios=widths, wspace=0)
        left, right = parts
        for part in (left, right):
            # Each part is drawn over what was there before.
            part.set_facecolor("white")
        self.map = MapView(left, (flux.sizes["row"], flux.sizes["column"]))
        self.curve = CurveView(right, flux, fits, asic)
        self._map_picture, self._curve_picture = Picture(left), Picture(right, colours=128)
        self._map_changed = True
        self._still: tuple[Any, ...] = ()
        self._marks: dict[str, Any] = {}

    @styled
    def show_map(
        self,
        shown: PixelMap,
        visible: NDArray[np.bool_],
        limits: tuple[float, float],
        bins: tuple[int, int] | None,
    ) -> None:
        """Show a map, some of its pixels, in some colour limits."""
        self._shown = shown
        self._ends = None if bins is None else (shown.edges[bins[0]], shown.edges[bins[1]])
        self.map.show(shown, visible, limits)
        self.map.frame_range(self._ends)
        self._map_changed = True

    @styled
    def move(self, selection: Selection) -> None:
        """Show the chosen pixels."""
        pixel = selection.current
        known = self._shown.reasons[pixel] == 0
        level = float(self._shown.values[pixel]) if known else None
        self.map.move(selection, level)
        self.curve.move(selection)
        self._marks = {
            "current": list(pixel),
            "pins": [[*pin, PIN_COLOURS[i]] for i, pin in enumerate(selection.pins)],
            "level": None if level is None else self._height(level),
            "range": None if self._ends is None else [self._height(end) for end in self._ends],
        }

    def _height(self, value: float) -> float:
        low, high = self._shown.edges[[0, -1]]
        return float(np.clip((value - low) / (high - low), 0, 1))

    def set_pixel_ratio(self, ratio: float) -> None:
        """Draw as sharply as the screen of the browser can show."""
        self.figure.set_dpi(DPI * ratio)
        self._map_changed, self._still = True, ()

    def draw(self, controls: Any) -> None:
        """Send to the widgets what has changed since the last time."""
        clickable = controls.clickable
        if self._map_changed:
            self._map_picture.draw()
            clickable.geometry = self._geometry()
            clickable.numbers = self._shown.values.astype("<f4").tobytes()
            clickable.picture = self._map_picture.png()
            self._map_changed = False
        clickable.marks = self._marks
        if not clickable.ready:
            controls.map_picture.value = self._map_picture.png(self.map.marks)
        if self._still != self.curve.still:
            self._curve_picture.draw()
            self._still = self.curve.still
        controls.curve_picture.value = self._curve_picture.png(self.curve.moving)

    def _geometry(self) -> dict[str, Any]:
        height = map_view.SIZE[1]
        boxes = {"map": map_view.MAP_BOX, "histogram": map_view.HISTOGRAM_BOX}
        return {
            **{name: [x, height - y - h, w, h] for name, (x, y, w, h) in boxes.items()},
            "size": list(map_view.SIZE),
            "shape": list(self._shown.values.shape),
            "name": self._shown.name,
            "classes": self._shown.class_names,
        }
