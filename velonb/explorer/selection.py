"""Which pixels are chosen: the current one, the pinned ones and the way there."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from velonb.plots.style import PIN_COLOURS
from velonb.vocabulary import locate

Pixel = tuple[int, int]
"""Row and column, as the chip counts them."""

MAX_PINS = len(PIN_COLOURS)
"""More curves than this cannot be told apart in one figure."""
MAX_HISTORY = 500


class Selection:
    """The current pixel, the pinned pixels and a history to walk back and forth in."""

    def __init__(self, chip: xr.Dataset, start: Pixel) -> None:
        self._chip = chip
        self.pins: list[Pixel] = []
        self._history = [start]
        self._position = 0
        self._gliding = False

    @property
    def current(self) -> Pixel:
        """The pixel shown."""
        return self._history[self._position]

    @property
    def pixels(self) -> list[Pixel]:
        """Every chosen pixel: the pinned ones, then the current one."""
        return self.pins + [self.current] * (self.current not in self.pins)

    def move_to(self, row: int, column: int, *, gliding: bool = False) -> None:
        """Choose a pixel; the history keeps a run of gliding steps, as of a slider, as one.

        Raises
        ------
        TypeError
            If a coordinate is not a whole number.
        IndexError
            If the pixel is not on the chip.
        """
        locate(self._chip, row, column)
        pixel = int(row), int(column)
        if pixel == self.current:
            return
        keep = self._position if gliding and self._gliding else self._position + 1
        self._history[keep:] = [pixel]
        del self._history[:-MAX_HISTORY]
        self._position = len(self._history) - 1
        self._gliding = gliding

    def back(self) -> None:
        """Return to the pixel before; at the first one, stay."""
        self._position = max(self._position - 1, 0)
        self._gliding = False

    def forward(self) -> None:
        """Undo `back`; at the last pixel, stay."""
        self._position = min(self._position + 1, len(self._history) - 1)
        self._gliding = False

    @property
    def can_go(self) -> tuple[bool, bool]:
        """Whether there is a pixel to go back to, and one to go forward to."""
        return self._position > 0, self._position < len(self._history) - 1

    def toggle_pin(self) -> None:
        """Pin the current pixel, or unpin it; refuse more than one figure can show."""
        if self.current in self.pins:
            self.pins.remove(self.current)
        elif len(self.pins) == MAX_PINS:
            raise ValueError(
                f"{MAX_PINS} pixels are pinned, the most one figure can show: unpin one first"
            )
        else:
            self.pins.append(self.current)

    def unpin_all(self) -> None:
        """Remove every pin."""
        self.pins.clear()


def next_pixel(candidates: NDArray[np.bool_], after: Pixel) -> Pixel | None:
    """Return the first place of a candidate after another, row by row and round the chip."""
    places = np.flatnonzero(candidates)
    here = np.ravel_multi_index(after, candidates.shape)
    return _place(candidates, places[places > here][:1], places[:1])


def random_pixel(candidates: NDArray[np.bool_], random: np.random.Generator) -> Pixel | None:
    """Return the place of any candidate, each as likely as the others."""
    return _place(candidates, random.permutation(np.flatnonzero(candidates)))


def _place(candidates: NDArray[np.bool_], *places: NDArray[np.int64]) -> Pixel | None:
    for place in np.concatenate(places)[:1]:
        row, column = np.unravel_index(place, candidates.shape)
        return int(row), int(column)
    return None
