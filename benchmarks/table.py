"""Timing, and the table that every benchmark prints."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple


class Taken(NamedTuple):
    """What a call takes (s): on the wall clock, and of all processors together."""

    wall: float
    processor: float

    def times(self, factor: float) -> Taken:
        return Taken(self.wall * factor, self.processor * factor)


class Row(NamedTuple):
    """One comparison, as a line of a table."""

    work: str
    velonb: str
    against: str = ""
    takes: str = ""
    ratio: str = ""
    processor: str = ""
    """Ratio of the processor times."""
    budget: str = ""
    met: str = ""


def median_time(function: Callable[[], Any], repeats: int) -> Taken:
    """Median time of a call. A call before the first one warms up and is not counted."""
    return median_times([function], repeats)[0]


def median_times(functions: Sequence[Callable[[], Any]], repeats: int) -> list[Taken]:
    """Median times of several functions that take turns, so that all see the same machine."""
    for function in functions:
        function()
    times: list[list[Taken]] = [[] for _ in functions]
    for _ in range(repeats):
        for function, taken in zip(functions, times, strict=True):
            wall, processor = time.perf_counter(), time.process_time()
            function()
            taken.append(Taken(time.perf_counter() - wall, time.process_time() - processor))
    return [Taken(*map(statistics.median, zip(*taken, strict=True))) for taken in times]


def faster(
    work: str, ours: Taken, against: str, other: Taken, at_least: float | None = None
) -> Row:
    """Line of a table: how many times faster than the other side."""
    ratio = other.wall / ours.wall
    return Row(
        work,
        duration(ours.wall),
        against,
        duration(other.wall),
        f"{ratio:.3g} x",
        f"{other.processor / ours.processor:.3g} x",
        "" if at_least is None else f"at least {at_least:g} x",
        "" if at_least is None else yes_or_no(ratio >= at_least),
    )


def limited(work: str, value: float, limit: float, unit: str = "s") -> Row:
    """Line of a table: a value that has a limit and no other side."""
    shown = duration(value) if unit == "s" else f"{value:.3g} {unit}"
    allowed = duration(limit) if unit == "s" else f"{limit:g} {unit}"
    return Row(work, shown, budget=f"at most {allowed}", met=yes_or_no(value <= limit))


def yes_or_no(met: bool) -> str:
    return "yes" if met else "NO"


def duration(seconds: float) -> str:
    """A time with three digits, in the unit that suits it."""
    for unit, size in (("min", 60.0), ("s", 1.0), ("ms", 1e-3)):
        if seconds >= (3 * size if unit == "min" else size):
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def markdown(header: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """A table in Markdown, its columns aligned."""
    cells = [list(header), *(list(line) for line in lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |"
        for line in cells
    )


def print_rows(rows: Sequence[Row]) -> None:
    print(markdown(Row._fields, rows), flush=True)
