"""The sliders, menus and buttons around the figure, and how they are laid out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets
import xarray as xr

from velonb.explorer import curve_view, map_view
from velonb.explorer.maps import HITS, BinnedMap, fit_names, map_titles
from velonb.explorer.selection import Selection
from velonb.plots.style import CLASS_COLOURS, REASON_COLOURS
from velonb.vocabulary import classes_of

NO_CLICKS = (
    "Clicks on the map are not to be had here: this front end has not loaded the clickable "
    "picture (package anywidget). The sliders, and the numbers beside them, do the same."
)
CLICKS = (
    "<b>Click</b> or <b>drag</b> on the map, use the <b>arrow keys</b> (with Shift: by 10), or the "
    "sliders <b>Row</b> and <b>Column</b>. "
    "<b>Drag along the histogram</b> to show only those values; click it to show all. "
    "<b>?</b> tells the keys."
)


KEYS = {"n": "next bad pixel", "r": "random pixel", "p": "pin or unpin", "[": "back"}
KEYS |= {"]": "forward", "?": "this help"}

AROUND = 268
"""Height of the menus of a front end and of the explorer's (pixels of the browser)."""


class ClickableMap(anywidget.AnyWidget):
    """Shows the map and its histogram as one picture and reports what the hand does there.

    Marks are drawn by the browser, over the picture: moving them costs a few bytes. Lengths are
    in pixels of the picture at its natural size, pixels of the chip are counted from 0.
    """

    _esm = Path(__file__).with_name("clickable.js")

    picture = traitlets.Bytes(help="PNG").tag(sync=True)
    numbers = traitlets.Bytes(help="The map's values, float32, row by row").tag(sync=True)
    geometry = traitlets.Dict(help="size, map, histogram, shape, first, ...").tag(sync=True)
    marks = traitlets.Dict(help="current, pins, level, range").tag(sync=True)

    ready = traitlets.Bool(False, help="The browser has it on the screen").tag(sync=True)
    pixel_ratio = traitlets.Float(1.0, help="Of the browser's screen").tag(sync=True)
    picked: Any = traitlets.List(help="row, column, whether gliding, serial number").tag(sync=True)
    answered = traitlets.Int(help="Serial number of what was done last").tag(sync=True)
    pressed: Any = traitlets.List(help="key, serial number").tag(sync=True)
    brushed: Any = traitlets.List(help="low and high end (0 to 1), serial number").tag(sync=True)


class Controls:
    """Every widget of the explorer of some flux and fits, without what they do."""

    def __init__(self, flux: xr.Dataset, fits: xr.Dataset) -> None:
        self._make_menus(flux, fits)
        self._make_colours(classes_of(fits["fit_type"]))
        self.row, self.column = _coordinate(fits, "row"), _coordinate(fits, "column")
        self._make_buttons()
        self.clickable = ClickableMap()
        buttons = (self.next_bad, self.random, self.pin, self.back, self.forward)
        self._pressed = dict(zip(KEYS, buttons, strict=False))
        self.map_picture = widgets.Image(format="png", layout=_picture(map_view.SIZE))
        self.curve_picture = widgets.Image(format="png", layout=_picture(curve_view.SIZE))
        self.table, self.code, self.message = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.help = widgets.HTML(NO_CLICKS)
        self.boxes = self._arranged()

    def _make_menus(self, flux: xr.Dataset, fits: xr.Dataset) -> None:
        titles = list(map_titles(flux, fits).items())
        exposed = flux["threshold"].values[flux["exposure"].values > 0]
        self.map = _named(widgets.Dropdown, "Map", 230, options=titles)
        self.fit = _named(widgets.Dropdown, "Fit", 130, options=fit_names(fits))
        self.threshold = _named(
            widgets.SelectionSlider, "Threshold (DAC)", options=[int(t) for t in exposed]
        )

    def _make_colours(self, classes: dict[int, str]) -> None:
        percent: dict[str, Any] = {"min": 0, "max": 100, "step": 0.5, "readout_format": ".1f"}
        self.percentiles = _named(widgets.FloatRangeSlider, "Colours (%)", value=(1, 99), **percent)
        self.percentiles.tooltip = "Percentiles of the values where the colour scale ends"
        ends: dict[str, Any] = {"value": (0, 1), "min": 0, "max": 1, "readout": False}
        self.range = _named(widgets.IntRangeSlider, "Values", 230, **ends)
        self.range_text = widgets.HTML(layout=_wide(125))
        self.show_all = _button("Show all", "Show every value and every fit type again")
        self.types = {
            code: widgets.Checkbox(True, indent=False, layout=_wide("auto"))
            for code in sorted(classes, reverse=True)
        }
        self._classes = classes
        self._swatches = {code: widgets.HTML() for code in self.types}

    def _make_buttons(self) -> None:
        self.back = _button("", "The pixel before", icon="arrow-left", width=38)
        self.forward = _button("", "Forward again", icon="arrow-right", width=38)
        self.next_bad = _button("Next bad", "The next pixel with a bad fit, among those shown")
        self.random = _button("Random", "Any pixel among those shown on the map", icon="random")
        self.pin = _button("Pin", "Keep this pixel's curve while you look at others")
        self.unpin_all = _button("Unpin all", "Remove every pinned curve")
        self.save_view = _button("Save view (PNG)", "Save the figure as it is", width=140)
        self.save_pixels = _button(
            "Save pixels (CSV)", "Save scans, curves and parameters of the pixels", width=140
        )

    def offer(self, shown: BinnedMap, shares: dict[int, str]) -> None:
        """Fit the widgets to another map and to its fit types."""
        number = shown.edges.size - 1
        with self.range.hold_trait_notifications():
            self.range.max, self.range.value = number, (0, number)
        self.threshold.layout.display = None if shown.name == HITS else "none"
        self.percentiles.disabled = bool(shown.cells.classes)
        self._edges = shown.edges
        # Where a map has no value it shows why: a switch has the colour that its pixels have.
        reasons = {} if shown.name == "fit_type" else REASON_COLOURS
        for code, switch in self.types.items():
            switch.description = shares[code]
            self._swatches[code].value = _swatch((CLASS_COLOURS | reasons)[self._classes[code]])

    def chosen_percentiles(self) -> tuple[float, float]:
        """Return where the colours end; handles that meet are half a percent from it."""
        low, high = self.percentiles.value
        return (low, high) if low < high else (max(low - 0.5, 0.0), min(high + 0.5, 100.0))

    def press(self, key: str) -> None:
        """Do what a key stands for: a button, or the help."""
        if key in self._pressed:
            self._pressed[key].click()
        elif key == "?":
            keys = ", ".join(f"<b>{each}</b> {what}" for each, what in KEYS.items())
            self.message.value = f"Keys: {keys}; arrows step by a pixel, with Shift by 10"

    def switched_on(self) -> set[int]:
        """Return the fit types that are to be shown."""
        return {code for code, switch in self.types.items() if switch.value}

    def show_everything(self) -> None:
        """Switch every fit type and every bin on."""
        for switch in self.types.values():
            switch.value = True
        self.range.value = (0, self.range.max)

    def chosen_bins(self) -> tuple[int, int] | None:
        """Return the bins of the histogram that are to be shown; None for every one."""
        low, high = self.range.value
        return None if (low, high) == (0, self.range.max) else (low, high)

    def follow(self, selection: Selection) -> None:
        """Move the widgets that show the selection."""
        self.row.value, self.column.value = selection.current
        self.back.disabled, self.forward.disabled = (not can for can in selection.can_go)
        self.pin.description = "Unpin" if selection.current in selection.pins else "Pin"
        self.unpin_all.disabled = not selection.pins
        bins = self.chosen_bins()
        ends = [] if bins is None else [f"{self._edges[end]:.5g}" for end in bins]
        self.range_text.value = " to ".join(ends) or "all"

    def _arranged(self) -> list[Any]:
        switches = [
            widgets.HBox([swatch, self.types[code]], layout=widgets.Layout(margin="0 14px 0 0"))
            for code, swatch in self._swatches.items()
        ]
        left = [self.map_picture, self.clickable]
        steps = (self.back, self.forward, self.next_bad, self.random, self.pin, self.unpin_all)
        right = [self.row, self.column, self.curve_picture, _line(*steps), self.message]
        columns = widgets.HBox(
            [
                widgets.VBox(left, layout=_shrinking(map_view.SIZE, "56%")),
                widgets.VBox(right, layout=_shrinking(curve_view.SIZE, "42%")),
            ],
            layout=widgets.Layout(flex_flow="row wrap", align_items="flex-start", width="100%"),
        )
        choices = _line(self.map, self.fit, self.threshold, *switches)
        values = _line(self.percentiles, self.range, self.range_text, self.show_all)
        saving = _line(self.save_view, self.save_pixels)
        return [self.help, choices, columns, values, saving, self.table, self.code]


def _wide(width: int | str) -> Any:
    return widgets.Layout(width=width if isinstance(width, str) else f"{width}px")


def _picture(size: tuple[int, int]) -> Any:
    return widgets.Layout(width="100%", max_width=f"{size[0]}px", height="auto")


def _shrinking(size: tuple[int, int], share: str) -> Any:
    """A column that leaves room for the other one, and for what is above and below a map."""
    width, height = size
    by_height = f"(100vh - {AROUND}px) * {width / height:.3f}"
    widest = f"min({width + 6}px, max({share}, 320px), max(320px, {by_height}))"
    return widgets.Layout(width=widest, flex="0 1 auto", min_width="0", overflow="hidden")


def _line(*parts: Any) -> Any:
    layout = widgets.Layout(flex_flow="row wrap", align_items="center")
    return widgets.HBox(list(parts), layout=layout)


def _named(kind: Any, name: str, width: int | None = None, **options: Any) -> Any:
    layout = {} if width is None else {"layout": _wide(width)}
    style = {"description_width": "initial"}
    return kind(description=name, style=style, **layout, **options)


def _button(text: str, tooltip: str, *, icon: str = "", width: int | str = "auto") -> Any:
    return widgets.Button(description=text, tooltip=tooltip, icon=icon, layout=_wide(width))


def _swatch(colour: str) -> str:
    style = f"width:13px; height:13px; margin-top:7px; border:1px solid #555; background:{colour}"
    return f"<div style='{style}'></div>"


def _coordinate(chip: xr.Dataset, name: str) -> Any:
    """A slider whose number can be typed, too."""
    first, last = (int(chip[name].values[end]) for end in (0, -1))
    ends = {"value": first, "min": first, "max": last}
    style = {"description_width": "58px"}
    return widgets.IntSlider(
        **ends,
        description=name.capitalize(),
        style=style,
        layout=widgets.Layout(width="99%", max_width="520px"),
    )


def close_all(widget: Any) -> None:
    """Free a widget, those inside it and what describes their looks."""
    for child in getattr(widget, "children", ()):
        close_all(child)
    for part in (widget.layout, getattr(widget, "style", None)):
        if part is not None:
            part.close()
    widgets.Widget.close(widget)
