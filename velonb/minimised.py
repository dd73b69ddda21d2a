"""What a fit minimises: the likelihood chi-square of Poisson counts, or Neyman's chi-square.

Each is one function of hits, exposure (s) and the flux of the curve (hits/s). The same function
serves arrays and, compiled, the fit of every pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from velonb.functions import log

FLOOR = 1e-100
"""Smallest flux (hits/s) that a likelihood sees: keeps logarithms and ratios finite above E0."""


class Comparison(NamedTuple):
    """Half the statistic of a threshold, and how it changes with the flux of the curve."""

    value: Any
    residual: Any
    """Minus the first derivative: positive where there are more hits than expected."""
    curvature: Any
    """The second derivative."""
    expected: Any
    """Expectation of the second derivative."""


def poisson(n: Any, exposure: Any, flux: Any) -> Comparison:
    """Half of 2 (mu - n + n ln(n / mu)), after Baker & Cousins, NIM 221 (1984) 437."""
    flux = np.maximum(flux, FLOOR)
    per_flux = 1 / flux
    ratio = n * per_flux
    value = exposure * flux - n + n * log(ratio / exposure)
    return Comparison(value, ratio - exposure, ratio * per_flux, exposure * per_flux)


def chi2(n: Any, exposure: Any, flux: Any) -> Comparison:
    """Half of Neyman's chi-square: squared distances over n, none where nothing was counted."""
    weight = (n > 0) * exposure * exposure / np.maximum(n, 1e-9)
    distance = n / exposure - flux
    residual = weight * distance
    return Comparison(0.5 * residual * distance, residual, weight, weight)


STATISTICS: dict[str, Callable[..., Comparison]] = {"poisson": poisson, "chi2": chi2}
