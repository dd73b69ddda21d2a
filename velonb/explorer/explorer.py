"""The explorer: the thin shell between the widgets and what they move."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
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
from velonb.explorer.maps import fit_names, map_titles
from velonb.explorer.rendering import Coalesced
from velonb.explorer.selection import Pixel
from velonb.explorer.session import Session
from velonb.explorer.text import code_html, error_html, message_html, pixel_table
from velonb.plots.map_parts import classes_of
from velonb.plots.style import FIT_TYPE_COLOURS


def _reported(method: Callable[..., None]) -> Callable[..., None]:
    """Show what goes wrong in a callback, which a front end would swallow.

    Callbacks of widgets that the explorer itself moves are left out.
    """

    @wraps(method)
    def reporting(self: Explorer, *args: Any) -> None:
        if self._following:
            return
        self.controls.message.value = ""
        try:
            method(self, *args)
        except Exception as error:
            self.controls.message.value = error_html(error)

    return reporting


class Explorer(widgets.VBox):
    """A map of the chip and the scans of the pixels picked on it, linked; made by `explore`.

    Attributes
    ----------
    controls : Controls
        The widgets.
    """

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
        self._session = Session(flux, fits, asic, folder=folder)
        self.controls = _controls(flux, fits)
        self._pictures = Coalesced(self._draw)
        self._load_map()
        self._follow()
        self._connect()
        self.children = self.controls.boxes

    @property
    def figure(self) -> Figure:
        """Map, histogram, curves and pulls, as shown."""
        return self._session.view.figure

    @property
    def selection(self) -> list[Pixel]:
        """The chosen pixels as (row, column): the pinned ones, then the current one."""
        return self._session.selection.pixels

    @property
    def shown(self) -> NDArray[np.bool_]:
        """True, by row and column, where the map shows a pixel."""
        return self._session.visible.copy()

    def select(self, row: int, column: int) -> None:
        """Move to a pixel.

        Parameters
        ----------
        row, column : int
            The pixel, counted from 0.

        Raises
        ------
        TypeError
            If a coordinate is not a whole number.
        IndexError
            If the pixel is not on the chip.
        """
        self._session.selection.move_to(row, column)
        self._follow()

    def save_view(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Save the figure as it is; the ending of the name chooses the format."""
        return self._session.save_view(path)

    def save_pixels(self, path: str | os.PathLike[str] | None = None) -> tuple[Path, Path]:
        """Save the chosen pixels as CSV: their scans, and their parameters beside them."""
        return self._session.save_pixels(path)

    def close(self) -> None:
        """Free the widgets, here and in the browser."""
        close_all(self)

    def _ipython_display_(self) -> None:
        # `explore` shows the explorer, and so does a cell that ends with it: once is enough.
        cell = getattr(get_ipython(), "execution_count", None)
        if cell is None or cell != self._shown_in_cell:
            self._shown_in_cell = cell
            display(self._repr_mimebundle_(), raw=True)  # type: ignore[no-untyped-call]

    def _connect(self) -> None:
        controls, selection = self.controls, self._session.selection
        for widget in (controls.map, controls.fit, controls.threshold):
            widget.observe(self._map_changed, "value")
        for widget in (controls.percentiles, controls.range, *controls.types.values()):
            widget.observe(self._shown_changed, "value")
        for widget in (controls.row, controls.column):
            widget.observe(self._slid, "value")
        for widget in (controls.row_text, controls.column_text):
            widget.observe(self._typed, "value")
        controls.clickable.observe(self._picked, "picked")
        controls.clickable.observe(self._brushed, "brushed")
        controls.clickable.observe(self._front_end_ready, ["ready", "pixel_ratio"])
        for button, change in (
            (controls.back, selection.back),
            (controls.forward, selection.forward),
            (controls.pin, selection.toggle_pin),
            (controls.unpin_all, selection.unpin_all),
        ):
            button.on_click(lambda _, change=change: self._choose(change))
        controls.next_bad.on_click(lambda _: self._jump(self._session.next_bad, "bad pixel"))
        controls.random.on_click(lambda _: self._jump(self._session.random, "pixel"))
        controls.show_all.on_click(lambda _: self._show_all())
        controls.save_view.on_click(lambda _: self._save(lambda: [self.save_view()]))
        controls.save_pixels.on_click(lambda _: self._save(self.save_pixels))

    # What the hand does.

    @_reported
    def _map_changed(self, change: Any) -> None:
        self._load_map()
        self._follow()

    @_reported
    def _shown_changed(self, change: Any) -> None:
        self._show_map()
        self._follow()

    @_reported
    def _slid(self, change: Any) -> None:
        where = self.controls.row.value, self.controls.column.value
        self._session.selection.move_to(*where, gliding=True)
        self._follow()

    @_reported
    def _typed(self, change: Any) -> None:
        self.select(self.controls.row_text.value, self.controls.column_text.value)

    @_reported
    def _picked(self, change: Any) -> None:
        row, column, gliding, _ = change["new"]
        self._session.selection.move_to(row, column, gliding=gliding)
        self._follow()

    @_reported
    def _brushed(self, change: Any) -> None:
        low, high, _ = change["new"]
        self.controls.range.value = self._session.map.bins_between(low, high)

    @_reported
    def _front_end_ready(self, change: Any) -> None:
        self.controls.help.value = CLICKS
        self.controls.map_picture.layout.display = "none"
        self._session.view.set_pixel_ratio(self.controls.clickable.pixel_ratio)
        self._follow()

    @_reported
    def _choose(self, change: Callable[[], None]) -> None:
        change()
        self._follow()

    @_reported
    def _jump(self, find: Callable[[], Pixel | None], what: str) -> None:
        pixel = find()
        if pixel is None:
            self._tell(f"There is no {what} among those shown on the map")
        else:
            self.select(*pixel)

    @_reported
    def _show_all(self) -> None:
        self._following = True
        self.controls.show_everything()
        self._following = False
        self._show_map()
        self._follow()

    @_reported
    def _save(self, save: Callable[[], Any]) -> None:
        self._tell("Saved " + " and ".join(str(path) for path in save()))

    # What follows.

    def _tell(self, text: str) -> None:
        self.controls.message.value = message_html(text)

    def _load_map(self) -> None:
        controls, session = self.controls, self._session
        session.load_map(controls.map.value, controls.fit.value, controls.threshold.value)
        self._following = True
        controls.offer(session.map, session.counts)
        self._following = False
        self._show_map()

    def _show_map(self) -> None:
        self._session.show(
            switched_on=self.controls.switched_on(),
            bins=self.controls.chosen_bins(),
            percentiles=self.controls.percentiles.value,
        )

    def _follow(self) -> None:
        """Move artists and widgets to the selection; the pictures follow soon after."""
        self._session.view.move(self._session.selection)
        self._following = True
        self.controls.follow(self._session.selection)
        self._following = False
        self._pictures.request()

    def _draw(self) -> None:
        controls, session = self.controls, self._session
        try:
            session.view.draw(controls)
            selection = session.selection
            controls.table.value = pixel_table(session.fits, selection.current, selection.pins)
            controls.code.value = code_html(
                self.selection,
                controls.map.value,
                controls.fit.value,
                fits=controls.fit.options,
                threshold=controls.threshold.value,
                percentiles=controls.percentiles.value,
            )
        except Exception as error:
            controls.message.value = error_html(error)


def _controls(flux: xr.Dataset, fits: xr.Dataset) -> Controls:
    classes = classes_of(fits["fit_type"])
    exposed = flux["exposure"].values > 0
    return Controls(
        (flux.sizes["row"], flux.sizes["column"]),
        map_titles(flux, fits),
        fits=fit_names(fits),
        thresholds=[int(t) for t in flux["threshold"].values[exposed]],
        types={code: FIT_TYPE_COLOURS[classes[code]] for code in sorted(classes, reverse=True)},
    )
