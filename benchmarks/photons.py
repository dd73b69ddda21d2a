"""Truth: chips that count photons, fitted with the shapes `sensor` and `velo`."""

from __future__ import annotations

import lmfit
import numpy as np
import xarray as xr
from scipy.stats import kstest

import velonb as vb
from benchmarks.table import markdown
from velonb.simulate.sensor import LINES, PAIR_ENERGY, Sensor, draw_sensor, photon_flux

THRESHOLDS = np.arange(1480, 1601, 3)
SETTINGS = [
    ({}, 131.0),
    ({}, 1310.0),
    ({"diffusion": 3.0, "noise": 70.0}, 131.0),
    ({"diffusion": 9.0, "noise": 150.0}, 131.0),
    ({"gain_spread": 0.04}, 131.0),
]
"""What differs from the usual sensor, and the exposure of a threshold (s)."""
HEADER = ("diffusion", "noise", "gain spread", "s", "shape", "E0", "gain", "noise", "rejected",
          "KS", "pull of A", "pull of s", "pull of E0")  # fmt: skip


def main(quick: bool = False) -> None:
    side = 64 if quick else 160
    print(
        f"{side * side:,} pixels a line, free fit with the true baseline: what is wrong with E0 "
        "(DAC), gain and noise, in the mean; rejected at a level of 5 %; KS, the distance of the "
        "p-values from uniform; pulls as in `toys`.\n"
    )
    lines = []
    for options, exposure in SETTINGS[:1] if quick else SETTINGS:
        sensor = Sensor(**options)
        truth, flux = draw(sensor, exposure, side)
        asic = vb.fit_asic(flux)
        typical = vb.fit_typical(flux, asic, shape="sensor", progress=False)
        chip = [f"{sensor.diffusion:g} um", f"{sensor.noise:g} e-", f"{sensor.gain_spread:.0%}"]
        for reference in (typical, asic):
            lines.append([*chip, f"{exposure:g}", *line(truth, flux, reference)])
    print(markdown(HEADER, lines))


def draw(sensor: Sensor, exposure: float, side: int) -> tuple[xr.Dataset, xr.Dataset]:
    """Truth and flux of a chip whose pixels count photons."""
    truth = draw_sensor(np.random.default_rng(5), vb.Chip(side, side), sensor, 0.0, {})
    flux_at, pixel = photon_flux(truth, sensor), ("row", "column")
    expected = np.stack([exposure * flux_at(int(t)) for t in THRESHOLDS])
    hits = np.random.default_rng(6).poisson(expected).astype(np.int32)
    scan = xr.Dataset(
        {
            "hits": (("threshold", *pixel), hits),
            "exposure": ("threshold", np.full(THRESHOLDS.size, exposure)),
            "mask": (pixel, np.zeros((side, side), bool)),
            "baseline": (pixel, truth["baseline"].values),
        },
        {"threshold": THRESHOLDS},
    )
    return truth, vb.compute_flux(scan)


def line(truth: xr.Dataset, flux: xr.Dataset, reference: lmfit.model.ModelResult) -> list[str]:
    fits = vb.fit_pixels(flux, reference, progress=False).sel(fit="free")
    fits = fits.where((fits["fit_type"] >= 0) & (fits["at_limit"] == 0))
    gain = LINES[0].energy / PAIR_ENERGY / (fits["E0"] - truth["baseline"])
    p_value = fits["p_value"].values
    p_value = p_value[np.isfinite(p_value)]
    return [
        reference.model.shape,
        f"{float((fits['E0'] - truth['E0']).mean()):+.2f}",
        f"{100 * (float((gain / truth['gain']).mean()) - 1):+.2f} %",
        f"{100 * (float((fits['s'] * gain / truth['noise_electrons']).mean()) - 1):+.1f} %",
        f"{100 * (p_value < 0.05).mean():.1f} %",
        f"{kstest(p_value, 'uniform').statistic:.3f}",
        *(pull(truth, fits, name) for name in ("A", "s", "E0")),
    ]


def pull(truth: xr.Dataset, fits: xr.Dataset, name: str) -> str:
    """Median and 68 % half-width; what A means in another shape is another thing."""
    if name == "A" and np.isfinite(fits["f"]).any():
        return "-"
    pulls = (fits[name] - truth[name]) / fits[f"{name}_err"]
    low, middle, high = (float(pulls.quantile(q)) for q in (0.1587, 0.5, 0.8413))
    return f"{middle:+.2f}, {(high - low) / 2:.2f}"
