"""Calibration: chips drawn from the model itself, fitted, and compared with the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import kstest

import velonb as vb
from benchmarks.table import markdown
from velonb.fit.ladder import RUNGS

TRUTH = {"f": 9e-4, "A": 8.0, "s": 12.0, "E0": 1551.0}
SETTINGS = [(50, 20), (50, 41), (50, 121), (131, 20), (131, 41), (131, 61), (262, 61),
            (500, 41), (1000, 61), (2000, 41), (5000, 20), (5000, 121)]  # fmt: skip
"""Exposure of a threshold (s), and number of thresholds from 1480 to 1600 DAC."""


def main(quick: bool = False) -> None:
    size = (64, 64) if quick else (256, 256)
    print(
        f"{size[0] * size[1]:,} equal pixels a line. Found: the fit has a minimum inside the scan. "
        "Rejected: p-value below 0.05, so 5 % is right. KS: distance of the p-values from uniform. "
        "Pulls: median and 68 % half-width of (fit - truth) / error, so 0 and 1 are right; in "
        "brackets where the result says that the scan does not determine the parameter.\n"
    )
    print("Free fit, likelihood chi-square (`poisson`), and Neyman's (`chi2`):\n", flush=True)
    chips = {setting: draw(*setting, size) for setting in SETTINGS}
    pulls = [f"pull of {name}" for name in TRUTH]
    header = ["s", "thresholds", "hits", "found", "rejected", "KS", *pulls]
    print(markdown([*header, "chi2: found", "rejected"], map(free_line, chips.values())))
    print("\nThe other rungs of the ladder, likelihood chi-square:\n", flush=True)
    rungs = ["s", "thresholds", "fit", "found", "rejected", "KS", *pulls]
    print(markdown(rungs, [line for flux in chips.values() for line in rung_lines(flux)]))


def draw(exposure: float, thresholds: int, size: tuple[int, int], seed: int = 1) -> xr.Dataset:
    """Flux of a chip whose pixels all have the curve of the truth."""
    t = np.linspace(1480, 1600, thresholds)
    mean = exposure * vb.threshold_curve(t, **TRUTH)
    hits = np.random.default_rng(seed).poisson(mean[:, None, None], (thresholds, *size))
    scan = xr.Dataset(
        {
            "hits": (("threshold", "row", "column"), hits.astype(np.int32)),
            "exposure": ("threshold", np.full(thresholds, float(exposure))),
            "mask": (("row", "column"), np.zeros(size, dtype=bool)),
        },
        {"threshold": t, "row": np.arange(size[0]), "column": np.arange(size[1])},
    )
    return vb.compute_flux(scan)


def asic_of_truth(flux: xr.Dataset) -> Any:
    """The fit of an ASIC without noise, so that what is held fixed has the value of the truth."""
    pixels = flux.attrs["active_pixels"]
    exact = flux["asic_flux"].copy(data=pixels * vb.threshold_curve(flux["threshold"], **TRUTH))
    return vb.fit_asic(flux.assign(asic_flux=exact), p0=TRUTH | {"A": pixels * TRUTH["A"]})


def free_line(flux: xr.Dataset) -> list[str]:
    asic = asic_of_truth(flux)
    free = tuple(TRUTH)
    poisson, neyman = (
        vb.fit_pixels(flux, asic, free=free, statistic=statistic, progress=False).isel(fit=0)
        for statistic in ("poisson", "chi2")
    )
    lowest = f"{float(flux['hits'][0].mean()):.0f}"
    return [
        *setting_of(flux),
        lowest,
        *verdicts(poisson),
        *pulls_of(poisson),
        *verdicts(neyman)[:2],
    ]


def rung_lines(flux: xr.Dataset) -> list[list[str]]:
    asic = asic_of_truth(flux)
    fits = vb.fit_pixels(flux, asic, free=RUNGS[:-1], progress=False)
    return [
        [*setting_of(flux), str(name), *verdicts(one), *pulls_of(one)]
        for name, one in ((name, fits.sel(fit=name)) for name in fits["fit"].values)
    ]


def setting_of(flux: xr.Dataset) -> list[str]:
    return [f"{float(flux['exposure'][0]):.0f}", str(flux.sizes["threshold"])]


def verdicts(fits: xr.Dataset) -> list[str]:
    """Fractions found and rejected, and the distance of the p-values from uniform.

    A fit without a defined statistic is a rejected one.
    """
    found, bad = fits["fit_type"].values >= 0, fits["fit_type"].values == 0
    p_value = fits["p_value"].values[found]
    rejected = np.where(np.isfinite(p_value), p_value < 0.05, bad[found])
    known = p_value[np.isfinite(p_value)]
    distance = kstest(known, "uniform").statistic if known.size else np.nan
    return [f"{100 * found.mean():.2f} %", f"{100 * rejected.mean():.2f} %", f"{distance:.3f}"]


def pulls_of(fits: xr.Dataset) -> list[str]:
    return [pull_of(fits, name, 1 << k) for k, name in enumerate(TRUTH)]


def pull_of(fits: xr.Dataset, name: str, bit: int) -> str:
    pull: Any = ((fits[name] - TRUTH[name]) / fits[f"{name}_err"]).values
    if not np.isfinite(pull).any():
        return ""
    low, median, high = np.nanpercentile(pull, [15.865, 50, 84.135])
    text = f"{median:+.2f}, {(high - low) / 2:.2f}"
    return f"({text})" if (fits["weak"].values & bit).mean() > 0.5 else text
