"""Fits of every pixel, free and fixed."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

import velonb as vb
from benchmarks import plain
from benchmarks.aare_side import aare_fits
from benchmarks.rivals import RIVALS
from benchmarks.sweep import both_sweeps
from benchmarks.table import (
    Row,
    Taken,
    duration,
    faster,
    limited,
    markdown,
    median_time,
    median_times,
    yes_or_no,
)
from benchmarks.toychip import SECONDS, toy_flux
from velonb.system.threads import thread_count

THRESHOLDS, MOST_SWEEPS = 61, 2.5
LEAST_FASTER_EVALUATION = 2.0
"""Than a plain sweep, in processor time: twice is out of reach of a loop without vectors."""
SCIPY_SAMPLE, LMFIT_SAMPLE, AARE_SAMPLE = 400, 100, 4096
FREE = ("f", "A", "s", "E0")


def main(quick: bool = False) -> list[Row]:
    pixels = 8192 if quick else 65536
    flux = toy_flux(THRESHOLDS, pixels)
    asic = vb.fit_asic(flux)
    print(explanation(pixels))
    rows = [
        *compare_loops(flux, asic),
        *compare_rivals(flux, asic),
        *compare_aare(flux, asic),
        *profiles(flux, asic),
    ]
    print(scaling(quick) + "\n")
    return rows


def explanation(pixels: int) -> str:
    return (
        f"Counts drawn from the model, {SECONDS:g} s a threshold. Loops and other libraries run "
        f"over random pixels ({SCIPY_SAMPLE} for scipy, {LMFIT_SAMPLE} for lmfit,\n"
        + ", ".join(f"{sample:,} for {name}" for name, (_, sample) in RIVALS.items())
        + f") and their time is scaled to {pixels:,}; they start where velonb\nstarts, and the "
        "loops leave out thresholds without hits, where sqrt(n) is 0. One plain sweep is the "
        "curve, its gradient and the likelihood of\nevery pixel at every threshold, once, with "
        f"math.exp and math.erfc, compiled, on {thread_count()} threads as the fit; nothing of "
        "the engine is in it.\nThe ratio is that of the times on the wall clock; processor is "
        "that of the processor times.\n"
    )


def fit(
    flux: xr.Dataset, asic: Any, free: tuple[str, ...] | None = None, threads: int | None = None
) -> xr.Dataset:
    return vb.fit_pixels(flux, asic, free=free, threads=threads, progress=False)


def compare_loops(flux: xr.Dataset, asic: Any) -> list[Row]:
    """Free and fixed fit against loops over pixels and against one sweep."""
    pixels, start = flux["mask"].size, vb.average_pixel(flux, asic)
    p0 = list(start.values())
    for_scipy, for_lmfit = (random_pixels(flux, n) for n in (SCIPY_SAMPLE, LMFIT_SAMPLE))
    plain_sweep, engine_sweep = both_sweeps(flux, start)
    ours, sweep, evaluation, by_scipy, by_lmfit = median_times(
        [
            lambda: fit(flux, asic),
            plain_sweep,
            engine_sweep,
            lambda: plain.scipy_fits(*for_scipy, p0),
            lambda: plain.lmfit_fits(*for_lmfit, p0),
        ],
        7,
    )
    by_scipy = by_scipy.times(pixels / SCIPY_SAMPLE)
    by_lmfit = by_lmfit.times(pixels / LMFIT_SAMPLE)
    work, points = f"free + fixed, {pixels:,} pixels x {THRESHOLDS}", pixels * THRESHOLDS
    return [
        faster(work, ours, "scipy.optimize.curve_fit loop", by_scipy, 200),
        faster(work, ours, "lmfit loop", by_lmfit, 1000),
        sweeps(work, ours, sweep),
        one_evaluation(evaluation.times(1 / points), sweep.times(1 / points)),
    ]


def random_pixels(flux: xr.Dataset, number: int) -> tuple[Any, Any, Any]:
    """Thresholds, fluxes and errors of active pixels, one a column."""
    chosen = choose(flux, number)
    used = flux["exposure"].values > 0
    curves, errors = (
        flux[name].values[used].reshape(used.sum(), -1)[:, chosen] for name in ("flux", "flux_err")
    )
    return flux["threshold"].values[used].astype(float), curves, errors


def choose(flux: xr.Dataset, number: int) -> Any:
    """Some active pixels."""
    active = np.flatnonzero(~flux["mask"].values.ravel())
    return np.random.default_rng(2).choice(active, min(number, active.size), replace=False)


def sweeps(work: str, ours: Taken, sweep: Taken) -> Row:
    """How many plain sweeps a fit takes, in processor time, which other work disturbs less."""
    number = ours.processor / sweep.processor
    return Row(
        work,
        duration(ours.wall),
        "one plain sweep",
        duration(sweep.wall),
        f"{ours.wall / sweep.wall:.3g} sweeps",
        f"{number:.3g} sweeps",
        f"at most {MOST_SWEEPS}",
        yes_or_no(number <= MOST_SWEEPS),
    )


def one_evaluation(ours: Taken, plain: Taken) -> Row:
    """A point of the engine's evaluation against one of the plain sweep: vectorised or not."""
    ratio = plain.processor / ours.processor
    return Row(
        "one evaluation with second derivatives, a point",
        nanoseconds(ours.processor),
        "a point of the plain sweep",
        nanoseconds(plain.processor),
        "",
        f"{ratio:.3g} x",
        f"at least {LEAST_FASTER_EVALUATION:g} x",
        yes_or_no(ratio >= LEAST_FASTER_EVALUATION),
    )


def nanoseconds(seconds: float) -> str:
    return f"{1e9 * seconds:.3g} ns"


def compare_rivals(flux: xr.Dataset, asic: Any) -> list[Row]:
    """Our free fit against those of other libraries, which end in the same minimum or do not."""
    start, rows = vb.average_pixel(flux, asic), []
    t, exposure = flux["threshold"].values.astype(float), flux["exposure"].values
    hits = flux["hits"].values.reshape(t.size, -1)
    free = fit(flux, asic, FREE).isel(fit=0)
    E0, error = free["E0"].values.ravel(), free["E0_err"].values.ravel()
    for name, (make, sample) in RIVALS.items():
        chosen = choose(flux, sample)
        try:
            theirs = make(t, exposure, hits[:, chosen], start)
        except ImportError as reason:
            print(f"{name}: left out, {reason}.")
            continue
        same = np.mean(np.abs(theirs() - E0[chosen]) < 0.1 * error[chosen])
        print(f"{name}: E0 within a tenth of its error of ours in {same:.1%} of the pixels.")
        ours, other = median_times([lambda: fit(flux, asic, FREE), theirs], 3)
        work = f"free alone, {E0.size:,} pixels x {t.size}"
        rows.append(faster(work, ours, name, other.times(E0.size / chosen.size)))
    return rows


def compare_aare(flux: xr.Dataset, asic: Any) -> list[Row]:
    """Our free fit against the edge that the library aare fits."""
    sample = random_pixels(flux, AARE_SAMPLE)
    theirs = aare_fits(*sample)
    if theirs is None:
        print("aare.fit_scurve2: left out, No module named 'aare'.\n")
        return []
    scale = flux["mask"].size / AARE_SAMPLE
    near = np.mean(np.abs(theirs() - asic.params["E0"].value) < 30)
    print(
        f"aare fits a curve of its own (an edge between two lines, six parameters), on "
        f"{AARE_SAMPLE:,} pixels, scaled; its edge lies\nwithin 30 DAC of the ASIC's E0 in "
        f"{near:.0%} of them.\n"
    )
    ours, other = median_times([lambda: fit(flux, asic, FREE), theirs], 5)
    work = f"free alone, {flux['mask'].size:,} pixels x {THRESHOLDS}"
    return [faster(work, ours, "aare.fit_scurve2", other.times(scale))]


def profiles(flux: xr.Dataset, asic: Any) -> list[Row]:
    """Asymmetric errors of a pixel and of a chip."""
    fits, pixel = fit(flux, asic), vb.fit_pixel(flux, 5, 7, asic=asic)
    of_pixel = median_time(lambda: vb.profile_errors(pixel, ["E0"]), 20)
    of_chip = median_time(lambda: vb.profile_pixels(flux, fits, "E0", progress=False), 3)
    pixels = flux["mask"].size
    return [
        limited("profile_errors, one pixel, one parameter", 1e3 * of_pixel.wall, 50, "ms"),
        limited(f"profile_pixels, {pixels:,} pixels x {THRESHOLDS}, E0", of_chip.wall, 10),
    ]


def scaling(quick: bool) -> str:
    """Table: time against thresholds, pixels and threads, and the time for a point."""
    lines = []
    for thresholds in (21, 61, 121):
        chip = toy_flux(thresholds)
        for pixels in (4096, 8192) if quick else (16384, 65536):
            flux = vb.compute_flux(chip.isel(row=slice(pixels // chip.sizes["column"])))
            for threads in (1, 2):
                taken = time_of_fit(flux, threads)
                per_point = nanoseconds(taken.processor / thresholds / pixels)
                both = duration(taken.wall), duration(taken.processor), per_point
                lines.append((f"{thresholds}", f"{pixels:,}", f"{threads}", *both))
    header = ("thresholds", "pixels", "threads", "free + fixed", "processor", "a point")
    return markdown(header, lines)


def time_of_fit(flux: xr.Dataset, threads: int) -> Taken:
    asic = vb.fit_asic(flux)
    return median_time(lambda: fit(flux, asic, threads=threads), 3)
