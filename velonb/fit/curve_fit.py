"""The lmfit path: one curve, prepared and fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lmfit
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from velonb.curves.model import PARAMETERS, ThresholdModel
from velonb.curves.region import check_thresholds, known_region, shifts


def fit_curve(
    model: ThresholdModel,
    source: xr.Dataset,
    flux: xr.DataArray,
    error: xr.DataArray,
    p0: Sequence[float] | dict[str, float] | None,
    free: tuple[str, ...],
    *,
    shift: bool = False,
) -> lmfit.model.ModelResult:
    """Fit one curve of flux (hits/s) with its errors at the thresholds that can be used."""
    used = (source["exposure"] > 0).values
    if model.statistic == "chi2":
        used &= _between_first_and_last_hit(source["threshold"].values, flux.values, used)
    check_thresholds(int(used.sum()), len(free))
    threshold, values = source["threshold"].values[used].astype(float), flux.values[used]
    weights = source["exposure"].values[used]
    if model.statistic == "chi2":
        weights = 1 / error.values[used]
    params = model.guess(values, t=threshold) if p0 is None else model.make_params(**_start(p0))
    if p0 is not None and shift:
        params = _shifted(model, params, values, threshold, weights, free)
    region = known_region(threshold, model.statistic, model.shape, model.baseline)
    for name in PARAMETERS:
        params[name].set(vary=name in free, min=region[name][0], max=region[name][1])
    return model.fit(values, params, t=threshold, weights=weights)


def _shifted(
    model: ThresholdModel,
    params: lmfit.Parameters,
    flux: NDArray[Any],
    threshold: NDArray[Any],
    weights: NDArray[Any],
    free: tuple[str, ...],
) -> lmfit.Parameters:
    """Shift a curve to where it describes the flux best, with the A that goes with it."""
    trials = []
    for E0 in shifts(threshold) if "E0" in free else ():
        trial = params.copy()
        trial["E0"].set(value=E0)
        if "A" in free:
            curve = model.eval(trial, t=threshold)
            trial["A"].set(value=trial["A"].value * flux.sum() / curve.sum())
        residual = model._residual(trial, flux, weights, t=threshold)
        trials.append((float(np.sum(residual**2)), E0, trial))
    return min(trials)[2] if trials else params


def _between_first_and_last_hit(
    threshold: NDArray[Any], flux: NDArray[Any], used: NDArray[Any]
) -> NDArray[Any]:
    hit = np.flatnonzero(used & (flux > 0))
    if hit.size == 0:
        raise ValueError("the pixel has no hits; chi-square needs hits, choose another pixel")
    inside = np.zeros(used.size, dtype=bool)
    inside[hit[0] : hit[-1] + 1] = True
    empty = threshold[inside & used & (flux == 0)]
    if empty.size:
        raise ValueError(
            f"no hits at threshold {empty[0]} DAC, between thresholds with hits: its error sqrt(n) "
            "is zero and chi-square undefined; use statistic='poisson'"
        )
    return inside


def _start(p0: Sequence[float] | dict[str, float]) -> dict[str, float]:
    values = p0 if isinstance(p0, dict) else dict(zip(PARAMETERS, p0, strict=False))
    complete = len(p0) == len(PARAMETERS) and set(values) == set(PARAMETERS)
    if not complete or not np.isfinite(list(values.values())).all():
        raise ValueError(
            f"p0 is {p0}; it must be four finite numbers, f, A, s, E0, such as (9e-4, 8, 12, 1551)"
        )
    return {name: float(value) for name, value in values.items()}
