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
    """The current pixel, the pinned pixels and a history to walk back and forth in.

    Parameters
    ----------
    chip : xarray.Dataset
        With the coordinates `row` and `column`.
    start : tuple of int
        The first pixel.

    Examples
    --------
    >>> chip = xr.Dataset(coords={"row": range(256), "column": range(256)})
    >>> selection = Selection(chip, start=(3, 4))
    >>> selection.toggle_pin()
    >>> selection.move_to(10, 20)
    >>> selection.pixels
    [(3, 4), (10, 20)]
    >>> selection.back()
    >>> selection.current
    (3, 4)
    """

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
        """Choose a pixel.

        Parameters
        ----------
        row, column : int
            The pixel.
        gliding : bool
            One step of a slider, a drag or a held key: a run of such steps is one entry of
            the history.

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
    """Return the first place of a candidate after another place, row by row and round the chip.

    Examples
    --------
    >>> bad = np.array([[True, False], [False, True]])
    >>> next_pixel(bad, after=(0, 0)), next_pixel(bad, after=(1, 1))
    ((1, 1), (0, 0))
    """
    places = np.flatnonzero(candidates)
    if not places.size:
        return None
    columns = candidates.shape[1]
    place = np.searchsorted(places, after[0] * columns + after[1], side="right") % places.size
    row, column = divmod(int(places[place]), columns)
    return row, column


def random_pixel(candidates: NDArray[np.bool_], random: np.random.Generator) -> Pixel | None:
    """Return the place of any candidate, each as likely as the others.

    Examples
    --------
    >>> random_pixel(np.array([[False, True]]), np.random.default_rng(1))
    (0, 1)
    """
    places = np.flatnonzero(candidates)
    if not places.size:
        return None
    row, column = divmod(int(random.choice(places)), candidates.shape[1])
    return row, column
