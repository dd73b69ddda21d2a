"""Why E0 differs between pixels: its variance, shared out between baseline, gain and errors.

With G = line / gain, E0 = baseline + G. The errors of E0 (known from the fits) and of the baseline
are no differences between pixels. Each part is the mean over pixels of a number that each of them
has, so each has an error.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from velonb.interpret.electrons import LINE, PAIR_ENERGY
from velonb.interpret.light import light
from velonb.interpret.sample import (
    FEWEST_PIXELS,
    error_of_root,
    mean_and_error,
    near_median,
    signed_root,
)
from velonb.interpret.spreads import good_values
from velonb.interpret.zero import PIXEL, baseline_of, chosen_fit, warn_of_holes
from velonb.vocabulary import good

Array = NDArray[Any]
Baseline = xr.Dataset | xr.DataArray | ArrayLike | None

INDEPENDENT = (
    "the error of the baseline is not known: gain and baseline are taken as independent, and the "
    "error is what of the baseline E0 does not follow"
)
STRETCHED = (
    "with a common f the shape {} makes differences of the gain 8 % larger: the shape sensor and "
    "the free fit do not"
)
NO_BASELINE = "no baseline: only the error of the fit is told from what differs"


class Sample(NamedTuple):
    """E0 and baseline of the pixels used, from their means (DAC), with their variances of error."""

    E0: Array
    baseline: Array
    fit_error: Array
    baseline_error: Array
    """NaN where it is not known."""
    A: Array
    """Without light, from its mean, relative."""
    A_error: Array
    A_with_E0: Array
    """Covariance of their errors, NaN where it was not stored."""
    even: NDArray[np.bool_]
    distance: float


def explain_spread(
    fits: xr.Dataset, baseline: Baseline = None, *, fit: str | None = None
) -> pd.DataFrame:
    """Share out the variance of E0: what differs between pixels, and what is error.

    Parameters
    ----------
    fits : xarray.Dataset
        What `fit_pixels` or `fit_ladder` returns.
    baseline, fit
        As for `calibrate`.

    Returns
    -------
    pandas.DataFrame
        Rows `baseline`, `gain`, `covariance` (twice that of both), `fit error` and `total`, their
        sum, the variance of E0; below, `baseline error`, which is no part of E0. Columns:
        `variance` (DAC^2), its root `DAC` (of a covariance with its sign) and `electrons`, `share`
        of the total, each with `..._err`; `floor` (DAC), the spread that would not be seen; and
        the shares in two halves of the pixels, `half_1` and `half_2`, like the two colours of a
        chessboard, which must agree. NaN for what cannot be told; the attribute `notes` says why.
        `split_halves` checks the errors of the fits, which are taken for granted here.

        Attributes: `slope` of E0 against the baseline and their `correlation`, corrected for the
        errors of both where they are known; `correlation_with_A`, whose light was removed, of fits
        with ``covariance=True``; `gain` (e-/DAC), `pixels` and `far`, the number left out as far
        from the others.

    Raises
    ------
    ValueError
        As `calibrate`.

    Examples
    --------
    >>> import velonb as vb
    >>> budget = vb.explain_spread(fits)  # doctest: +SKIP
    >>> vb.plot_budget(budget)  # doctest: +SKIP
    """
    fit = chosen_fit(fits, fit)
    zero, usable = baseline_of(fits, baseline), good(fits, fit)
    warn_of_holes(zero, usable)
    sample = _sample(fits, zero, fit)
    parts, notes = _parts(sample)
    gain = LINE / PAIR_ENERGY / sample.distance if sample.distance > 0 else np.nan
    table = _table(parts, sample, gain)
    known = np.isfinite(fits["E0"].sel(fit=fit)) & usable
    table.attrs = {
        "fit": fit,
        "pixels": sample.E0.size,
        "far": int(known.sum()) - sample.E0.size,
        "gain": gain,
        "notes": "; ".join([notes] * bool(notes) + _stretched(fits, fit)),
        **_relation(sample),
    }
    return table


def _sample(fits: xr.Dataset, zero: xr.Dataset, fit: str) -> Sample:
    E0, E0_err = (x.transpose(*PIXEL) for x in good_values(fits, "E0", fit))
    A = good_values(fits, "A", fit)[0].transpose(*PIXEL)
    even = np.add.outer(np.arange(E0.shape[0]), np.arange(E0.shape[1])) % 2 == 0
    b = zero["baseline"].values
    apart = [E0.values, E0_err.values]
    if np.isfinite(b).any():
        apart += [b, E0.values - b]
    used = near_median(*apart)
    shine = light(A).values[used]
    even_A, in_A = A.values[used] / shine, np.nan
    if used.any():
        in_A = 1 / (shine * even_A.mean())
    error = zero["baseline_err"].values if "baseline_err" in zero else np.full(b.shape, np.nan)
    return Sample(
        _from_mean(E0.values[used]),
        _from_mean(b[used]),
        E0_err.values[used] ** 2,
        error[used] ** 2,
        _from_mean(A.values[used] * in_A),
        (good_values(fits, "A", fit)[1].transpose(*PIXEL).values[used] * in_A) ** 2,
        _errors_together(fits, fit)[used] * in_A,
        even[used],
        float(np.median((E0.values - b)[used])) if used.any() else np.nan,
    )


def _errors_together(fits: xr.Dataset, fit: str) -> Array:
    """Covariance of the errors of A and E0."""
    if "covariance" not in fits:
        return np.full((fits.sizes["row"], fits.sizes["column"]), np.nan)
    both = fits["covariance"].sel(fit=fit, parameter="A", parameter_2="E0")
    return np.asarray(both.transpose(*PIXEL).values)


def _stretched(fits: xr.Dataset, fit: str) -> list[str]:
    shape = fits.attrs.get("shape", "velo")
    return [STRETCHED.format(shape)] if shape != "sensor" and fit != "free" else []


def _from_mean(values: Array) -> Array:
    return values - values.mean() if values.size else values


def _parts(sample: Sample) -> tuple[dict[str, Array], str]:
    """The parts of the variance, pixel by pixel, and what is to be said of them."""
    E0, b, fit_error, unknown = sample.E0, sample.baseline, sample.fit_error, 0 * sample.E0 + np.nan
    total = E0**2
    if not np.isfinite(b).all() or not b.size:
        parts = dict.fromkeys(("baseline", "gain", "covariance"), unknown)
        notes, error = NO_BASELINE, unknown
    elif np.isfinite(sample.baseline_error).all():
        error, notes = sample.baseline_error, ""
        parts = {
            "baseline": b**2 - error,
            "gain": (E0 - b) ** 2 - fit_error - error,
            "covariance": 2 * b * (E0 - b) + 2 * error,
        }
    else:
        error, notes = b**2 - E0 * b, INDEPENDENT
        parts = {"baseline": E0 * b, "gain": total - E0 * b - fit_error, "covariance": unknown}
    return parts | {"fit error": fit_error, "total": total, "baseline error": error}, notes


def _table(parts: dict[str, Array], sample: Sample, gain: float) -> pd.DataFrame:
    total = mean_and_error(parts["total"])[0]
    rows = {}
    for name, of_pixels in parts.items():
        variance, error = mean_and_error(of_pixels)
        share = variance / total
        share_err = mean_and_error((of_pixels - share * parts["total"]) / total)[1]
        root, root_err = signed_root(variance), error_of_root(abs(variance), error)
        halves = [
            np.mean(of_pixels[half]) / np.mean(parts["total"][half])
            if half.sum() >= FEWEST_PIXELS
            else np.nan
            for half in (sample.even, ~sample.even)
        ]
        rows[name] = {
            "variance": variance,
            "variance_err": error,
            "DAC": root,
            "DAC_err": root_err,
            "electrons": root * gain,
            "electrons_err": root_err * gain,
            "share": share,
            "share_err": share_err,
            "floor": float(np.sqrt(2 * error)),
            "half_1": halves[0],
            "half_2": halves[1],
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _relation(sample: Sample) -> dict[str, float]:
    """Slope and correlation of E0 against the baseline, and the correlation with A."""
    x_error = np.nan_to_num(sample.baseline_error)
    slope = _slope(sample.baseline, sample.E0, x_error)
    correlation = _correlation(sample.baseline, sample.E0, x_error, sample.fit_error)
    with_A = _correlation(sample.A, sample.E0, sample.A_error, sample.fit_error, sample.A_with_E0)
    names = ("slope", "correlation", "correlation_with_A")
    pairs = dict(zip(names, (slope, correlation, with_A), strict=True))
    values = {name: value for name, (value, _) in pairs.items()}
    return values | {f"{name}_err": error for name, (_, error) in pairs.items()}


def _slope(x: Array, y: Array, x_error: Array) -> tuple[float, float]:
    """Slope of y against x without the error of x (Fuller, Measurement Error Models, 1987)."""
    square, square_err = mean_and_error(x**2 - x_error)
    if not square > 2 * square_err:
        return np.nan, np.nan
    slope = mean_and_error(x * y)[0] / square
    return slope, mean_and_error((x * y - slope * (x**2 - x_error)) / square)[1]


def _correlation(
    x: Array, y: Array, x_error: Array, y_error: Array, both: Any = 0.0
) -> tuple[float, float]:
    """Correlation of x and y without their errors, which may go together."""
    xx, yy, xy = x**2 - x_error, y**2 - y_error, x * y - both
    square_x, square_xe = mean_and_error(xx)
    square_y, square_ye = mean_and_error(yy)
    # A spread that is not there correlates with nothing.
    if not (square_x > 2 * square_xe and square_y > 2 * square_ye):
        return np.nan, np.nan
    root = float(np.sqrt(square_x * square_y))
    rho = mean_and_error(xy)[0] / root
    return rho, mean_and_error(xy / root - 0.5 * rho * (xx / square_x + yy / square_y))[1]


def residual_map(
    fits: xr.Dataset, baseline: Baseline = None, *, fit: str | None = None
) -> xr.DataArray:
    """Map what of E0 does not follow the baseline.

    Parameters
    ----------
    fits, baseline, fit
        As for `explain_spread`.

    Returns
    -------
    xarray.DataArray, dimensions (row, column), float64
        E0 - baseline from its median (DAC); NaN where the fit is not good or there is no baseline.

    Raises
    ------
    ValueError
        As `calibrate`.

    Examples
    --------
    >>> import velonb as vb
    >>> vb.plot_map(vb.residual_map(fits))  # doctest: +SKIP
    """
    fit = chosen_fit(fits, fit)
    zero = baseline_of(fits, baseline)
    apart = good_values(fits, "E0", fit)[0].transpose(*PIXEL) - zero["baseline"]
    attrs = {"units": "DAC", "long_name": "E0 above the baseline, from its median"}
    return (apart - apart.median()).rename("E0 - baseline").assign_attrs(attrs)
