"""Two runs of one chip: which pixels changed, by how much, and what the chip did as a whole."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import lmfit
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import norm

from velonb.curves import PARAMETERS
from velonb.fit import discoveries, fit_asic, fit_pixels, fit_typical
from velonb.interpret.expected import expected_of_E0, follow_common
from velonb.statistics import intrinsic_spread, scatter, weighted_mean
from velonb.vocabulary import BAD, CUT, GOOD, flags

Array = NDArray[Any]

ALPHA = 1e-3
"""Pixels with a smaller p-value in one of the runs are not compared."""
DIFFERENT = 3.0
"""Standard deviations between the f or s of the runs that call for a warning."""
FAR, CLIPS = 3.0, 10
"""Pixels farther from the others, in units of the scatter, do not enter the common shift."""
STATUS = ("compared", "masked", "not_fitted", "not_described")


def compare_runs(
    flux_1: xr.Dataset,
    flux_2: xr.Dataset,
    *,
    free: Sequence[str] = ("A", "E0"),
    common: Sequence[str] = ("f", "s"),
    q: float = 0.05,
    shape: str = "velo",
    threads: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Compare two runs of one chip, such as warm and cold, or before and after irradiation.

    Both runs are fitted with one anchor, the mean of the typical pixels' f and s, so that what both
    have wrong cancels. The bias of a fit to few
    hits is taken off. The error of a pixel is that expected at its rate and position, taken from
    both runs together: it does not depend on the difference, and z of unchanged pixels is a unit
    normal. A is each run's own, so that other light is no change.

    The time is that of `fit_typical` and one fit of every pixel for each run: about five seconds
    for two runs of a whole chip of 41 thresholds on two processors, once the fit is compiled.

    Parameters
    ----------
    flux_1, flux_2 : xarray.Dataset
        What `compute_flux` returns, of the same chip. Thresholds and exposures may differ; where
        they cover another range a warning says so.
    free : sequence of str
        Parameters that are each pixel's own in each run; E0 among them.
    common : sequence of str
        Those that pixels and runs share, f, s or both; the rest of f, A, s, E0.
    q : float
        False discovery rate, between 0 and 1.
    shape : str
        The form of the curve.
    threads, progress
        As for `fit_pixels`.

    Returns
    -------
    xarray.Dataset
        Maps (row, column): `delta`, E0 of run 2 minus that of run 1, with `delta_err` (DAC); `z`,
        their ratio; `changed` (bool), where z is a discovery; `changed_alone` (bool), where it is
        one after the common shift is taken off; `status` (int8): compared, masked, not fitted, not
        described by the curve. What is not compared is NaN, and not changed.

        Attributes (DAC): `common_shift`, the mean change of the chip without pixels far away, with
        `common_shift_err` (statistical) and `common_shift_anchor_err` (what f and s that differ
        between the runs within their errors would add); `intrinsic_change`, the spread of `delta`
        beyond the errors; `detectable`, the change that would be found in nine of ten pixels if few
        changed. Also `pixels` and `changed_pixels`, and f and s of the anchor and the difference of
        the runs in standard deviations: `f`, `f_difference`, `s`, `s_difference`.

    Raises
    ------
    ValueError
        If the runs are of different chips, or an argument has an unknown value.

    Warns
    -----
    UserWarning
        If f or s differ between the runs, the runs scan different ranges, or hardly any pixel can
        be compared.

    Examples
    --------
    >>> import velonb as vb
    >>> change = vb.compare_runs(warm, cold)  # doctest: +SKIP
    >>> vb.plot_change(change)  # doctest: +SKIP
    """
    runs = (flux_1, flux_2)
    free, common = _checked(runs, tuple(free), tuple(common), q)
    bars: dict[str, Any] = {"threads": threads, "progress": progress}
    typical = [fit_typical(flux, fit_asic(flux, shape=shape), **bars) for flux in runs]
    anchors, told = _one_anchor(typical, common)
    pairs = list(zip(runs, anchors, strict=True))
    fits = [fit_pixels(flux, one, free=free, alpha=ALPHA, **bars) for flux, one in pairs]
    fits = [one.isel(fit=0) for one in fits]
    status = _status(fits)
    errors, biases = zip(*expected_of_E0(runs, fits, anchors, free, status == 0), strict=True)
    first, second = (one["E0"].values - bias for one, bias in zip(fits, biases, strict=True))
    change = _labelled(runs, second - first, np.hypot(*errors), status, q)
    anchor_err = _anchor_error(runs, typical, anchors, free, common)
    told |= {"common_shift_anchor_err": anchor_err}
    return change.assign_attrs(told).assign_attrs(_told_of_runs(runs))


def _checked(
    runs: tuple[xr.Dataset, xr.Dataset], free: tuple[str, ...], common: tuple[str, ...], q: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Refuse what cannot be compared."""
    if not 0 < q < 1:
        raise ValueError(f"q is {q}; a false discovery rate lies between 0 and 1")
    everything = sorted((*free, *common)) == sorted(PARAMETERS)
    if not everything or not {"A", "E0"} <= set(free):
        raise ValueError(
            f"free is {free} and common is {common}; together they must be "
            f"{', '.join(PARAMETERS)}, each once, with A and E0 free"
        )
    for name in ("module", "asic"):
        first, second = (flux.attrs.get(name) for flux in runs)
        if first != second:
            raise ValueError(
                f"{name} of flux_1 is {first}, of flux_2 {second}: compare runs of one chip"
            )
    sizes = [(flux.sizes["row"], flux.sizes["column"]) for flux in runs]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"flux_1 has {sizes[0]} rows and columns, flux_2 {sizes[1]}: compare runs of one chip"
        )
    _check_ranges(*(flux["threshold"].values[flux["exposure"].values > 0] for flux in runs))
    return free, common


def _check_ranges(first: Array, second: Array) -> None:
    """Warn where the runs look at different parts of the curve."""
    if min(first.size, second.size) < 2:
        return  # The fit says that they are too few.
    step = max(np.diff(first).max(), np.diff(second).max())
    ends = [abs(first.min() - second.min()), abs(first.max() - second.max())]
    if max(ends) > step:
        warnings.warn(
            f"the runs scan different ranges, {first.min():g} to {first.max():g} and "
            f"{second.min():g} to {second.max():g} DAC: where the curve does not fit exactly, that "
            "alone shifts E0; leave out the thresholds that only one of them has",
            stacklevel=4,
        )


def _one_anchor(
    typical: list[lmfit.model.ModelResult], common: tuple[str, ...]
) -> tuple[list[lmfit.model.ModelResult], dict[str, float]]:
    """The typical pixels with the mean f and s of both, and what is told of them."""
    told: dict[str, float] = {}
    anchors = [copy.deepcopy(one) for one in typical]
    for name in common:
        values = np.array([one.params[name].value for one in typical])
        errors = np.array([one.params[name].stderr or np.nan for one in typical])
        known = np.isfinite(errors).all()
        mean = float(np.average(values, weights=errors**-2.0 if known else None))
        sigmas = float((values[1] - values[0]) / np.hypot(*errors))
        told |= {name: mean, f"{name}_difference": sigmas}
        for anchor in anchors:
            anchor.params[name].set(value=mean)
        if abs(sigmas) > DIFFERENT:
            warnings.warn(
                f"{name} of the typical pixel differs between the runs by {sigmas:.1f} standard "
                f"deviations ({values[0]:.4g} and {values[1]:.4g}): it is not common, and moves E0 "
                "of all pixels; see common_shift_anchor_err, or free it",
                stacklevel=3,
            )
    return anchors, told


def _status(fits: list[xr.Dataset]) -> Array:
    """Which pixels can be compared, and why the others cannot: the first reason of either run."""
    types = [one["fit_type"].values for one in fits]
    masked = np.any([one["mask"].values.astype(bool) for one in fits], axis=0)
    edge = np.any([one["at_limit"].values != 0 for one in fits], axis=0)
    missing = np.any([(t == CUT) | (t < BAD) for t in types], axis=0)
    odd = np.any([t != GOOD for t in types], axis=0)
    return np.select([masked, missing, odd | edge], [1, 2, 3], 0).astype(np.int8)


def _labelled(
    runs: tuple[xr.Dataset, xr.Dataset], delta: Array, error: Array, status: Array, q: float
) -> xr.Dataset:
    """Maps and attributes of what changed."""
    compared = status == 0
    if compared.mean() < 0.5 * (status != 1).mean():
        warnings.warn(
            f"{int(compared.sum()):,} of {int((status != 1).sum()):,} pixels can be compared; see "
            "status, and look at fits of single pixels and at the shape",
            stacklevel=3,
        )
    shift, shift_err = common_shift(delta[compared], error[compared])
    changed = discoveries(2 * norm.sf(np.abs(delta / error)), q)
    alone = discoveries(2 * norm.sf(np.abs(delta - shift) / np.hypot(error, shift_err)), q)
    maps = {
        "delta": (delta, {"units": "DAC", "long_name": "change of E0"}),
        "delta_err": (error, {"units": "DAC", "long_name": "error of the change of E0"}),
        "z": (delta / error, {"units": "1", "long_name": "change of E0 over its error"}),
        "changed": (changed, {"units": "1", "long_name": "changed"}),
        "changed_alone": (alone, {"units": "1", "long_name": "changed unlike the chip"}),
        "status": (status, {"units": "1", "long_name": "comparison"} | flags(0, STATUS)),
    }
    change = xr.Dataset(coords={name: runs[0][name] for name in ("row", "column")})
    for name, (values, attrs) in maps.items():
        change[name] = ("row", "column"), values, attrs
    number = int(compared.sum())
    reach = norm.isf(q / 2 / max(number, 1)) + norm.ppf(0.9)
    return change.assign_attrs(
        common_shift=shift,
        common_shift_err=shift_err,
        intrinsic_change=float(intrinsic_spread(delta[compared], error[compared])),
        detectable=float(reach * np.median(error[compared])) if number else np.nan,
        pixels=number,
        changed_pixels=int(changed.sum()),
        false_discovery_rate=q,
    )


def common_shift(delta: Array, error: Array) -> tuple[float, float]:
    """Mean change of the chip and its error, whatever a few pixels do."""
    kept = np.isfinite(delta) & np.isfinite(error)
    delta, error = delta[kept], error[kept]
    near = np.ones(delta.size, dtype=bool)
    for _ in range(CLIPS if delta.size > 2 else 0):
        middle, width = np.median(delta[near]), scatter(delta[near])
        near = np.abs(delta - middle) <= FAR * max(width, float(np.median(error)))
    return weighted_mean(delta[near], error[near])


def _anchor_error(
    runs: tuple[xr.Dataset, xr.Dataset],
    typical: list[lmfit.model.ModelResult],
    anchors: list[lmfit.model.ModelResult],
    free: tuple[str, ...],
    common: tuple[str, ...],
) -> float:
    """What f and s that differ between the runs, within their errors, would add to the shift."""
    which = [PARAMETERS.index(name) for name in common]
    variance = 0.0
    for flux, one, anchor in zip(runs, typical, anchors, strict=True):
        slope = follow_common(flux, anchor, free, common)
        covariance = np.nan_to_num(one.covar[np.ix_(which, which)])
        variance += float(slope @ covariance @ slope)
    return float(np.sqrt(variance))


def _told_of_runs(runs: tuple[xr.Dataset, xr.Dataset]) -> dict[str, str]:
    names = ("module", "asic", "shutter", "folder")
    told = {n: runs[0].attrs[n] for n in ("module", "asic") if n in runs[0].attrs}
    for number, flux in enumerate(runs, start=1):
        told |= {f"{n}_{number}": str(flux.attrs[n]) for n in names[2:] if n in flux.attrs}
    return told
