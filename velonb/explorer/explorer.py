"""The explorer: the thin shell between the widgets and what they move."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import xarray as xr
from IPython import get_ipython
from IPython.display import display
from lmfit.model import ModelResult
from matplotlib.figure import Figure
from numpy.typing import NDArray

from velonb.explorer.controls import CLICKS, Controls, close_all
from velonb.explorer.maps import binned_map, shown_pixels
from velonb.explorer.saving import save_figure, save_parameters, save_scans
from velonb.explorer.selection import Pixel, Selection, next_pixel, random_pixel
from velonb.explorer.text import code_html, code_lines, error_html, file_stem, pixel_table
from velonb.explorer.view import DPI, Coalesced, View
from velonb.plots.painter import fitted_map
from velonb.vocabulary import BAD, good, locate


class Explorer(widgets.VBox):
    """A map of the chip and the scans of the pixels picked on it, linked; made by `explore`."""

    def __init__(
        self,
        flux: xr.Dataset,
        fits: xr.Dataset,
        asic: ModelResult,
        *,
        folder: str | os.PathLike[str] = ".",
    ) -> None:
        super().__init__()
        self._following = False
        self._shown_in_cell: int | None = None
        self._flux, self._fits, self._folder = flux, fits, Path(folder)
        self._random = np.random.default_rng()
        self._selection = Selection(fits, self._first_pixel())
        self._view = View(flux, fits, asic)
        self.controls = Controls(flux, fits)
        self._pictures = Coalesced(self._draw)
        self._load_map()
        self._follow()
        self._connect()
        self.children = self.controls.boxes
        self.add_class("velonb-explorer")

    @property
    def figure(self) -> Figure:
        """Map, histogram, curves and pulls, as shown."""
        return self._view.figure

    @property
    def selection(self) -> list[Pixel]:
        """The chosen pixels as (row, column): the pinned ones, then the current one."""
        return self._selection.pixels

    @property
    def shown(self) -> NDArray[np.bool_]:
        """True, by row and column, where the map shows a pixel."""
        return self._visible.copy()

    def select(self, row: int, column: int) -> None:
        """Move to a pixel.

        Parameters
        ----------
        row, column : int
            The pixel, as the chip counts it.

        Raises
        ------
        TypeError
            If a coordinate is not a whole number.
        IndexError
            If the pixel is not on the chip.
        """
        self._selection.move_to(row, column)
        self._follow()

    def save_view(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Save the figure as it is; the ending of the name chooses the format."""
        return save_figure(self.figure, path or self._path("png"), dpi=2 * DPI)

    def save_pixels(self, path: str | os.PathLike[str] | None = None) -> tuple[Path, Path]:
        """Save the chosen pixels as CSV: their scans, and their parameters beside them."""
        scans = Path(path or self._path("csv"))
        parameters = scans.with_stem(f"{scans.stem}_parameters")
        save_scans(scans, self._flux, self._fits, self.selection)
        return scans, save_parameters(parameters, self._fits, self.selection)

    def _path(self, ending: str) -> Path:
        return self._folder / f"{file_stem(self._flux.attrs, self.selection)}.{ending}"

    def close(self) -> None:
        """Free the widgets, here and in the browser, and the figure."""
        self._following = True
        close_all(self)
        for name in ("_view", "_pictures", "_map", "_visible", "_types"):
            self.__dict__.pop(name, None)

    def _ipython_display_(self) -> None:
        # `explore` shows the explorer, and so does a cell that ends with it: once is enough.
        cell = getattr(get_ipython(), "execution_count", None)
        if cell is None or cell != self._shown_in_cell:
            self._shown_in_cell = cell
            display(self._repr_mimebundle_(), raw=True)  # type: ignore[no-untyped-call]

    # What the hand does.

    def _connect(self) -> None:
        controls, selection = self.controls, self._selection
        self._on([controls.map, controls.fit, controls.threshold], lambda _: self._load_map())
        limits = [controls.percentiles, controls.range, *controls.types.values()]
        self._on(limits, lambda _: self._show_map())
        self._on([controls.row, controls.column], lambda _: self._slide())
        self._on([controls.clickable], self._pick, "picked")
        self._on([controls.clickable], self._brush, "brushed")
        self._on([controls.clickable], lambda pressed: controls.press(pressed[0]), "pressed")
        controls.clickable.observe(self._answer, ["picked", "brushed", "pressed"])
        self._on([controls.clickable], lambda _: self._take_over(), "ready", "pixel_ratio")
        for button, action in (
            (controls.show_all, controls.show_everything),
            (controls.back, selection.back),
            (controls.forward, selection.forward),
            (controls.pin, selection.toggle_pin),
            (controls.unpin_all, selection.unpin_all),
            (controls.next_bad, lambda: self._jump(self._next_bad(), "bad pixel")),
            (controls.random, lambda: self._jump(self._any(), "pixel")),
            (controls.save_view, lambda: self._tell_saved(self.save_view())),
            (controls.save_pixels, lambda: self._tell_saved(*self.save_pixels())),
        ):
            button.on_click(lambda _, action=action: self._do(action))

    def _on(self, sources: Iterable[Any], action: Callable[[Any], None], *traits: str) -> None:
        for source in sources:
            names = list(traits) or "value"
            source.observe(lambda change: self._do(partial(action, change["new"])), names)

    def _do(self, action: Callable[[], None]) -> None:
        """Follow the hand; what goes wrong is shown, a front end would swallow it."""
        if self._following:
            return
        self.controls.message.value = ""
        try:
            action()
            self._follow()
        except Exception as error:
            self.controls.message.value = error_html(error)

    def _slide(self) -> None:
        where = self.controls.row.value, self.controls.column.value
        self._selection.move_to(*where, gliding=True)

    def _pick(self, picked: list[Any]) -> None:
        *place, gliding, _ = picked
        self._selection.move_to(*self._pixel_at(*place), gliding=gliding)

    def _brush(self, brushed: list[Any]) -> None:
        self.controls.range.value = self._map.bins_between(*brushed[:2])

    def _answer(self, asked: Any) -> None:
        self.controls.clickable.answered = asked["new"][-1]

    def _take_over(self) -> None:
        self.controls.help.value = CLICKS
        self.controls.map_picture.layout.display = "none"
        self._view.set_pixel_ratio(self.controls.clickable.pixel_ratio)

    def _jump(self, place: Pixel | None, what: str) -> None:
        if place is None:
            self.controls.message.value = f"There is no {what} among those shown on the map"
        else:
            self._selection.move_to(*self._pixel_at(*place))

    def _tell_saved(self, *paths: Path) -> None:
        self.controls.message.value = escape("Saved " + " and ".join(map(str, paths)))

    # Where pixels are: arrays begin at 0, the rows and columns of a chip where they like.

    def _pixel_at(self, row: int, column: int) -> Pixel:
        return int(self._fits["row"].values[row]), int(self._fits["column"].values[column])

    def _first_pixel(self) -> Pixel:
        marks = good(self._fits, str(self._fits["fit"].values[0])).values
        rows, columns = marks.shape
        return self._pixel_at(*next_pixel(marks, after=(rows // 2, columns // 2)) or (0, 0))

    def _next_bad(self) -> Pixel | None:
        here = locate(self._fits, *self._selection.current)
        return next_pixel((self._types == BAD) & self._visible, here)

    def _any(self) -> Pixel | None:
        return random_pixel(self._visible & self._map.known, self._random)

    # What follows.

    def _load_map(self) -> None:
        controls, fit = self.controls, self.controls.fit.value
        options = {"fit": fit, "threshold": controls.threshold.value}
        self._map = binned_map(self._flux, self._fits, controls.map.value, **options)
        types = fitted_map(self._fits, "fit_type", fit)
        self._types = types.values.values
        self._following = True
        controls.offer(self._map, types.shares())
        self._following = False
        self._show_map()

    def _show_map(self) -> None:
        controls, bins = self.controls, self.controls.chosen_bins()
        switched_on = controls.switched_on()
        self._visible = shown_pixels(self._map, self._types, switched_on=switched_on, bins=bins)
        percentiles = controls.chosen_percentiles()
        self._view.show_map(self._map, self._visible, percentiles, bins)

    def _follow(self) -> None:
        """Move artists and widgets to the selection; the pictures follow soon after."""
        self._view.move(self._selection)
        self._following = True
        self.controls.follow(self._selection)
        self._following = False
        self._pictures.request()

    def _draw(self) -> None:
        controls, selection = self.controls, self._selection
        try:
            self._view.draw(controls)
            controls.table.value = pixel_table(self._fits, selection.current, selection.pins)
            options = {"fits": controls.fit.options, "threshold": controls.threshold.value}
            options |= {"percentiles": controls.chosen_percentiles()}
            shown = controls.map.value, controls.fit.value
            controls.code.value = code_html(code_lines(self.selection, *shown, **options))
        except Exception as error:
            controls.message.value = error_html(error)
