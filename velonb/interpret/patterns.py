"""Patterns over the chip: profiles along rows and columns, combs, gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from velonb.interpret.spreads import good_values
from velonb.statistics import intrinsic_spread

FEWEST_PIXELS = 10
"""Pixels with a good fit that it takes to see a pattern."""
COLUMNS = ["size", "error", "significance", "explains"]


def profile_along(
    fits: xr.Dataset, parameter: str, axis: str, fit: str = "free"
) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean of a parameter in every row or every column, with its error.

    Parameters
    ----------
    fits : xarray.Dataset
        What `fit_pixels` returns.
    parameter : {"f", "A", "s", "E0"}
    axis : {"row", "column"}
        ``"row"`` gives one mean for every row.
    fit : str
        Which of the fits.

    Returns
    -------
    mean, error : xarray.DataArray, shape (256,)
        In the parameter's unit; the error holds the intrinsic spread of the pixels.

    Raises
    ------
    ValueError
        If an argument has an unknown value.
    """
    other = {"row": "column", "column": "row"}.get(axis)
    if other is None:
        raise ValueError(f"axis is {axis!r}; it must be row or column")
    value, error = good_values(fits, parameter, fit)
    weight = 1 / (error**2 + _spread_if_any(value.values, error.values) ** 2)
    total = weight.sum(other)
    mean = (weight * value).sum(other) / total
    return mean.where(total > 0), (total**-0.5).where(total > 0)


def _spread_if_any(value: NDArray[Any], error: NDArray[Any]) -> float:
    """Spread of the values, 0 for fewer than two."""
    return float(np.nan_to_num(intrinsic_spread(value, error)))


def find_patterns(
    fits: xr.Dataset,
    parameter: str = "E0",
    fit: str = "free",
    *,
    periods: Sequence[int] = (2, 4, 8, 16, 32),
) -> pd.DataFrame:
    """Find the patterns of a map: gradients, and rows or columns that stand out at regular steps.

    The profiles along both axes are searched for combs (every n-th row or column); the one that
    deviates most is taken out until none is left beyond 5 standard deviations. A weighted linear
    fit to the whole map then measures the combs and both gradients at once.

    Parameters
    ----------
    fits, parameter, fit
        As for `profile_along`.
    periods : sequence of int
        Distances of rows and columns that are tried, in pixels.

    Returns
    -------
    pandas.DataFrame
        For each pattern its `size` and `error` in the parameter's unit (gradients: over the whole
        chip), `significance` in standard deviations, and `explains`, the fraction of the variance
        of the map that it accounts for. Empty where fewer pixels have a good fit than it takes to
        see a pattern, `FEWEST_PIXELS`.

    Raises
    ------
    ValueError
        If an argument has an unknown value.

    Examples
    --------
    >>> import velonb as vb
    >>> vb.find_patterns(fits, "E0", "A+E0")  # doctest: +SKIP
    """
    value, error = good_values(fits, parameter, fit)
    known = np.isfinite(value.values) & np.isfinite(error.values)
    if known.sum() < FEWEST_PIXELS:
        return pd.DataFrame(columns=COLUMNS, dtype=float)
    y, sigma = value.values[known], error.values[known]
    weight = 1 / (sigma**2 + intrinsic_spread(y, sigma) ** 2)
    place = dict(zip(("row", "column"), np.nonzero(known), strict=True))
    patterns = {
        f"gradient along {axis}s": position / (value.sizes[axis] - 1) - 0.5
        for axis, position in place.items()
    }
    for axis, position in place.items():
        for period, phase in _find_combs(*profile_along(fits, parameter, axis, fit), periods):
            name = f"{axis}s {phase}, {phase + period}, {phase + 2 * period} ..."
            patterns[name] = (position % period == phase).astype(float)
    return _measure(patterns, y, weight)


def _find_combs(
    mean: xr.DataArray, error: xr.DataArray, periods: Sequence[int], least: float = 5.0
) -> list[tuple[int, int]]:
    known = np.isfinite(mean.values) & np.isfinite(error.values)
    if known.sum() < 4:
        return []
    position, weight = np.flatnonzero(known), 1 / error.values[known] ** 2
    rest = mean.values[known]
    smooth = np.polynomial.Polynomial.fit(position, rest, 2, w=np.sqrt(weight))
    rest = rest - smooth(position)
    found: list[tuple[int, int]] = []
    trials = [(period, phase) for period in periods for phase in range(period)]
    for _ in range(8):
        deviations = [_deviation(rest, weight, position % n == k) for n, k in trials]
        best = int(np.argmax([abs(size) / err for size, err in deviations]))
        size, err = deviations[best]
        if abs(size) < least * err:
            break
        period, phase = trials[best]
        rest = rest - size * (position % period == phase)
        rest -= np.average(rest, weights=weight)
        found.append(trials[best])
    return found


def _deviation(
    rest: NDArray[Any], weight: NDArray[Any], chosen: NDArray[Any]
) -> tuple[float, float]:
    if not chosen.any() or chosen.all():
        return 0.0, 1.0
    size = np.average(rest[chosen], weights=weight[chosen])
    size -= np.average(rest[~chosen], weights=weight[~chosen])
    return float(size), math.sqrt(1 / weight[chosen].sum() + 1 / weight[~chosen].sum())


def _measure(
    patterns: dict[str, NDArray[Any]], y: NDArray[Any], weight: NDArray[Any]
) -> pd.DataFrame:
    design = np.stack([np.ones(y.size), *patterns.values()], axis=1)
    covariance = np.linalg.pinv((design.T * weight) @ design, hermitian=True)
    size = covariance @ (design.T @ (weight * y))
    error = np.sqrt(np.diag(covariance))
    shares = [np.var(shape) / np.var(y) for shape in patterns.values()]
    columns = size[1:], error[1:], size[1:] / error[1:], (size[1:] ** 2 - error[1:] ** 2) * shares
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)), index=list(patterns))
