"""Fast writer of CSV matrices: every number comes back as exactly the same float64.

A float64 is read back identically from any decimal number that is nearer than half of its
own spacing. The writer scales the number to an integer of 18 digits in exact arithmetic and
drops last digits as long as the rest stays that near, so numbers come out as short as Python
writes them, give or take a digit.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

_DIGITS = 18
_SMALLEST, _LARGEST = 1e-20, 1e17
"""Between them, scaling to 18 digits takes a power of ten from 1 to 1e38 only."""

_POWERS_OF_TEN = np.array([10**power for power in range(_DIGITS + 1)])
_PAIRS = np.array([[ord(digit) for digit in f"{pair:02}"] for pair in range(100)], dtype=np.uint8)
_SCALE = np.array([float(10**power) for power in range(39)])
_SCALE_ERROR = np.array([float(10**power - Fraction(float(10**power))) for power in range(39)])

_LONGEST = 32  # bytes of one number: sign, point, zeros or exponent, 19 digits, comma


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _exact_product(x: float, y: float) -> tuple[float, float]:
    """Product and its rounding error (Dekker, Numer. Math. 18, 224, 1971)."""
    x_split, y_split = 134217729.0 * x, 134217729.0 * y
    x_high, y_high = x_split - (x_split - x), y_split - (y_split - y)
    x_low, y_low = x - x_high, y - y_high
    product = x * y
    error = ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low
    return product, error


@njit(nogil=True, cache=True, error_model="numpy")
def _few_digits(x: float) -> tuple[Any, int]:
    """An integer and a number of decimal places that stand for x > 0."""
    mantissa, exponent = math.frexp(x)
    # The exponent counts powers of two: 0.30103 = log10(2) gives those of ten, or one less.
    places = _DIGITS - 1 - math.floor((exponent - 1) * 0.3010299956639812)
    product, error = _exact_product(x, _SCALE[places])
    digits = np.int64(product) + np.int64(np.rint(error + x * _SCALE_ERROR[places]))
    # Half the spacing to the next float64 (a quarter below a power of two), less the rounding.
    spacing = math.ldexp(_SCALE[places], exponent - 53)
    room = spacing * (0.25 if mantissa == 0.5 else 0.5) - 0.51
    shorter, dropped = digits, 0
    while dropped < _DIGITS:
        unit = _POWERS_OF_TEN[dropped + 1]
        candidate = (digits + unit // 2) // unit
        if abs(candidate * unit - digits) >= room:
            break
        shorter, dropped = candidate, dropped + 1
    return shorter, places - dropped


@njit(nogil=True, cache=True, error_model="numpy")
def _write_digits(text: NDArray[np.uint8], position: int, digits: int, count: int) -> int:
    """Write an integer with leading zeros; return the position after it."""
    rest = np.uint64(digits)
    index = position + count - 1
    while index > position:
        pair = rest % np.uint64(100)
        rest //= np.uint64(100)
        text[index] = _PAIRS[pair, 1]
        text[index - 1] = _PAIRS[pair, 0]
        index -= 2
    if index == position:
        text[index] = _PAIRS[rest % np.uint64(10), 1]
    return position + count


@njit(nogil=True, cache=True, error_model="numpy")
def _write_number(text: NDArray[np.uint8], position: int, digits: int, places: int) -> int:
    """Write ``digits * 10**-places``; return the position after it."""
    count = _POWERS_OF_TEN.size
    while count > 1 and digits < _POWERS_OF_TEN[count - 1]:
        count -= 1
    before_point = count - places
    if before_point <= -4:  # 1.2e-05
        position = _write_number(text, position, digits, count - 1)
        text[position] = ord("e")
        text[position + 1] = ord("-")
        return _write_digits(text, position + 2, 1 - before_point, 2)
    if before_point <= 0:  # 0.00012
        text[position] = ord("0")
        text[position + 1] = ord(".")
        return _write_digits(text, position + 2, digits, places)
    if places > 0:  # 1551.25
        whole = digits // _POWERS_OF_TEN[places]
        position = _write_digits(text, position, whole, before_point)
        text[position] = ord(".")
        rest = digits - whole * _POWERS_OF_TEN[places]
        return _write_digits(text, position + 1, rest, places)
    position = _write_digits(text, position, digits, count)  # 1551 or 155100
    text[position : position - places] = ord("0")
    return position - places


@njit(nogil=True, cache=True, error_model="numpy")
def _format(matrix: NDArray[np.float64], text: NDArray[np.uint8]) -> int:
    """Write all numbers; return the number of bytes, or -1 if one is out of range."""
    position = 0
    for row in range(matrix.shape[0]):
        for column in range(matrix.shape[1]):
            x = matrix[row, column]
            if x < 0:
                text[position] = ord("-")
                position += 1
                x = -x
            if x == math.floor(x) and x < 1e15:
                position = _write_number(text, position, int(x), 0)
            elif _SMALLEST < x < _LARGEST:
                digits, places = _few_digits(x)
                position = _write_number(text, position, digits, places)
            else:
                return -1
            text[position] = ord(",")
            position += 1
        text[position - 1] = ord("\n")
    return position


def format_matrix(matrix: ArrayLike) -> bytes | memoryview:
    r"""Comma-separated lines of a matrix, line = row.

    Parameters
    ----------
    matrix : array_like
        Numbers, shape (rows, columns).

    Returns
    -------
    bytes-like
        The text. ``numpy.loadtxt`` gives the same float64 values back.

    Examples
    --------
    >>> bytes(format_matrix([[1551.25, -1, 0], [0.1, 1e-6, 63]]))
    b'1551.25,-1,0\n0.1,1e-06,63\n'
    """
    numbers = np.ascontiguousarray(matrix, dtype=np.float64)
    text = np.empty(numbers.size * _LONGEST, dtype=np.uint8)
    size = _format(numbers, text)
    if size >= 0:
        return text[:size].data
    lines = (",".join(map(repr, row)) + "\n" for row in numbers.tolist())
    return "".join(lines).encode()
