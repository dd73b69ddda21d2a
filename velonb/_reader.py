"""Strict, compiled reader of the detector's CSV files.

An acquisition is 256 lines of 256 comma-separated counts. Every byte is
checked. Accepted is what ``numpy.loadtxt(path, dtype=np.int32, delimiter=",",
comments=None)`` accepts if the shape is right (blanks around a number, a plus
sign, empty lines, any line ending, a final one or none), except for numbers
with a minus sign: a count cannot be negative. As there, ``3.0`` is not a whole
number and is rejected.
"""

from __future__ import annotations

import os
import threading
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from velonb._layout import COLUMNS, ROWS

_FINE, _TOO_FEW_LINES, _TOO_MANY_LINES, _TOO_FEW_VALUES, _TOO_MANY_VALUES = range(5)
_NOT_A_COUNT, _NEGATIVE, _TOO_LARGE = range(5, 8)

_LARGEST = 2**31 - 1
_ZERO, _NINE, _COMMA, _MINUS, _PLUS, _LF, _CR = (ord(c) for c in "09,-+\n\r")
_1, _2 = np.uint64(1), np.uint64(2)  # indexing by unsigned integers is faster

_CHUNK = 64
_PADDING = 1024
"""Line ends put behind a file: the parsers may look ahead without asking for its end."""


class ScanError(ValueError):
    """The files of a scan are not what they should be; the message says what to do."""


@njit(nogil=True, cache=True, inline="always")
def _is_blank(byte: int) -> bool:
    return byte == 32 or byte == 9 or byte == 11 or byte == 12 or 28 <= byte <= 31


@njit(nogil=True, cache=True, inline="always")
def _ends_line(byte: int) -> bool:
    return byte == _LF or byte == _CR


@njit(nogil=True, cache=True)
def _find_line_ends(text: NDArray[np.uint8], ends: NDArray[np.uint64]) -> bool:
    """Find as many line feeds as `ends` holds; False if there are fewer."""
    found = 0
    chunks = text.reshape(-1, _CHUNK)
    for index in range(chunks.shape[0]):
        chunk = chunks[index]
        any_here = np.uint8(0)
        for offset in range(_CHUNK):
            any_here |= np.uint8(chunk[offset] == _LF)
        if any_here:
            for offset in range(_CHUNK):
                if chunk[offset] == _LF:
                    ends[found] = index * _CHUNK + offset
                    found += 1
                    if found == ends.size:
                        return True
    return False


@njit(nogil=True, cache=True)
def _single_digits(line: NDArray[np.uint8], counts: NDArray[np.int32]) -> bool:
    """Read a line of ``digit,`` pairs; the processor does many of them at once."""
    wrong: Any = 0
    for column in range(COLUMNS):
        digit = np.uint8(line[2 * column] - _ZERO)
        counts[column] = digit
        wrong |= digit > 9
    for column in range(COLUMNS - 1):
        wrong |= line[2 * column + 1] != _COMMA
    return wrong == 0


@njit(nogil=True, cache=True, inline="always")
def _number(text: NDArray[np.uint8], start: np.uint64) -> tuple[np.int32, np.int32, np.uint64]:
    """Read one or two digits without branching: number, first digit, start of the next."""
    first = np.int32(np.uint8(text[start] - _ZERO))
    second = np.int32(np.uint8(text[start + _1] - _ZERO))
    has_second = np.int32(second <= 9)
    number = first + (-has_second & (9 * first + second))
    return number, first, start + _2 + np.uint64(has_second)


@njit(nogil=True, cache=True)
def _four_lines(
    text: NDArray[np.uint8], ends: NDArray[np.uint64], counts: NDArray[np.int32], row: int
) -> bool:
    """Read four lines side by side: within a line, each number waits for the one before."""
    a = ends[row - 1] + _1 if row > 0 else np.uint64(0)
    b, c, d = ends[row] + _1, ends[row + 1] + _1, ends[row + 2] + _1
    to_a, to_b, to_c, to_d = counts[row], counts[row + 1], counts[row + 2], counts[row + 3]
    no_comma: Any = 0
    no_digit: Any = 0
    for column in range(COLUMNS):
        if column > 0:
            no_comma |= (text[a - _1] ^ _COMMA) | (text[b - _1] ^ _COMMA)
            no_comma |= (text[c - _1] ^ _COMMA) | (text[d - _1] ^ _COMMA)
        to_a[column], digit_a, a = _number(text, a)
        to_b[column], digit_b, b = _number(text, b)
        to_c[column], digit_c, c = _number(text, c)
        to_d[column], digit_d, d = _number(text, d)
        # Adding 6 takes what is not a digit, and only that, beyond 15.
        no_digit |= (digit_a + 6) | (digit_b + 6) | (digit_c + 6) | (digit_d + 6)
    at_ends = a - _1 == ends[row] and b - _1 == ends[row + 1]
    at_ends = at_ends and c - _1 == ends[row + 2] and d - _1 == ends[row + 3]
    return no_comma == 0 and no_digit <= 15 and at_ends


@njit(nogil=True, cache=True)
def _parse_plain(text: NDArray[np.uint8], size: int, counts: NDArray[np.int32]) -> bool:
    """Read a file of plain numbers up to 99; False if it is anything else, even if right."""
    ends = np.empty(ROWS, dtype=np.uint64)
    if not _find_line_ends(text, ends) or np.int64(ends[ROWS - 1]) < size - 1:
        return False
    for row in range(0, ROWS, 4):
        start = np.int64(ends[row - 1]) + 1 if row > 0 else 0
        if np.int64(ends[row + 3]) - start == 4 * 2 * COLUMNS - 1:
            for line in range(row, row + 4):
                stop = np.int64(ends[line]) + 1
                short = stop - start != 2 * COLUMNS
                if short or not _single_digits(text[start:stop], counts[line]):
                    return False
                start = stop
        elif not _four_lines(text, ends, counts, row):
            return False
    return True


@njit(nogil=True, cache=True)
def _any_line(text: NDArray[np.uint8], position: int, counts: NDArray[np.int32]) -> tuple[int, int]:
    """Read one line number by number; return the problem and the byte reached."""
    for column in range(COLUMNS):
        start = position
        while _is_blank(text[position]):
            position += 1
        if text[position] == _MINUS:
            return _NEGATIVE, start
        if text[position] == _PLUS:
            position += 1
        if not _ZERO <= text[position] <= _NINE:
            return _NOT_A_COUNT, start
        value = 0
        while _ZERO <= text[position] <= _NINE:
            value = 10 * value + (text[position] - _ZERO)
            if value > _LARGEST:
                return _TOO_LARGE, start
            position += 1
        while _is_blank(text[position]):
            position += 1
        counts[column] = value
        if text[position] == _COMMA:
            if column == COLUMNS - 1:
                return _TOO_MANY_VALUES, position
            position += 1
        elif not _ends_line(text[position]):
            return _NOT_A_COUNT, start
        elif column < COLUMNS - 1:
            return _TOO_FEW_VALUES, position
    return _FINE, position


@njit(nogil=True, cache=True)
def _parse_any(text: NDArray[np.uint8], counts: NDArray[np.int32]) -> tuple[int, int]:
    """Read a text that ends with a line end; return the problem and its byte."""
    position = 0
    row = 0
    while True:
        while position < text.size and _ends_line(text[position]):
            position += 1
        if position == text.size:
            return (_FINE if row == ROWS else _TOO_FEW_LINES), position
        if row == ROWS:
            return _TOO_MANY_LINES, position
        problem, position = _any_line(text, position, counts[row])
        if problem != _FINE:
            return problem, position
        row += 1


def _explain(path: Path, data: bytes, problem: int, position: int) -> str:
    """Say what is wrong at a byte of a file, and what to do about it."""
    before = data[:position].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    line = before.count(b"\n") + 1
    place = f"{path}, line {line}"
    rest_of_line = data[position:].splitlines()[:1] or [b""]
    whole_line = before.rpartition(b"\n")[2] + rest_of_line[0]
    found = whole_line.count(b",") + 1
    column = before.rpartition(b"\n")[2].count(b",") + 1
    value = rest_of_line[0].partition(b",")[0].decode("ascii", "backslashreplace").strip()[:40]
    unfinished = position + len(rest_of_line[0]) == len(data) and found < COLUMNS
    expected = f"expected {ROWS} lines of {COLUMNS} comma-separated counts"
    remedy = 'copy the file again, remove it, or load the scan with on_error="skip"'
    if not data.strip():
        return f"{path} is empty: {expected}; {remedy}"
    if problem == _TOO_FEW_LINES:
        lines = sum(1 for text in data.splitlines() if text)
        return f"{path} has {lines} lines: {expected}; {remedy}"
    if unfinished and (problem == _TOO_FEW_VALUES or value == ""):
        return f"{place} is truncated: it stops at value {found} of {COLUMNS}; {remedy}"
    if problem == _TOO_MANY_LINES:
        return f"{place}: the file goes on after {ROWS} lines: {expected}; {remedy}"
    if problem in (_TOO_FEW_VALUES, _TOO_MANY_VALUES):
        return f"{place} has {found} values: {expected}; {remedy}"
    what = {
        _NOT_A_COUNT: f"{value!r} is not a whole number",
        _NEGATIVE: f"{value!r} is negative",
        _TOO_LARGE: f"{value} is above {_LARGEST}",
    }[problem]
    return f"{place}, value {column}: {what}: a count is a whole number from 0 on; {remedy}"


def is_compiled() -> bool:
    """Tell whether the parser is ready; the first use in a process loads or compiles it."""
    return bool(_parse_plain.signatures)


def read_acquisition(path: str | os.PathLike[str]) -> NDArray[np.int32]:
    r"""Read the counts of one acquisition.

    Parameters
    ----------
    path : path-like
        A file of 256 lines of 256 comma-separated counts; line = row.

    Returns
    -------
    numpy.ndarray
        Hits, shape (256, 256), int32: ``counts[row, column]``.

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
    ...     _ = path.write_text("\n".join([",".join(["7"] * 256)] * 256))
    ...     int(read_acquisition(path).sum())
    458752
    """
    return _this_thread.reader.read(path).copy()


class Reader:
    """Reads one acquisition after the other into the same memory, which saves half of the time."""

    def __init__(self) -> None:
        self._text = np.empty(3 * ROWS * COLUMNS + _PADDING, dtype=np.uint8)
        self._counts = np.empty((ROWS, COLUMNS), dtype=np.int32)

    def read(self, path: str | os.PathLike[str]) -> NDArray[np.int32]:
        """Counts of a file as `read_acquisition` gives them; the next call overwrites them."""
        size = self._load(path)
        text = self._text[: -(-(size + _PADDING) // _CHUNK) * _CHUNK]
        text[size:] = _LF
        if not _parse_plain(text, size, self._counts):
            problem, position = _parse_any(text, self._counts)
            if problem != _FINE:
                data = text[:size].tobytes()
                raise ScanError(_explain(Path(path), data, problem, min(position, size)))
        return self._counts

    def _load(self, path: str | os.PathLike[str]) -> int:
        """Bring the bytes of a file into memory; return how many they are."""
        with FileIO(os.fspath(path)) as file:
            room = os.fstat(file.fileno()).st_size + _PADDING + _CHUNK
            if room > self._text.size:
                self._text = np.empty(room, dtype=np.uint8)
            size, last = 0, self._text.size - _PADDING - _CHUNK
            while read := file.readinto(self._text[size:last].data):
                size += read
        return size


class _ThisThread(threading.local):
    """A reader for every thread, made at its first use."""

    def __init__(self) -> None:
        self.reader = Reader()


_this_thread = _ThisThread()


def read_csv_matrix(path: str | os.PathLike[str]) -> NDArray[np.float64]:
    """Read 256 lines of 256 comma-separated numbers, such as a mask or a baseline.

    Parameters
    ----------
    path : path-like
        The file; line = row.

    Returns
    -------
    numpy.ndarray
        The numbers, shape (256, 256), float64.

    Raises
    ------
    ScanError
        If the file has another shape or holds something that is not a number.
    """
    expected = (
        f"expected {ROWS} lines of {COLUMNS} comma-separated numbers; mend or remove the file"
    )
    try:
        lines = Path(path).read_text().splitlines()
        matrix = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2) if lines else np.empty(0)
    except ValueError as error:
        raise ScanError(f"{path}: {error}: {expected}") from error
    if matrix.shape != (ROWS, COLUMNS):
        shape = " x ".join(str(size) for size in matrix.shape)
        raise ScanError(f"{path} has {shape} numbers: {expected}")
    return matrix
