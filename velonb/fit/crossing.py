"""Where functions of a distance, one a pixel, first reach zero: all searched at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MOST_TRIALS, CLOSE = 60, 5e-4
LEAST_GROWTH, MOST_GROWTH = 1.2, 3.0


def first_crossing(
    height: Callable[[Array, Array], Array], guess: Array, reach: Array, searching: Array
) -> Array:
    """Distances at which heights that begin at -1 reach 0; infinite where they do not.

    `height` takes the distances and which of them are still sought, and gives NaN where it does
    not know. The heights are about linear in the distance, so the rule of false position takes few
    trials; half the height of an end that stays twice is taken (Illinois).
    """
    low, high = np.zeros(guess.size), np.full(guess.size, np.inf)
    height_low, height_high = np.full(guess.size, -1.0), np.full(guess.size, np.nan)
    result, was_inside = np.full(guess.size, np.nan), np.ones(guess.size, bool)
    distance, searching = np.minimum(guess, reach), searching.copy()
    for _ in range(MOST_TRIALS):
        here = height(distance, searching)
        inside = here < 0
        stays = inside == was_inside
        height_low = np.where(inside, here, np.where(stays, height_low / 2, height_low))
        height_high = np.where(inside, np.where(stays, height_high / 2, height_high), here)
        low, high = np.where(inside, distance, low), np.where(inside, high, distance)
        was_inside = inside
        met = searching & ((np.abs(here) < CLOSE) | (high - low < 1e-9 * high))
        endless = searching & inside & (distance >= reach) & ~met
        result[met], result[endless] = distance[met], np.inf
        searching &= ~(met | endless)
        if not searching.any():
            break
        distance = np.minimum(_next(distance, here, low, high, height_low, height_high), reach)
    return result


def _next(
    distance: Array, here: Array, low: Array, high: Array, height_low: Array, height_high: Array
) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        grown = distance * np.clip(1 / (here + 1), LEAST_GROWTH, MOST_GROWTH)
        between = low + (high - low) * height_low / (height_low - height_high)
    within = np.where(np.isnan(height_high), (low + high) / 2, between)
    return np.where(np.isinf(high), grown, within)
