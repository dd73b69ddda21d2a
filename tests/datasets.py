"""A small world of scan, flux and fits for tests, without files and without a minimiser."""

from __future__ import annotations

from functools import cache
from typing import Any

import lmfit
import numpy as np
import xarray as xr

from velonb.curves.model import ThresholdModel, threshold_curve, threshold_gradient

PARAMETERS = {
    "f": (9e-4, 1e-4, "1/DAC"),
    "A": (8.0, 0.6, "DAC hits/s"),
    "s": (12.0, 0.8, "DAC"),
    "E0": (1551.0, 6.0, "DAC"),
}
FIT_TYPE = {"flag_values": np.int8([-2, -1, 0, 1]), "flag_meanings": "cut not_found bad good"}
STATUS = {"flag_values": np.int8([0, 1, 2, 3]), "flag_meanings": "good bad missing unreadable"}
NEEDS = {
    "flag_values": np.int8([-1, 0, 1, 2, 3, 4]),
    "flag_meanings": "undetermined A A+E0 A+E0+s free more",
}
MASKED, CUT, NOT_FOUND, BAD = (5, 7), (10, 20), (30, 40), (50, 60)
"""One pixel of each kind; every other active pixel of the first 16 rows and columns is good."""
LOST_THRESHOLD = 1540


@cache
def make_truth(size: int = 256) -> xr.Dataset:
    """The parameters of every pixel, with a step on every 16th row in E0."""
    rng = np.random.default_rng(1)
    dims = ("row", "column")
    truth = {
        name: (dims, rng.normal(centre, width, (size, size)), {"units": units, "long_name": name})
        for name, (centre, width, units) in PARAMETERS.items()
    }
    truth["E0"][1][::16] += 6
    return xr.Dataset(truth)


@cache
def make_scan(size: int = 256, acquisitions: int = 10) -> xr.Dataset:
    """A scan with one lost threshold, bad, missing and unreadable acquisitions."""
    rng = np.random.default_rng(2)
    thresholds = np.arange(1480, 1601, 3)
    status = np.zeros((thresholds.size, acquisitions), np.int8)
    status[thresholds == LOST_THRESHOLD] = 1
    status[4, 3], status[30, 7], status[12, 1], status[33, 9] = 1, 1, 2, 3
    exposure = 13.105 * (status == 0).sum(1)
    mask = rng.random((size, size)) < 0.003
    mask[MASKED] = True
    mask[CUT] = mask[NOT_FOUND] = mask[BAD] = False
    truth = {name: values.values for name, values in make_truth(size).items()}
    hits = np.stack(
        [
            rng.poisson(np.maximum(threshold_curve(t, **truth), 0) * seconds)
            for t, seconds in zip(thresholds, exposure, strict=True)
        ]
    ).astype(np.int32)
    hits[:, mask] = 0
    hits[(slice(None), *CUT)] = 0
    last = np.where(status == 1, 5.0, 0.45) + rng.normal(0, 0.02, status.shape)
    last[status >= 2] = np.nan
    scan = xr.Dataset(
        {
            "hits": (("threshold", "row", "column"), hits, _attrs("hits", "hits")),
            "exposure": ("threshold", exposure, _attrs("exposure", "s")),
            "mask": (("row", "column"), mask, _attrs("masked pixel", "1")),
            "acquisition_status": (
                ("threshold", "acquisition"),
                status,
                _attrs("status", "1") | STATUS,
            ),
            "last_columns_flux": (
                ("threshold", "acquisition"),
                last,
                _attrs("flux of the last columns", "hits/s"),
            ),
        },
        coords={"threshold": ("threshold", thresholds, _attrs("threshold", "DAC"))},
    )
    return scan.assign_attrs(
        module="Module0", asic="VP0-1", shutter="13s105ms", shutter_time=13.105, bad_cut=2.0
    )


@cache
def make_flux(size: int = 256) -> xr.Dataset:
    """The flux of `make_scan`."""
    scan = make_scan(size)
    active = ~scan["mask"]
    exposure = scan["exposure"].where(scan["exposure"] > 0)
    total = scan["hits"].where(active, 0).sum(("row", "column"))
    flux = scan[["hits", "exposure", "mask"]].assign(
        flux=scan["hits"].where(active) / exposure,
        flux_err=np.sqrt(scan["hits"].where(active)) / exposure,
        asic_flux=total / exposure,
        asic_flux_err=np.sqrt(total) / exposure,
    )
    for name in ("flux", "flux_err", "asic_flux", "asic_flux_err"):
        flux[name].attrs.update(_attrs(name, "hits/s"))
    return flux.assign_attrs(scan.attrs | {"active_pixels": int(active.sum())})


@cache
def make_asic(size: int = 256) -> lmfit.model.ModelResult:
    """The fit of the ASIC flux."""
    flux = make_flux(size)
    exposed = flux["exposure"].values > 0
    t, values = flux["threshold"].values[exposed].astype(float), flux["asic_flux"].values[exposed]
    model = ThresholdModel()
    return model.fit(
        values, model.guess(values, t=t), t=t, weights=flux["exposure"].values[exposed]
    )


@cache
def make_fits(size: int = 256) -> xr.Dataset:
    """Fits that scatter around the truth by their errors: nothing is minimised."""
    rng = np.random.default_rng(3)
    flux, asic, truth = make_flux(size), make_asic(size), make_truth(size)
    mask = flux["mask"].values
    dims, shape = ("fit", "row", "column"), (2, size, size)
    fit_type = np.ones(shape, np.int8)
    p_value = rng.random(shape)
    p_value[1] **= 2
    p_value[(slice(None), *BAD)] = 0.001
    fit_type[p_value < 0.05] = 0
    unfitted = rng.random((size, size)) < 0.002
    unfitted[CUT] = unfitted[BAD] = False
    unfitted[NOT_FOUND] = True
    fit_type[:, unfitted] = -1
    fit_type[:, mask] = -2
    fit_type[(slice(None), *CUT)] = -2
    missing = fit_type < 0
    scale = {"f": 1, "A": flux.attrs["active_pixels"], "s": 1, "E0": 1}
    data: dict[str, Any] = {}
    covariance = _covariance(flux)
    deviations = rng.multivariate_normal(np.zeros(4), covariance, (size, size))
    for index, (name, (_, _, units)) in enumerate(PARAMETERS.items()):
        error = np.full(shape, np.sqrt(covariance[index, index]))
        value = np.broadcast_to(truth[name].values + deviations[..., index], shape).copy()
        value[1], error[1] = asic.params[name].value / scale[name], np.nan
        if name == "A":
            value[1], error[1] = truth["A"].values, 0.2
        if name != "E0":
            value = np.maximum(value, 0.1 * PARAMETERS[name][0])
        value[missing] = error[missing] = np.nan
        data[name] = (dims, value, _attrs(name, units))
        data[f"{name}_err"] = (dims, error, _attrs(f"error of {name}", units))
    p_value[missing] = np.nan
    data["chi2"] = (dims, np.where(missing, np.nan, rng.chisquare(36, shape)), _attrs("chi2", "1"))
    data["dof"] = (dims, np.full(shape, 36, np.int32), _attrs("degrees of freedom", "1"))
    data["p_value"] = (dims, p_value, _attrs("p-value", "1"))
    data["fit_type"] = (dims, fit_type, _attrs("fit type", "1") | FIT_TYPE)
    needs = rng.choice(np.int8([0, 1, 2, 3, 4]), (size, size), p=[0.2, 0.7, 0.06, 0.03, 0.01])
    needs[missing[0]] = -1
    data["needs"] = (("row", "column"), needs, _attrs("what the pixel needs", "1") | NEEDS)
    data["mask"] = (("row", "column"), mask, _attrs("masked pixel", "1"))
    attrs = flux.attrs | {"shape": "velo", "statistic": "poisson", "alpha": 0.05}
    asic_values = {f"asic_{name}": asic.params[name].value for name in PARAMETERS}
    return xr.Dataset(data, coords={"fit": ["free", "fixed"]}, attrs=attrs | asic_values)


def _covariance(flux: xr.Dataset) -> Any:
    """The covariance of a free fit at the typical values, from the Fisher information."""
    t = flux["threshold"].values.astype(float)
    typical = {name: centre for name, (centre, _, _) in PARAMETERS.items()}
    weight = flux["exposure"].values / np.maximum(threshold_curve(t, **typical), 1e-6)
    gradient = threshold_gradient(t, **typical)
    return np.linalg.inv((gradient * weight) @ gradient.T)


def _attrs(long_name: str, units: str) -> dict[str, Any]:
    return {"long_name": long_name, "units": units}
