"""The artists of the curve and its residual pulls: made once, moved ever after.

What moves with every pick is animated: it is drawn over the rest, which is drawn again only when
the pins or the limits of the axes change. Limits change by steps, so that curves can be compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from lmfit.model import ModelResult
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.legend import Legend
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from velonb.explorer.maps import fit_names
from velonb.explorer.selection import Pixel, Selection
from velonb.plots.curve_parts import PixelCurves, draw_average, frame_pulls, largest
from velonb.plots.facts import average_points, describe_pixel
from velonb.plots.style import PIN_COLOURS
from velonb.vocabulary import locate

SIZE = (560, 616)
"""Width and height of this part of the figure (pixels of the browser)."""


class CurveView:
    """The scan of the current pixel with its fits, of the pinned ones and of the average pixel."""

    def __init__(
        self, part: SubFigure, flux: xr.Dataset, fits: xr.Dataset, asic: ModelResult
    ) -> None:
        self._flux, self._fits = flux, fits
        self.axes: Axes = part.add_axes((0.115, 0.315, 0.87, 0.64))
        self.below: Axes = part.add_axes((0.115, 0.08, 0.87, 0.2), sharex=self.axes)
        self.axes.tick_params(labelbottom=False)
        self.axes.set_ylabel("Flux (hits/s)")
        self.title = self.axes.set_title("", loc="left")
        self.note = self.axes.text(0.5, 0.5, "", transform=self.axes.transAxes, ha="center")
        frame_pulls(self.below)
        self.below.set_xlabel("Threshold (DAC)")
        self._fix_labels()
        self._legend: Legend | None = None
        self._average = draw_average(self.axes, flux, asic)
        self._average_top = largest(average_points(flux)["high"].values), 0.0
        names = fit_names(fits)
        places = self.axes, self.below, flux, fits
        self.pins = [PixelCurves(*places, names[:1], colour) for colour in PIN_COLOURS]
        self.current = PixelCurves(*places, names)
        self._pinned: dict[Pixel, tuple[float, float]] = {}
        self._show_slots(0)
        for artist in self.animated:
            artist.set_animated(True)
        thresholds = flux["threshold"].values
        margin = 0.02 * np.ptp(thresholds)
        self.axes.set_xlim(thresholds.min() - margin, thresholds.max() + margin)

    @property
    def animated(self) -> list[Artist]:
        """The artists that change with every pick, drawn over the static picture."""
        legend = [] if self._legend is None else [self._legend]
        return [*self.current.artists, self.title, self.note, *legend]

    @property
    def static(self) -> tuple[Any, ...]:
        """What the static picture depends on."""
        return *self._pinned, self.axes.get_ylim(), self.below.get_ylim()

    def _fix_labels(self) -> None:
        # Labels that look for free room and mathematical tick labels take half of a drawing's time.
        for axes in (self.axes, self.below):
            axes.yaxis.set_major_formatter(ScalarFormatter(useMathText=False))
            axes.yaxis.set_label_coords(-0.085, 0.5)
        self.below.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        self.below.xaxis.set_major_formatter(ScalarFormatter(useMathText=False))
        self.below.xaxis.set_label_coords(0.5, -0.24)

    def move(self, selection: Selection) -> None:
        """Show the chosen pixels."""
        self._pin(list(selection.pins))
        extents = [self._average_top, *self._pinned.values()]
        extents.append(self.current.move(*selection.current))
        highest, widest = np.max(extents, axis=0)
        top = round_up(1.04 * highest)
        self.axes.set_ylim(-0.015 * top, top)
        limit = 4 * 2 ** np.ceil(np.log2(max(1.1 * widest, 4) / 4))
        self.below.set_ylim(-limit, limit)
        self.title.set_text("Pixel at row {}, column {}".format(*selection.current))
        self._explain(selection.current)
        self._name(selection)

    def _pin(self, pins: list[Pixel]) -> None:
        if list(self._pinned) == pins:
            return
        self._show_slots(len(pins))
        self._pinned = {pin: slot.move(*pin) for slot, pin in zip(self.pins, pins, strict=False)}

    def _show_slots(self, number: int) -> None:
        for position, slot in enumerate(self.pins):
            for artist in slot.artists:
                artist.set_visible(position < number)

    def _explain(self, pixel: Pixel) -> None:
        place = locate(self._flux, *pixel)
        masked = bool(self._flux["mask"].values[place])
        silent = not (self._flux["hits"].values[:, *place] > 0).any()
        self.note.set_text("masked pixel" if masked else "dead pixel: no hits" if silent else "")

    def _name(self, selection: Selection) -> None:
        texts: dict[Any, str] = {self.current.points.counted: "this pixel"}
        for name, line in self.current.curves.items():
            texts[line] = describe_pixel(self._fits, *selection.current, fit=name)[0]
        for slot, pin in zip(self.pins, selection.pins, strict=False):
            texts[slot.points.counted] = "row {}, column {}".format(*pin)
        averages = ("average pixel", "ASIC fit / active pixels")
        texts |= dict(zip(self._average, averages, strict=False))
        if self._legend is None or len(self._legend.get_texts()) != len(texts):
            self._legend = self.axes.legend(list(texts), list(texts.values()), loc="upper right")
            self._legend.set_animated(True)
        for text, words in zip(self._legend.get_texts(), texts.values(), strict=True):
            text.set_text(words)


def round_up(value: float) -> float:
    """Return the next of 1, 1.2, 1.5, 2, 3, 5, 7 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(value)) if value > 0 else 1.0
    steps = np.array([1, 1.2, 1.5, 2, 3, 5, 7, 10]) * power
    return float(steps[min(np.searchsorted(steps, value), steps.size - 1)].round(12))
