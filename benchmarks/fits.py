"""Fits of every pixel, free and fixed."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

import velonb as vb
from benchmarks import plain
from benchmarks.aare_side import aare_fits
from benchmarks.sweep import one_sweep
from benchmarks.table import Row, duration, faster, markdown, median_time, median_times, yes_or_no
from benchmarks.toychip import SECONDS, toy_flux
from velonb.system.threads import thread_count

THRESHOLDS, MOST_SWEEPS = 61, 12
SCIPY_SAMPLE, LMFIT_SAMPLE, AARE_SAMPLE = 400, 100, 4096


def main(quick: bool = False) -> list[Row]:
    pixels = 8192 if quick else 65536
    flux = toy_flux(THRESHOLDS, pixels)
    asic = vb.fit_asic(flux)
    print(explanation(pixels))
    rows = [*compare_loops(flux, asic), *compare_aare(flux, asic)]
    print(scaling(quick) + "\n")
    return rows


def explanation(pixels: int) -> str:
    return (
        f"Counts drawn from the model, {SECONDS:g} s a threshold. The loops run over random pixels "
        f"({SCIPY_SAMPLE} for scipy, {LMFIT_SAMPLE} for lmfit) and their time is scaled to "
        f"{pixels:,};\nthey start where velonb starts and leave out thresholds without hits, where "
        "sqrt(n) is 0. One sweep is the curve,\nits derivatives and the statistic of every pixel "
        "at every threshold, once, with the engine's own functions on\n"
        f"{thread_count()} threads, as many as the fit has.\n"
    )


def fit(flux: xr.Dataset, asic: Any, free: tuple[str, ...] | None = None) -> xr.Dataset:
    return vb.fit_pixels(flux, asic, free=free, progress=False)


def compare_loops(flux: xr.Dataset, asic: Any) -> list[Row]:
    """Free and fixed fit against loops over pixels and against one sweep."""
    pixels, start = flux["mask"].size, vb.average_pixel(flux, asic)
    p0 = list(start.values())
    for_scipy, for_lmfit = (random_pixels(flux, n) for n in (SCIPY_SAMPLE, LMFIT_SAMPLE))
    ours, floor, by_scipy, by_lmfit = median_times(
        [
            lambda: fit(flux, asic),
            one_sweep(flux, start),
            lambda: plain.scipy_fits(*for_scipy, p0),
            lambda: plain.lmfit_fits(*for_lmfit, p0),
        ],
        7,
    )
    by_scipy, by_lmfit = by_scipy * pixels / SCIPY_SAMPLE, by_lmfit * pixels / LMFIT_SAMPLE
    work = f"free + fixed, {pixels:,} pixels x {THRESHOLDS}"
    return [
        faster(work, ours, "scipy.optimize.curve_fit loop", by_scipy, 50),
        faster(work, ours, "lmfit loop", by_lmfit, 150),
        sweeps(work, ours, floor),
    ]


def random_pixels(flux: xr.Dataset, number: int) -> tuple[Any, Any, Any]:
    """Thresholds, fluxes and errors of active pixels, one a column."""
    active = np.flatnonzero(~flux["mask"].values.ravel())
    chosen = np.random.default_rng(2).choice(active, number, replace=False)
    used = flux["exposure"].values > 0
    curves, errors = (
        flux[name].values[used].reshape(used.sum(), -1)[:, chosen] for name in ("flux", "flux_err")
    )
    return flux["threshold"].values[used].astype(float), curves, errors


def sweeps(work: str, ours: float, floor: float) -> Row:
    number, limit = ours / floor, f"at most {MOST_SWEEPS}"
    met = yes_or_no(number <= MOST_SWEEPS)
    return Row(
        work, duration(ours), "one sweep", duration(floor), f"{number:.3g} sweeps", limit, met
    )


def compare_aare(flux: xr.Dataset, asic: Any) -> list[Row]:
    """Our free fit against the edge that the library aare fits."""
    sample = random_pixels(flux, AARE_SAMPLE)
    theirs = aare_fits(*sample)
    if theirs is None:
        print("aare: not installed (`pip install aare`), left out.\n")
        return []
    scale = flux["mask"].size / AARE_SAMPLE
    near = np.mean(np.abs(theirs() - asic.params["E0"].value) < 30)
    print(
        f"aare fits a curve of its own (an edge between two lines, six parameters), on "
        f"{AARE_SAMPLE:,} pixels, scaled; its edge lies\nwithin 30 DAC of the ASIC's E0 in "
        f"{near:.0%} of them.\n"
    )
    ours, other = median_times([lambda: fit(flux, asic, ("f", "A", "s", "E0")), theirs], 5)
    work = f"free alone, {flux['mask'].size:,} pixels x {THRESHOLDS}"
    return [faster(work, ours, "aare.fit_scurve2", scale * other)]


def scaling(quick: bool) -> str:
    """Table: time against thresholds and pixels, and the time for a point."""
    lines = []
    for thresholds in (21, 61, 121):
        chip = toy_flux(thresholds)
        for pixels in (4096, 8192) if quick else (16384, 32768, 65536):
            flux = vb.compute_flux(chip.isel(row=slice(pixels // chip.sizes["column"])))
            taken = time_of_fit(flux)
            per_point = f"{1e9 * taken / thresholds / pixels:.0f} ns"
            lines.append((f"{thresholds}", f"{pixels:,}", duration(taken), per_point))
    return markdown(("thresholds", "pixels", "free + fixed", "per point"), lines)


def time_of_fit(flux: xr.Dataset) -> float:
    asic = vb.fit_asic(flux)
    return median_time(lambda: fit(flux, asic), 3)
