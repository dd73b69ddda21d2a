"""The sliders, menus and buttons around the figure, and how they are laid out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from velonb.explorer import curve_view, map_view
from velonb.explorer.clickable import ClickableMap
from velonb.explorer.maps import HITS, PixelMap
from velonb.explorer.selection import Selection

_LABEL = {"description_width": "initial"}
NO_CLICKS = (
    "Clicks on the map are not to be had here: this front end has not loaded the clickable "
    "picture (package anywidget). The sliders and boxes do the same."
)
CLICKS = (
    "<b>Click</b> or <b>drag</b> on the map, or use the <b>arrow keys</b> (with Shift: by 10). "
    "<b>Drag along the histogram</b> to show only those values; click it to show all."
)


class Controls:
    """Every widget of the explorer, without what they do.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the chip.
    titles : mapping of str to str
        The maps, ``{title: name}``.
    fits : sequence of str
        The fits.
    thresholds : sequence of int
        The thresholds (DAC).
    types : mapping of int to str
        Colour of each fit type.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        titles: Mapping[str, str],
        *,
        fits: Sequence[str],
        thresholds: Sequence[int],
        types: Mapping[int, str],
    ) -> None:
        self.map = widgets.Dropdown(
            options=list(titles.items()), description="Map", style=_LABEL, layout=_wide("230px")
        )
        self.fit = widgets.Dropdown(
            options=list(fits), description="Fit", style=_LABEL, layout=_wide("130px")
        )
        self.threshold = widgets.SelectionSlider(
            options=list(thresholds), description="Threshold (DAC)", style=_LABEL
        )
        self.percentiles = widgets.FloatRangeSlider(
            value=(1, 99),
            min=0,
            max=100,
            step=0.5,
            readout_format=".1f",
            description="Colours (%)",
            style=_LABEL,
        )
        self.percentiles.tooltip = "Percentiles of the values where the colour scale ends"
        self.range = widgets.IntRangeSlider(
            value=(0, 1),
            min=0,
            max=1,
            description="Values",
            readout=False,
            style=_LABEL,
            layout=_wide("230px"),
        )
        self.range_text = widgets.HTML(layout=_wide("125px"))
        self.show_all = _button("Show all", "Show every value and every fit type again")
        self.types = {
            code: widgets.Checkbox(True, indent=False, layout=_wide("auto")) for code in types
        }
        self._swatches = {
            code: widgets.HTML(
                f"<div style='width:13px; height:13px; margin-top:7px; border:1px solid #555; "
                f"background:{types[code]}'></div>"
            )
            for code in types
        }
        self.row, self.row_text = _coordinate("Row", shape[0])
        self.column, self.column_text = _coordinate("Column", shape[1])
        self.back = _button("", "The pixel before", icon="arrow-left", width="38px")
        self.forward = _button("", "Forward again", icon="arrow-right", width="38px")
        self.next_bad = _button("Next bad", "The next pixel with a bad fit, among those shown")
        self.random = _button("Random", "Any pixel among those shown on the map", icon="random")
        self.pin = _button("Pin", "Keep this pixel's curve while you look at others")
        self.unpin_all = _button("Unpin all", "Remove every pinned curve")
        self.save_view = _button("Save view (PNG)", "Save the figure as it is", width="140px")
        self.save_pixels = _button(
            "Save pixels (CSV)", "Save scans, curves and parameters of the pixels", width="140px"
        )
        self.clickable = ClickableMap()
        self.map_picture = widgets.Image(format="png", layout=_wide(f"{map_view.SIZE[0]}px"))
        self.curve_picture = widgets.Image(format="png", layout=_wide(f"{curve_view.SIZE[0]}px"))
        self.table = widgets.HTML()
        self.code = widgets.HTML()
        self.help = widgets.HTML(NO_CLICKS)
        self.message = widgets.HTML()
        self.boxes = self._arranged()

    def offer(self, shown: PixelMap, counts: Mapping[int, tuple[str, int, float]]) -> None:
        """Fit the widgets to another map and to its fit types."""
        number = shown.edges.size - 1
        with self.range.hold_trait_notifications():
            self.range.max, self.range.value = number, (0, number)
        self.threshold.layout.display = None if shown.name == HITS else "none"
        self.percentiles.disabled = bool(shown.classes)
        self._edges = shown.edges
        for code, switch in self.types.items():
            name, count, share = counts[code]
            switch.description = f"{name} {count:,} ({share:.1f} %)"

    def switched_on(self) -> set[int]:
        """The fit types that are to be shown."""
        return {code for code, switch in self.types.items() if switch.value}

    def show_everything(self) -> None:
        """Switch every fit type and every bin on."""
        for switch in self.types.values():
            switch.value = True
        self.range.value = (0, self.range.max)

    def chosen_bins(self) -> tuple[int, int] | None:
        """The bins of the histogram that are to be shown; None for every one."""
        low, high = self.range.value
        return None if (low, high) == (0, self.range.max) else (low, high)

    def follow(self, selection: Selection) -> None:
        """Move the widgets that show the selection."""
        row, column = selection.current
        self.row.value = self.row_text.value = row
        self.column.value = self.column_text.value = column
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
        left = [
            _line(self.map, self.fit, self.threshold),
            _line(*switches),
            self.map_picture,
            self.clickable,
            _line(self.percentiles, self.range, self.range_text, self.show_all),
        ]
        right = [
            _line(self.row, self.row_text),
            _line(self.column, self.column_text),
            self.curve_picture,
            _line(
                *(self.back, self.forward, self.next_bad, self.random),
                *(self.pin, self.unpin_all),
            ),
        ]
        columns = widgets.HBox(
            [
                widgets.VBox(left, layout=_wide(f"{map_view.SIZE[0] + 6}px")),
                widgets.VBox(right, layout=_wide(f"{curve_view.SIZE[0] + 6}px")),
            ],
            layout=widgets.Layout(flex_flow="row wrap", align_items="flex-start"),
        )
        saving = _line(self.save_view, self.save_pixels, self.message)
        return [self.help, columns, self.table, self.code, saving]


def _wide(width: str) -> Any:
    return widgets.Layout(width=width)


def _line(*parts: Any) -> Any:
    layout = widgets.Layout(flex_flow="row wrap", align_items="center")
    return widgets.HBox(list(parts), layout=layout)


def _button(text: str, tooltip: str, *, icon: str = "", width: str = "auto") -> Any:
    return widgets.Button(description=text, tooltip=tooltip, icon=icon, layout=_wide(width))


def _coordinate(name: str, size: int) -> tuple[Any, Any]:
    slider = widgets.IntSlider(
        style={"description_width": "58px"},
        min=0,
        max=size - 1,
        description=name,
        readout=False,
        layout=_wide("430px"),
    )
    return slider, widgets.BoundedIntText(min=0, max=size - 1, layout=_wide("70px"))


def close_all(widget: Any) -> None:
    """Free a widget, those inside it and what describes their looks."""
    for child in getattr(widget, "children", ()):
        close_all(child)
    for part in (widget.layout, getattr(widget, "style", None)):
        if part is not None:
            part.close()
    widgets.Widget.close(widget)
