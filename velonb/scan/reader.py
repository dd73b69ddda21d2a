"""Strict, compiled reader of the detector's CSV files.

An acquisition is a line of comma-separated counts for every row of the chip. Every byte is
checked. Accepted is what ``numpy.loadtxt(path, dtype=np.int32, delimiter=",",
comments=None)`` accepts if the shape is right (blanks around a number, a plus
sign, empty lines, any line ending), with two exceptions. A number with a minus
sign is refused: a count cannot be negative. And the last line must end like the
others: without its end, the last number may have lost digits. As there, ``3.0``
is not a whole number and is rejected.
"""

from __future__ import annotations

import os
import stat
import threading
from collections import Counter
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from velonb.chip import VELOPIX
from velonb.scan.parser import (
    CHUNK,
    FINE,
    LARGEST,
    NEGATIVE,
    NO_LINE_END,
    NOT_A_COUNT,
    PADDING,
    TOO_FEW_LINES,
    TOO_FEW_VALUES,
    TOO_LARGE,
    TOO_MANY_LINES,
    TOO_MANY_VALUES,
    checksum,
    parse_any,
    parse_plain,
)
from velonb.words import option, printable

REMEDY = f"copy the file again, remove it, or load with {option('on_error', 'skip')}"

_LF = ord("\n")
_SPECIAL = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


class ScanError(ValueError):
    """The files of a scan are not what they should be; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def file_size(path: str | os.PathLike[str], remedy: str) -> int:
    """Size of a file (bytes); refuse what is no file, as reading it might wait for ever."""
    status = os.stat(path)  # noqa: PTH116 - a Path for every file takes longer
    if not stat.S_ISREG(status.st_mode):
        kind = _SPECIAL.get(stat.S_IFMT(status.st_mode), "a device")
        raise ScanError(f"{os.fspath(path)} is {kind}, not a file: {remedy}")
    return status.st_size


def measure(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Lines of a file and values in most of them; None if it has none or cannot be read."""
    try:
        file_size(path, REMEDY)
        return _measure(Path(path).read_bytes())
    except (OSError, ScanError):
        return None


def _measure(data: bytes) -> tuple[int, int] | None:
    values = [line.count(b",") + 1 for line in data.splitlines() if line.strip()]
    return (len(values), Counter(values).most_common(1)[0][0]) if values else None


def _explain(path: Path, data: bytes, size: tuple[int, int], problem: int, position: int) -> str:
    """Say what is wrong at a byte of a file, and what to do about it."""
    rows, columns = size
    before = data[:position].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    line = before.count(b"\n") + 1
    place = f"{path}, line {line}"
    rest_of_line = data[position:].splitlines()[:1] or [b""]
    whole_line = before.rpartition(b"\n")[2] + rest_of_line[0]
    found = whole_line.count(b",") + 1
    column = before.rpartition(b"\n")[2].count(b",") + 1
    value = rest_of_line[0].partition(b",")[0].decode("ascii", "backslashreplace").strip()[:40]
    unfinished = position + len(rest_of_line[0]) == len(data) and found < columns
    expected = f"expected {rows} lines of {columns} comma-separated counts"
    measured = _measure(data)
    if measured is None:
        return f"{path} is empty: {expected}; {REMEDY}"
    if problem == TOO_FEW_LINES:
        return f"{path} has {measured[0]} lines: {expected}; {REMEDY}"
    if unfinished and (problem == TOO_FEW_VALUES or value == ""):
        return f"{place} is truncated: it stops at value {found} of {columns}; {REMEDY}"
    lines, values = measured
    if lines > 1 and values != columns and problem in (TOO_FEW_VALUES, TOO_MANY_VALUES):
        return f"{path} has {lines} lines of {values} counts: {expected}; {REMEDY}"
    if problem == NO_LINE_END:
        return f"{place} is truncated: it does not end, its last number may lack digits; {REMEDY}"
    if problem == TOO_MANY_LINES:
        return f"{place}: the file goes on after {rows} lines: {expected}; {REMEDY}"
    if problem in (TOO_FEW_VALUES, TOO_MANY_VALUES):
        return f"{place} has {found} values: {expected}; {REMEDY}"
    what = {
        NOT_A_COUNT: f"{value!r} is not a whole number",
        NEGATIVE: f"{value!r} is negative",
        TOO_LARGE: f"{value} is above {LARGEST}",
    }[problem]
    return f"{place}, value {column}: {what}: a count is a whole number from 0 on; {REMEDY}"


def is_compiled() -> bool:
    """Tell whether the parser is ready; the first use in a process loads or compiles it."""
    return bool(parse_plain.signatures)


def read_acquisition(path: str | os.PathLike[str]) -> NDArray[np.int32]:
    r"""Read the counts of one acquisition.

    Parameters
    ----------
    path : path-like
        A file of comma-separated counts; line = row. The size of the chip is found from it.

    Returns
    -------
    numpy.ndarray
        Hits, shape (rows, columns), int32: ``counts[row, column]``.

    Raises
    ------
    ScanError
        If anything in the file is not as it should be; names the file, line,
        what was found and what to do.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "acquisition.csv"
    ...     _ = path.write_text((",".join(["7"] * 256) + "\n") * 256)
    ...     int(read_acquisition(path).sum())
    458752
    """
    try:
        return _this_thread.reader.read(path).copy()
    except ScanError:
        size = measure(path)
        if size in (None, _this_thread.reader.size):
            raise
    return Reader(*size).read(path)


class Reader:
    """Reads one acquisition after the other into the same memory, which saves half of the time."""

    def __init__(self, rows: int, columns: int) -> None:
        self.size = rows, columns
        self.checksum = 0
        """That of the bytes of the last file, 0 if they could not be had."""
        self._padding = PADDING * columns
        self._text = np.empty(3 * rows * columns + self._padding, dtype=np.uint8)
        self._counts = np.empty(self.size, dtype=np.int32)

    def read(self, path: str | os.PathLike[str]) -> NDArray[np.int32]:
        """Counts of a file as `read_acquisition` gives them; the next call overwrites them."""
        size = self._load(path)
        text = self._text[: -(-(size + self._padding) // CHUNK) * CHUNK]
        text[size:] = _LF
        self.checksum = size ^ int(checksum(text.view(np.uint64)))
        if not parse_plain(text, size, self._counts):
            problem, position = parse_any(text, size, self._counts)
            if problem != FINE:
                data = text[:size].tobytes()
                raise ScanError(_explain(Path(path), data, self.size, problem, min(position, size)))
        return self._counts

    def _load(self, path: str | os.PathLike[str]) -> int:
        """Bring the bytes of a file into memory; return how many they are."""
        self.checksum = 0
        expected = file_size(path, REMEDY)
        enough = expected + self._padding + CHUNK
        if enough > self._text.size:
            self._text = np.empty(enough, dtype=np.uint8)
        size = 0
        with FileIO(os.fspath(path)) as file:
            while size < expected and (read := file.readinto(self._text[size:expected].data)):
                size += read
        return size


class _ThisThread(threading.local):
    """A reader for every thread, made at its first use."""

    def __init__(self) -> None:
        self.reader = Reader(*VELOPIX.size)


_this_thread = _ThisThread()


def read_csv_matrix(
    path: str | os.PathLike[str], size: tuple[int, int] | None = None
) -> NDArray[np.float64]:
    """Read a map of the chip from lines of comma-separated numbers, such as a mask.

    Parameters
    ----------
    path : path-like
        The file; line = row.
    size : tuple of int, optional
        Rows and columns that it must have.

    Returns
    -------
    numpy.ndarray
        The numbers, shape (rows, columns), float64.

    Raises
    ------
    ScanError
        If the file has another shape or holds something that is not a number.
    """
    lines_of = f"{size[0]} lines of {size[1]}" if size else "lines of as many"
    shape = f"{lines_of} comma-separated numbers"
    expected = f"expected {shape}; mend or remove the file"
    file_size(path, f"give a file of {shape}")
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
        matrix = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2) if lines else np.empty(0)
    except ValueError as error:
        raise ScanError(f"{path}, line {_first_bad_line(lines)}: {error}: {expected}") from error
    if matrix.size == 0 or matrix.shape != (size or matrix.shape):
        found = " x ".join(str(length) for length in matrix.shape)
        raise ScanError(f"{path} has {found} numbers: {expected}")
    return matrix


def _first_bad_line(lines: list[str]) -> int:
    """Number of the first line that does not hold as many numbers as the one before."""
    values = 0
    for number, line in enumerate(lines, 1):
        try:
            found = len([float(value) for value in line.split(",")]) if line.strip() else values
        except ValueError:
            return number
        if found != (values or found):
            return number
        values = found
    return len(lines)
