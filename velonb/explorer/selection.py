"""Which pixels are chosen: the current one, the pinned ones and the way there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixel = tuple[int, int]
"""Row and column, counted from 0."""

MAX_PINS = 6
"""More curves than this cannot be told apart in one figure."""
MAX_HISTORY = 500


class Selection:
    """The current pixel, the pinned pixels and a history to walk back and forth in.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the chip.
    start : tuple of int
        The first pixel.

    Examples
    --------
    >>> selection = Selection((256, 256), start=(3, 4))
    >>> selection.toggle_pin()
    >>> selection.move_to(10, 20)
    >>> selection.pixels
    [(3, 4), (10, 20)]
    >>> selection.back()
    >>> selection.current
    (3, 4)
    """

    def __init__(self, shape: tuple[int, int], start: Pixel) -> None:
        self.shape = shape
        self.pins: list[Pixel] = []
        self._history = [self._checked(*start)]
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
        pixel = self._checked(row, column)
        if pixel == self.current:
            return
        keep = self._position if gliding and self._gliding else self._position + 1
        self._history[keep:] = [pixel]
        del self._history[:-MAX_HISTORY]
        self._position = len(self._history) - 1
        self._gliding = gliding

    def move_by(self, rows: int, columns: int) -> None:
        """Step to a neighbour; the edge of the chip stops the step."""
        row, column = (
            min(max(start + step, 0), size - 1)
            for start, step, size in zip(self.current, (rows, columns), self.shape, strict=True)
        )
        self.move_to(row, column, gliding=True)

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
        """Pin the current pixel, or unpin it.

        Raises
        ------
        ValueError
            If as many pixels are pinned as one figure can show.
        """
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

    def _checked(self, row: int, column: int) -> Pixel:
        for name, value, size in zip(("row", "column"), (row, column), self.shape, strict=True):
            if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
                raise TypeError(f"{name} is {value!r}; it must be a whole number")
            if not 0 <= value < size:
                raise IndexError(f"{name} is {value}; it must be 0 to {size - 1}")
        return int(row), int(column)


def next_pixel(candidates: NDArray[np.bool_], after: Pixel) -> Pixel | None:
    """First candidate after a pixel, row by row, starting over at the end of the chip.

    Parameters
    ----------
    candidates : ndarray of bool, shape (row, column)
        The pixels to choose from.
    after : tuple of int
        Where to start; it comes last.

    Returns
    -------
    tuple of int or None
        Row and column; None without a candidate.

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
    """Any candidate, each as likely as the others; None without a candidate.

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
