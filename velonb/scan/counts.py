"""Whether the counts of a scan are Poisson: their dispersion, saturation and drift."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from velonb.vocabulary import GOOD_ACQUISITION

Array = NDArray[np.float64]

ALARM = 5.0
"""Standard deviations beyond which something is said."""
LARGE = 0.02
"""Difference of the index of dispersion from 1, share of saturated counts, and drift from the first
acquisition to the last, below which it hardly matters to a fit."""


def check_counts(scan: xr.Dataset) -> pd.DataFrame:
    """Check from acquisition to acquisition that counts fluctuate as Poisson counts do.

    The errors and p-values of all fits rest on it. The index of dispersion is the variance of the
    counts of a pixel over their mean, summed over the pixels: 1 for Poisson counts, with the
    variance 2 sum(mu^2) / (n - 1) / sum(mu)^2 for n acquisitions of mu expected hits. Above 1, hits
    come in groups; below 1, counts are lost to dead time or at the limit of the counter.

    Parameters
    ----------
    scan : xarray.Dataset
        What `load_scan` returns.

    Returns
    -------
    pandas.DataFrame
        For each threshold (DAC): `acquisitions`, the good ones; `index` of dispersion with
        `index_err` and its distance from 1 in standard deviations, `significance`; `saturated`,
        the share of counts at the limit of the counter; `drift` of the rate from the first
        acquisition to the last, relative, with `drift_err`. NaN where fewer than two acquisitions
        are good, or nothing was counted. The attributes of the same names are of the whole scan;
        ``verdict`` says in words what is wrong, and what to do.

    Raises
    ------
    ValueError
        If the scan was saved before its squares were kept.

    Examples
    --------
    >>> import velonb as vb
    >>> vb.check_counts(vb.load_scan("data/N037")).attrs["verdict"]  # doctest: +SKIP
    'the counts fluctuate as Poisson counts do'
    """
    if "acquisition_squares" not in scan:
        raise ValueError("scan has no acquisition_squares; load the folder again with load_scan")
    good = (scan["acquisition_status"] == GOOD_ACQUISITION).values
    number = good.sum(axis=1)
    parts = _dispersion(scan, good, number) | _drift(scan, good, number)
    counts = number * float((~scan["mask"]).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        table = pd.DataFrame(
            {"acquisitions": number, **_ratios(parts), "saturated": scan["saturated"] / counts},
            index=pd.Index(scan["threshold"].values, name="threshold"),
        )
        whole = _ratios({name: np.nansum(values) for name, values in parts.items()})
    table.attrs = {name: float(value) for name, value in whole.items()}
    table.attrs["saturated"] = float(scan["saturated"].sum() / max(counts.sum(), 1))
    table.attrs["verdict"] = _verdict(table.attrs)
    return table


def _dispersion(scan: xr.Dataset, good: Array, number: Array) -> dict[str, Array]:
    """Sums over pixels: excess of the variance over the mean, its variance, and the mean."""
    hits = scan["hits"].values.astype(float)
    squares = np.where(good, scan["acquisition_squares"].values, 0).sum(axis=1)
    several = np.where(number > 1, number, np.nan)
    mean = hits.sum(axis=(1, 2)) / several
    of_pixels = (hits**2).sum(axis=(1, 2))
    variance = (squares - of_pixels / several) / (several - 1)
    # What the squares of the hits are too large by, as estimates of the expectation's.
    expected_squares = np.maximum(of_pixels - hits.sum(axis=(1, 2)), 0) / several**2
    return {
        "excess": variance - mean,
        "excess_variance": 2 * expected_squares / (several - 1),
        "mean": mean,
    }


def _drift(scan: xr.Dataset, good: Array, number: Array) -> dict[str, Array]:
    """Sums for the slope of the rate against the number of the acquisition, 0 to 1."""
    order = scan["acquisition"].values.astype(float)
    time = (order - order.min()) / max(np.ptp(order), 1)
    hits = np.where(good, scan["acquisition_hits"].values, 0).astype(float)
    several = np.where(number > 1, number, np.nan)
    mean = hits.sum(axis=1) / several
    away = np.where(good, time - (good @ time / several)[:, None], 0.0)
    return {"slope": (away * hits).sum(axis=1), "lever": mean * (away**2).sum(axis=1)}


def _ratios(parts: dict[str, Any]) -> dict[str, Any]:
    index = 1 + parts["excess"] / parts["mean"]
    index_err = np.sqrt(parts["excess_variance"]) / parts["mean"]
    # Hits in groups make the rate fluctuate more, too.
    drift_err = np.sqrt(np.maximum(index, 1) / parts["lever"])
    return {
        "index": index,
        "index_err": index_err,
        "significance": (index - 1) / index_err,
        "drift": parts["slope"] / parts["lever"],
        "drift_err": drift_err,
    }


def _verdict(whole: dict[str, float]) -> str:
    said = []
    index, significance = whole["index"], whole["significance"]
    if significance > ALARM and index > 1 + LARGE:
        said.append(
            f"hits come in groups, index of dispersion {index:.3f}: the errors of the fits should "
            f"be {100 * (index**0.5 - 1):.0f} % larger, p-values are too low; count frames, or "
            f"multiply the errors by {index**0.5:.2f}"
        )
    if significance < -ALARM and index < 1 - LARGE:
        said.append(
            f"counts fluctuate too little, index of dispersion {index:.3f}: hits are lost; take "
            "shorter acquisitions"
        )
    if whole["saturated"] > LARGE:
        said.append(
            f"{100 * whole['saturated']:.1f} % of the counts are at the limit of the counter: take "
            "shorter acquisitions"
        )
    drift, error = whole["drift"], whole["drift_err"]
    if abs(drift) > max(ALARM * error, LARGE):
        said.append(
            f"the rate drifts by {100 * drift:+.1f} +- {100 * error:.1f} % from the first "
            "acquisition to the last: look at source and temperature"
        )
    if not np.isfinite(significance):
        said.append("one acquisition a threshold, or no hit, does not tell how counts fluctuate")
    return "; ".join(said) or "the counts fluctuate as Poisson counts do"
