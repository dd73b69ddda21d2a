"""exp, log and the tails of the normal distribution, for arrays and for compiled loops.

The compiled forms call nothing and never branch, so that a processor works on as many thresholds at
once as its vectors hold: the bits of a float64 bring the argument into a small range, a polynomial
does the rest. Their relative error is below 1e-13.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numba.extending import overload
from numpy.polynomial import Chebyshev, Polynomial
from scipy.special import erfc, erfcx

INLINE: Any = {"error_model": "numpy", "fastmath": {"contract"}, "forceinline": True}
"""How numba compiles what is a part of a loop over thresholds."""

TINY = 1e-300
"""What the logarithm takes in place of 0."""
LOWEST_EXPONENT = -708.0
"""exp of it is the smallest float64 with all digits."""
LN_2_HIGH = 6.93147180369123816490e-01
LN_2_LOW = 1.90821492927058770002e-10
"""ln 2 in two parts: the first has so few digits that whole multiples of it are exact."""
ROUND = 1.5 * 2.0**52
"""Added to a float64, leaves the nearest whole number in its lowest bits."""
ROUND_BITS, ONE_BITS, HALF_ROOT_BITS = (
    int(np.float64(x).view(np.int64)) for x in (ROUND, 1.0, math.sqrt(0.5))
)
FRACTION_BITS = 52
LARGEST_U = (38 - 4) / (38 + 4)
"""Where the tails of z = 38 lie, the last ones that are not too small for a float64."""


def exp(x: Any) -> Any:
    """Exponential of a number that is not positive."""
    return np.exp(x)


def log(x: Any) -> Any:
    """Logarithm of a number that is not negative, finite for 0."""
    return np.log(np.maximum(x, TINY))


def tails(z: Any, gauss: Any) -> tuple[Any, Any]:
    """erfc(z) / 2 and erfc(z / sqrt(2)) / 2, given gauss = exp(-z^2 / 2)."""
    return 0.5 * erfc(z), 0.5 * erfc(z * math.sqrt(0.5))


def _tail_coefficients(scale: float) -> list[float]:
    """Of erfcx(scale z) (z + 4) / 2 in u = (z - 4) / (z + 4), which has all z >= 0 in [-1, 1]."""

    def tail(u: Any) -> Any:
        z = 4 * (1 + u) / (1 - u)
        return 0.5 * erfcx(scale * z) * (z + 4)

    return list(Chebyshev.interpolate(tail, 18, [-1, LARGEST_U]).convert(kind=Polynomial).coef)


def _polynomial(coefficients: list[float]) -> Any:
    """Horner's scheme as one expression, which compiles into multiplications and sums alone."""
    text = ""
    for coefficient in reversed(coefficients):
        text = f"({text}) * x + {float(coefficient)!r}" if text else repr(float(coefficient))
    return njit(**INLINE)(eval(f"lambda x: {text}"))


_exp_near_0 = _polynomial([1 / math.factorial(k) for k in range(12)])
_log_near_1 = _polynomial([2 / (2 * k + 3) for k in range(8)])
_narrow_tail, _wide_tail = (_polynomial(_tail_coefficients(scale)) for scale in (1, 0.5**0.5))


@overload(exp, jit_options=INLINE)
def _compiled_exp(x):  # type: ignore[no-untyped-def]
    def implementation(x):  # type: ignore[no-untyped-def]
        # exp(x) = 2^n exp(r), where r = x - n ln 2 lies within ln(2) / 2 of 0.
        x = max(x, LOWEST_EXPONENT)
        shifted = np.float64(x * (1 / math.log(2)) + ROUND)
        n = shifted - ROUND
        power = np.int64((shifted.view(np.int64) << FRACTION_BITS) + ONE_BITS).view(np.float64)
        return _exp_near_0((x - n * LN_2_HIGH) - n * LN_2_LOW) * power

    return implementation


@overload(log, jit_options=INLINE)
def _compiled_log(x):  # type: ignore[no-untyped-def]
    def implementation(x):  # type: ignore[no-untyped-def]
        # log(x) = n ln 2 + log(m), m between sqrt(1/2) and sqrt(2); with r = (m - 1) / (m + 1)
        # log(m) = 2 (r + r^3 / 3 + r^5 / 5 + ...).
        bits = np.float64(max(x, TINY)).view(np.int64)
        exponent = (bits - HALF_ROOT_BITS) >> FRACTION_BITS
        n = np.int64(exponent + ROUND_BITS).view(np.float64) - ROUND
        m = np.int64(bits - (exponent << FRACTION_BITS)).view(np.float64)
        r = (m - 1) / (m + 1)
        return n * LN_2_HIGH + (2 * r + (r * r * r * _log_near_1(r * r) + n * LN_2_LOW))

    return implementation


@overload(tails, jit_options=INLINE)
def _compiled_tails(z, gauss):  # type: ignore[no-untyped-def]
    def implementation(z, gauss):  # type: ignore[no-untyped-def]
        # erfc(z) = exp(-z^2) erfcx(z) for z >= 0, and 2 - erfc(-z) below.
        q = 1 / (abs(z) + 4)
        u = 1 - 8 * q
        scaled = gauss * q
        narrow, wide = scaled * gauss * _narrow_tail(u), scaled * _wide_tail(u)
        return (narrow, wide) if z >= 0 else (1 - narrow, 1 - wide)

    return implementation
