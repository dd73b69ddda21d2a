"""Compiled parsers of the detector's CSV files: a quick one for what it writes, a patient one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from velonb.system.kept_code import keep_compiled

FINE, TOO_FEW_LINES, TOO_MANY_LINES, TOO_FEW_VALUES, TOO_MANY_VALUES = range(5)
NOT_A_COUNT, NEGATIVE, TOO_LARGE, NO_LINE_END = range(5, 9)

LARGEST = 2**31 - 1
_ZERO, _NINE, _COMMA, _MINUS, _PLUS, _LF, _CR = (ord(c) for c in "09,-+\n\r")
_1, _2 = np.uint64(1), np.uint64(2)  # indexing by unsigned integers is faster
_STEP, _LOW_HALF, _32 = np.uint64(0x9E3779B97F4A7C15), np.uint64(2**32 - 1), np.uint64(32)

CHUNK = 64
PADDING = 4
"""Line ends put behind a file, per column: the parsers look ahead without asking for its end."""


@keep_compiled
@njit(nogil=True)
def checksum(words: NDArray[np.uint64]) -> np.uint64:
    """Sum words and products of their halves, each word shifted by its place.

    It tells changed files apart at a hundredth of the time that they take to read, where
    SHA-256 or CRC-32 take a half or a fifth; against forgery it is no use. After NH, Black et
    al., UMAC, CRYPTO 1999.
    """
    total = np.uint64(0)
    for index in range(words.size):  # an iteration over the words would not be vectorised
        word = words[index]
        shifted = word + np.uint64(index + 1) * _STEP
        total += word + (shifted & _LOW_HALF) * (shifted >> _32)
    return total


@njit(nogil=True, inline="always")
def _is_blank(byte: int) -> bool:
    return byte == 32 or byte == 9 or byte == 11 or byte == 12 or 28 <= byte <= 31


@njit(nogil=True, inline="always")
def _ends_line(byte: int) -> bool:
    return byte == _LF or byte == _CR


@keep_compiled
@njit(nogil=True)
def _find_line_ends(text: NDArray[np.uint8], ends: NDArray[np.uint64]) -> bool:
    """Find as many line feeds as `ends` holds; False if there are fewer."""
    found = 0
    chunks = text.reshape(-1, CHUNK)
    for index in range(chunks.shape[0]):
        chunk = chunks[index]
        any_here = np.uint8(0)
        for offset in range(CHUNK):
            any_here |= np.uint8(chunk[offset] == _LF)
        if any_here:
            for offset in range(CHUNK):
                if chunk[offset] == _LF:
                    ends[found] = index * CHUNK + offset
                    found += 1
                    if found == ends.size:
                        return True
    return False


@keep_compiled
@njit(nogil=True)
def _single_digits(line: NDArray[np.uint8], counts: NDArray[np.int32]) -> bool:
    """Read a line of ``digit,`` pairs; the processor does many of them at once."""
    wrong: Any = 0
    columns = np.uint64(counts.size)
    for column in range(columns):
        digit = np.uint8(line[_2 * column] - _ZERO)
        counts[column] = digit
        wrong |= digit > 9
    for column in range(columns - _1):
        wrong |= line[_2 * column + _1] != _COMMA
    return wrong == 0


@njit(nogil=True, inline="always")
def _number(text: NDArray[np.uint8], start: np.uint64) -> tuple[np.int32, np.int32, np.uint64]:
    """Read one or two digits without branching: number, first digit, start of the next."""
    first = np.int32(np.uint8(text[start] - _ZERO))
    second = np.int32(np.uint8(text[start + _1] - _ZERO))
    has_second = np.int32(second <= 9)
    number = first + (-has_second & (9 * first + second))
    return number, first, start + _2 + np.uint64(has_second)


@keep_compiled
@njit(nogil=True)
def _four_lines(
    text: NDArray[np.uint8], ends: NDArray[np.uint64], counts: NDArray[np.int32], row: int
) -> bool:
    """Read four lines side by side: within a line, each number waits for the one before."""
    a = ends[row - 1] + _1 if row > 0 else np.uint64(0)
    b, c, d = ends[row] + _1, ends[row + 1] + _1, ends[row + 2] + _1
    to_a, to_b, to_c, to_d = counts[row], counts[row + 1], counts[row + 2], counts[row + 3]
    no_comma: Any = 0
    no_digit: Any = 0
    for column in range(counts.shape[1]):
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


@keep_compiled
@njit(nogil=True)
def parse_plain(text: NDArray[np.uint8], size: int, counts: NDArray[np.int32]) -> bool:
    """Read a file of plain numbers up to 99; False if it is anything else, even if right."""
    rows, columns = counts.shape
    ends = np.empty(rows, dtype=np.uint64)
    if rows % 4 or not _find_line_ends(text, ends) or np.int64(ends[rows - 1]) != size - 1:
        return False
    for row in range(0, rows, 4):
        start = np.int64(ends[row - 1]) + 1 if row > 0 else 0
        if np.int64(ends[row + 3]) - start == 4 * 2 * columns - 1:
            for line in range(row, row + 4):
                stop = np.int64(ends[line]) + 1
                short = stop - start != 2 * columns
                if short or not _single_digits(text[start:stop], counts[line]):
                    return False
                start = stop
        elif not _four_lines(text, ends, counts, row):
            return False
    return True


@keep_compiled
@njit(nogil=True)
def _any_line(text: NDArray[np.uint8], position: int, counts: NDArray[np.int32]) -> tuple[int, int]:
    """Read one line number by number; return the problem and the byte reached."""
    for column in range(counts.size):
        start = position
        while _is_blank(text[position]):
            position += 1
        if text[position] == _MINUS:
            return NEGATIVE, start
        if text[position] == _PLUS:
            position += 1
        if not _ZERO <= text[position] <= _NINE:
            return NOT_A_COUNT, start
        value = 0
        while _ZERO <= text[position] <= _NINE:
            value = 10 * value + (text[position] - _ZERO)
            if value > LARGEST:
                return TOO_LARGE, start
            position += 1
        while _is_blank(text[position]):
            position += 1
        counts[column] = value
        if text[position] == _COMMA:
            if column == counts.size - 1:
                return TOO_MANY_VALUES, position
            position += 1
        elif not _ends_line(text[position]):
            return NOT_A_COUNT, start
        elif column < counts.size - 1:
            return TOO_FEW_VALUES, position
    return FINE, position


@keep_compiled
@njit(nogil=True)
def parse_any(text: NDArray[np.uint8], size: int, counts: NDArray[np.int32]) -> tuple[int, int]:
    """Read a text padded with line ends; return the problem and its byte."""
    position = 0
    row = 0
    while True:
        while position < text.size and _ends_line(text[position]):
            position += 1
        if position == text.size:
            if row < counts.shape[0]:
                return TOO_FEW_LINES, position
            return (FINE if _ends_line(text[size - 1]) else NO_LINE_END), size
        if row == counts.shape[0]:
            return TOO_MANY_LINES, position
        problem, position = _any_line(text, position, counts[row])
        if problem != FINE:
            return problem, position
        row += 1
