"""What differs between pixels, by how much, and in which pattern."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from velonb.curves.model import PARAMETERS, threshold_curve
from velonb.statistics import intrinsic_spread, weighted_mean
from velonb.vocabulary import free_parameters, good

FEWEST_PIXELS = 10
"""Pixels with a good fit that it takes to see a pattern."""
COLUMNS = ["size", "error", "significance", "explains"]


def good_values(fits: xr.Dataset, parameter: str, fit: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Values and errors of a parameter, NaN where the fit is not good or lies on a limit."""
    usable = good(fits, fit)
    if parameter not in PARAMETERS:
        raise ValueError(f"parameter is {parameter!r}; it must be one of {', '.join(PARAMETERS)}")
    one = fits.sel(fit=fit)
    return one[parameter].where(usable), one[f"{parameter}_err"].where(usable)


def compare_spreads(fits: xr.Dataset, fit: str = "free") -> pd.DataFrame:
    """Compare the spread of each parameter over the chip with its errors.

    Parameters
    ----------
    fits : xarray.Dataset
        What `fit_pixels` returns.
    fit : str
        Which of its fits.

    Returns
    -------
    pandas.DataFrame
        A row for each free parameter: `pixels`, weighted `mean` and `mean_err`, `median`, the 68 %
        half-width of the values (`spread`), the median `error`, and what is left of the spread
        beyond the errors, `intrinsic` with `intrinsic_err`, in the parameter's unit. Where the
        error grows with the value, as for f and A of weak fits, the weighted mean lies too low;
        the median does not. NaN where no pixel has a good fit; of one pixel there is no spread.

    Raises
    ------
    ValueError
        If there is no such fit.

    Examples
    --------
    >>> import velonb as vb
    >>> vb.compare_spreads(fits, "A+E0")  # doctest: +SKIP
    """
    rows = {}
    for parameter in PARAMETERS:
        value, error = (x.values.ravel() for x in good_values(fits, parameter, fit))
        known = np.isfinite(value) & np.isfinite(error)
        if known.any() or parameter in free_parameters(fit):
            rows[parameter] = _compare_spread(value[known], error[known])
    return pd.DataFrame.from_dict(rows, orient="index")


def _compare_spread(value: NDArray[Any], error: NDArray[Any]) -> dict[str, float]:
    intrinsic = intrinsic_spread(value, error)
    mean, mean_err = weighted_mean(value, error)
    low, median, high = np.percentile(value, [15.865, 50, 84.135]) if value.size else [np.nan] * 3
    return {
        "pixels": value.size,
        "mean": mean,
        "mean_err": mean_err,
        "median": median,
        "spread": (high - low) / 2,
        "error": float(np.median(error)) if error.size else np.nan,
        "intrinsic": intrinsic,
        "intrinsic_err": _error_of_spread(error, intrinsic),
    }


def _error_of_spread(error: NDArray[Any], spread: float) -> float:
    if not math.isfinite(spread):
        return math.nan
    # The variance of tau^2 is 2 / sum(w^2): that of a chi-square with the weights w.
    of_square = math.sqrt(2 / np.sum(1 / (error**2 + spread**2) ** 2))
    return of_square / (2 * spread) if spread**2 > of_square else math.sqrt(of_square)


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


def average_curve(
    t: ArrayLike,
    f: float,
    A: float,
    s: float,
    E0: float,
    spread: float,
    *,
    shape: str = "velo",
    baseline: float | None = None,
) -> NDArray[np.float64]:
    """Average the curves of pixels whose E0 has a normal distribution.

    What the ASIC sees: a sum over pixels falls more gently than any of them, so a single curve
    through it has a noise s near sqrt(s^2 + spread^2), and does not fit.

    Parameters
    ----------
    t : array_like
        Threshold (DAC).
    f, A, s, E0 : float
        Curve of the typical pixel, as in `threshold_curve`.
    spread : float
        Standard deviation of E0 between pixels (DAC).
    shape, baseline
        As in `threshold_curve`.

    Returns
    -------
    ndarray of float64
        Flux (hits/s), by Gauss-Hermite quadrature.

    Examples
    --------
    >>> average_curve([1480, 1551, 1580], 9e-4, 8, 12, 1551, 6).round(4)
    array([0.7769, 0.1627, 0.0041])
    """
    node, weight = np.polynomial.hermite_e.hermegauss(21)
    curves = threshold_curve(
        np.asarray(t, dtype=float)[..., np.newaxis],
        f,
        A,
        s,
        E0 + spread * node,
        shape=shape,
        baseline=baseline,
    )
    return np.asarray(curves @ weight / weight.sum())
