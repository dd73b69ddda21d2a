"""What is known of a chip before anything is read: its pixels and their counters."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Chip:
    """Geometry and electronics of a chip.

    Parameters
    ----------
    rows, columns : int
        Pixels of the chip; line and place in a line of its files.
    pitch : float
        Distance of neighbouring pixels (um).
    counter_max : int
        The largest count that the counter of a pixel can hold in one acquisition.
    block_columns : int
        Columns that are read out together. Where an acquisition is faulty, the last block
        is full of hits.

    Raises
    ------
    ValueError
        If a number is not above 0.

    Examples
    --------
    >>> Chip(rows=16, columns=64, pitch=35.0).size
    (16, 64)
    """

    rows: int = 256
    columns: int = 256
    pitch: float = 55.0
    counter_max: int = 63
    block_columns: int = 8

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ValueError(f"{field.name} of a chip is {value}; it must be above 0")

    @property
    def size(self) -> tuple[int, int]:
        """Shape of a map of the chip."""
        return self.rows, self.columns


VELOPIX = Chip()
