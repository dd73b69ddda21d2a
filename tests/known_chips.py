"""Fits of chips whose truth is known, for the tests of what fits say."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from velonb import compute_flux
from velonb.chip import VELOPIX
from velonb.simulate.sensor import Sensor, draw_sensor, photon_flux

ELECTRONS = 5895 / 3.65
PIXEL = ("row", "column")
WHOSE = {"module": "Module0", "asic": "VP0-1", "shutter": "1s310ms", "shape": "sensor"}


def draw_fits(
    size: tuple[int, int] = (128, 256),
    *,
    baseline_spread: float = 5.0,
    gain_spread: float = 0.02,
    correlation: float = 0.0,
    baseline_error: float = 1.0,
    E0_err: float = 1.5,
    s_err: float = 0.8,
    between: float = -0.5,
    seed: int = 1,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Fits that scatter about the truth by their errors, and the truth; nothing is minimised."""
    random = np.random.default_rng(seed)
    normal = random.standard_normal((8, *size))
    mixed = correlation * normal[0] + np.sqrt(1 - correlation**2) * normal[1]
    truth = {
        "baseline": 1430 + baseline_spread * normal[0],
        "gain": ELECTRONS / (120 * (1 + gain_spread * mixed)),
        "noise": 110 * (1 + 0.05 * normal[2]),
        "A": 8 * (1 + 0.1 * normal[3]),
    }
    truth["E0"] = truth["baseline"] + ELECTRONS / truth["gain"]
    truth["s"] = truth["noise"] / truth["gain"]
    of_s = between * normal[4] + np.sqrt(1 - between**2) * normal[5]
    values = {
        "f": np.full(size, 9e-4),
        "A": truth["A"] + 0.2 * normal[6],
        "s": truth["s"] + s_err * of_s,
        "E0": truth["E0"] + E0_err * normal[4],
    }
    errors = {"f": np.nan, "A": 0.2, "s": s_err, "E0": E0_err}
    fits = xr.Dataset(attrs=dict(WHOSE)).assign_coords(fit=["free"])
    for name, value in values.items():
        fits[name] = ("fit", *PIXEL), value[None]
        fits[f"{name}_err"] = ("fit", *PIXEL), np.full((1, *size), errors[name])
    fits["fit_type"] = ("fit", *PIXEL), np.ones((1, *size), np.int8)
    covariance = np.diag([0, 0.2**2, s_err**2, E0_err**2])
    covariance[2, 3] = covariance[3, 2] = between * s_err * E0_err
    dims = ("fit", *PIXEL, "parameter", "parameter_2")
    fits["covariance"] = dims, np.broadcast_to(covariance, (1, *size, 4, 4))
    names = list(values)
    fits = fits.assign_coords(
        parameter=names, parameter_2=names, row=range(size[0]), column=range(size[1])
    )
    attrs = {"units": "DAC", "kind": "measured", "checked": "measured", "common_err": 0.0}
    fits["baseline"] = PIXEL, truth["baseline"] + baseline_error * normal[7], attrs
    if baseline_error:
        fits["baseline_err"] = PIXEL, np.full(size, baseline_error), {"units": "DAC"}
    return fits, xr.Dataset({name: (PIXEL, value) for name, value in truth.items()})


def draw_photons(
    rows: int = 96, *, exposure: float = 524.0, seed: int = 3, **options: Any
) -> tuple[xr.Dataset, xr.Dataset]:
    """The flux of a chip that counts photons, and its truth; without files."""
    sensor = Sensor.of(VELOPIX, {"rate_spread": 0.0, **options})
    random = np.random.default_rng(seed)
    truth = draw_sensor(random, VELOPIX, sensor, 0.0, {}).isel(row=slice(rows))
    thresholds = np.arange(1480, 1601, 5)
    at = photon_flux(truth, sensor)
    hits = np.stack([random.poisson(exposure * at(int(t))) for t in thresholds]).astype(np.int32)
    error = sensor.baseline_error * random.standard_normal(truth["baseline"].shape)
    dims, attrs = ("threshold", *PIXEL), {"units": "DAC", "common_err": 0.0}
    scan = xr.Dataset(
        {
            "hits": (dims, hits),
            "exposure": ("threshold", np.full(thresholds.size, exposure)),
            "mask": (PIXEL, np.zeros(hits.shape[1:], dtype=bool)),
            "baseline": (PIXEL, truth["baseline"].values + error, attrs),
            "baseline_err": (PIXEL, np.full(hits.shape[1:], sensor.baseline_error)),
        },
        {"threshold": thresholds, "row": truth["row"], "column": truth["column"]},
    )
    return compute_flux(scan), truth
